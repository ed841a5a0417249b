//! Behind trusted proxies: the address, the scheme and the host are what they say.

mod common;

use std::net::{IpAddr, Ipv4Addr};

use common::Host;
use sockeye_engine::{Config, Cors};

const OPEN: &str = "/engine.io/?EIO=4&transport=polling";
const HEADERS: [(&str, &str); 4] = [
    ("x-forwarded-for", "6.6.6.6, 203.0.113.9"),
    ("x-forwarded-proto", "https"),
    ("x-forwarded-host", "chat.example"),
    ("origin", "https://chat.example"),
];

async fn host(proxies: &str) -> Host {
    let trusted_proxies = proxies.parse().expect("a list of networks");
    Host::tcp(Config { trusted_proxies, cors: Some(Cors::default()), ..Config::default() }).await
}

#[tokio::test]
async fn a_trusted_proxy_is_believed_on_every_transport() {
    let host = host("127.0.0.0/8").await;
    let response = host.request("GET", OPEN, &HEADERS, b"").await;
    assert_eq!(response.status, 200, "{response:?}");
    assert_eq!(response.header("access-control-allow-origin"), Some("https://chat.example"));
    let sid = common::sid(&response.text()[1..]);
    let handshake = host.app.handshake(&sid);
    let address = handshake.address().unwrap();
    assert_eq!(address.ip(), IpAddr::from(Ipv4Addr::new(203, 0, 113, 9)));
    assert!(handshake.is_secure());

    // The upgrade comes through the same proxy.
    let url = format!("/engine.io/?EIO=4&transport=websocket&sid={sid}");
    let mut probe = host.websocket_with(&url, &HEADERS).await.unwrap();
    probe.send("2probe").await;
    assert_eq!(probe.text().await, "3probe");
    let direct = "/engine.io/?EIO=4&transport=websocket";
    assert!(host.websocket_with(direct, &HEADERS).await.is_ok());
}

#[tokio::test]
async fn nobody_else_is() {
    let host = host("10.0.0.0/8").await;
    host.request("GET", OPEN, &HEADERS, b"").await.assert_refused(4, "Forbidden");
    let response = host.request("GET", OPEN, &HEADERS[..2], b"").await;
    let handshake = host.app.handshake(&common::sid(&response.text()[1..]));
    assert_eq!(handshake.address().unwrap().ip(), IpAddr::from(Ipv4Addr::LOCALHOST));
    assert!(!handshake.is_secure());
}
