//! A server alone with a certificate, and what it says when it listens.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::sync::Arc;

use common::log::Log;
use rcgen::generate_simple_self_signed;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use sockeye::{Handshake, Namespace, Refuse, Server, TlsConfig};
use sockeye_testing::raw::{Peer, request};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tracing::Level;

/// Lets in whoever comes encrypted.
async fn admit(handshake: Arc<Handshake>) -> Result<(), Refuse> {
    handshake.is_secure().then_some(()).ok_or_else(|| Refuse::new("not encrypted"))
}

#[tokio::test]
async fn alone_with_a_certificate() {
    let pair = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (certificate, key) = (pair.cert.pem(), pair.signing_key.serialize_pem());
    let tls = TlsConfig::from_pem(certificate.as_bytes(), key.as_bytes()).unwrap();
    let server =
        Server::builder().namespace(Namespace::new("/").on_connect(admit)).build().unwrap();
    let listeners = sockeye::bind("127.0.0.1:0").await.unwrap();
    let address = listeners[0].local_addr().unwrap();
    tokio::spawn(server.serve(listeners).tls(tls).into_future());

    let mut roots = RootCertStore::empty();
    roots.add(pair.cert.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = TlsConnector::from(Arc::new(config));
    let connect = async || {
        let stream = TcpStream::connect(address).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        Peer::new(connector.connect(name, stream).await.unwrap())
    };

    let mut peer = connect().await;
    peer.get("/socket.io/?EIO=4&transport=polling").await;
    assert_eq!(peer.response().await.unwrap().status, 200);
    let target = "/socket.io/?EIO=4&transport=websocket";
    let mut socket = connect().await.upgrade(target, &[]).await.unwrap();
    assert!(socket.text().await.starts_with("0{"));
    socket.send("40").await;
    assert!(socket.text().await.starts_with("40{\"sid\""), "the handshake is known to be secure");

    // Without it nothing is said.
    let mut plain = Peer::new(TcpStream::connect(address).await.unwrap());
    plain.send(request("GET", "/socket.io/socket.io.js", &[], "")).await;
    assert!(plain.response().await.is_err());
}

#[tokio::test]
async fn it_says_where_it_listens() {
    let log = Log::default();
    let guard = log.listen(Level::INFO);
    let listeners = sockeye::bind("localhost:0").await.unwrap();
    let addresses: Vec<_> = listeners.iter().map(|it| it.local_addr().unwrap()).collect();
    let server = Server::builder().build().unwrap();
    server.serve(listeners).with_graceful_shutdown(async {}).await.unwrap();
    drop(guard);
    let text = log.text();
    for address in addresses {
        let line = format!("listening address={address} path=\"/socket.io\"");
        assert_eq!(text.matches(&line).count(), 1, "{text}");
    }
}
