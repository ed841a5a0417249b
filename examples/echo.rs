//! Every event comes back as it came, whatever it carries: the arguments stay bytes.

use sockeye::{EmitError, Namespace, RawEvent, Server, Socket};

async fn echo(socket: Socket, event: RawEvent) {
    // The event's name is the client's: a reserved one never gets here.
    let sent: Result<(), EmitError> = socket.emit(&event.name, &event.args);
    if sent.is_err() {
        socket.close_session();
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let server = Server::builder().namespace(Namespace::new("/").fallback(echo)).build()?;
    let listeners = sockeye_examples::listen().await?;
    server.serve(listeners).with_graceful_shutdown(sockeye_examples::stopped()).await?;
    Ok(())
}
