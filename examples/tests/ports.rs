//! The two ports, by what their Node originals do.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

#[allow(dead_code, reason = "its `main` is for the example")]
#[path = "../port_private_messaging.rs"]
mod port_private_messaging;
#[allow(dead_code, reason = "its `main` is for the example")]
#[path = "../port_tutorial.rs"]
mod port_tutorial;

use serde_json::{Value, json};
use sockeye::{Args, ArgsRef, Event};
use sockeye_testing::{ConnectError, TestClient, TestServer};

const SESSION: Event<Value> = Event::new("session");
const USERS: Event<Vec<Value>> = Event::new("users");
const USER_CONNECTED: Event<Value> = Event::new("user connected");
const USER_DISCONNECTED: Event<String> = Event::new("user disconnected");
const PRIVATE_MESSAGE: Event<Value> = Event::new("private message");

/// Somebody who has connected and been told of their session and of all users.
struct Person {
    socket: TestClient,
    session_id: String,
    user_id: String,
    users: Vec<Value>,
}

async fn enter(server: &TestServer, auth: Value) -> Person {
    let mut socket = server.client().auth(&auth).connect().await.unwrap();
    let session = socket.expect_event(SESSION).await;
    let text = |name: &str| session[name].as_str().unwrap().to_owned();
    let users = socket.expect_event(USERS).await;
    Person { socket, session_id: text("sessionID"), user_id: text("userID"), users }
}

#[tokio::test(start_paused = true)]
async fn private_messages_reach_all_tabs_of_both() {
    let server = TestServer::new(port_private_messaging::server().unwrap());
    let nobody = server.client().auth(&json!({ "username": "" })).connect().await;
    assert!(
        matches!(&nobody, Err(ConnectError::Refused { message, .. }) if message == "invalid username"),
        "{nobody:?}"
    );
    let mut ann = enter(&server, json!({ "username": "ann" })).await;
    let mut bob = enter(&server, json!({ "username": "bob" })).await;
    let joined =
        json!({ "userID": bob.user_id, "username": "bob", "connected": true, "messages": [] });
    assert_eq!(ann.socket.expect_event(USER_CONNECTED).await, joined);
    assert_eq!((ann.users.len(), bob.users.len()), (1, 2));

    // A second tab of hers, by her session.
    let mut tab = enter(&server, json!({ "sessionID": ann.session_id })).await;
    assert_eq!((&tab.user_id, &tab.session_id), (&ann.user_id, &ann.session_id));
    bob.socket.expect_event(USER_CONNECTED).await;
    ann.socket.expect_event(USER_CONNECTED).await;

    let message = json!({ "content": "hello", "to": bob.user_id, "from": ann.user_id });
    ann.socket.emit(PRIVATE_MESSAGE, &json!({ "content": "hello", "to": bob.user_id }));
    for socket in [&mut bob.socket, &mut tab.socket] {
        assert_eq!(socket.expect_event(PRIVATE_MESSAGE).await, message);
    }
    ann.socket.expect_no_event().await;

    // She is gone when both of her tabs are.
    drop(tab);
    bob.socket.expect_no_event().await;
    drop(ann);
    let gone = bob.socket.expect_event(USER_DISCONNECTED).await;
    let cleo = enter(&server, json!({ "username": "cleo" })).await;
    let find = |users: &[Value], id: &str| users.iter().find(|user| user["userID"] == id).cloned();
    let ann = find(&cleo.users, &gone).unwrap();
    assert_eq!((&ann["username"], &ann["connected"]), (&json!("ann"), &json!(false)));
    assert_eq!(ann["messages"], json!([]), "what others wrote is not for cleo");
    let again = enter(&server, json!({ "sessionID": bob.session_id })).await;
    assert_eq!(find(&again.users, &gone).unwrap()["messages"], json!([message]));
    assert_eq!(find(&again.users, &again.user_id).unwrap()["messages"], json!([]));
}

const SAY: Event<Args<(String, String)>> = Event::new("chat message");
const SAID: Event<Args<(String, u64)>> = Event::new("chat message");

async fn say(client: &mut TestClient, text: &str, key: &str) {
    client.emit_with_ack(SAY, &ArgsRef((text, key))).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_tutorial_says_each_message_once_and_to_everybody() {
    let (server, app) = port_tutorial::application().unwrap();
    let server = TestServer::with_service(server, app);
    assert!(server.get("/").await.text().contains("/socket.io/socket.io.js"));
    assert_eq!(server.get("/socket.io/socket.io.js").await.status, 200);
    let (mut ann, mut bob) = (server.connect().await, server.connect().await);
    for (text, key) in [("one", "a-0"), ("two", "a-1"), ("two", "a-1")] {
        say(&mut ann, text, key).await;
    }
    for client in [&mut ann, &mut bob] {
        for (text, id) in [("one", 1), ("two", 2)] {
            assert_eq!(client.expect_event(SAID).await.0, (text.to_owned(), id));
        }
        client.expect_no_event().await;
    }
    // Recovery brings what was missed.
    bob.wire().cut();
    say(&mut ann, "three", "a-2").await;
    bob.reconnect().await.unwrap();
    assert!(bob.recovered());
    let Args((text, id)) = bob.expect_event(SAID).await;
    assert_eq!((text.as_str(), id), ("three", 3));
    bob.expect_no_event().await;
    // Without it the client's offset does.
    let auth = json!({ "serverOffset": 2 });
    let mut late = server.client().auth(&auth).connect().await.unwrap();
    assert_eq!(late.expect_event(SAID).await.0, ("three".to_owned(), 3));
    late.expect_no_event().await;
    let mut new = server.connect().await;
    for id in 1..=3 {
        assert_eq!(new.expect_event(SAID).await.0.1, id);
    }
    new.expect_no_event().await;
}
