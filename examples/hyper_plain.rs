//! Inside of a plain hyper server: some requests are answered by hand, the rest is for sockets.

use std::convert::Infallible;

use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use sockeye::{Body, Namespace, Server, Socket, SocketService};
use sockeye_websocket::PeerAddr;
use tower_service::Service as _;

async fn echo(socket: Socket, text: String) -> Result<(), sockeye::EmitError> {
    socket.emit("echo", &text)
}

async fn answer(
    mut sockets: SocketService,
    request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    match request.uri().path() {
        "/health" => Ok(Response::new(Body::from("fine\n"))),
        _ => sockets.call(request).await,
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let server = Server::builder().namespace(Namespace::new("/").on("echo", echo)).build()?;
    let listener = sockeye_examples::listen().await?.swap_remove(0);
    let mut stopped = Box::pin(sockeye_examples::stopped());
    loop {
        let (stream, peer) = tokio::select! {
            accepted = listener.accept() => accepted?,
            () = &mut stopped => break,
        };
        let sockets = server.clone().into_service();
        let service = service_fn(move |mut request: Request<Incoming>| {
            // What `handshake.address()` says.
            request.extensions_mut().insert(PeerAddr(peer));
            answer(sockets.clone(), request)
        });
        // WebSockets are upgrades: without `with_upgrades` clients stay on polling.
        let connection = hyper::server::conn::http1::Builder::new()
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades();
        tokio::spawn(connection);
    }
    server.shutdown().await;
    Ok(())
}
