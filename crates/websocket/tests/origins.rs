//! Which pages may open a WebSocket of a raw endpoint: a browser lets every page try, with its
//! visitor's cookies.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::accept_with;
use http::{HeaderName, Request};
use sockeye_websocket::{Acceptor, ConnectError, Connector, HttpServer, Origins, bind};

/// Whether a handshake from a page of this origin is accepted; its status otherwise.
async fn opens(acceptor: Acceptor, origin: Option<&str>) -> Result<(), u16> {
    opens_with(acceptor, origin, &[]).await
}

async fn opens_with(
    acceptor: Acceptor,
    origin: Option<&str>,
    headers: &[(&'static str, &'static str)],
) -> Result<(), u16> {
    let service = common::FnService(move |request: Request<_>| {
        accept_with(acceptor.clone(), request, async |mut socket| {
            let _ = socket.recv().await;
        })
    });
    let listeners = bind("127.0.0.1:0").await.unwrap();
    let address = listeners[0].local_addr().unwrap();
    let server = tokio::spawn(HttpServer::new(listeners, service).into_future());
    let mut connector = Connector::new();
    if let Some(origin) = origin {
        let origin = origin.replace("HOST", &address.to_string());
        connector = connector.header(http::header::ORIGIN, origin.parse().unwrap());
    }
    for (name, value) in headers {
        connector = connector.header(HeaderName::from_static(name), value.parse().unwrap());
    }
    let opened = connector.connect(&format!("ws://{address}/")).await;
    server.abort();
    match opened {
        Ok(_) => Ok(()),
        Err(ConnectError::Response(error)) => {
            let text = error.to_string();
            let digits: String = text.chars().filter(char::is_ascii_digit).collect();
            Err(digits.parse().unwrap())
        }
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn pages_of_the_same_host_and_port_unless_others_are_named() {
    let plain = Acceptor::new;
    assert_eq!(opens(plain(), None).await, Ok(()), "no browser");
    assert_eq!(opens(plain(), Some("http://HOST")).await, Ok(()));
    for origin in ["http://evil.example", "http://127.0.0.1:1", "https://HOST.evil.example", "null"]
    {
        assert_eq!(opens(plain(), Some(origin)).await, Err(403), "{origin}");
    }
    let listed = || {
        let pattern = "https://*.example.com".parse().unwrap();
        Acceptor::new().origins(Origins::SameOriginOr(vec![pattern]))
    };
    assert_eq!(opens(listed(), Some("https://app.example.com")).await, Ok(()));
    assert_eq!(opens(listed(), Some("https://app.example.org")).await, Err(403));
    // Behind a proxy that changes `Host`.
    let forwarded = [("x-forwarded-host", "app.example"), ("forwarded", "host=evil.example")];
    let app = Some("https://app.example");
    assert_eq!(opens_with(plain(), app, &forwarded).await, Err(403), "nobody's proxy");
    let proxied = || Acceptor::new().trusted_proxies("127.0.0.1".parse().unwrap());
    assert_eq!(opens_with(proxied(), app, &forwarded).await, Ok(()));
    let evil = Some("https://evil.example");
    assert_eq!(opens_with(proxied(), evil, &forwarded).await, Err(403));
    let any = Acceptor::new().origins(Origins::Any);
    assert_eq!(opens(any, Some("http://evil.example")).await, Ok(()));
}
