//! Bytes anywhere in a payload: they travel as they are, beside the JSON.

use serde::{Deserialize, Serialize};
use sockeye::{Ack, Binary, EmitError, Event, Namespace, Server, Socket};

#[derive(Serialize, Deserialize)]
struct Picture {
    name: String,
    data: Binary,
}

const UPLOAD: Event<Picture, usize> = Event::new("upload");
const PICTURE: Event<Picture> = Event::new("picture");

/// Everybody else gets the picture, the sender its size in bytes.
async fn upload(socket: Socket, picture: Picture) -> Result<Ack<usize>, EmitError> {
    socket.broadcast().emit(PICTURE, &picture)?;
    Ok(Ack(picture.data.0.len()))
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let server = Server::builder().namespace(Namespace::new("/").on(UPLOAD, upload)).build()?;
    let listeners = sockeye_examples::listen().await?;
    server.serve(listeners).with_graceful_shutdown(sockeye_examples::stopped()).await?;
    Ok(())
}
