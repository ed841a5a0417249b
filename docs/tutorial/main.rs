//! The chat of the tutorial, as it is after its four steps.

use std::time::Duration;

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::response::Html;
use axum::routing::get;
use serde::{Deserialize, Serialize};
use sockeye::{
    Ack, BuildError, EmitError, Event, EventError, HttpServer, Local, Namespace, RecoveryConfig,
    Refuse, Reliable, Server, Socket,
};

#[derive(Serialize, Deserialize)]
struct Message {
    name: String,
    text: String,
}

// From the page, and what answers it.
const JOIN: Event<String, Vec<String>> = Event::new("join"); // a room; who is in it
const SAY: Event<String> = Event::new("say");
// To the pages.
const JOINED: Event<String> = Event::new("joined"); // a name
const SAID: Event<Message> = Event::new("said");
const LEFT: Event<String> = Event::new("left"); // a name

/// What the page says of itself when it connects.
#[derive(Deserialize)]
struct Auth {
    name: String,
}

/// Who a socket is.
struct User {
    name: String,
}

/// Where a socket is.
struct Place {
    room: String,
}

async fn admit(socket: Socket, auth: Auth) -> Result<(), Refuse> {
    let name = auth.name.trim().to_owned();
    if name.is_empty() || name.chars().count() > 20 {
        return Err(Refuse::new("a name has 1 to 20 letters"));
    }
    socket.set(User { name });
    Ok(())
}

async fn join(
    socket: Socket,
    user: Local<User>,
    room: String,
) -> Result<Ack<Vec<String>>, EventError> {
    if room.trim().is_empty() {
        return Err(EventError::new("bad_room", "a room has a name"));
    }
    if let Some(place) = socket.get::<Place>() {
        socket.leave(&place.room);
        socket.to(&place.room).emit(LEFT, &user.name)?;
    }
    socket.join(&room);
    let here = socket.io().to(&room);
    here.emit(JOINED, &user.name)?;
    socket.set(Place { room });
    let users = here.sockets().into_iter().filter_map(|socket| socket.get::<User>());
    Ok(Ack(users.map(|user| user.name.clone()).collect()))
}

async fn say(
    socket: Socket,
    user: Local<User>,
    place: Option<Local<Place>>,
    text: String,
) -> Result<(), EventError> {
    let place = place.ok_or(EventError::new("no_room", "join a room first"))?;
    socket.io().to(&place.room).emit(SAID, &Message { name: user.name.clone(), text })?;
    Ok(())
}

/// Runs when a connection stands, after `admit`.
async fn back(
    socket: Socket,
    user: Local<User>,
    place: Option<Local<Place>>,
) -> Result<(), EmitError> {
    match place {
        Some(place) if socket.recovered() => socket.to(&place.room).emit(JOINED, &user.name),
        _ => Ok(()),
    }
}

async fn gone(
    socket: Socket,
    user: Local<User>,
    place: Option<Local<Place>>,
) -> Result<(), EmitError> {
    match place {
        Some(place) => socket.to(&place.room).emit(LEFT, &user.name),
        None => Ok(()),
    }
}

fn chat() -> Result<Server, BuildError> {
    let recovery =
        RecoveryConfig { max_disconnection: Duration::from_secs(60), ..RecoveryConfig::default() };
    let namespace = Namespace::new("/")
        .on_connect(admit)
        .on_connected(back)
        .on(JOIN, join)
        .on(SAY, say)
        .on_disconnect(gone)
        .reliable(Reliable::default());
    Server::builder().connection_state_recovery(recovery).namespace(namespace).build()
}

#[tokio::main]
#[allow(clippy::print_stdout, reason = "it says where it listens")]
async fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt::init();
    let outbox = ([(CONTENT_TYPE, "text/javascript")], include_str!("outbox.mjs"));
    let app = Router::new()
        .route("/", get(Html(include_str!("page.html"))))
        .route("/outbox.mjs", get(outbox))
        .merge(chat()?.into_router());
    // `cargo run -- localhost:3001` listens elsewhere.
    let address = std::env::args().nth(1).unwrap_or("localhost:3000".to_owned());
    let listeners = sockeye::bind(&address).await?;
    println!("listening on http://{address}");
    HttpServer::new(listeners, app).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use sockeye_testing::{TestClient, TestServer};

    async fn connect(server: &TestServer, name: &str) -> TestClient {
        let auth = serde_json::json!({ "name": name });
        server.client().auth(&auth).connect().await.unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_room_hears_who_comes_and_what_is_said() {
        let server = TestServer::new(chat().unwrap());
        let (mut ann, mut bob) = (connect(&server, "ann").await, connect(&server, "bob").await);
        assert_eq!(ann.emit_with_ack(JOIN, "lobby").await.unwrap(), ["ann"]);
        assert_eq!(ann.expect_event(JOINED).await, "ann");
        assert_eq!(bob.emit_with_ack(JOIN, "kitchen").await.unwrap(), ["bob"]);
        assert_eq!(bob.expect_event(JOINED).await, "bob");
        ann.emit(SAY, "hello");
        assert_eq!(ann.expect_event(SAID).await.text, "hello");
        bob.expect_no_event().await;
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_said_while_a_phone_is_in_a_tunnel_comes_later() {
        let server = TestServer::new(chat().unwrap());
        let (mut ann, mut bob) = (connect(&server, "ann").await, connect(&server, "bob").await);
        ann.emit_with_ack(JOIN, "lobby").await.unwrap();
        bob.emit_with_ack(JOIN, "lobby").await.unwrap();
        ann.expect_event(JOINED).await;
        ann.expect_event(JOINED).await;
        ann.wire().go_half_open();
        bob.emit(SAY, "are you there?");
        tokio::time::sleep(Duration::from_secs(30)).await;
        ann.reconnect().await.unwrap();
        assert!(ann.recovered());
        assert_eq!(ann.expect_event(SAID).await.text, "are you there?");
    }
}
