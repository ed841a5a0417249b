//! An event that arrives twice is handled once and answered twice.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use common::{Client, in_memory, serve};
use serde::{Deserialize, Serialize};
use sockeye::{Ack, EventError, Namespace, idempotent};
use sockeye_testing::{TestClient, TestServer};
use tokio::sync::Semaphore;
use tokio::time::sleep;

#[derive(Deserialize)]
struct Order {
    key: Option<String>,
    #[serde(default)]
    fails: bool,
}

struct Shop {
    handled: Arc<AtomicU32>,
    gate: Arc<Semaphore>,
}

impl Shop {
    fn open() -> Self {
        Self { handled: Arc::default(), gate: Arc::new(Semaphore::new(1_000)) }
    }

    fn namespace(&self, remember: usize) -> Namespace {
        let (handled, gate) = (Arc::clone(&self.handled), Arc::clone(&self.gate));
        let order = move |order: Order| {
            let (handled, gate) = (Arc::clone(&handled), Arc::clone(&gate));
            async move {
                gate.acquire().await.map_err(std::io::Error::other)?.forget();
                let number = handled.fetch_add(1, Ordering::Relaxed) + 1;
                if order.fails {
                    return Err(EventError::new("sold out", "not today"));
                }
                Ok(Ack(number))
            }
        };
        let once = idempotent(|order: &Order| order.key.clone(), order)
            .by_user(|socket| {
                let user = socket.handshake().query("user").map(|user| user.to_string());
                user.unwrap_or_default()
            })
            .remember(remember, Duration::from_secs(60));
        Namespace::new("/").on("order", once)
    }

    fn handled(&self) -> u32 {
        self.handled.load(Ordering::Relaxed)
    }
}

#[tokio::test]
async fn the_second_gets_the_first_answer_also_on_another_connection() {
    let shop = Shop::open();
    let (_server, address) = serve([shop.namespace(10)]).await;
    let mut client = Client::connect(address).await;
    client.send(r#"421["order",{"key":"a"}]"#).await;
    client.expect("431[1]").await;
    client.send(r#"422["order",{"key":"a"}]"#).await;
    client.expect("432[1]").await;
    let mut again = Client::connect(address).await;
    again.send(r#"420["order",{"key":"a"}]"#).await;
    again.expect("430[1]").await;
    again.send(r#"421["order",{"key":"b"}]"#).await;
    again.expect("431[2]").await;
    for id in 2..4 {
        again.send(&format!(r#"42{id}["order",{{}}]"#)).await;
        again.expect(&format!("43{id}[{}]", id + 1)).await;
    }
    assert_eq!(shop.handled(), 4);
}

#[tokio::test]
async fn users_do_not_share_keys() {
    let shop = Shop::open();
    let (_server, address) = serve([shop.namespace(10)]).await;
    for (user, number) in [("ada", 1), ("eve", 2), ("ada", 1)] {
        let mut client = Client::open_with(address, &format!("&user={user}")).await;
        client.join("40").await;
        client.send(r#"420["order",{"key":"a"}]"#).await;
        client.expect(&format!("430[{number}]")).await;
    }
}

#[tokio::test]
async fn the_second_waits_for_the_first_and_failures_may_be_tried_again() {
    let shop = Shop::open();
    shop.gate.forget_permits(1_000);
    let (_server, address) = serve([shop.namespace(10)]).await;
    let mut client = Client::connect(address).await;
    for id in 0..3 {
        client.send(&format!(r#"42{id}["order",{{"key":"a"}}]"#)).await;
    }
    shop.gate.add_permits(1);
    for id in 0..3 {
        client.expect(&format!("43{id}[1]")).await;
    }
    shop.gate.add_permits(2);
    client.send(r#"424["order",{"key":"b","fails":true}]"#).await;
    client.expect(r#"434[{"error":{"code":"sold out","message":"not today"}}]"#).await;
    client.send(r#"425["order",{"key":"b"}]"#).await;
    client.expect("435[3]").await;
}

#[tokio::test]
async fn what_is_remembered_is_bounded() {
    let shop = Shop::open();
    let (_server, address) = serve([shop.namespace(2)]).await;
    let mut client = Client::connect(address).await;
    for (key, number) in [("a", 1), ("b", 2), ("a", 1), ("c", 3), ("b", 2), ("a", 4)] {
        client.send(&format!(r#"420["order",{{"key":"{key}"}}]"#)).await;
        client.expect(&format!("430[{number}]")).await;
    }
}

#[derive(Serialize, Deserialize)]
struct Note {
    key: String,
    text: String,
}

impl Note {
    fn new(key: &str, bytes: usize) -> Self {
        Self { key: key.to_owned(), text: "x".repeat(bytes) }
    }
}

/// Who handles `note` and answers with its number and its text. Clients call themselves in their
/// query.
macro_rules! notes {
    ($($limit:ident($($max:expr),+)),*) => {{
        let handled = Arc::new(AtomicU32::new(0));
        let note = move |note: Note| {
            let number = handled.fetch_add(1, Ordering::Relaxed) + 1;
            std::future::ready(Ack((number, note.text)))
        };
        let once = idempotent(|note: &Note| Some(note.key.clone()), note).by_user(|socket| {
            let user = socket.handshake().query("user").map(|user| user.to_string());
            user.unwrap_or_default()
        })$(.$limit($($max),+))*;
        in_memory([Namespace::new("/").on("note", once)])
    }};
}

async fn user(server: &TestServer, name: &str, address: [u8; 4]) -> TestClient {
    let client = server.client().query(&format!("user={name}")).address((address, 1).into());
    client.connect().await.unwrap()
}

/// The number of the event that was handled for this one.
async fn number(client: &mut TestClient, note: Note) -> u32 {
    let (number, text) = client.emit_with_ack::<_, (u32, String)>("note", &note).await.unwrap();
    assert_eq!(text.len(), note.text.len());
    number
}

#[tokio::test(start_paused = true)]
async fn what_is_remembered_of_a_user_is_bounded_by_its_bytes() {
    let server = notes!(answer_bytes_max(2_000));
    let mut ada = user(&server, "ada", [1; 4]).await;
    assert_eq!(number(&mut ada, Note::new("a", 600)).await, 1);
    assert_eq!(number(&mut ada, Note::new("b", 600)).await, 2);
    assert_eq!(number(&mut ada, Note::new("a", 600)).await, 1, "below the limit");
    assert_eq!(number(&mut ada, Note::new("c", 600)).await, 3);
    assert_eq!(number(&mut ada, Note::new("b", 600)).await, 2);
    assert_eq!(number(&mut ada, Note::new("a", 600)).await, 4, "the oldest made room");
    // The newest stays, whatever its size.
    assert_eq!(number(&mut ada, Note::new("d", 9_000)).await, 5);
    assert_eq!(number(&mut ada, Note::new("d", 9_000)).await, 5);
    assert_eq!(number(&mut ada, Note::new("b", 600)).await, 6);
}

#[tokio::test(start_paused = true)]
async fn users_that_are_remembered_are_bounded_and_make_room_by_shares() {
    let server = notes!(users_max(3));
    let mut ada = user(&server, "ada", [1; 4]).await;
    assert_eq!(number(&mut ada, Note::new("a", 1)).await, 1);
    for n in 0..20 {
        let mut eve = user(&server, &format!("eve-{n}"), [6; 4]).await;
        assert_eq!(number(&mut eve, Note::new("a", 1)).await, 2 + n);
    }
    // At the limit: two of those, and ada.
    let mut eve = user(&server, "eve-18", [6; 4]).await;
    assert_eq!(number(&mut eve, Note::new("a", 1)).await, 20);
    assert_eq!(number(&mut ada, Note::new("a", 1)).await, 1);
    let mut eve = user(&server, "eve-17", [6; 4]).await;
    assert_eq!(number(&mut eve, Note::new("a", 1)).await, 22, "forgotten");
}

#[tokio::test(start_paused = true)]
async fn what_is_remembered_of_all_is_bounded_by_its_bytes() {
    let server = notes!(bytes_max(10_000));
    let mut ada = user(&server, "ada", [1; 4]).await;
    let mut bob = user(&server, "bob", [1; 4]).await;
    assert_eq!(number(&mut ada, Note::new("a", 1_000)).await, 1);
    assert_eq!(number(&mut bob, Note::new("a", 7_000)).await, 2);
    assert_eq!(number(&mut ada, Note::new("a", 1_000)).await, 1);
    assert_eq!(number(&mut bob, Note::new("a", 7_000)).await, 2, "below the limit");
    // The owner with the most loses it.
    assert_eq!(number(&mut ada, Note::new("b", 1_500)).await, 3);
    assert_eq!(number(&mut ada, Note::new("a", 1_000)).await, 1);
    assert_eq!(number(&mut bob, Note::new("a", 7_000)).await, 4);
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_remembered_for_so_long() {
    let server = notes!(remember(10, Duration::from_secs(60)));
    let mut ada = user(&server, "ada", [1; 4]).await;
    assert_eq!(number(&mut ada, Note::new("a", 1)).await, 1);
    sleep(Duration::from_secs(59)).await;
    assert_eq!(number(&mut ada, Note::new("a", 1)).await, 1);
    sleep(Duration::from_secs(1)).await;
    assert_eq!(number(&mut ada, Note::new("a", 1)).await, 2);
}
