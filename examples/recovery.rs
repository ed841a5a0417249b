//! A client that was away for a moment keeps its id, rooms and locals, and gets what it missed.

use sockeye::{Ack, Namespace, RecoveryConfig, Server, Socket};

/// What is kept of a socket, besides its rooms: whatever was stored with `set`.
struct Visits(u32);

/// Runs for every connection, the one after a recovery included.
async fn hello(socket: Socket) {
    let visits = socket.get::<Visits>().map_or(1, |before| before.0 + 1);
    socket.set(Visits(visits));
    if !socket.recovered() {
        socket.join("everybody");
    }
}

async fn visits(socket: Socket) -> Ack<u32> {
    Ack(socket.get::<Visits>().map_or(0, |visits| visits.0))
}

/// Reaches the room, those who are away included: they hear it when they come back.
async fn tell(socket: Socket, text: String) -> Result<(), sockeye::EmitError> {
    socket.to("everybody").emit("told", &text)
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let namespace = Namespace::new("/").on_connected(hello).on("visits", visits).on("tell", tell);
    let server = Server::builder()
        .connection_state_recovery(RecoveryConfig::default())
        .namespace(namespace)
        .build()?;
    let listeners = sockeye_examples::listen().await?;
    server.serve(listeners).with_graceful_shutdown(sockeye_examples::stopped()).await?;
    Ok(())
}
