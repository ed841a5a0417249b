//! The advisories about servers like this one, each as the attack it describes. What is learnt from
//! them elsewhere: frames in `bad_input.rs`, limits in `limits.rs`, misuse without a number in
//! `abuse.rs`.

mod common;

use std::collections::HashSet;
use std::time::Duration;

use common::{Heard, Host};
use sockeye_engine::{CloseReason, Config, ConfigError, Cookie, Engine};
use sockeye_testing::raw::{Peer, handshake};
use tokio::net::TcpStream;

const OPEN: &str = "/engine.io/?EIO=4&transport=polling";
const WEBSOCKET: &str = "/engine.io/?EIO=4&transport=websocket";

/// The server still opens sessions and echoes.
async fn assert_alive(host: &Host) {
    let sid = host.open().await;
    host.assert_echoes(&sid).await;
}

#[tokio::test]
async fn cve_2017_16031_ids_cannot_be_guessed() {
    let host = Host::memory(Config::default());
    let mut ids = Vec::new();
    for _ in 0..300 {
        ids.push(host.open().await);
    }
    assert!(ids.iter().all(|id| id.len() == 20));
    // Behind the node's four characters nothing is shared and nothing counts up.
    for place in 4..20 {
        let seen: HashSet<_> = ids.iter().map(|id| id.as_bytes()[place]).collect();
        assert!(seen.len() > 30, "place {place}: {}", seen.len());
        let rising =
            ids.windows(2).filter(|two| two[0].as_bytes()[place] < two[1].as_bytes()[place]);
        assert!((90..210).contains(&rising.count()), "place {place}");
    }
}

#[tokio::test]
async fn cve_2020_28481_pages_from_elsewhere() {
    let host = Host::memory(Config::default());
    for origin in ["http://evil.example", "null", "http://localhost.evil.example", "file://", "*"] {
        let headers = [("origin", origin)];
        host.request("GET", OPEN, &headers, b"").await.assert_refused(4, "Forbidden");
        let refused = host.websocket_with(WEBSOCKET, &headers).await.err();
        refused.expect("it is refused").assert_upgrade_refused("Forbidden");
        // Neither does knowing a session help.
        let sid = host.open().await;
        let post = host.request("POST", &Host::url(&sid), &headers, b"4x").await;
        post.assert_refused(4, "Forbidden");
        host.assert_echoes(&sid).await;
    }
    let own = [("origin", "http://localhost")];
    assert_eq!(host.request("GET", OPEN, &own, b"").await.status, 200);
    assert!(host.websocket_with(WEBSOCKET, &own).await.is_ok());
}

#[tokio::test]
async fn cve_2020_36048_bodies_are_limited_while_they_are_read() {
    let host = Host::memory(Config { payload_bytes_max: 1000, ..Config::default() });
    let sid = host.open().await;
    // Declared: refused before a byte of it is there.
    let declared = [("content-length", "100000000")];
    let post = host.start("POST", &Host::url(&sid), &declared, b"").await;
    post.response().await.assert_empty(413);
    host.assert_gone(&sid).await;
    // Undeclared: refused at the limit, though the body never ends.
    let sid = host.open().await;
    let chunked = [("transfer-encoding", "chunked")];
    let chunk = format!("1f4\r\n{}\r\n", "4".repeat(500));
    let post = host.start("POST", &Host::url(&sid), &chunked, chunk.repeat(3).as_bytes()).await;
    post.response().await.assert_empty(413);
    host.assert_gone(&sid).await;
}

#[tokio::test]
async fn cve_2020_36049_many_packets_are_read_once_each() {
    let host = Host::memory(Config::default());
    let sid = host.open().await;
    let body = vec!["6"; 500_000].join("\x1e");
    assert_eq!(host.post(&sid, &body).await.status, 200);
    let body = vec!["4quiet:"; 100_000].join("\x1e");
    assert_eq!(host.post(&sid, &body).await.status, 200);
    host.assert_echoes(&sid).await;
    let heard = host.app.heard(&sid);
    let quiet = heard.iter().filter(|heard| **heard == Heard::Text("quiet:".to_owned()));
    assert_eq!(quiet.count(), 100_000);
}

#[tokio::test]
async fn cve_2022_21676_a_bad_frame_behind_the_handshake() {
    let host = Host::tcp(Config::default()).await;
    for frame in [&b"\xf1\x80\0\0\0\0"[..], b"\xc1\x80\0\0\0\0", b"\x83\x80\0\0\0\0"] {
        let mut peer = host.connect().await;
        peer.send([handshake(WEBSOCKET, &[]).as_bytes(), frame].concat()).await;
        let answer = peer.read_rest().await.expect("it is short");
        assert!(answer.windows(4).any(|bytes| bytes == b"\x88\x02\x03\xea"), "{answer:?}");
        assert_alive(&host).await;
    }
}

/// Connections that are reset, not closed, at each step of a session.
#[tokio::test]
async fn cve_2022_41940_resets_at_every_step() {
    // Where a request was lost with its connection, the heartbeat ends its session.
    let host = Host::tcp(Config {
        ping_interval: Duration::from_secs(5),
        ping_timeout: Duration::from_secs(5),
        ..Config::default()
    })
    .await;
    let reset = async |bytes: &[u8], answered: bool| {
        let mut peer = Peer::new(TcpStream::connect(host.address()).await.expect("it listens"));
        peer.send(bytes).await;
        if answered {
            peer.read_count(1).await.expect("the server answers");
        }
        peer.set_zero_linger().expect("the system can");
    };
    let open = format!("GET {OPEN} HTTP/1.1\r\nhost: localhost\r\n\r\n");
    for length in [0, 1, 20, open.len() - 1, open.len()] {
        reset(&open.as_bytes()[..length], false).await;
    }
    reset(open.as_bytes(), true).await;
    let direct = handshake(WEBSOCKET, &[]);
    for answered in [false, true] {
        reset(direct.as_bytes(), answered).await;
        let sid = host.open().await;
        let poll = format!("GET {} HTTP/1.1\r\nhost: localhost\r\n\r\n", Host::url(&sid));
        reset(poll.as_bytes(), false).await;
        host.app.closed(&sid).await;
        let sid = host.open().await;
        let probe = handshake(&format!("{WEBSOCKET}&sid={sid}"), &[]);
        reset(probe.as_bytes(), answered).await;
        let glued = [probe.as_bytes(), b"\x81\x86\0\0\0\x002probe"].concat();
        reset(&glued, answered).await;
        // Upgrades that break leave the session polling.
        host.assert_echoes(&sid).await;
        let post = format!(
            "POST {} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9\r\n\r\n4half",
            Host::url(&sid)
        );
        reset(post.as_bytes(), false).await;
        host.app.closed(&sid).await;
        assert_alive(&host).await;
    }
}

#[tokio::test]
async fn cve_2023_31125_names_of_the_language_as_transport() {
    let host = Host::memory(Config::default());
    let sid = host.open().await;
    for transport in ["constructor", "__proto__", "toString", "valueOf", "polling,websocket"] {
        for sid in ["", sid.as_str()] {
            let url = format!("/engine.io/?EIO=4&transport={transport}&sid={sid}");
            host.get(&url).await.assert_refused(0, "Transport unknown");
            let refused = host.websocket(&url).await.err();
            refused.expect("it is refused").assert_upgrade_refused("Transport unknown");
        }
    }
    host.assert_echoes(&sid).await;
}

#[test]
fn cve_2024_47764_cookies_that_would_break_out() {
    for name in ["", "a b", "a;b", "a=b", "a\r\nset-cookie: b", "ü"] {
        let cookie = Some(Cookie { name: name.to_owned(), ..Cookie::default() });
        let refused = Engine::new(Config { cookie, ..Config::default() }, common::Echo::default());
        assert!(matches!(refused, Err(ConfigError::Cookie { .. })), "{name:?}");
    }
}

#[tokio::test]
async fn cve_2026_59725_a_binary_post_is_answered() {
    let host = Host::memory(Config::default());
    for _ in 0..100 {
        let sid = host.open().await;
        let binary = [("content-type", "application/octet-stream")];
        host.request("POST", &Host::url(&sid), &binary, b"\0\x01\xff4").await.assert_empty(400);
        host.assert_gone(&sid).await;
    }
    assert_eq!(host.engine.sessions(), 0);
}

#[tokio::test]
async fn ghsa_gr94_w7qr_f4j3_names_of_the_language_as_session() {
    let host = Host::memory(Config::default());
    for sid in ["__proto__", "constructor", "hasOwnProperty", "%5f%5fproto%5f%5f", "undefined"] {
        let refused = host.websocket(&format!("{WEBSOCKET}&sid={sid}")).await.err();
        refused.expect("it is refused").assert_upgrade_refused("Session ID unknown");
        host.poll(sid).await.assert_refused(1, "Session ID unknown");
    }
    assert_alive(&host).await;
}

#[tokio::test]
async fn socket_io_4250_a_websocket_address_without_an_upgrade() {
    let host = Host::memory(Config::default());
    host.get(WEBSOCKET).await.assert_refused(3, "Bad request");
    for header in [("upgrade", "websocket"), ("connection", "upgrade")] {
        host.request("GET", WEBSOCKET, &[header], b"").await.assert_refused(3, "Bad request");
    }
    assert_alive(&host).await;
}

/// An upgrade that never ends, of a client that never comes back: the heartbeat goes on meanwhile.
#[tokio::test(start_paused = true)]
async fn socketioxide_731_half_upgraded_sessions_are_reclaimed() {
    let host = Host::memory(Config::default());
    let mut held = Vec::new();
    for _ in 0..50 {
        let sid = host.open().await;
        let mut probe = host.probe(&sid).await;
        probe.send("2probe").await;
        assert_eq!(probe.text().await, "3probe");
        held.push((sid, probe));
    }
    tokio::time::sleep(Duration::from_millis(45_100)).await;
    assert_eq!(host.engine.sessions(), 0);
    for (sid, _) in &held {
        assert_eq!(host.app.closed(sid).await, CloseReason::PingTimeout);
    }
}

/// Payloads of revision 3 that made decoders loop or panic.
#[tokio::test]
async fn engineioxide_0_17_4_malformed_payloads_of_revision_3() {
    let host = Host::memory(Config { allow_eio3: true, ..Config::default() });
    let digits = format!("{}:4x", "9".repeat(400));
    let texts =
        ["", ":", "1", "1:", "0:", "-1:4", "2:4", "3:4€", "99999999999999999999:4", &digits];
    let binaries: [&[u8]; 7] = [
        b"",
        b"\0",
        b"\0\xff",
        b"\0\x01",
        b"\x02\x01\xff4",
        b"\0\x0a\xff4",
        b"\x01\x09\x09\x09\xff\x04",
    ];
    let bodies = texts.iter().map(|text| (text.as_bytes(), false));
    for (body, binary) in bodies.chain(binaries.iter().map(|body| (*body, true))) {
        let response = host.get("/engine.io/?EIO=3&transport=polling").await;
        let sid = common::sid(response.text());
        let url = format!("/engine.io/?EIO=3&transport=polling&sid={sid}");
        let content_type = if binary { "application/octet-stream" } else { "text/plain" };
        let headers = [("content-type", content_type)];
        let response = host.request("POST", &url, &headers, body).await;
        assert!([200, 400].contains(&response.status), "{body:?}: {response:?}");
    }
    assert_alive(&host).await;
}
