//! Which hosts are answered, against pages whose own name leads to this server (DNS rebinding): for
//! them `Host` and `Origin` agree.

mod common;

use common::Host;
use sockeye_engine::Config;

const OPEN: &str = "/engine.io/?EIO=4&transport=polling";
const WEBSOCKET: &str = "/engine.io/?EIO=4&transport=websocket";

/// The status of a request with exactly these headers.
async fn status(host: &Host, method: &str, target: &str, headers: &str) -> u16 {
    host.say(format!("{method} {target} HTTP/1.1\r\n{headers}\r\n")).await.response().await.status
}

fn config(hosts: &str) -> Config {
    let trusted_proxies = "127.0.0.1".parse().expect("an address");
    Config {
        allowed_hosts: Some(hosts.parse().expect("hosts")),
        trusted_proxies,
        ..Config::default()
    }
}

#[tokio::test]
async fn other_hosts_are_421_on_every_transport_and_open_nothing() {
    let host = Host::tcp(config("chat.example")).await;
    let opened = host.get(OPEN).await;
    let sid = common::sid(&opened.text()[1..]);
    let rebound = "host: evil.test\r\norigin: http://evil.test\r\n";
    let upgrade = "upgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13\r\n\
                   sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let session = format!("{OPEN}&sid={sid}");
    for (method, target, headers) in [
        ("GET", OPEN, rebound.to_owned()),
        ("GET", &session, rebound.to_owned()),
        ("POST", &session, format!("{rebound}content-length: 0\r\n")),
        ("OPTIONS", OPEN, rebound.to_owned()),
        ("GET", WEBSOCKET, format!("{rebound}{upgrade}")),
        ("GET", OPEN, "host: evil.test\r\nx-forwarded-host: evil.test\r\n".to_owned()),
        ("GET", OPEN, "host: localhost\r\nx-forwarded-host: evil.test\r\n".to_owned()),
    ] {
        assert_eq!(status(&host, method, target, &headers).await, 421, "{method} {target}");
    }
    assert_eq!(host.app.sids(), [sid.as_str()]);
    for headers in [
        "host: chat.example\r\norigin: http://chat.example\r\n",
        "host: 127.0.0.1:80\r\n",
        "host: inside\r\nx-forwarded-host: chat.example\r\norigin: https://chat.example\r\n",
    ] {
        assert_eq!(status(&host, "GET", OPEN, headers).await, 200, "{headers}");
    }
    let headers = format!("host: chat.example\r\n{upgrade}");
    assert_eq!(status(&host, "GET", WEBSOCKET, &headers).await, 101);
}

#[tokio::test]
async fn the_answer_says_what_to_write() {
    let host = Host::tcp(config("chat.example")).await;
    let request = format!("GET {OPEN} HTTP/1.1\r\nhost: my.example:3000\r\n\r\n");
    let response = host.say(request).await.response().await;
    assert_eq!(response.header("cross-origin-resource-policy"), Some("same-origin"));
    assert_eq!(
        response.text(),
        "requests for the host my.example are not answered here; to allow it: \
         Config { allowed_hosts: Some(\"my.example\".parse()?), .. }\n"
    );
}

/// In somebody else's server, who is expected to know the hosts.
#[tokio::test]
async fn whatever_host_unless_somebody_says() {
    let host = Host::tcp(Config::default()).await;
    assert_eq!(status(&host, "GET", OPEN, "host: any.example\r\n").await, 200);
}
