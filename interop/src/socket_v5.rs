//! The server of the Socket.IO 5 protocol suite. It speaks revision 5 alone and keeps nothing for
//! clients that come back, so its reply to a connect packet is `{"sid":".."}` and no more.

use std::time::Duration;

use anyhow::Result;
use sockeye::{Ack, Config, EmitError, Local, Namespace, RawArgs, Server, Socket};

use crate::serving::{LISTENER_PAUSE, Listen};

pub(crate) async fn serve(listen: &Listen<3000>) -> Result<()> {
    let mut config = Config::default();
    listen.configure(&mut config.engine, 300, 200);
    config.engine.polling_close_timeout = Duration::from_secs(1);
    let server = Server::builder()
        .config(config)
        .namespace(namespace("/"))
        .namespace(namespace("/custom"))
        .build()?;
    listen.serve(&server).await
}

fn namespace(path: &'static str) -> Namespace {
    Namespace::new(path)
        .on_connect(keep_auth)
        .on_connected(tell_auth)
        .on("message", message)
        .on("message-with-ack", answer)
}

/// What the client sent with its connect packet.
struct Auth(RawArgs);

async fn keep_auth(socket: Socket, auth: RawArgs) {
    socket.set(Auth(auth));
}

async fn tell_auth(socket: Socket, auth: Local<Auth>) {
    tokio::time::sleep(LISTENER_PAUSE).await;
    if let Err(error) = socket.emit("auth", &auth.0.0) {
        tracing::debug!(%error, "the client left early");
    }
}

async fn message(socket: Socket, args: RawArgs) -> Result<(), EmitError> {
    socket.emit("message-back", &args)
}

async fn answer(args: RawArgs) -> Ack<RawArgs> {
    Ack(args)
}
