//! The other chat of the notes, the official tutorial's: everybody is called by the socket's id,
//! and the server says who came and who went. One page, one event.

use axum::Router;
use axum::response::Html;
use axum::routing::get;
use sockeye::{Config, EmitError, HttpServer, Io, Namespace, Server, Socket};

/// `io.emit("message", ...)`, to everybody.
async fn message(socket: Socket, io: Io, msg: String) -> Result<(), EmitError> {
    io.emit("message", &format!("{}: {msg}", socket.id()))
}

async fn connected(socket: Socket, io: Io) -> Result<(), EmitError> {
    io.emit("message", &format!("{} 님이 연결되었습니다.", socket.id()))
}

/// `socket.broadcast.emit("message", ...)`, to everybody else.
async fn disconnected(socket: Socket) -> Result<(), EmitError> {
    let text = format!("{} 님의 연결이 끊어졌습니다.", socket.id());
    socket.broadcast().emit("message", &text)
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let namespace = Namespace::new("/")
        .on_connected(connected)
        .on("message", message)
        .on_disconnect(disconnected);
    // Clients of Socket.IO 2, which the notes also use, too.
    let mut config = Config::default();
    config.engine.allow_eio3 = true;
    config.engine.jsonp = true;
    let io = Server::builder().config(config).namespace(namespace).build()?;
    let app = Router::new()
        .route("/", get(Html(include_str!("notes/message.html"))))
        .merge(io.clone().into_router());
    let listeners = sockeye_examples::listen().await?;
    let stop = async move {
        sockeye_examples::stopped().await;
        io.shutdown().await;
    };
    HttpServer::new(listeners, app).with_graceful_shutdown(stop).await?;
    Ok(())
}
