//! Time on the reading side: pings, silence, messages that take too long. The clock is virtual.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::time::Duration;

use common::{Peer, masked};
use sockeye_websocket::ws::{Opcode, Role};
use sockeye_websocket::{Config, RecvError, Stream, WebSocket};
use tokio::io::{AsyncWriteExt, DuplexStream, duplex};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

/// The lengths of the messages received, the error if it ended with one, and how long it took.
type Outcome = (Vec<usize>, Option<RecvError>, Duration);

/// A server's connection that is read until its end, and the peer of it.
fn reading(config: Config) -> (Peer<DuplexStream>, JoinHandle<Outcome>) {
    let (ours, theirs) = duplex(1 << 20);
    let mut socket =
        WebSocket::from_stream(Stream::from_io(ours), vec![], Role::Server, config, None);
    let task = tokio::spawn(async move {
        let began = Instant::now();
        let mut lengths = Vec::new();
        loop {
            match socket.recv().await {
                Ok(Some(message)) => lengths.push(message.as_bytes().len()),
                Ok(None) => return (lengths, None, began.elapsed()),
                Err(error) => return (lengths, Some(error), began.elapsed()),
            }
        }
    });
    (Peer::new(theirs), task)
}

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

#[tokio::test(start_paused = true)]
async fn pings_when_nothing_comes() {
    let config = Config { keep_alive_interval: Some(seconds(10)), ..Config::default() };
    let (mut peer, _task) = reading(config);
    let began = Instant::now();
    peer.expect(&[0x89, 0]).await;
    assert_eq!(began.elapsed().as_secs(), 10);
    peer.send(&masked(Opcode::Pong, b"")).await;
    sleep(seconds(5)).await;
    peer.send(&masked(Opcode::Text, b"hello")).await;
    // Counted from what came last, then from the ping itself.
    peer.expect(&[0x89, 0]).await;
    assert_eq!(began.elapsed().as_secs(), 25);
    peer.expect(&[0x89, 0]).await;
    assert_eq!(began.elapsed().as_secs(), 35);
}

#[tokio::test(start_paused = true)]
async fn a_silent_peer_is_given_up() {
    let config = Config {
        keep_alive_interval: Some(seconds(10)),
        idle_timeout: Some(seconds(25)),
        ..Config::default()
    };
    let (mut peer, task) = reading(config);
    sleep(seconds(9)).await;
    peer.send(&masked(Opcode::Pong, b"")).await;
    // Two pings, then 1001 "idle".
    let expected = [&[0x89, 0, 0x89, 0, 0x88, 6, 0x03, 0xe9][..], b"idle"].concat();
    assert_eq!(peer.read_to_end().await.unwrap(), expected);
    drop(peer);
    let (_, error, elapsed) = task.await.unwrap();
    assert!(matches!(error, Some(RecvError::Idle)), "{error:?}");
    assert_eq!(elapsed.as_secs(), 34);
}

#[tokio::test(start_paused = true)]
async fn whoever_answers_pings_stays() {
    let config = Config {
        keep_alive_interval: Some(seconds(10)),
        idle_timeout: Some(seconds(15)),
        ..Config::default()
    };
    let (mut peer, task) = reading(config);
    for _ in 0..100 {
        peer.expect(&[0x89, 0]).await;
        peer.send(&masked(Opcode::Pong, b"")).await;
    }
    assert!(!task.is_finished());
    drop(peer);
    let (lengths, error, elapsed) = task.await.unwrap();
    assert!(matches!(error, Some(RecvError::ConnectionLost)), "{error:?}");
    assert_eq!((lengths, elapsed.as_secs()), (vec![0; 100], 1000));
}

/// One byte per second, with pings in between, up to the limit and beyond.
#[tokio::test(start_paused = true)]
async fn one_byte_per_second() {
    for (length, ends) in [(50, false), (59, false), (61, true)] {
        let config = Config { message_timeout: Some(seconds(60)), ..Config::default() };
        let (mut peer, task) = reading(config);
        let frame = masked(Opcode::Binary, &vec![7; length]);
        let (header, payload) = frame.split_at(frame.len() - length);
        peer.send(header).await;
        for (index, byte) in payload.iter().enumerate() {
            if index > 0 {
                sleep(seconds(1)).await;
            }
            // After the end nobody reads any more, but there is room.
            peer.send(&[*byte]).await;
        }
        if !ends {
            // It never was so long in the making that the next one would be late.
            sleep(seconds(1000)).await;
            peer.send(&masked(Opcode::Text, b"next")).await;
        }
        peer.shutdown().await.unwrap();
        let answer = peer.read_to_end().await.unwrap();
        let (lengths, error, _) = task.await.unwrap();
        if ends {
            let expected = [&[0x88, 23, 0x03, 0xf0][..], b"message took too long"].concat();
            assert_eq!(answer, expected);
            assert!(matches!(error, Some(RecvError::SlowMessage)), "{error:?}");
            assert!(lengths.is_empty());
        } else {
            assert_eq!(lengths, [length, 4]);
        }
    }
}

/// Fragments with control frames between them are one message.
#[tokio::test(start_paused = true)]
async fn slow_fragments() {
    let config = Config { message_timeout: Some(seconds(60)), ..Config::default() };
    let (mut peer, task) = reading(config);
    let mut first = masked(Opcode::Text, b"a");
    first[0] &= 0x7f;
    peer.send(&first).await;
    for _ in 0..63 {
        sleep(seconds(1)).await;
        peer.send(&masked(Opcode::Ping, b"")).await;
    }
    drop(peer);
    let (lengths, error, _) = task.await.unwrap();
    assert!(matches!(error, Some(RecvError::SlowMessage)), "{error:?}");
    assert_eq!(lengths.len(), 59);
}
