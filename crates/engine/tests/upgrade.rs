//! The upgrade from polling to WebSocket (SOCKETIO_SURFACE A1.7).

mod common;

use std::time::Duration;

use common::{Heard, Host, Pending, Received, WebSocket};
use sockeye_engine::{CloseReason, Config, TransportKind};

#[tokio::test]
async fn a_session_upgrades_and_polling_is_over() {
    let host = Host::tcp(Config::default()).await;
    let sid = host.open().await;
    let mut socket = host.probe(&sid).await;
    assert_eq!(socket.header("upgrade"), Some("websocket"));
    socket.send("2probe").await;
    assert_eq!(socket.text().await, "3probe");
    // The noop ends the poll that is parked, so that the client can stop polling.
    assert_eq!(host.poll(&sid).await.text(), "6");
    socket.send("5").await;
    socket.send("4hello").await;
    assert_eq!(socket.text().await, "4hello");
    assert_eq!(host.app.session(&sid).transport(), TransportKind::WebSocket);

    host.poll(&sid).await.assert_refused(3, "Bad request");
    host.post(&sid, "4x").await.assert_refused(3, "Bad request");
    let mut second = host.probe(&sid).await;
    assert_eq!(second.close_code().await, 1005);
    socket.send("4still").await;
    assert_eq!(socket.text().await, "4still");
}

#[tokio::test]
async fn a_poll_right_behind_the_end_of_the_upgrade_is_refused() {
    let host = Host::tcp(Config::default()).await;
    for _ in 0..50 {
        let sid = host.open().await;
        let mut socket = host.probe(&sid).await;
        socket.send("2probe").await;
        assert_eq!(socket.text().await, "3probe");
        // The connection of the poll is open already, so that both arrive together.
        let mut peer = host.connect().await;
        let request = format!("GET {} HTTP/1.1\r\nhost: localhost\r\n\r\n", Host::url(&sid));
        peer.send(&request.as_bytes()[..10]).await;
        tokio::task::yield_now().await;
        socket.send("5").await;
        peer.send(&request.as_bytes()[10..]).await;
        Pending { peer }.response().await.assert_refused(3, "Bad request");
    }
}

#[tokio::test]
async fn everything_may_come_in_one_write() {
    let host = Host::tcp(Config::default()).await;
    let sid = host.open().await;
    let mut socket = host.probe(&sid).await;
    socket.send_all(&["2probe", "5", "4a", "4b"]).await;
    for text in ["3probe", "4a", "4b"] {
        assert_eq!(socket.text().await, text);
    }
}

#[tokio::test]
async fn what_was_queued_goes_out_on_the_websocket_first() {
    let host = Host::tcp(Config::default()).await;
    let sid = host.open().await;
    host.post(&sid, "4one\u{1e}4two\u{1e}bAQID").await;
    let mut socket = host.probe(&sid).await;
    socket.send("2probe").await;
    assert_eq!(socket.text().await, "3probe");
    socket.send_all(&["5", "4three"]).await;
    assert_eq!(socket.text().await, "4one");
    assert_eq!(socket.text().await, "4two");
    assert_eq!(socket.receive().await, Received::Binary(vec![1, 2, 3]));
    assert_eq!(socket.text().await, "4three");
}

#[tokio::test]
async fn messages_during_the_probe_go_out_by_polling() {
    let host = Host::tcp(Config::default()).await;
    let sid = host.open().await;
    let mut socket = host.probe(&sid).await;
    socket.send("2probe").await;
    assert_eq!(socket.text().await, "3probe");
    host.post(&sid, "4during").await;
    assert_eq!(host.poll(&sid).await.text(), "4during");
    socket.send("5").await;
    socket.send("4after").await;
    assert_eq!(socket.text().await, "4after");
}

#[tokio::test]
async fn nothing_is_lost_repeated_or_reordered_while_both_sides_send() {
    let host = Host::tcp(Config::default()).await;
    for round in 0..10 {
        let sid = host.open().await;
        let session = host.app.session(&sid);
        let sender = tokio::spawn(async move {
            for number in 0..500 {
                session.send(&format!("s{number}"), &[]);
                if number % (round + 1) == 0 {
                    tokio::task::yield_now().await;
                }
            }
        });
        let mut client =
            Upgrading { host: &host, sid: sid.clone(), from_server: Vec::new(), sent: 0 };
        client.send_by_polling(3).await;
        let mut socket = client.upgrade().await;
        for _ in 0..20 {
            let number = client.sent;
            socket.send(&format!("4quiet:{number}")).await;
            client.sent += 1;
        }
        while client.from_server.len() < 500 {
            client.from_server.push(socket.text().await);
        }
        sender.await.unwrap();
        let expected: Vec<_> = (0..500).map(|number| format!("4s{number}")).collect();
        assert_eq!(client.from_server, expected);
        let heard = host.app.until(&sid, |heard| heard.len() > client.sent).await;
        let expected = (0..client.sent).map(|number| Heard::Text(format!("quiet:{number}")));
        assert_eq!(heard[1..], expected.collect::<Vec<_>>());
    }
}

/// A client that upgrades while messages flow both ways.
struct Upgrading<'a> {
    host: &'a Host,
    sid: String,
    from_server: Vec<String>,
    sent: usize,
}

impl Upgrading<'_> {
    async fn send_by_polling(&mut self, count: usize) {
        let packets: Vec<_> =
            (self.sent..self.sent + count).map(|number| format!("4quiet:{number}")).collect();
        self.sent += count;
        assert_eq!(self.host.post(&self.sid, &packets.join("\u{1e}")).await.status, 200);
    }

    async fn upgrade(&mut self) -> WebSocket {
        let (probe, ()) = tokio::join!(self.host.probe(&self.sid), async {});
        let mut socket = probe;
        self.send_by_polling(2).await;
        socket.send("2probe").await;
        assert_eq!(socket.text().await, "3probe");
        self.send_by_polling(2).await;
        let last = self.host.poll(&self.sid).await;
        let packets = last.text().split('\u{1e}').filter(|packet| *packet != "6");
        self.from_server.extend(packets.map(str::to_owned));
        socket.send("5").await;
        socket
    }
}

#[tokio::test]
async fn a_wrong_first_packet_closes_only_the_probe() {
    let host = Host::tcp(Config::default()).await;
    let sid = host.open().await;
    for wrong in ["4message", "2", "3probe", "1", "6", "0", "abc", ""] {
        let mut socket = host.probe(&sid).await;
        socket.send(wrong).await;
        assert_eq!(socket.close_code().await, 1005, "{wrong}");
    }
    let mut socket = host.probe(&sid).await;
    socket.send_binary(b"2probe").await;
    assert_eq!(socket.close_code().await, 1005);
    // After a good probe as well.
    let mut socket = host.probe(&sid).await;
    socket.send_all(&["2probe", "4early"]).await;
    assert_eq!(socket.text().await, "3probe");
    assert_eq!(socket.close_code().await, 1005);
    assert!(!host.app.heard(&sid).contains(&Heard::Text("early".to_owned())));
    host.assert_echoes(&sid).await;
}

#[tokio::test]
async fn a_second_upgrade_at_the_same_time_is_closed() {
    let host = Host::tcp(Config::default()).await;
    let sid = host.open().await;
    let mut first = host.probe(&sid).await;
    first.send("2probe").await;
    assert_eq!(first.text().await, "3probe");
    let mut second = host.probe(&sid).await;
    assert_eq!(second.close_code().await, 1005);
    first.send_all(&["5", "4hello"]).await;
    assert_eq!(first.text().await, "4hello");
}

#[tokio::test]
async fn a_lost_probe_leaves_the_session_polling_and_another_may_follow() {
    let host = Host::tcp(Config::default()).await;
    let sid = host.open().await;
    let mut socket = host.probe(&sid).await;
    socket.send("2probe").await;
    assert_eq!(socket.text().await, "3probe");
    drop(socket);
    host.assert_echoes(&sid).await;
    // The server may still be about to notice; a probe that comes too early is closed.
    loop {
        let mut socket = host.probe(&sid).await;
        socket.send_all(&["2probe", "5", "4hello"]).await;
        if socket.receive().await == Received::Text("3probe".to_owned()) {
            assert_eq!(socket.text().await, "4hello");
            break;
        }
    }
}

#[tokio::test]
async fn a_bad_frame_on_the_probe_closes_only_the_probe() {
    let host = Host::tcp(Config::default()).await;
    let sid = host.open().await;
    let mut socket = host.probe(&sid).await;
    socket.peer.send(&[0xff, 0xff, 0, 0, 0, 0]).await;
    assert_eq!(socket.close_code().await, 1002);
    host.assert_echoes(&sid).await;
}

#[tokio::test]
async fn the_end_of_the_session_closes_the_probe() {
    let host = Host::tcp(Config::default()).await;
    let sid = host.open().await;
    let mut socket = host.probe(&sid).await;
    socket.send("2probe").await;
    assert_eq!(socket.text().await, "3probe");
    host.post(&sid, "1").await;
    assert_eq!(socket.close_code().await, 1005);
    assert_eq!(host.app.closed(&sid).await, CloseReason::TransportClose);
}

#[tokio::test]
async fn a_session_closed_during_the_probe_tells_whoever_comes_first() {
    let host = Host::tcp(Config::default()).await;
    let sid = host.open().await;
    let mut socket = host.probe(&sid).await;
    socket.send("2probe").await;
    assert_eq!(socket.text().await, "3probe");
    host.app.session(&sid).close(CloseReason::ForcedClose);
    host.app.until(&sid, |heard| heard.len() == 2).await;
    socket.send("5").await;
    assert_eq!(socket.close_code().await, 1005);
    assert_eq!(host.app.closed(&sid).await, CloseReason::ForcedClose);

    let sid = host.open().await;
    let mut socket = host.probe(&sid).await;
    socket.send("2probe").await;
    assert_eq!(socket.text().await, "3probe");
    host.app.session(&sid).send("last", &[]);
    host.app.session(&sid).close(CloseReason::ForcedClose);
    assert_eq!(host.poll(&sid).await.text(), "4last");
    assert_eq!(host.poll(&sid).await.text(), "6\x1e1");
    assert_eq!(socket.close_code().await, 1005);
}

#[tokio::test]
async fn a_handler_that_hears_the_websocket_sees_the_websocket() {
    let host = Host::tcp(Config::default()).await;
    let sid = host.open().await;
    host.post(&sid, "4transport").await;
    assert_eq!(host.poll(&sid).await.text(), "4polling");
    let mut socket = host.probe(&sid).await;
    socket.send_all(&["2probe", "5", "4transport"]).await;
    assert_eq!(socket.text().await, "3probe");
    assert_eq!(socket.text().await, "4websocket");
}

#[tokio::test(start_paused = true)]
async fn an_upgrade_that_never_ends_closes_only_its_probe() {
    let host =
        Host::memory(Config { upgrade_timeout: Duration::from_secs(3), ..Config::default() });
    for probed in [false, true] {
        let sid = host.open().await;
        let mut socket = host.probe(&sid).await;
        let opened = tokio::time::Instant::now();
        if probed {
            socket.send("2probe").await;
            assert_eq!(socket.text().await, "3probe");
        }
        assert_eq!(socket.close_code().await, 1005);
        let waited = opened.elapsed();
        assert!(waited >= Duration::from_secs(3) && waited < Duration::from_millis(3100));
        host.assert_echoes(&sid).await;
    }
}

#[tokio::test(start_paused = true)]
async fn polls_are_ended_every_hundred_milliseconds_during_the_probe() {
    let host = Host::memory(Config::default());
    let sid = host.open().await;
    let mut socket = host.probe(&sid).await;
    socket.send("2probe").await;
    assert_eq!(socket.text().await, "3probe");
    let probed = tokio::time::Instant::now();
    for round in 1..=5u32 {
        assert_eq!(host.poll(&sid).await.text(), "6");
        let late = probed.elapsed() - Duration::from_millis(100) * round;
        assert!(late <= Duration::from_millis(10), "{late:?}");
    }
}
