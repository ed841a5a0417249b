//! The official tutorial as the notes have it, with its jQuery page: one event, "chat message".
//! Clients of Socket.IO 2, which the notes still use, are let in beside those of today.

use axum::Router;
use axum::response::Html;
use axum::routing::get;
use sockeye::{Config, EmitError, HttpServer, Io, Namespace, Server};

/// `socket.on("chat message", msg => io.emit("chat message", msg))`
async fn message(io: Io, msg: String) -> Result<(), EmitError> {
    io.emit("chat message", &msg)
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    // let io = require("socket.io")(http)
    let mut config = Config::default();
    config.engine.allow_eio3 = true;
    config.engine.jsonp = true;
    // io.on("connection", socket => { ... })
    let namespace = Namespace::new("/").on("chat message", message);
    let io = Server::builder().config(config).namespace(namespace).build()?;
    // let app = require("express")()
    let app = Router::new()
        // app.get("/", (req, res) => res.sendFile(..))
        .route("/", get(Html(include_str!("notes/tutorial.html"))))
        .merge(io.clone().into_router());
    // http.listen(3000)
    let listeners = sockeye_examples::listen().await?;
    let stop = async move {
        sockeye_examples::stopped().await;
        io.shutdown().await;
    };
    HttpServer::new(listeners, app).with_graceful_shutdown(stop).await?;
    Ok(())
}
