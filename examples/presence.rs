//! Presence: who is in a room, who types, and who has lost the connection and may come back. A page
//! keeps the answer of `enter` by user and applies each `presence` event to it.

use serde::{Deserialize, Serialize};
use sockeye::{
    Ack, Args, EventError, Local, Namespace, PresenceError, PresenceRules, Present, Server, Socket,
};

#[derive(Deserialize)]
struct User {
    name: String,
}

#[derive(Serialize)]
struct Status {
    typing: bool,
}

/// Enters a room; the answer is who is there. The room comes first: from then on this socket gets
/// the differences, so that nobody is missed between the list and them.
async fn enter(
    socket: Socket,
    user: Local<User>,
    room: String,
) -> Result<Ack<Vec<Present>>, EventError> {
    socket.join(&room);
    let presence = socket.io().presence(room);
    presence.join(&socket, user.name.as_str(), &Status { typing: false }).map_err(refused)?;
    Ok(Ack(presence.list().await))
}

async fn typing(
    socket: Socket,
    Args((room, typing)): Args<(String, bool)>,
) -> Result<(), EventError> {
    socket.io().presence(room).update(&socket, &Status { typing }).map_err(refused)
}

/// Leaves a room without a grace. Who closes the page does not come here, and is missed after it.
async fn leave(socket: Socket, room: String) {
    socket.io().presence(&*room).leave(&socket);
    socket.leave(room);
}

fn refused(error: PresenceError) -> EventError {
    match error {
        PresenceError::Limit { .. } => EventError::new("full", error.to_string()),
        other => EventError::from(other),
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let namespace = Namespace::new("/")
        .presence(PresenceRules::default().users_max(100))
        .on_connect(async |socket: Socket, user: User| socket.set(user))
        .on("enter", enter)
        .on("typing", typing)
        .on("leave", leave);
    let server = Server::builder().namespace(namespace).build()?;
    let listeners = sockeye_examples::listen().await?;
    server.serve(listeners).with_graceful_shutdown(sockeye_examples::stopped()).await?;
    Ok(())
}
