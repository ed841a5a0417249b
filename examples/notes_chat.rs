//! The chat of the study notes this project began with, their Node program line by line: `/` leads
//! to `/room`, where everybody hears who comes, who goes and what is said.

use axum::Router;
use axum::response::Html;
use axum::routing::get;
use serde::{Deserialize, Serialize};
use sockeye::{Config, EmitError, HttpServer, Io, Namespace, Server, Socket};

#[derive(Serialize, Deserialize)]
struct Chat {
    name: String,
    msg: String,
}

#[allow(clippy::print_stdout, reason = "the notes watch the server's console")]
fn chat() -> Namespace {
    // io.on('connection', socket => { ... })
    Namespace::new("/")
        // console.log('Socket Connected')
        .on_connected(async || println!("Socket Connected"))
        // socket.on('join', name => { io.emit('join', name) })
        .on("join", async |io: Io, name: String| io.emit("join", &name))
        // socket.on('leave', name => { io.emit('leave', name); socket.disconnect(true) })
        .on("leave", async |socket: Socket, io: Io, name: String| {
            io.emit("leave", &name)?;
            socket.close_session();
            Ok::<_, EmitError>(())
        })
        // socket.on('chat', msg => { io.emit('chat', msg) })
        .on("chat", async |io: Io, msg: Chat| io.emit("chat", &msg))
        // socket.on('disconnect', () => { ... })
        .on_disconnect(async || println!("Socket Disconnected"))
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    // const io = new Server(server), for clients of Socket.IO 2 too
    let mut config = Config::default();
    config.engine.allow_eio3 = true;
    config.engine.jsonp = true;
    let io = Server::builder().config(config).namespace(chat()).build()?;
    let app = Router::new()
        // app.get('/', ...) and app.get('/room', ...)
        .route("/", get(Html(include_str!("notes/index.html"))))
        .route("/room", get(Html(include_str!("notes/room.html"))))
        .merge(io.clone().into_router());
    // server.listen(port, ...)
    let listeners = sockeye_examples::listen().await?;
    let stop = async move {
        sockeye_examples::stopped().await;
        io.shutdown().await;
    };
    HttpServer::new(listeners, app).with_graceful_shutdown(stop).await?;
    Ok(())
}
