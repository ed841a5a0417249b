//! Requests, upgrade and closing, each row once for either revision of the protocol
//! (SOCKETIO_SURFACE A1.3, A1.6 to A1.8).

mod common;

use std::time::Duration;

use common::{Host, Pending, Received, Response, WebSocket};
use sockeye_engine::{CloseReason, Config};

/// A server and the revision to speak with it.
struct Eio {
    host: Host,
    revision: u8,
}

fn each(config: impl Fn() -> Config) -> impl Iterator<Item = Eio> {
    [4, 3].into_iter().map(move |revision| {
        let config = Config { allow_eio3: true, ..config() };
        Eio { host: Host::memory(config), revision }
    })
}

impl Eio {
    fn url(&self, transport: &str, sid: &str) -> String {
        let sid = if sid.is_empty() { String::new() } else { format!("&sid={sid}") };
        format!("/engine.io/?EIO={}&transport={transport}{sid}", self.revision)
    }

    /// Packets as a payload.
    fn payload(&self, packets: &[&str]) -> String {
        match self.revision {
            3 => packets
                .iter()
                .map(|packet| format!("{}:{packet}", packet.encode_utf16().count()))
                .collect(),
            _ => packets.join("\x1e"),
        }
    }

    async fn open(&self) -> String {
        let response = self.host.get(&self.url("polling", "")).await;
        assert_eq!(response.status, 200, "{response:?}");
        assert_eq!(response.header("content-type"), Some("text/plain; charset=UTF-8"));
        assert_eq!(response.header("cache-control"), Some("no-store"));
        common::sid(response.text())
    }

    async fn poll(&self, sid: &str) -> Response {
        self.host.get(&self.url("polling", sid)).await
    }

    async fn park(&self, sid: &str) -> Pending {
        let poll = self.host.start("GET", &self.url("polling", sid), &[], b"").await;
        self.host.parked(sid).await;
        poll
    }

    async fn post(&self, sid: &str, packets: &[&str]) -> Response {
        let body = self.payload(packets);
        self.host.request("POST", &self.url("polling", sid), &[], body.as_bytes()).await
    }

    async fn probe(&self, sid: &str) -> WebSocket {
        match self.host.websocket(&self.url("websocket", sid)).await {
            Ok(socket) => socket,
            Err(refused) => panic!("{refused:?}"),
        }
    }

    async fn assert_gone(&self, sid: &str) {
        self.poll(sid).await.assert_refused(1, "Session ID unknown");
    }

    async fn assert_echoes(&self, sid: &str) {
        assert_eq!(self.post(sid, &["4still here"]).await.status, 200);
        assert_eq!(self.poll(sid).await.text(), self.payload(&["4still here"]));
    }
}

#[tokio::test]
async fn refusals() {
    for eio in each(Config::default) {
        let sid = eio.open().await;
        for transport in ["x", "constructor", "__proto__", "webtransport", ""] {
            let url = eio.url(transport, "");
            eio.host.get(&url).await.assert_refused(0, "Transport unknown");
        }
        for unknown in ["x", "__proto__", "AAAAAAAAAAAAAAAAAAAA"] {
            let url = eio.url("polling", unknown);
            eio.host.get(&url).await.assert_refused(1, "Session ID unknown");
            let refused = eio.host.websocket(&eio.url("websocket", unknown)).await.err();
            refused.expect("it is refused").assert_upgrade_refused("Session ID unknown");
        }
        for method in ["POST", "PUT", "OPTIONS", "DELETE"] {
            let response = eio.host.request(method, &eio.url("polling", ""), &[], b"").await;
            response.assert_refused(2, "Bad handshake method");
        }
        for url in [eio.url("websocket", ""), eio.url("websocket", &sid)] {
            eio.host.get(&url).await.assert_refused(3, "Bad request");
        }
        let other = Eio { host: eio.host, revision: 7 - eio.revision };
        other.poll(&sid).await.assert_refused(3, "Bad request");
        let refused = other.host.websocket(&other.url("websocket", &sid)).await.err();
        refused.expect("it is refused").assert_upgrade_refused("Bad request");
    }
}

#[tokio::test]
async fn requests_that_end_their_session_and_those_that_do_not() {
    for eio in each(|| Config { payload_bytes_max: 100, ..Config::default() }) {
        let sid = eio.open().await;
        eio.host.request("PUT", &eio.url("polling", &sid), &[], b"").await.assert_empty(500);
        eio.assert_echoes(&sid).await;
        // OPEN and NOOP mean nothing from a client.
        let accepted = eio.post(&sid, &["0", "6"]).await;
        assert_eq!((accepted.status, accepted.text()), (200, "ok"));
        assert_eq!(accepted.header("content-type"), Some("text/html"));
        eio.assert_echoes(&sid).await;

        let first = eio.park(&sid).await;
        eio.poll(&sid).await.assert_empty(400);
        let first = first.response().await;
        assert_eq!((first.status, first.text()), (200, eio.payload(&["1"]).as_str()));
        eio.assert_gone(&sid).await;

        let sid = eio.open().await;
        let large = eio.post(&sid, &[&"4".repeat(101)]).await;
        large.assert_empty(413);
        eio.assert_gone(&sid).await;

        let sid = eio.open().await;
        let declared = [("content-length", "50")];
        let url = eio.url("polling", &sid);
        let post = eio.host.start("POST", &url, &declared, b"4").await;
        // The first is known when its head was read.
        while eio.post(&sid, &["4x"]).await.status == 200 {}
        eio.assert_gone(&sid).await;
        drop(post);

        // The wrong direction of the heartbeat, and garbage: accepted, and the session is over.
        let wrong = if eio.revision == 3 { "3" } else { "2" };
        for packet in [wrong, "9", "x"] {
            let sid = eio.open().await;
            let response = eio.post(&sid, &[packet]).await;
            assert_eq!((response.status, response.text()), (200, "ok"));
            eio.assert_gone(&sid).await;
        }

        // Binary bodies are a matter of revision 3.
        let sid = eio.open().await;
        let binary = [("content-type", "application/octet-stream")];
        let body = b"\x01\x03\xff\x04\x01\x02";
        let response = eio.host.request("POST", &eio.url("polling", &sid), &binary, body).await;
        if eio.revision == 3 {
            assert_eq!(response.status, 200);
            assert_eq!(eio.poll(&sid).await.body, body);
        } else {
            response.assert_empty(400);
            eio.assert_gone(&sid).await;
        }
    }
}

#[tokio::test]
async fn requests_that_are_given_up_end_their_session() {
    for eio in each(Config::default) {
        let sid = eio.open().await;
        drop(eio.park(&sid).await);
        assert_eq!(eio.host.app.closed(&sid).await, CloseReason::TransportError);
        eio.assert_gone(&sid).await;

        let sid = eio.open().await;
        let declared = [("content-length", "50")];
        let url = eio.url("polling", &sid);
        let post = eio.host.start("POST", &url, &declared, b"4").await;
        while eio.host.app.session(&sid).close_detail().is_none() {
            if eio.post(&sid, &["4x"]).await.status != 200 {
                break;
            }
        }
        drop(post);
        assert_eq!(eio.host.app.closed(&sid).await, CloseReason::TransportError);
    }
}

#[tokio::test(start_paused = true)]
async fn closing() {
    for eio in each(Config::default) {
        // By the client, over polling.
        let sid = eio.open().await;
        let poll = eio.park(&sid).await;
        assert_eq!(eio.post(&sid, &["1"]).await.status, 200);
        assert_eq!(poll.response().await.text(), eio.payload(&["6"]));
        assert_eq!(eio.host.app.closed(&sid).await, CloseReason::TransportClose);

        // By the server: a poll that waits is told, or the next.
        let sid = eio.open().await;
        let poll = eio.park(&sid).await;
        eio.host.app.session(&sid).close(CloseReason::ForcedClose);
        assert_eq!(poll.response().await.text(), eio.payload(&["1"]));
        let sid = eio.open().await;
        eio.host.app.session(&sid).close(CloseReason::ForcedClose);
        tokio::time::sleep(Duration::from_secs(20)).await;
        assert_eq!(eio.poll(&sid).await.text(), eio.payload(&["6", "1"]));
        eio.assert_gone(&sid).await;

        // `1` over a WebSocket is ignored.
        let mut socket = match eio.host.websocket(&eio.url("websocket", "")).await {
            Ok(socket) => socket,
            Err(refused) => panic!("{refused:?}"),
        };
        assert!(socket.text().await.starts_with("0{"));
        socket.send("1").await;
        socket.send("4on").await;
        assert_eq!(socket.text().await, "4on");
        socket.close().await;
        assert_eq!(socket.close_code().await, 1000);
    }
}

#[tokio::test(start_paused = true)]
async fn time_is_exact() {
    for eio in each(Config::default) {
        let sid = eio.open().await;
        // Nobody pings, nobody answers: by then it is over, not a moment later.
        tokio::time::advance(Duration::from_millis(45_000)).await;
        eio.assert_gone(&sid).await;

        let sid = eio.open().await;
        tokio::time::advance(Duration::from_millis(44_999)).await;
        assert_eq!(eio.poll(&sid).await.status, 200);
    }
}

#[tokio::test(start_paused = true)]
async fn upgrades() {
    for eio in each(Config::default) {
        let sid = eio.open().await;
        // A wrong first packet, a probe that ends, a probe without end: the session polls on.
        let mut wrong = eio.probe(&sid).await;
        wrong.send("4early").await;
        assert_eq!(wrong.close_code().await, 1005);
        drop(eio.probe(&sid).await);
        eio.assert_echoes(&sid).await;
        let mut endless = eio.probe(&sid).await;
        endless.send("2probe").await;
        assert_eq!(endless.text().await, "3probe");
        let mut second = eio.probe(&sid).await;
        assert_eq!(second.close_code().await, 1005);
        assert_eq!(endless.close_code().await, 1005);
        eio.assert_echoes(&sid).await;

        // The whole dance: the poll that waits is released within 100 ms.
        let poll = eio.park(&sid).await;
        let mut socket = eio.probe(&sid).await;
        socket.send("2probe").await;
        assert_eq!(socket.text().await, "3probe");
        assert_eq!(poll.response().await.text(), eio.payload(&["6"]));
        let session = eio.host.app.session(&sid);
        session.send("before", &[]);
        socket.send("5").await;
        assert_eq!(socket.text().await, "4before");
        socket.send("4after").await;
        assert_eq!(socket.text().await, "4after");
        eio.poll(&sid).await.assert_refused(3, "Bad request");
        eio.post(&sid, &["4x"]).await.assert_refused(3, "Bad request");
        let mut third = eio.probe(&sid).await;
        assert_eq!(third.close_code().await, 1005);
        socket.send("4alive").await;
        assert_eq!(socket.receive().await, Received::Text("4alive".to_owned()));
    }
}
