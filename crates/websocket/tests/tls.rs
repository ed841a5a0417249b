//! `https://` and `wss://`, with the verification nobody can forget to turn on.
#![cfg(feature = "tls")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "common/tls.rs"]
mod certificates;
mod common;

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use certificates::Authority;
use common::{FnService, accept_all, dial, wound_on};
use sockeye_websocket::ws::CloseCode;
use sockeye_websocket::{
    ConnectError, Connector, Encrypted, HttpServer, Message, Roots, TlsConfig, TlsConfigError, bind,
};
use tokio::sync::mpsc;
use tokio::time::sleep;

/// Serves an echo with a certificate and its key.
async fn serve_tls(config: TlsConfig) -> Vec<SocketAddr> {
    serve_within(config, Duration::from_secs(30)).await
}

/// [`serve_tls`] for those who take that long for the handshake.
async fn serve_within(config: TlsConfig, timeout: Duration) -> Vec<SocketAddr> {
    let listeners = bind("localhost:0").await.unwrap();
    let addresses = listeners.iter().map(|listener| listener.local_addr().unwrap()).collect();
    let server = HttpServer::new(listeners, FnService(|request| accept_all(request, common::echo)));
    let server = server.tls(config).header_timeout(timeout).into_future();
    tokio::spawn(async move { server.await.unwrap() });
    addresses
}

async fn serve_pair((certificate, key): (String, String)) -> SocketAddr {
    serve_tls(TlsConfig::from_pem(certificate.as_bytes(), key.as_bytes()).unwrap()).await[0]
}

fn trusting(authority: &Authority) -> Connector {
    Connector::new().roots(Roots::empty().with_pem(authority.pem().as_bytes()).unwrap())
}

async fn certificate_error(connector: &Connector, url: &str) -> String {
    match connector.connect(url).await {
        Err(ConnectError::Tls(error)) => {
            assert!(error.is_certificate(), "{error}");
            error.to_string()
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_custom_root_passes_over_both_families() {
    let authority = Authority::new();
    let (certificate, key) = authority.issue("localhost");
    let config = TlsConfig::from_pem(certificate.as_bytes(), key.as_bytes()).unwrap();
    let addresses = serve_tls(config).await;
    let connector = trusting(&authority);
    let (mut socket, head) =
        connector.connect(&format!("wss://localhost:{}", addresses[0].port())).await.unwrap();
    assert_eq!(head.status(), 101);
    socket.send("hello").await.unwrap();
    assert_eq!(socket.recv().await.unwrap(), Some(Message::Text("hello".to_owned())));
    let closed = socket.close(CloseCode::NORMAL, "bye").await.unwrap();
    assert_eq!(closed.reason, "bye");
    for address in addresses {
        let (certificate, key) = authority.issue(&address.ip().to_string());
        let config = TlsConfig::from_pem(certificate.as_bytes(), key.as_bytes()).unwrap();
        let addresses = serve_tls(config).await;
        let address = addresses.iter().find(|a| a.ip() == address.ip()).unwrap();
        connector.connect(&format!("wss://{address}")).await.unwrap();
    }
}

/// CVE-2016-10536: a client that verified nothing unless told to.
#[tokio::test]
async fn self_signed_is_refused() {
    let authority = Authority::new();
    let address = serve_pair(authority.issue("localhost")).await;
    let url = format!("wss://localhost:{}", address.port());
    let other = Authority::new();
    for connector in [
        Connector::new(),
        Connector::new().roots(Roots::bundled()),
        Connector::new().roots(Roots::empty()),
        trusting(&other),
    ] {
        let error = certificate_error(&connector, &url).await;
        assert!(error.contains("UnknownIssuer") || error.contains("BadSignature"), "{error}");
    }
    trusting(&authority).connect(&url).await.unwrap();
}

#[tokio::test]
async fn a_certificate_of_another_host_is_refused() {
    let authority = Authority::new();
    let address = serve_pair(authority.issue("example.com")).await;
    for host in ["localhost", "127.0.0.1"] {
        let url = format!("wss://{host}:{}", address.port());
        let error = certificate_error(&trusting(&authority), &url).await;
        assert!(error.contains("not valid for"), "{error}");
    }
}

#[tokio::test]
async fn an_expired_certificate_is_refused() {
    let authority = Authority::new();
    let yesterday = SystemTime::now() - Duration::from_secs(86_400);
    let address = serve_pair(authority.issue_until("localhost", yesterday)).await;
    let url = format!("wss://localhost:{}", address.port());
    let error = certificate_error(&trusting(&authority), &url).await;
    assert!(error.contains("expired"), "{error}");
}

#[tokio::test]
async fn a_certificate_that_changes_is_read_again() {
    let (old, new) = (Authority::new(), Authority::new());
    let folder = tempfile::tempdir().unwrap();
    let (certificate_file, key_file) = (folder.path().join("cert"), folder.path().join("key"));
    let write = |(certificate, key): (String, String)| {
        std::fs::write(&certificate_file, certificate).unwrap();
        std::fs::write(&key_file, key).unwrap();
    };
    write(old.issue("localhost"));
    let config = TlsConfig::from_pem_files(&certificate_file, &key_file).unwrap();
    let address = serve_tls(config.reload_interval(Duration::from_secs(10))).await[0];
    let url = format!("wss://localhost:{}", address.port());
    let (mut before, _) = trusting(&old).connect(&url).await.unwrap();

    // Half a change: the old one stays.
    std::fs::write(&certificate_file, new.issue("localhost").0).unwrap();
    let looked_at = async || wound_on(sleep(Duration::from_secs(11))).await;
    looked_at().await;
    trusting(&old).connect(&url).await.unwrap();
    write(new.issue("localhost"));
    looked_at().await;
    trusting(&new).connect(&url).await.unwrap();
    certificate_error(&trusting(&old), &url).await;
    before.send("still here").await.unwrap();
    assert_eq!(before.recv().await.unwrap(), Some(Message::Text("still here".to_owned())));
}

#[test]
fn what_is_no_certificate() {
    let (a, b) = (Authority::new().issue("a"), Authority::new().issue("b"));
    let load = |certificate: &str, key: &str| {
        TlsConfig::from_pem(certificate.as_bytes(), key.as_bytes()).unwrap_err()
    };
    assert!(matches!(load("", &a.1), TlsConfigError::Certificate { file: None }));
    assert!(matches!(load(&a.1, &a.1), TlsConfigError::Certificate { file: None }));
    assert!(matches!(load(&a.0, &a.0), TlsConfigError::Key { file: None }));
    assert!(matches!(load(&a.0, &b.1), TlsConfigError::Pair { files: None, .. }));
    let error = TlsConfig::from_pem_files("/no/such/file", "/no/such/key").unwrap_err();
    assert!(matches!(error, TlsConfigError::File { .. }));
    assert!(error.to_string().contains("/no/such/file"));
    assert!(Roots::empty().with_pem(b"").is_err());
    assert!(Roots::empty().with_pem(a.1.as_bytes()).is_err());
}

/// What is wrong, in which file, and what to do.
#[test]
fn files_that_are_no_pair_are_named() {
    let (a, b) = (Authority::new().issue("a"), Authority::new().issue("b"));
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, content: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    };
    let (cert, key) = (write("a.pem", &a.0), write("a.key", &a.1));
    let other = write("b.key", &b.1);
    let locked = write("locked.key", &a.1.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY"));
    let broken = write("broken.pem", &a.0.replacen("MII", "AAA", 1));
    let p521 = write("no.key", "-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n");
    let shown = |path: &Path| path.display().to_string();
    for (certificate, private, said) in [
        (
            &cert,
            &other,
            vec![shown(&cert), shown(&other), "is not that of".into(), "the first".into()],
        ),
        (&cert, &p521, vec![shown(&cert), shown(&p521), "cannot be used".into(), "ECDSA".into()]),
        (&broken, &key, vec![shown(&broken), shown(&key), "cannot be used".into()]),
        (&key, &cert, vec![shown(&key), "no certificate".into(), "the key the second".into()]),
        (
            &cert,
            &cert,
            vec![shown(&cert), "no private key".into(), "-----BEGIN PRIVATE KEY-----".into()],
        ),
        (&cert, &locked, vec![shown(&locked), "no private key".into(), "passphrase".into()]),
    ] {
        let error = TlsConfig::from_pem_files(certificate, private).unwrap_err().to_string();
        for part in said {
            assert!(error.contains(&part), "{part:?} is not in {error:?}");
        }
    }
    let text = TlsConfig::from_pem(a.0.as_bytes(), b.1.as_bytes()).unwrap_err().to_string();
    assert!(text.contains("the key is not that of the first certificate"), "{text}");
    TlsConfig::from_pem_files(cert, key).unwrap();
}

/// Everything a peer can do instead of TLS ends its own connection only.
#[tokio::test]
async fn peers_that_do_not_speak_tls() {
    let authority = Authority::new();
    let (certificate, key) = authority.issue("localhost");
    let config = TlsConfig::from_pem(certificate.as_bytes(), key.as_bytes()).unwrap();
    let address = serve_tls(config).await[0];
    for bytes in [
        &b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"[..],
        b"\x16\x03\x01\xff\xff",
        b"",
        &[0; 40_000],
        // RUSTSEC-2024-0336: an alert `close_notify` within the handshake was an endless loop.
        b"\x15\x03\x03\x00\x02\x01\x00",
    ] {
        let mut stream = dial(address).await;
        stream.send(bytes).await;
        let answer = wound_on(stream.read_rest()).await.unwrap();
        assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
    }
    // And a client of ours sees the end of a server that does not.
    let plain = common::serve(common::echo).await;
    let error = trusting(&authority).connect(&format!("wss://localhost:{}", plain.port())).await;
    assert!(matches!(error, Err(ConnectError::Tls(_) | ConnectError::Io(_))), "{error:?}");
    trusting(&authority).connect(&format!("wss://localhost:{}", address.port())).await.unwrap();
}

#[tokio::test]
async fn requests_say_that_they_came_encrypted() {
    let authority = Authority::new();
    let (certificate, key) = authority.issue("localhost");
    let (sender, mut seen) = mpsc::unbounded_channel();
    let service = FnService(move |request: http::Request<_>| {
        sender.send(request.extensions().get::<Encrypted>().is_some()).unwrap();
        accept_all(request, common::echo)
    });
    let listeners = bind("127.0.0.1:0").await.unwrap();
    let address = listeners[0].local_addr().unwrap();
    let config = TlsConfig::from_pem(certificate.as_bytes(), key.as_bytes()).unwrap();
    let server = HttpServer::new(listeners, service).tls(config).into_future();
    tokio::spawn(async move { server.await.unwrap() });
    trusting(&authority).connect(&format!("wss://localhost:{}", address.port())).await.unwrap();
    assert_eq!(seen.recv().await, Some(true));
}

/// What does not fit into the kernel is written as the peer reads, over TLS too; and meanwhile
/// others get theirs.
#[tokio::test]
async fn a_slow_reader() {
    let authority = Authority::new();
    let address = serve_pair(authority.issue("localhost")).await;
    let connector = trusting(&authority);
    let url = format!("wss://localhost:{}", address.port());
    let (slow, _) = connector.connect(&url).await.unwrap();
    let (mut other, _) = connector.connect(&url).await.unwrap();
    let (mut reader, writer) = slow.split();
    let payload = Bytes::from(vec![7; 100_000]);
    let sending = tokio::spawn({
        let (writer, payload) = (writer.clone(), payload.clone());
        async move {
            for _ in 0..200 {
                writer.send(&payload[..]).await.unwrap();
            }
        }
    });
    // Until neither side takes any more.
    while writer.queued_bytes() < 64 * 1024 {
        tokio::task::yield_now().await;
    }
    for _ in 0..100 {
        other.send("x").await.unwrap();
        assert_eq!(other.recv().await.unwrap(), Some(Message::Text("x".to_owned())));
    }
    for _ in 0..200 {
        assert_eq!(reader.recv().await.unwrap(), Some(Message::Binary(payload.clone())));
    }
    sending.await.unwrap();
    writer.flush().await;
    assert_eq!(writer.queued_bytes(), 0);
}

/// The flush pass of a group over TLS: everything arrives, in order, at all members.
#[tokio::test]
async fn a_group_over_tls() {
    let authority = Authority::new();
    let (certificate, key) = authority.issue("localhost");
    let group = sockeye_websocket::Group::new();
    let service = FnService({
        let group = group.clone();
        move |request| {
            let group = group.clone();
            accept_all(request, move |socket| {
                let membership = group.join(&socket);
                async move {
                    common::echo(socket).await;
                    drop(membership);
                }
            })
        }
    });
    let listeners = bind("127.0.0.1:0").await.unwrap();
    let address = listeners[0].local_addr().unwrap();
    let config = TlsConfig::from_pem(certificate.as_bytes(), key.as_bytes()).unwrap();
    let server = HttpServer::new(listeners, service).tls(config).into_future();
    tokio::spawn(async move { server.await.unwrap() });
    let url = format!("wss://localhost:{}", address.port());
    let mut sockets = Vec::new();
    for _ in 0..10 {
        sockets.push(trusting(&authority).connect(&url).await.unwrap().0);
    }
    while group.len() < 10 {
        tokio::task::yield_now().await;
    }
    let large = "y".repeat(50_000);
    for round in 0..20 {
        group.send(format!("small {round}").as_str());
        group.send(large.as_str());
        // What readers miss now has to come later.
        tokio::task::yield_now().await;
    }
    for socket in &mut sockets {
        for round in 0..20 {
            let expected = Message::Text(format!("small {round}"));
            assert_eq!(socket.recv().await.unwrap(), Some(expected));
            assert_eq!(socket.recv().await.unwrap(), Some(Message::Text(large.clone())));
        }
    }
}

/// A TLS handshake that does not come to its end is cut off.
#[tokio::test]
async fn a_slow_handshake() {
    let (certificate, key) = Authority::new().issue("localhost");
    let config = TlsConfig::from_pem(certificate.as_bytes(), key.as_bytes()).unwrap();
    let address = serve_within(config, Duration::from_secs(7)).await[0];
    let mut stream = dial(address).await;
    stream.send(&[0x16, 3, 1]).await;
    assert!(wound_on(stream.read_to_end()).await.unwrap().is_empty());
}
