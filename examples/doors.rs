//! Rooms with doors: one rule says who may join a room, and who may read it from outside over plain HTTP.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::{Path, Request, State as Shared};
use axum::http::StatusCode;
use axum::routing::get;
use sockeye::{
    Args, EventError, HttpServer, Local, Namespace, Refuse, Room, Server, Socket, State, Visitor,
};

/// What was said last in each room.
#[derive(Clone, Default)]
struct Last(Arc<Mutex<HashMap<String, String>>>);

impl Last {
    fn with<R>(&self, f: impl FnOnce(&mut HashMap<String, String>) -> R) -> R {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

struct Member;

/// Everybody comes in; `?key=open sesame` makes a member. (A real application asks its database.)
async fn admit(visitor: Visitor) {
    if visitor.handshake().query("key").as_deref() == Some("open sesame") {
        visitor.set(Member);
    }
}

/// The hall is open to all, the cave to members, and there is nothing else to read.
async fn door(member: Option<Local<Member>>, room: Option<Room>) -> Result<(), Refuse> {
    match room.as_deref() {
        Some("hall") => Ok(()),
        Some("cave") if member.is_some() => Ok(()),
        _ => Err(Refuse::new("this door is closed")),
    }
}

/// Whoever may read a room from outside may as well come in.
async fn join(visitor: Visitor, socket: Socket, room: String) -> Result<(), EventError> {
    let closed = |refusal: Refuse| EventError::new("closed", refusal.message().to_owned());
    visitor.may_read(room.as_str()).await.map_err(closed)?;
    socket.join(room);
    Ok(())
}

async fn say(
    socket: Socket,
    State(last): State<Last>,
    Args((room, text)): Args<(String, String)>,
) -> Result<(), EventError> {
    if !socket.rooms().contains(&Room::from(room.as_str())) {
        return Err(EventError::new("outside", "join the room first"));
    }
    socket.to(room.as_str()).emit("said", &text)?;
    last.with(|last| last.insert(room, text));
    Ok(())
}

/// `GET /rooms/hall`: what was said last, for who may read it.
async fn look(
    Shared((server, last)): Shared<(Server, Last)>,
    Path(room): Path<String>,
    request: Request,
) -> Result<String, (StatusCode, String)> {
    let refused = |refusal: Refuse| (StatusCode::FORBIDDEN, refusal.to_string());
    let (head, _) = request.into_parts();
    let visitor = server.admit("/", &head, "").await.map_err(refused)?;
    visitor.may_read(room.as_str()).await.map_err(refused)?;
    Ok(last.with(|last| last.get(&room).cloned()).unwrap_or_default())
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let last = Last::default();
    let rooms = Namespace::new("/").on_connect(admit).on_read(door).on("join", join).on("say", say);
    let server = Server::builder().state(last.clone()).namespace(rooms).build()?;
    let app = Router::new()
        .route("/rooms/{room}", get(look))
        .with_state((server.clone(), last))
        .merge(server.clone().into_router());
    let stop = async move {
        sockeye_examples::stopped().await;
        server.shutdown().await;
    };
    let listeners = sockeye_examples::listen().await?;
    HttpServer::new(listeners, app).with_graceful_shutdown(stop).await?;
    Ok(())
}
