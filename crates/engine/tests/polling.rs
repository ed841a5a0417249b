//! Long-polling: what requests bring and what they are answered (SOCKETIO_SURFACE A1.3).

mod common;

use common::{Heard, Host};
use sockeye_engine::{CloseReason, Config};
use tokio::time::Instant;

#[tokio::test]
async fn messages_are_echoed_in_one_poll_in_order() {
    let host = Host::tcp(Config::default()).await;
    let sid = host.open().await;
    let response = host.post(&sid, "4hello\u{1e}bAQIDBA==\u{1e}4€\u{1e}4").await;
    assert_eq!((response.status, response.text()), (200, "ok"));
    assert_eq!(response.header("content-type"), Some("text/html"));
    assert_eq!(response.header("cache-control"), Some("no-store"));
    assert_eq!(response.header("content-length"), Some("2"));
    let response = host.poll(&sid).await;
    assert_eq!(response.text(), "4hello\u{1e}bAQIDBA==\u{1e}4€\u{1e}4");
    assert_eq!(response.header("content-type"), Some("text/plain; charset=UTF-8"));
    assert_eq!(response.header("cache-control"), Some("no-store"));
}

#[tokio::test]
async fn a_parked_poll_is_answered_when_there_is_something() {
    let host = Host::tcp(Config::default()).await;
    let sid = host.open().await;
    let poll = host.start("GET", &Host::url(&sid), &[], b"").await;
    host.post(&sid, "4a\u{1e}4b").await;
    assert_eq!(poll.response().await.text(), "4a\u{1e}4b");
    // From another task than the session's.
    let poll = host.start("GET", &Host::url(&sid), &[], b"").await;
    host.app.session(&sid).send("pushed", &[bytes::Bytes::from_static(&[1, 2, 3, 4])]);
    assert_eq!(poll.response().await.text(), "4pushed\u{1e}bAQIDBA==");
}

#[tokio::test]
async fn a_body_may_come_in_pieces() {
    let host = Host::tcp(Config::default()).await;
    let sid = host.open().await;
    let headers = [("transfer-encoding", "chunked")];
    let mut post = host.start("POST", &Host::url(&sid), &headers, b"3\r\n4he\r\n").await;
    post.peer.send("2\r\nll\r\n1\r\no\r\n0\r\n\r\n").await;
    assert_eq!(post.response().await.text(), "ok");
    assert_eq!(host.poll(&sid).await.text(), "4hello");
}

#[tokio::test]
async fn other_methods_are_500() {
    let host = Host::tcp(Config::default()).await;
    let sid = host.open().await;
    for method in ["PUT", "DELETE", "OPTIONS", "PATCH"] {
        host.request(method, &Host::url(&sid), &[], b"").await.assert_empty(500);
    }
    host.assert_echoes(&sid).await;
}

#[tokio::test]
async fn a_second_poll_ends_the_session_and_releases_the_first() {
    let host = Host::tcp(Config::default()).await;
    let sid = host.open().await;
    let first = host.start("GET", &Host::url(&sid), &[], b"").await;
    host.parked(&sid).await;
    host.poll(&sid).await.assert_empty(400);
    let first = first.response().await;
    assert_eq!((first.status, first.text()), (200, "1"));
    assert_eq!(host.app.closed(&sid).await, CloseReason::TransportError);
    host.assert_gone(&sid).await;
}

#[tokio::test]
async fn a_second_post_ends_the_session() {
    let host = Host::tcp(Config::default()).await;
    let sid = host.open().await;
    let poll = host.start("GET", &Host::url(&sid), &[], b"").await;
    host.parked(&sid).await;
    let length = [("content-length", "10")];
    let mut first = host.start("POST", &Host::url(&sid), &length, b"4abc").await;
    // The second overlaps once the first one's head was read; until then it is the first.
    loop {
        let second = host.post(&sid, "4quiet").await;
        if second.status == 400 {
            second.assert_empty(400);
            break;
        }
    }
    assert_eq!(host.app.closed(&sid).await, CloseReason::TransportError);
    assert!(poll.response().await.text().ends_with('1'));
    first.peer.send(b"defghi").await;
    first.response().await.assert_refused(1, "Session ID unknown");
    host.assert_gone(&sid).await;
}

#[tokio::test]
async fn an_aborted_poll_ends_the_session_before_the_next_request() {
    let host = Host::tcp(Config::default()).await;
    for _ in 0..20 {
        let sid = host.open().await;
        let poll = host.start("GET", &Host::url(&sid), &[], b"").await;
        host.parked(&sid).await;
        drop(poll);
        host.assert_gone(&sid).await;
        assert_eq!(host.app.closed(&sid).await, CloseReason::TransportError);
    }
}

#[tokio::test]
async fn an_aborted_post_ends_the_session() {
    let host = Host::tcp(Config::default()).await;
    let sid = host.open().await;
    let poll = host.start("GET", &Host::url(&sid), &[], b"").await;
    host.parked(&sid).await;
    let length = [("content-length", "10")];
    drop(host.start("POST", &Host::url(&sid), &length, b"4abc").await);
    assert_eq!(host.app.closed(&sid).await, CloseReason::TransportError);
    assert_eq!(poll.response().await.text(), "1");
    host.assert_gone(&sid).await;
}

#[tokio::test]
async fn a_binary_post_ends_the_session() {
    let host = Host::tcp(Config::default()).await;
    let sid = host.open().await;
    let headers = [("content-type", "application/octet-stream")];
    let response = host.request("POST", &Host::url(&sid), &headers, b"4x").await;
    response.assert_empty(400);
    assert_eq!(host.app.closed(&sid).await, CloseReason::TransportError);
    host.assert_gone(&sid).await;
}

#[tokio::test]
async fn a_body_over_the_limit_is_413_and_ends_the_session() {
    let host = Host::tcp(Config { payload_bytes_max: 100, ..Config::default() }).await;
    let sid = host.open().await;
    let body = |bytes: usize| format!("4{}", "x".repeat(bytes - 1));
    for bytes in [99, 100] {
        assert_eq!(host.post(&sid, &body(bytes)).await.status, 200, "{bytes}");
        assert_eq!(host.poll(&sid).await.text(), body(bytes));
    }
    let chunked = [("transfer-encoding", "chunked")];
    let fits = format!("32\r\n{}\r\n32\r\n{}\r\n0\r\n\r\n", body(50), body(50));
    let response = host.request("POST", &Host::url(&sid), &chunked, fits.as_bytes()).await;
    assert_eq!(response.status, 200);
    assert_eq!(host.poll(&sid).await.text(), format!("{}{}", body(50), body(50)));
    let over = format!("65\r\n{}\r\n0\r\n\r\n", body(101));
    for (headers, body) in [
        (&[][..], body(101).as_bytes()),
        (&[("content-length", "1000000000000000")], b"4x"),
        (&chunked, over.as_bytes()),
    ] {
        let sid = host.open().await;
        host.request("POST", &Host::url(&sid), headers, body).await.assert_empty(413);
        assert_eq!(host.app.closed(&sid).await, CloseReason::TransportError);
        host.assert_gone(&sid).await;
    }
}

/// The client that hears of the end by its poll first takes it for a goodbye of the server.
#[tokio::test(start_paused = true)]
async fn the_refusal_of_a_post_comes_before_the_end_of_the_poll() {
    let chunked = [("transfer-encoding", "chunked")];
    let binary = [("content-type", "application/octet-stream")];
    let unfinished = [("content-length", "10")];
    for (headers, body, status) in [
        (&[][..], &b"4xx"[..], 413),
        (&chunked, b"1\r\n4\r\n1\r\nx\r\n1\r\ny\r\n0\r\n\r\n", 413),
        (&binary, b"4", 400),
        (&unfinished, b"4", 408),
    ] {
        let mut config = Config { payload_bytes_max: 2, body_chunks_max: 2, ..Config::default() };
        if status == 408 {
            config.payload_bytes_max = 100;
            config.body_timeout = std::time::Duration::from_secs(1);
        }
        let host = Host::memory(config);
        let sid = host.open().await;
        let poll = host.start("GET", &Host::url(&sid), &[], b"").await;
        host.parked(&sid).await;
        let post = host.request("POST", &Host::url(&sid), headers, body).await;
        post.assert_empty(status);
        let refused = tokio::time::Instant::now();
        assert_eq!(poll.response().await.text(), "1", "{status}");
        assert_eq!(refused.elapsed().as_millis() / 10, 2, "{status}");
        host.assert_gone(&sid).await;
    }
}

/// The official server counts what it holds in memory (`maxBufferedChunks`, since engine.io 6.6.13).
#[tokio::test]
async fn a_body_in_too_many_chunks_is_413_and_ends_the_session() {
    let chunked = [("transfer-encoding", "chunked")];
    let chunks = |count: usize| format!("1\r\n4\r\n{}0\r\n\r\n", "1\r\nx\r\n".repeat(count - 1));
    for (config, limit) in [
        (Config::default(), 10_000),
        (Config { body_chunks_max: 3, ..Config::default() }, 3),
        (Config { body_chunks_max: 1, ..Config::default() }, 1),
    ] {
        let host = Host::tcp(config).await;
        let sid = host.open().await;
        for count in [limit - 1, limit].into_iter().filter(|count| *count > 0) {
            let body = chunks(count);
            let response = host.request("POST", &Host::url(&sid), &chunked, body.as_bytes()).await;
            assert_eq!(response.status, 200, "{count} of {limit}");
            assert_eq!(host.poll(&sid).await.body.len(), count);
        }
        let body = chunks(limit + 1);
        let response = host.request("POST", &Host::url(&sid), &chunked, body.as_bytes()).await;
        response.assert_empty(413);
        assert_eq!(host.app.closed(&sid).await, CloseReason::TransportError);
        host.assert_gone(&sid).await;
    }
}

#[tokio::test]
async fn garbage_is_accepted_and_ends_the_session() {
    let host = Host::tcp(Config::default()).await;
    for body in ["abc", "", "4a\u{1e}", "\u{1e}", "7", "{\"a\":1}"] {
        let sid = host.open().await;
        let response = host.post(&sid, body).await;
        assert_eq!((response.status, response.text()), (200, "ok"), "{body}");
        host.assert_gone(&sid).await;
        assert_eq!(host.app.closed(&sid).await, CloseReason::ParseError, "{body}");
    }
    // What came before the bad packet counts, what comes after does not.
    let sid = host.open().await;
    host.post(&sid, "4first\u{1e}x\u{1e}4second").await;
    host.app.closed(&sid).await;
    let heard = host.app.heard(&sid);
    assert!(heard.contains(&Heard::Text("first".to_owned())));
    assert!(!heard.contains(&Heard::Text("second".to_owned())));
    // Bytes that are no UTF-8.
    let sid = host.open().await;
    let response = host.request("POST", &Host::url(&sid), &[], b"4\xff").await;
    assert_eq!(response.status, 200);
    assert_eq!(host.app.closed(&sid).await, CloseReason::ParseError);
}

#[tokio::test]
async fn a_ping_from_the_client_ends_the_session() {
    let host = Host::tcp(Config::default()).await;
    let sid = host.open().await;
    assert_eq!(host.post(&sid, "2").await.text(), "ok");
    assert_eq!(host.app.closed(&sid).await, CloseReason::TransportError);
    host.assert_gone(&sid).await;
}

#[tokio::test]
async fn packets_without_a_meaning_are_ignored() {
    let host = Host::tcp(Config::default()).await;
    let sid = host.open().await;
    for body in ["0", "0{}", "6", "5", "3", "3probe", "b!!!"] {
        assert_eq!(host.post(&sid, body).await.text(), "ok", "{body}");
    }
    // Lenient base64 is an empty message.
    assert_eq!(host.poll(&sid).await.text(), "b");
    host.assert_echoes(&sid).await;
}

#[tokio::test]
async fn a_close_packet_releases_the_poll_with_a_noop() {
    let host = Host::tcp(Config::default()).await;
    let sid = host.open().await;
    let poll = host.start("GET", &Host::url(&sid), &[], b"").await;
    host.parked(&sid).await;
    assert_eq!(host.post(&sid, "1").await.text(), "ok");
    assert_eq!(poll.response().await.text(), "6");
    assert_eq!(host.app.closed(&sid).await, CloseReason::TransportClose);
    host.assert_gone(&sid).await;
}

#[tokio::test]
async fn internet_explorer_is_told_not_to_filter() {
    let host = Host::tcp(Config::default()).await;
    let path = "/engine.io/?EIO=4&transport=polling";
    for agent in ["Mozilla/4.0 (compatible;MSIE 7.0)", "Mozilla/5.0 (Trident/7.0; rv:11.0)"] {
        let response = host.request("GET", path, &[("user-agent", agent)], b"").await;
        assert_eq!(response.header("x-xss-protection"), Some("0"));
        let sid = common::sid(response.text());
        let url = Host::url(&sid);
        let response = host.request("POST", &url, &[("user-agent", agent)], b"4x").await;
        assert_eq!(response.header("x-xss-protection"), Some("0"));
    }
}

#[tokio::test]
async fn a_post_waits_until_the_handler_is_ready() {
    let host = Host::tcp(Config::default()).await;
    let sid = host.open().await;
    let post = host.start("POST", &Host::url(&sid), &[], "4hold\u{1e}4after".as_bytes()).await;
    let hold = Heard::Text("hold".to_owned());
    host.app.until(&sid, |heard| heard.contains(&hold)).await;
    assert_eq!(host.app.heard(&sid), [Heard::Opened, hold]);
    let other = host.open().await;
    host.assert_echoes(&other).await;
    host.app.release(&sid);
    assert_eq!(post.response().await.text(), "ok");
    assert_eq!(host.poll(&sid).await.text(), "4after");
}

/// What is refused is answered when all of it has come: whoever is in between has sent it, and the
/// connection, which is announced as kept, goes on.
#[tokio::test]
async fn a_refused_request_is_read_to_its_end() {
    let config = Config { payload_bytes_max: 300_000, ..Config::default() };
    let host = Host::tcp(config).await;
    let mut peer = host.connect().await;
    let sid = host.open().await;
    let post = |url: &str, more: &str, length: usize| {
        format!("POST {url} HTTP/1.1\r\nhost: localhost\r\n{more}content-length: {length}\r\n\r\n")
    };
    let unknown = post(&Host::url("nobody"), "", 200_000);
    let binary = post(&Host::url(&sid), "content-type: application/octet-stream\r\n", 200_000);
    let put = post(&Host::url("nobody"), "", 200_000).replace("POST", "PUT");
    for head in [unknown, binary, put] {
        peer.send(head.as_bytes()).await;
        for piece in [1, 99_999, 50_000, 50_000] {
            tokio::task::yield_now().await;
            peer.send(&vec![b'4'; piece]).await;
        }
        let response = peer.response().await.unwrap();
        assert_eq!(response.status, 400, "{head}");
        assert_eq!(response.header("connection"), Some("keep-alive"), "{head}");
    }
    // One that is too long ends the connection, and says so.
    peer.send(post(&Host::url("nobody"), "", 300_001).as_bytes()).await;
    let response = peer.response().await.unwrap();
    assert_eq!((response.status, response.header("connection")), (400, Some("close")));
    let sid = host.open().await;
    let response = host.say(post(&Host::url(&sid), "", 300_001)).await.response().await;
    assert_eq!((response.status, response.header("connection")), (413, Some("close")));
    assert_eq!(response.header("keep-alive"), None);
}

#[tokio::test(start_paused = true)]
async fn a_refused_body_that_does_not_come_ends_the_connection() {
    let host = Host::memory(Config::default());
    let start = Instant::now();
    let head = format!("POST {} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9\r\n\r\n4", {
        Host::url("nobody")
    });
    let response = host.say(head).await.response().await;
    assert_eq!((response.status, response.header("connection")), (400, Some("close")));
    assert_eq!(start.elapsed(), Config::default().body_timeout);
}

#[tokio::test]
async fn keep_alive_serves_one_request_after_another() {
    let host = Host::tcp(Config::default()).await;
    let sid = host.open().await;
    let mut peer = host.connect().await;
    let url = Host::url(&sid);
    let request = format!(
        "POST {url} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 2\r\n\r\n4a\
         GET {url} HTTP/1.1\r\nhost: localhost\r\n\r\n"
    );
    peer.send(request.as_bytes()).await;
    assert_eq!(peer.response().await.unwrap().text(), "ok");
    assert_eq!(peer.response().await.unwrap().text(), "4a");
}
