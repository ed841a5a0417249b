//! One contract, three users: the server, a client, and this test.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

#[allow(dead_code, reason = "its `main` is for the example")]
#[path = "../contract_server.rs"]
mod contract_server;

use sockeye::AckError;
use sockeye_example_contract::{
    ADD, ADDED, BOARD, CARDS_MAX, CONFIRM, Card, FULL, NewCard, REMOVE, REMOVED,
};
use sockeye_testing::{TestClient, TestServer};

fn start() -> TestServer {
    TestServer::new(contract_server::server().unwrap())
}

async fn connect(server: &TestServer) -> TestClient {
    server.client().namespace(BOARD).connect().await.unwrap()
}

fn new(text: &str) -> NewCard {
    NewCard { text: text.to_owned() }
}

#[tokio::test(start_paused = true)]
async fn a_card_comes_and_goes() {
    let server = start();
    let (mut ann, mut bob) = (connect(&server).await, connect(&server).await);
    let card = ann.emit_with_ack(ADD, &new("buy salmon")).await.unwrap();
    assert_eq!(card, Card { id: 1, text: "buy salmon".to_owned() });
    assert_eq!(bob.expect_event(ADDED).await, card);

    for (yes, removed) in [(false, false), (true, true)] {
        let answer = bob.emit_with_ack(REMOVE, &card.id);
        let (asked, answerer) = bob.expect_request(CONFIRM).await;
        assert_eq!(asked, card);
        answerer.answer(&yes);
        if removed {
            assert_eq!(bob.expect_event(REMOVED).await, card.id);
        }
        assert_eq!(answer.await.unwrap(), removed);
    }
    assert_eq!(ann.expect_event(REMOVED).await, card.id);
    assert!(!bob.emit_with_ack(REMOVE, &card.id).await.unwrap(), "it is gone, and nobody is asked");
}

#[tokio::test(start_paused = true)]
async fn the_board_has_an_end() {
    let server = start();
    let mut ann = connect(&server).await;
    for _ in 0..CARDS_MAX {
        ann.emit_with_ack(ADD, &new("x")).await.unwrap();
    }
    match ann.emit_with_ack(ADD, &new("y")).await {
        Err(AckError::Remote(error)) => assert_eq!(error.code, FULL),
        other => panic!("{other:?}"),
    }
}
