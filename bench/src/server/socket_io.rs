//! Socket.IO: `echo`, `broadcast` and `ack`; `room`, which reaches the clients that said `enter`.

use sockeye::{Ack, BuildError, Config, EmitError, Namespace, RawArgs, Server, Socket};

use super::engine_io::limits;

/// The server at `/socket.io/`.
pub(crate) fn server() -> Result<Server, BuildError> {
    let namespace = Namespace::new("/")
        .on("echo", echo)
        .on("broadcast", broadcast)
        .on("enter", async |socket: Socket| socket.join(ROOM))
        .on("room", room)
        .on("ack", acknowledge);
    let mut config = Config::default();
    config.engine = limits(config.engine);
    Server::builder().config(config).namespace(namespace).build()
}

const ROOM: &str = "members";

async fn echo(socket: Socket, args: RawArgs) -> Result<(), EmitError> {
    socket.emit("echo", &args)
}

async fn broadcast(socket: Socket, args: RawArgs) -> Result<(), EmitError> {
    socket.io().emit("broadcast", &args)
}

async fn room(socket: Socket, args: RawArgs) -> Result<(), EmitError> {
    socket.io().to(ROOM).emit("room", &args)
}

async fn acknowledge(args: RawArgs) -> Ack<RawArgs> {
    Ack(args)
}
