use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use hyper::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use sockeye::Server;
use sockeye_net::http::PeerAddr;
use tokio::io::DuplexStream;
use tower_service::Service;

use crate::client::TestClient;
use crate::connect::Connect;
use crate::wire::Wire;

/// A [`Server`] that is reached through memory: a handle, cheap to clone.
#[derive(Clone, Debug)]
pub struct TestServer {
    server: Server,
    ports: Arc<AtomicU16>,
}

impl TestServer {
    /// Puts a server into memory. It may be served on a listener at the same time.
    pub fn new(server: Server) -> Self {
        Self { server, ports: Arc::new(AtomicU16::new(1)) }
    }

    /// The server, to reach its sockets.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// Declares a client: its namespace, what it says as `auth`, its request.
    pub fn client(&self) -> Connect {
        Connect::new(self.clone())
    }

    /// A client in `/` that says nothing.
    ///
    /// # Panics
    /// When the server does not let it in.
    pub async fn connect(&self) -> TestClient {
        match self.client().connect().await {
            Ok(client) => client,
            Err(error) => panic!("the server does not let a client in: {error}"),
        }
    }

    /// A connection of its own that speaks HTTP to the server, for what a [`TestClient`] does not
    /// do: polling, files, refusals, broken rules.
    pub fn open(&self) -> (DuplexStream, Wire) {
        let port = self.ports.fetch_add(1, Ordering::Relaxed).max(1);
        self.open_from((Ipv4Addr::LOCALHOST, port).into())
    }

    pub(crate) fn open_from(&self, address: SocketAddr) -> (DuplexStream, Wire) {
        let (wire, near, far) = Wire::new();
        let service = self.server.clone().into_service();
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(PeerAddr(address));
            let mut service = service.clone();
            async move { service.call(request).await }
        });
        let connection = hyper::server::conn::http1::Builder::new()
            .serve_connection(TokioIo::new(far), service)
            .with_upgrades();
        tokio::spawn(async move {
            // A connection that fails is what tests do to it.
            let _ = connection.await;
        });
        (near, wire)
    }
}
