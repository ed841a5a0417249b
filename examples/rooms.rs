//! Rooms: join, speak to one, to several, to all but some. A socket in two rooms hears it once.

use serde::Deserialize;
use sockeye::{Ack, Args, EmitError, Namespace, Server, Socket};

#[derive(Deserialize)]
struct Say {
    rooms: Vec<String>,
    #[serde(default)]
    except: Vec<String>,
    text: String,
}

async fn join(socket: Socket, room: String) -> Ack<Vec<String>> {
    socket.join(room);
    Ack(socket.rooms().iter().map(ToString::to_string).collect())
}

async fn leave(socket: Socket, room: String) {
    socket.leave(room);
}

async fn say(socket: Socket, say: Say) -> Result<(), EmitError> {
    let from = socket.id().to_string();
    socket.to(say.rooms).except(say.except).emit("said", &Args((from, say.text)))
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let namespace = Namespace::new("/").on("join", join).on("leave", leave).on("say", say);
    let server = Server::builder().namespace(namespace).build()?;
    let listeners = sockeye_examples::listen().await?;
    server.serve(listeners).with_graceful_shutdown(sockeye_examples::stopped()).await?;
    Ok(())
}
