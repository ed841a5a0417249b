//! Connections that fail as they are told to, on a clock that stands still.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use sockeye::{
    Ack, AckError, Config, DisconnectReason, Event, Namespace, RecoveryConfig, Server, Socket,
};
use sockeye_testing::{Ended, TestServer};
use tokio::time::{Instant, sleep};

const ECHO: Event<u32, u32> = Event::new("echo");
const NEWS: Event<u32> = Event::new("news");

type Reasons = Arc<Mutex<Vec<&'static str>>>;

fn start(config: Config) -> (TestServer, Reasons) {
    let reasons = Reasons::default();
    let tell = Arc::clone(&reasons);
    let namespace = Namespace::new("/")
        .on(ECHO, async |number: u32| Ack(number))
        .on("join", async |socket: Socket, room: String| socket.join(room))
        .on_disconnect(move |reason: DisconnectReason| {
            tell.lock().unwrap().push(reason.as_str());
            std::future::ready(())
        });
    let server = Server::builder().config(config).namespace(namespace).build().unwrap();
    (TestServer::new(server), reasons)
}

fn recovering() -> Config {
    Config { recovery: Some(RecoveryConfig::default()), ..Config::default() }
}

#[tokio::test(start_paused = true)]
async fn a_delay_is_served_both_ways() {
    let (server, _) = start(Config::default());
    let mut client = server.connect().await;
    client.wire().delay(Duration::from_millis(200));
    let begun = Instant::now();
    assert_eq!(client.emit_with_ack(ECHO, &1).await.unwrap(), 1);
    let elapsed = begun.elapsed();
    assert!((400..=410).contains(&elapsed.as_millis()), "{elapsed:?}");
    for n in 0..5 {
        server.server().io().emit(NEWS, &n).unwrap();
    }
    for n in 0..5 {
        assert_eq!(client.expect_event(NEWS).await, n, "in order");
    }
    assert!(begun.elapsed() < Duration::from_millis(620), "they travel side by side");
}

#[tokio::test(start_paused = true)]
async fn a_cut_is_seen_at_once_by_both() {
    let (server, reasons) = start(Config::default());
    let mut client = server.connect().await;
    let begun = Instant::now();
    client.wire().cut();
    client.wire().restore();
    assert_eq!(client.expect_end().await, Ended::Closed);
    sleep(Duration::from_millis(1)).await;
    assert_eq!(*reasons.lock().unwrap(), ["transport close"]);
    assert!(begun.elapsed() < Duration::from_millis(10));
}

#[tokio::test(start_paused = true)]
async fn a_half_open_connection_is_found_by_the_heartbeat() {
    let (server, reasons) = start(Config::default());
    let mut client = server.connect().await;
    client.wire().go_half_open();
    client.set_patience(Duration::from_secs(1));
    let lost = client.emit_with_ack(ECHO, &1).await;
    assert!(matches!(lost, Err(AckError::Timeout { .. })));
    // 25 s to the ping and 20 s for the pong.
    sleep(Duration::from_secs(43)).await;
    assert_eq!(server.server().io().sockets().len(), 1);
    sleep(Duration::from_secs(2)).await;
    assert!(server.server().io().sockets().is_empty());
    assert_eq!(*reasons.lock().unwrap(), ["ping timeout"]);
}

#[tokio::test(start_paused = true)]
async fn a_client_stays_for_hours_when_nothing_is_wrong() {
    let (server, reasons) = start(Config::default());
    let mut client = server.connect().await;
    sleep(Duration::from_secs(10 * 3600)).await;
    assert_eq!(client.emit_with_ack(ECHO, &1).await.unwrap(), 1);
    assert!(reasons.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_stalled_client_catches_up_or_overflows() {
    let config = || {
        let mut config = Config::default();
        config.engine.queued_packets_max = 100;
        config
    };
    let (server, reasons) = start(config());
    let mut client = server.connect().await;
    client.wire().stall();
    for n in 0..50 {
        server.server().io().emit(NEWS, &n).unwrap();
        sleep(Duration::from_millis(1)).await;
    }
    client.wire().restore();
    for n in 0..50 {
        assert_eq!(client.expect_event(NEWS).await, n);
    }
    client.wire().stall();
    let text = "x".repeat(10_000);
    for _ in 0..200 {
        server.server().io().emit("news", &text).unwrap();
        sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(*reasons.lock().unwrap(), ["overflow"]);
}

/// Wherever the connection that brings what was missed is lost: nothing comes twice, nothing is
/// missing.
#[tokio::test(start_paused = true)]
async fn a_connection_that_is_cut_at_any_byte_brings_what_arrived_whole() {
    let (server, _) = start(recovering());
    let io = server.server().io();
    let (mut before_reply, mut amid) = (0, 0);
    for bytes in 0..700 {
        let mut client = server.connect().await;
        assert_eq!(client.last_offset(), None);
        client.wire().cut();
        sleep(Duration::from_millis(1)).await;
        for n in 0..5 {
            io.to(client.id()).emit(NEWS, &n).unwrap();
        }
        client.cut_next_connection_after(bytes);
        let mut received = Vec::new();
        match client.reconnect().await {
            Err(_) => before_reply += 1,
            Ok(()) => {
                assert!(client.recovered());
                received = arrived(&mut client).await;
                amid += u32::from(received.len() < 5);
            }
        }
        sleep(Duration::from_millis(1)).await;
        client.reconnect().await.unwrap();
        assert!(client.recovered(), "{:?}", client.recovery_failure());
        received.extend(arrived(&mut client).await);
        assert_eq!(received, [0, 1, 2, 3, 4], "cut after {bytes} bytes");
        client.wire().cut();
    }
    assert!(before_reply > 100 && amid > 100, "{before_reply} {amid}");
}

/// What has come, up to the end or a moment in which nothing comes.
async fn arrived(client: &mut sockeye_testing::TestClient) -> Vec<u32> {
    let mut arrived = Vec::new();
    while let Ok(Some(event)) =
        tokio::time::timeout(Duration::from_millis(50), client.next_event()).await
    {
        arrived.push(event.args.decode().unwrap());
    }
    arrived
}

#[tokio::test(start_paused = true)]
async fn a_client_that_lies_about_its_offset_is_a_new_one() {
    let (server, _) = start(recovering());
    let io = server.server().io();
    let mut client = server.connect().await;
    io.emit(NEWS, &1).unwrap();
    client.expect_event(NEWS).await;
    let honest = client.last_offset().unwrap().to_owned();
    client.wire().cut();
    sleep(Duration::from_millis(1)).await;
    io.emit(NEWS, &2).unwrap();
    client.set_last_offset(Some(&honest.replace(".1", ".2")));
    client.reconnect().await.unwrap();
    assert_eq!(client.recovery_failure(), Some("unknown_offset"));
    client.expect_no_event().await;
}

#[tokio::test(start_paused = true)]
async fn what_was_missed_is_recovered_whether_the_end_was_noticed_or_not() {
    let (server, reasons) = start(recovering());
    let mut client = server.connect().await;
    client.emit("join", "room");
    client.emit_with_ack(ECHO, &0).await.unwrap();
    let io = server.server().io();
    // Without a single event received so far, and again and again.
    for (round, is_noticed) in [(1, true), (2, false), (3, true), (4, false)] {
        let id = client.id().to_owned();
        if is_noticed {
            client.wire().cut()
        } else {
            client.wire().go_half_open()
        }
        sleep(Duration::from_secs(1)).await;
        io.to("room").emit(NEWS, &(round * 10)).unwrap();
        io.to("elsewhere").emit(NEWS, &0).unwrap();
        io.emit(NEWS, &(round * 10 + 1)).unwrap();
        client.reconnect().await.unwrap();
        assert!(client.recovered(), "round {round}: {:?}", client.recovery_failure());
        assert_eq!(client.id(), id);
        assert_eq!(client.expect_event(NEWS).await, round * 10);
        assert_eq!(client.expect_event(NEWS).await, round * 10 + 1);
        client.expect_no_event().await;
    }
    assert_eq!(reasons.lock().unwrap().len(), 4);
    assert_eq!(io.sockets().len(), 1, "the old ones are gone");
}

#[tokio::test(start_paused = true)]
async fn who_comes_too_late_starts_anew_and_is_told_why() {
    let (server, _) = start(recovering());
    let mut client = server.connect().await;
    let id = client.id().to_owned();
    client.wire().cut();
    sleep(Duration::from_secs(121)).await;
    client.reconnect().await.unwrap();
    assert!(!client.recovered());
    assert_ne!(client.id(), id);
    assert_eq!(client.recovery_failure(), Some("unknown_session"));
    client.wire().cut();
    sleep(Duration::from_secs(119)).await;
    client.reconnect().await.unwrap();
    assert!(client.recovered(), "with the new private id, in time");
}
