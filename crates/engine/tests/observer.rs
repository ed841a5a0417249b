//! The observer hears what the official server's `packet`, `packetCreate`, `heartbeat`,
//! `upgrading` and `upgrade` tell, on each transport and in both revisions (SOCKETIO_SURFACE A1.9).

mod common;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use common::{Host, Received, WebSocket};
use parking_lot::Mutex;
use sockeye_engine::{
    CloseReason, Config, Encoded, Hooks, MemberList, Message, Observer, Packet, Session,
    TransportKind, broadcast,
};

/// What was heard of all sessions, one line for each event.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn note(&self, line: String) {
        self.0.lock().push(line);
    }

    /// What came since the last time.
    #[track_caller]
    fn assert_heard(&self, expected: &[&str]) {
        assert_eq!(std::mem::take(&mut *self.0.lock()), expected);
    }

    async fn until(&self, lines: usize) {
        while self.0.lock().len() < lines {
            tokio::task::yield_now().await;
        }
    }
}

/// The packet as it is written, its OPEN without the data.
fn shown(packet: &Packet<'_>) -> String {
    match packet {
        Packet::Open(data) => format!("0 with sid {}", data.contains("\"sid\":\"")),
        Packet::Message(Message::Binary(data)) => format!("{data:?}"),
        packet => {
            let mut text = Vec::new();
            packet.encode(&mut text);
            String::from_utf8_lossy(&text).into_owned()
        }
    }
}

impl Observer for Log {
    fn packet(&self, _: &Session, packet: &Packet<'_>) {
        self.note(format!("in {}", shown(packet)));
    }

    fn packet_create(&self, _: &Session, packet: &Packet<'_>) {
        self.note(format!("out {}", shown(packet)));
    }

    fn heartbeat(&self, _: &Session) {
        self.note("heartbeat".to_owned());
    }

    fn upgrading(&self, session: &Session, to: TransportKind) {
        assert_eq!(session.transport(), TransportKind::Polling);
        self.note(format!("upgrading {to}"));
    }

    fn upgraded(&self, session: &Session, to: TransportKind) {
        assert_eq!(session.transport(), to);
        self.note(format!("upgraded {to}"));
    }
}

fn observed() -> (Log, Config) {
    let log = Log::default();
    let config = Config {
        allow_eio3: true,
        ping_interval: Duration::from_millis(300),
        hooks: Hooks::new().observer(log.clone()),
        ..Config::default()
    };
    (log, config)
}

/// One of many: a text and what is attached to it.
fn announcement() -> Arc<Encoded> {
    Arc::new(Encoded::new("all", vec![Bytes::from_static(&[9])]))
}

#[tokio::test(start_paused = true)]
async fn polling() {
    let (log, config) = observed();
    let host = Host::memory(config);
    let sid = host.open().await;
    log.assert_heard(&["out 0 with sid true"]);
    assert_eq!(host.post(&sid, "4hello\x1ebAQID").await.text(), "ok");
    log.assert_heard(&["in 4hello", "out 4hello", "in [1, 2, 3]", "out [1, 2, 3]"]);
    broadcast([&host.app.session(&sid)].into_iter(), &announcement());
    log.assert_heard(&["out 4all", "out [9]"]);
    let members = MemberList::new([host.app.session(&sid)]);
    members.send(&Arc::new(Encoded::new("members", Vec::new())), None);
    log.assert_heard(&["out 4members"]);
    let all = "4hello\x1ebAQID\x1e4all\x1ebCQ==\x1e4members";
    assert_eq!(host.poll(&sid).await.text(), all);
    assert_eq!(host.poll(&sid).await.text(), "2");
    log.assert_heard(&["out 2"]);
    assert_eq!(host.post(&sid, "3").await.text(), "ok");
    log.assert_heard(&["in 3", "heartbeat"]);
    // The end of a session is none of its packets.
    host.app.session(&sid).close(CloseReason::ForcedServerClose);
    host.app.session(&sid).send("late", &[]);
    assert_eq!(host.poll(&sid).await.text(), "6\x1e1");
    log.assert_heard(&[]);
}

#[tokio::test(start_paused = true)]
async fn websocket() {
    let (log, config) = observed();
    let host = Host::memory(config);
    let mut socket = host.open_websocket().await;
    log.assert_heard(&["out 0 with sid true"]);
    socket.send_all(&["4hello", "4hi"]).await;
    assert_eq!((socket.text().await, socket.text().await), ("4hello".into(), "4hi".into()));
    log.assert_heard(&["in 4hello", "out 4hello", "in 4hi", "out 4hi"]);
    socket.send_binary(&[1, 2, 3]).await;
    assert_eq!(socket.receive().await, Received::Binary(vec![1, 2, 3]));
    log.assert_heard(&["in [1, 2, 3]", "out [1, 2, 3]"]);
    let sid = host.app.sids().remove(0);
    host.app.session(&sid).push(&announcement());
    broadcast([&host.app.session(&sid)].into_iter(), &announcement());
    log.assert_heard(&["out 4all", "out [9]", "out 4all", "out [9]"]);
    for _ in 0..2 {
        assert_eq!(socket.text().await, "4all");
        assert_eq!(socket.receive().await, Received::Binary(vec![9]));
    }
    assert_eq!(socket.text().await, "2");
    socket.send("3").await;
    log.until(3).await;
    log.assert_heard(&["out 2", "in 3", "heartbeat"]);
}

#[tokio::test(start_paused = true)]
async fn a_ping_of_the_client_is_a_packet_and_no_heartbeat() {
    let (log, config) = observed();
    let host = Host::memory(config);
    let sid = host.open().await;
    assert_eq!(host.post(&sid, "2").await.text(), "ok");
    log.assert_heard(&["out 0 with sid true", "in 2"]);
    host.assert_gone(&sid).await;
}

#[tokio::test(start_paused = true)]
async fn an_upgrade() {
    let (log, config) = observed();
    let host = Host::memory(config);
    let sid = host.open().await;
    let mut probe = host.probe(&sid).await;
    probe.send("2probe").await;
    assert_eq!(probe.text().await, "3probe");
    log.assert_heard(&["out 0 with sid true", "upgrading websocket"]);
    host.assert_echoes(&sid).await;
    log.assert_heard(&["in 4still here", "out 4still here"]);
    probe.send_all(&["5", "4first"]).await;
    assert_eq!(probe.text().await, "4first");
    log.assert_heard(&["upgraded websocket", "in 4first", "out 4first"]);
}

/// The client pings. Its packets differ on the wire only.
#[tokio::test(start_paused = true)]
async fn revision_three_on_polling() {
    let (log, config) = observed();
    let host = Host::memory(config);
    let url = "/engine.io/?EIO=3&transport=polling";
    let sid = common::sid(host.get(url).await.text());
    let url = format!("{url}&sid={sid}");
    let post = async |body: &str| {
        let response = host.request("POST", &url, &[], body.as_bytes()).await;
        assert_eq!(response.text(), "ok");
    };
    log.assert_heard(&["out 0 with sid true"]);
    post("2:4€").await;
    log.assert_heard(&["in 4€", "out 4€"]);
    assert_eq!(host.get(&url).await.text(), "2:4€");
    post("1:2").await;
    log.assert_heard(&["in 2", "heartbeat"]);
    assert_eq!(host.get(&url).await.text(), "1:3");
    log.assert_heard(&["out 3"]);
}

#[tokio::test(start_paused = true)]
async fn revision_three_on_a_websocket() {
    let (log, config) = observed();
    let host = Host::memory(config);
    let url = "/engine.io/?EIO=3&transport=websocket";
    let mut socket: WebSocket = host.websocket(url).await.unwrap();
    assert!(socket.text().await.starts_with("0{"));
    log.assert_heard(&["out 0 with sid true"]);
    socket.send("2").await;
    assert_eq!(socket.text().await, "3");
    log.assert_heard(&["in 2", "heartbeat", "out 3"]);
    socket.send_binary(&[4, 1, 2]).await;
    assert_eq!(socket.receive().await, Received::Binary(vec![4, 1, 2]));
    log.assert_heard(&["in [1, 2]", "out [1, 2]"]);
}

/// The first message for everybody follows OPEN on both transports.
#[tokio::test(start_paused = true)]
async fn the_initial_packet_follows_open() {
    let (log, config) = observed();
    let host = Host::memory(Config { initial_packet: Some(announcement()), ..config });
    host.open().await;
    log.assert_heard(&["out 0 with sid true", "out 4all", "out [9]"]);
    let mut socket = host.open_websocket().await;
    assert_eq!(socket.text().await, "4all");
    log.assert_heard(&["out 0 with sid true", "out 4all", "out [9]"]);
}
