//! `https://` and `wss://`, over every transport.

#![allow(clippy::unwrap_used)]

use std::error::Error;

use sockeye::{Ack, Namespace, RawArgs, Server};
use sockeye_client::{Client, ConnectError, Roots, Transport};
use sockeye_net::http::{HttpServer, TlsConfig};
use tokio::net::TcpListener;

/// Serves an echo on a loopback port with a certificate for `localhost`. Returns both.
async fn serve() -> (u16, String) {
    let pair = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let (certificate, key) = (pair.cert.pem(), pair.signing_key.serialize_pem());
    let config = TlsConfig::from_pem(certificate.as_bytes(), key.as_bytes()).unwrap();
    let main = Namespace::new("/").on("echo", async |args: RawArgs| Ack(args));
    let service = Server::builder().namespace(main).build().unwrap().into_service();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(HttpServer::new(vec![listener], service).tls(config).into_future());
    (port, certificate)
}

fn trusting(certificate: &str) -> Roots {
    Roots::empty().with_pem(certificate.as_bytes()).unwrap()
}

#[tokio::test]
async fn every_transport_is_encrypted() {
    let (port, certificate) = serve().await;
    for scheme in ["https", "wss"] {
        for transports in [
            &[Transport::Polling][..],
            &[Transport::WebSocket],
            &[Transport::Polling, Transport::WebSocket],
        ] {
            let client = Client::builder(&format!("{scheme}://localhost:{port}"))
                .unwrap()
                .roots(trusting(&certificate))
                .transports(transports.iter().copied())
                .connect()
                .await
                .unwrap();
            let last = transports[transports.len() - 1];
            loop {
                let text = "x".repeat(100_000);
                let echoed: String = client.emit_with_ack("echo", &text).await.unwrap();
                assert_eq!(echoed, text, "{scheme} {transports:?}");
                if client.transport() == Some(last) {
                    break;
                }
            }
            client.close().await;
        }
    }
}

#[tokio::test]
async fn a_certificate_that_is_not_trusted_is_an_error() {
    let (port, certificate) = serve().await;
    for (host, roots) in [("localhost", Roots::bundled()), ("127.0.0.1", trusting(&certificate))] {
        for transport in [Transport::Polling, Transport::WebSocket] {
            let error = Client::builder(&format!("https://{host}:{port}"))
                .unwrap()
                .roots(roots.clone())
                .transports([transport])
                .connect()
                .await
                .unwrap_err();
            assert!(matches!(error, ConnectError::Transport(_)), "{error:?}");
            let mut causes = String::new();
            let mut cause: Option<&dyn Error> = Some(&error);
            while let Some(error) = cause {
                causes = format!("{causes}{error}; ");
                cause = error.source();
            }
            assert!(causes.contains("certificate"), "{transport}: {causes}");
        }
    }
}
