//! The streaming transport: lines of JSON down, POSTs up. Over our own listener, which hands the
//! connection over, and over hyper's server, which reads the stream as a body.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use common::{Heard, Host, Peer, sid};
use sockeye_engine::{
    CloseDetail, CloseReason, Config, Encoded, MemberList, Pushed, TransportKind, broadcast,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const PATH: &str = "/engine.io/?EIO=4&transport=ndjson";

fn config() -> Config {
    let transports = TransportKind::ALL.to_vec();
    Config { transports, ..Config::default() }
}

/// The answer to the request that opens a session, as it comes.
struct Stream {
    peer: Peer,
    head: String,
    is_chunked: bool,
    /// What came of the body and is not read.
    body: Vec<u8>,
    ended: bool,
    sid: String,
}

impl Stream {
    async fn open(host: &Host) -> Stream {
        let mut peer = host.start("GET", PATH, &[], b"").await.peer;
        let head = peer.head().await.unwrap();
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
        assert!(head.contains("content-type: application/x-ndjson\r\n"), "{head}");
        let is_chunked = head.contains("transfer-encoding: chunked");
        let (body, sid) = (Vec::new(), String::new());
        let mut stream = Stream { peer, head, is_chunked, body, ended: false, sid };
        let open = stream.packet().await.unwrap();
        assert!(open.starts_with("0{"), "{open}");
        assert!(open.contains("\"upgrades\":[]"), "{open}");
        stream.sid = sid_of(&open);
        stream
    }

    /// The packet of the next line; `None` at the end of the stream.
    async fn packet(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.body.iter().position(|&byte| byte == b'\n') {
                let line: Vec<u8> = self.body.drain(..=end).collect();
                return Some(serde_json::from_slice(&line).unwrap());
            }
            if self.ended {
                assert!(self.body.is_empty(), "half a line: {:?}", self.body);
                return None;
            }
            self.read().await;
        }
    }

    async fn read(&mut self) {
        if !self.is_chunked {
            self.ended = self.peer.read_buf(&mut self.body).await.unwrap() == 0;
            return;
        }
        let size = self.peer.read_until("\r\n").await.unwrap();
        let size = usize::from_str_radix(str::from_utf8(&size).unwrap().trim_end(), 16).unwrap();
        let mut chunk = self.peer.read_count(size + 2).await.unwrap();
        assert_eq!(chunk.split_off(chunk.len() - 2), b"\r\n");
        self.ended = chunk.is_empty();
        self.body.extend(chunk);
    }

    /// The packets to the end.
    async fn rest(&mut self) -> Vec<String> {
        let mut packets = Vec::new();
        while let Some(packet) = self.packet().await {
            packets.push(packet);
        }
        packets
    }

    fn url(&self) -> String {
        format!("{PATH}&sid={}", self.sid)
    }

    async fn post(&self, host: &Host, body: &str) {
        let response = host.request("POST", &self.url(), &[], body.as_bytes()).await;
        assert_eq!((response.status, response.text()), (200, "ok"), "{response:?}");
    }
}

fn sid_of(open: &str) -> String {
    sid(open)
}

/// Over our own listener and over hyper's server.
async fn hosts(config: Config) -> [Host; 2] {
    [Host::tcp(config.clone()).await, Host::memory(config)]
}

#[tokio::test]
async fn messages_go_both_ways() {
    for host in hosts(config()).await {
        let mut stream = Stream::open(&host).await;
        stream.post(&host, "4hello").await;
        assert_eq!(stream.packet().await.as_deref(), Some("4hello"));
        let text = "4\"quotes\" \\ and\nlines\r\u{2028}\u{0}, 한국어";
        stream.post(&host, &format!("{text}\u{1e}bAQID\u{1e}4")).await;
        assert_eq!(stream.packet().await.as_deref(), Some(text));
        assert_eq!(stream.packet().await.as_deref(), Some("bAQID"));
        assert_eq!(stream.packet().await.as_deref(), Some("4"));
        let heard = host.app.heard(&stream.sid);
        assert_eq!(heard[3], Heard::Binary(vec![1, 2, 3]));
        assert_eq!(host.app.session(&stream.sid).transport(), TransportKind::Ndjson);
        assert_eq!(stream.is_chunked, !stream.head.contains("connection: close"));
    }
}

#[tokio::test]
async fn what_is_sent_to_many_comes_in_its_order() {
    for host in hosts(config()).await {
        let mut streams = [Stream::open(&host).await, Stream::open(&host).await];
        let mut socket = host.open_websocket().await;
        let sessions = host.engine.all_sessions();
        let members = MemberList::new(sessions.clone());
        let message = |text: &str| Arc::new(Encoded::new(text, Vec::new()));
        let data = vec![Bytes::from_static(&[1, 2, 3])];
        members.send(&message("one"), None);
        sessions.iter().for_each(|session| assert_eq!(session.send("two", &data), Pushed::Queued));
        members.send(&message("three"), None);
        broadcast(sessions.iter(), &Arc::new(Encoded::new("four", data.clone())));
        for stream in &mut streams {
            for expected in ["4one", "4two", "bAQID", "4three", "4four", "bAQID"] {
                assert_eq!(stream.packet().await.as_deref(), Some(expected));
            }
        }
        assert_eq!(socket.text().await, "4one");
    }
}

#[tokio::test]
async fn it_is_off_unless_it_is_switched_on() {
    let host = Host::memory(Config::default());
    host.get(PATH).await.assert_refused(0, "Transport unknown");
    let host = Host::memory(config());
    let revision3 = host.get("/engine.io/?EIO=3&transport=ndjson").await;
    revision3.assert_refused(5, "Unsupported protocol version");
    host.request("POST", PATH, &[], b"4a").await.assert_refused(2, "Bad handshake method");
}

#[tokio::test]
async fn a_stream_has_one_get_and_no_upgrade() {
    let host = Host::tcp(config()).await;
    let mut stream = Stream::open(&host).await;
    host.get(&stream.url()).await.assert_refused(3, "Bad request");
    host.get(&Host::url(&stream.sid)).await.assert_refused(3, "Bad request");
    let mut probe = host.probe(&stream.sid).await;
    assert_eq!(probe.close_code().await, 1005, "it is closed at once");
    stream.post(&host, "4still here").await;
    assert_eq!(stream.packet().await.as_deref(), Some("4still here"));
}

#[tokio::test(start_paused = true)]
async fn pings_are_answered_by_post() {
    let host = Host::memory(config());
    let mut stream = Stream::open(&host).await;
    for _ in 0..3 {
        assert_eq!(stream.packet().await.as_deref(), Some("2"));
        stream.post(&host, "3").await;
    }
    assert_eq!(stream.rest().await, ["2", "1"], "no pong came");
    assert_eq!(host.app.closed(&stream.sid).await, CloseReason::PingTimeout);
}

#[tokio::test]
async fn either_side_may_end_it() {
    for host in hosts(config()).await {
        let mut stream = Stream::open(&host).await;
        let session = host.app.session(&stream.sid);
        session.send("last", &[]);
        session.close(CloseReason::ForcedServerClose);
        assert_eq!(stream.rest().await, ["4last", "1"]);
        assert_eq!(host.app.closed(&stream.sid).await, CloseReason::ForcedServerClose);

        let mut stream = Stream::open(&host).await;
        stream.post(&host, "4before\u{1e}1").await;
        assert_eq!(stream.rest().await, ["4before", "1"]);
        assert_eq!(host.app.closed(&stream.sid).await, CloseReason::TransportClose);
        let again = host.request("POST", &stream.url(), &[], b"4a").await;
        again.assert_refused(1, "Session ID unknown");

        let stream = Stream::open(&host).await;
        let (sid, session) = (stream.sid.clone(), host.app.session(&stream.sid));
        drop(stream);
        assert_eq!(host.app.closed(&sid).await, CloseReason::TransportClose);
        assert_eq!(session.close_detail(), Some(CloseDetail::ConnectionLost));
    }
}

/// What a client sends on the connection of its stream is no business of the session, up to a bound.
#[tokio::test]
async fn what_comes_on_the_stream_is_forgotten() {
    let host = Host::tcp(config()).await;
    let mut stream = Stream::open(&host).await;
    let next = format!("GET {PATH} HTTP/1.1\r\nhost: localhost\r\n\r\n");
    stream.peer.write_all(next.as_bytes()).await.unwrap();
    stream.post(&host, "4still here").await;
    assert_eq!(stream.packet().await.as_deref(), Some("4still here"));
    assert_eq!(host.engine.sessions(), 1);
    // Whether it takes it all or not: it ends.
    let _ = stream.peer.write_all(&vec![b'x'; 1 << 20]).await;
    assert_eq!(host.app.closed(&stream.sid).await, CloseReason::TransportClose);
}

/// Who takes nothing of what is sent is given up, and too much that waits ends the session.
#[tokio::test]
async fn who_does_not_read_is_given_up() {
    let limited = Config { queued_bytes_max: 1 << 20, ..config() };
    for host in hosts(limited).await {
        let stream = Stream::open(&host).await;
        let session = host.app.session(&stream.sid);
        let text = "x".repeat(100_000);
        let pushed = loop {
            match session.send(&text, &[]) {
                Pushed::Queued => tokio::task::yield_now().await,
                pushed => break pushed,
            }
        };
        assert!(matches!(pushed, Pushed::Overflow { .. }), "{pushed:?}");
        assert_eq!(host.app.closed(&stream.sid).await, CloseReason::Overflow);
        drop(stream);
    }
    let hasty = Config { write_timeout: Duration::from_millis(200), ..config() };
    for host in hosts(hasty).await {
        let stream = Stream::open(&host).await;
        let session = host.app.session(&stream.sid);
        let text = "x".repeat(1 << 20);
        // The kernel takes more and more, up to a bound.
        while session.close_detail().is_none() {
            if host.engine.queued_bytes() == 0 {
                session.send(&text, &[]);
            }
            tokio::task::yield_now().await;
        }
        assert_eq!(session.close_detail(), Some(CloseDetail::WriteTimeout));
        drop(stream);
    }
}

#[tokio::test]
async fn a_server_that_stops_says_so() {
    for host in hosts(config()).await {
        let mut stream = Stream::open(&host).await;
        let reading = async { stream.rest().await };
        let stopping = host.engine.shutdown(CloseReason::ServerShutdown);
        let (rest, ()) = tokio::join!(reading, stopping);
        assert_eq!(rest, ["1"]);
        assert_eq!(host.engine.unfinished(), 0);
    }
}
