//! The abuse list of the people who attack servers like this: queries, polling, the session's own
//! rules. After each the process is alive, others are served, and the session is gone or goes on
//! as it should. Frames are in `bad_input.rs`.

mod common;

use common::{Host, Received};
use sockeye_engine::{CloseDetail, CloseReason, Config, OverflowPolicy};

const OPEN: &str = "/engine.io/?EIO=4&transport=polling";

/// A bystander, to be asked after every abuse.
async fn bystander(host: &Host) -> String {
    let sid = host.open().await;
    host.assert_echoes(&sid).await;
    sid
}

#[tokio::test]
async fn queries() {
    let host = Host::tcp(Config::default()).await;
    let other = bystander(&host).await;
    for query in [
        "",
        "?",
        "?&&&=&",
        "?transport",
        "?transport=",
        "?transport[]=polling",
        "?transport=polling%00",
        "?transport=POLLING",
        "?transport=toString",
        "?transport=hasOwnProperty",
        "?EIO=4&transport=websocket&transport=__proto__",
        "?%ff%fe=%zz&transport=%",
    ] {
        let response = host.get(&format!("/engine.io/{query}")).await;
        response.assert_refused(0, "Transport unknown");
    }
    for eio in ["", "3", "5", "4.0", "04", "four", "4&EIO=", "%34%34"] {
        let response = host.get(&format!("/engine.io/?transport=polling&EIO={eio}")).await;
        response.assert_refused(5, "Unsupported protocol version");
    }
    let long = "x".repeat(8000);
    for sid in ["__proto__", "constructor", "[]", "%00", "a,b", "..%2f..", &long] {
        let response = host.get(&format!("{OPEN}&sid={sid}")).await;
        response.assert_refused(1, "Session ID unknown");
    }
    // The last of a repeated parameter counts, and what nobody knows is nobody's business.
    let response = host.get("/engine.io/?EIO=3&transport=x&transport=polling&EIO=4&a[b]=c").await;
    assert_eq!(response.status, 200);
    // 1 MB of it never becomes a request.
    let huge = host.start("GET", &format!("{OPEN}&x={}", "y".repeat(1 << 20)), &[], b"").await;
    assert!((400..500).contains(&huge.response().await.status));
    host.assert_echoes(&other).await;
}

#[tokio::test]
async fn polling() {
    let host = Host::memory(Config { payload_bytes_max: 1000, ..Config::default() });
    let other = bystander(&host).await;
    // Over the limit: declared, in chunks, and behind a compression that nobody undoes.
    let sid = host.open().await;
    let body = "4".repeat(1001);
    host.post(&sid, &body).await.assert_empty(413);
    host.assert_gone(&sid).await;
    let sid = host.open().await;
    let chunked = [("transfer-encoding", "chunked")];
    let chunks = format!("3e9\r\n{body}\r\n0\r\n\r\n");
    host.request("POST", &Host::url(&sid), &chunked, chunks.as_bytes()).await.assert_empty(413);
    host.assert_gone(&sid).await;
    let sid = host.open().await;
    let gzip = [("content-encoding", "gzip")];
    let bomb = [&b"\x1f\x8b\x08"[..], &[0; 900]].concat();
    assert_eq!(host.request("POST", &Host::url(&sid), &gzip, &bomb).await.status, 200);
    host.assert_gone(&sid).await;

    // A length that is a lie: the client waits for an answer in vain, and goes.
    let sid = host.open().await;
    let post = host.start("POST", &Host::url(&sid), &[("content-length", "900")], b"4short").await;
    drop(post);
    assert_eq!(host.app.closed(&sid).await, CloseReason::TransportError);

    // POST after close, and many of everything at once.
    let sid = host.open().await;
    assert_eq!(host.post(&sid, "1").await.status, 200);
    host.post(&sid, "4late").await.assert_refused(1, "Session ID unknown");
    let sid = host.open().await;
    let mut pending = Vec::new();
    for index in 0..40 {
        let method = if index % 2 == 0 { "GET" } else { "POST" };
        pending.push(host.start(method, &Host::url(&sid), &[], b"4x").await);
    }
    for request in pending {
        assert!([200, 400].contains(&request.response().await.status));
    }
    host.assert_gone(&sid).await;
    host.assert_echoes(&other).await;
    assert_eq!(host.engine.sessions(), 1);
}

/// Every request comes to an end, whatever its content type says (CVE-2026-59725).
#[tokio::test]
async fn no_content_type_leaves_a_request_without_an_answer() {
    let host = Host::memory(Config::default());
    let other = bystander(&host).await;
    for content_type in
        ["application/octet-stream", "", "text/plain", "multipart/form-data", "a/b; c", "\u{7f}"]
    {
        let sid = host.open().await;
        let headers = [("content-type", content_type)];
        let response = host.request("POST", &Host::url(&sid), &headers, b"4x").await;
        assert!([200, 400].contains(&response.status), "{content_type}: {response:?}");
    }
    host.assert_echoes(&other).await;
}

#[tokio::test(start_paused = true)]
async fn sessions() {
    let host = Host::memory(Config::default());
    let other = bystander(&host).await;
    // A message before anything, a probe twice, a second transport.
    let sid = host.open().await;
    let mut probe = host.probe(&sid).await;
    probe.send("2probe").await;
    probe.send("2probe").await;
    assert_eq!(probe.text().await, "3probe");
    assert_eq!(probe.text().await, "3probe");
    let mut second = host.probe(&sid).await;
    assert_eq!(second.close_code().await, 1005);
    // The upgrade while polling holds data: it arrives by the WebSocket.
    host.app.session(&sid).send("held", &[]);
    probe.send("5").await;
    assert_eq!(probe.text().await, "4held");
    // Upgraded twice, opened by the client, closed by the client: ignored.
    for packet in ["5", "0{}", "1", "6"] {
        probe.send(packet).await;
    }
    probe.send("4on").await;
    assert_eq!(probe.text().await, "4on");
    // Close then send: what follows the close frame is nobody's.
    probe.close().await;
    probe.peer.send(b"\x81\x82\x00\x00\x00\x004x").await;
    assert_eq!(probe.close_code().await, 1000);
    assert_eq!(host.app.closed(&sid).await, CloseReason::TransportClose);
    // A flood of pongs that nobody asked for starts nothing and harms nobody (CVE-2026-48802).
    let mut socket = host.open_websocket().await;
    for _ in 0..1000 {
        socket.send("3").await;
    }
    socket.send("4there").await;
    assert_eq!(socket.text().await, "4there");
    host.assert_echoes(&other).await;
}

/// Whoever asks for answers and reads none does not fill the memory, under either policy.
#[tokio::test]
async fn a_flood_of_pings_that_reads_no_pongs() {
    for overflow in [OverflowPolicy::Disconnect, OverflowPolicy::DropNewest] {
        let host = Host::memory(Config { overflow, queued_bytes_max: 1000, ..Config::default() });
        let other = bystander(&host).await;
        let mut socket = host.open_websocket().await;
        let sid = host.app.sids().into_iter().find(|sid| *sid != other).expect("there are two");
        let session = host.app.session(&sid);
        let ping = [&b"\x89\xfd\x00\x00\x00\x00"[..], &[7; 125]].concat();
        while session.close_detail().is_none() {
            socket.peer.send(&ping).await;
            tokio::task::yield_now().await;
        }
        assert_eq!(host.app.closed(&sid).await, CloseReason::Overflow);
        let detail = session.close_detail().expect("it is over");
        assert!(
            matches!(detail, CloseDetail::Overflow { queued_bytes, .. } if queued_bytes < 70_000),
            "{detail:?}"
        );
        assert!(matches!(socket.receive().await, Received::Pong(_)));
        host.assert_echoes(&other).await;
    }
}
