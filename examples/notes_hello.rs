//! The smallest server of the notes: no pages, a greeting for whoever connects, and a line on the
//! console for whoever comes and goes.

use sockeye::{Config, EmitError, Namespace, Server, Socket};

#[allow(clippy::print_stdout, reason = "the notes watch the server's console")]
async fn connected(socket: Socket) -> Result<(), EmitError> {
    // console.info(`Client connected [id=${socket.id}]`)
    println!("Client connected [id={}]", socket.id());
    // socket.emit("message-sent", "hello, world!")
    socket.emit("message-sent", "hello, world!")
}

#[allow(clippy::print_stdout, reason = "the notes watch the server's console")]
async fn gone(socket: Socket) {
    // console.info(`Client gone [id=${socket.id}]`)
    println!("Client gone [id={}]", socket.id());
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    // Clients of Socket.IO 2, which the notes still use, too.
    let mut config = Config::default();
    config.engine.allow_eio3 = true;
    config.engine.jsonp = true;
    // server.on("connection", socket => { ... }), socket.on("disconnect", ...)
    let namespace = Namespace::new("/").on_connected(connected).on_disconnect(gone);
    // const server = io.listen(8000)
    let server = Server::builder().config(config).namespace(namespace).build()?;
    let listeners = sockeye_examples::listen().await?;
    server.serve(listeners).with_graceful_shutdown(sockeye_examples::stopped()).await?;
    Ok(())
}
