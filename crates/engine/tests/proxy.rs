//! Behind trusted proxies: the address, the scheme and the host are what they say.

mod common;

use std::net::{IpAddr, Ipv4Addr};

use common::Host;
use sockeye_engine::{Config, Cors, ForwardedHeaders, TrustedProxies};

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

/// The client's own `Forwarded` beat what the proxy wrote.
#[tokio::test]
async fn the_family_that_was_not_chosen_is_the_clients_own() {
    let x = [
        ("x-forwarded-for", "203.0.113.9"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "chat.example"),
    ];
    let standard = ("forwarded", "for=198.51.100.7;proto=http;host=other.example");
    for (headers, address, secure, host_seen) in [
        (ForwardedHeaders::XForwarded, [203, 0, 113, 9], true, "chat.example"),
        (ForwardedHeaders::Forwarded, [198, 51, 100, 7], false, "other.example"),
    ] {
        let trusted_proxies = "127.0.0.0/8".parse::<TrustedProxies>().unwrap().headers(headers);
        let host = Host::tcp(Config { trusted_proxies, ..Config::default() }).await;
        let origin = format!("https://{host_seen}");
        for transport in ["polling", "websocket"] {
            let all = [x[0], x[1], x[2], standard, ("origin", &*origin)];
            let url = format!("/engine.io/?EIO=4&transport={transport}");
            let sid = if transport == "polling" {
                let response = host.request("GET", &url, &all, b"").await;
                common::sid(&response.text()[1..])
            } else {
                let mut socket = host.websocket_with(&url, &all).await.unwrap();
                common::sid(&socket.text().await[1..])
            };
            let handshake = host.app.handshake(&sid);
            assert_eq!(handshake.address().unwrap().ip(), IpAddr::from(address), "{transport}");
            assert_eq!(handshake.is_secure(), secure, "{transport}");
        }
        let other = if host_seen == "chat.example" { "other" } else { "chat" };
        let origin = format!("https://{other}.example");
        let all = [x[0], x[1], x[2], standard, ("origin", &*origin)];
        host.request("GET", OPEN, &all, b"").await.assert_refused(4, "Forbidden");
    }
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
