//! Namespaces that nobody declared one by one: `/doc-1`, `/doc-2` … each with its own sockets.

use sockeye::{Ack, EmitError, Io, Namespace, PathParam, Server, Socket};

/// The number in the name the client asked for.
async fn number(PathParam(number): PathParam<u32>) -> Ack<u32> {
    Ack(number)
}

/// Everybody in this document; other documents are other namespaces.
async fn edit(socket: Socket, text: String) -> Result<(), EmitError> {
    socket.broadcast().emit("edited", &text)
}

async fn readers(io: Io) -> Ack<usize> {
    Ack(io.sockets().len())
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let document = Namespace::new("/doc-{number}")
        .on("number", number)
        .on("edit", edit)
        .on("readers", readers);
    // A function may decide as well, and take its time: a look into a database, say.
    let team = Namespace::matching(async |name: String| name == "/team").on("readers", readers);
    let server = Server::builder()
        .cleanup_empty_child_namespaces(true)
        .namespace(document)
        .namespace(team)
        .build()?;
    let listeners = sockeye_examples::listen().await?;
    server.serve(listeners).with_graceful_shutdown(sockeye_examples::stopped()).await?;
    Ok(())
}
