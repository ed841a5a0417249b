//! The load generator's readers of feeds against a feed of a few lines, a right one and wrong ones.

#![expect(clippy::unwrap_used, reason = "a failed helper fails its test")]

mod common;
#[path = "common/websocket.rs"]
mod websocket;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};

use sockeye_bench::load::{self, ConnectionError, LoadError, Options, Workload};
use sockeye_bench::wire::{self, Protocol};

use crate::common::{options_until_stalled, read_head, run, run_until_wrong, serve};
use crate::websocket::{accept_head, read_frame};

const LISTENING: [Protocol; 2] = [Protocol::EventSource, Protocol::Ndjson];
const WAITING: [Protocol; 2] = [Protocol::Poll, Protocol::LongPoll];

#[test]
fn a_right_feed_gets_a_figure() {
    for protocol in LISTENING {
        let outcome = run(protocol, Workload::Broadcast, feed(protocol, |_, event| vec![event]));
        let outcome = outcome.unwrap();
        assert!(outcome.operations > 0 && outcome.latency.is_some(), "{protocol}");
        let idle = run(protocol, Workload::Idle, feed(protocol, |_, event| vec![event])).unwrap();
        assert_eq!(idle.operations, 2, "{protocol}");
        assert!(idle.memory.is_some());
    }
}

#[test]
fn heartbeats_are_no_events() {
    for protocol in LISTENING {
        let heartbeat = if protocol == Protocol::Ndjson { "\n" } else { ":\n\n" };
        let server = feed(protocol, move |sending, event| match sending.number % 5 {
            2 => vec![heartbeat.to_owned(), event],
            _ => vec![event],
        });
        let outcome = run(protocol, Workload::Broadcast, server).unwrap();
        assert!(outcome.pings > 0, "{protocol}");
    }
}

#[test]
fn whatever_is_changed_for_one_of_them_is_found() {
    let changes: [fn(Sending, String) -> String; 4] = [
        |_, event| event.replacen("abc", "abd", 1),
        // Another cursor than the other reader has.
        |sending, event| event.replacen(&id(sending.number), &id(sending.number + 1), 1),
        |_, event| event.replacen("feed", "food", 1),
        |_, event| event.replacen('i', "\n", 1),
    ];
    for (protocol, change) in
        LISTENING.into_iter().flat_map(|it| changes.map(|change| (it, change)))
    {
        let server = feed(protocol, move |sending, event| match sending {
            Sending { number: 9, reader: 1 } => vec![change(sending, event)],
            _ => vec![event],
        });
        match run_until_wrong(protocol, Workload::Broadcast, server) {
            // A cursor that is too high shows by the other reader's event, or, if that comes later, by
            // the next one of its own, which has to be higher.
            Err(LoadError::Connection {
                source: ConnectionError::Wrong { number: 9 | 10, .. },
                ..
            }) => {}
            other => panic!("{protocol}: {other:?}"),
        }
    }
}

#[test]
fn cursors_that_do_not_rise_are_found() {
    for protocol in LISTENING {
        let server = feed(protocol, |sending, event| match sending.number {
            9 => vec![event.replacen(&id(9), &id(8), 1)],
            _ => vec![event],
        });
        match run_until_wrong(protocol, Workload::Broadcast, server) {
            Err(LoadError::Connection {
                source: ConnectionError::Wrong { number: 9, .. }, ..
            }) => {}
            other => panic!("{protocol}: {other:?}"),
        }
    }
}

#[test]
fn lost_and_surplus_events_are_found() {
    for protocol in LISTENING {
        let lost = feed(protocol, |sending, event| match sending {
            Sending { number: 11, reader: 1 } => vec![],
            _ => vec![event],
        });
        // The last of a batch: nothing comes after it that could be compared with it.
        match load::run(&options_until_stalled(protocol, Workload::Broadcast, lost)) {
            Err(LoadError::Stalled { missing: 1, .. }) => {}
            other => panic!("{protocol}: {other:?}"),
        }
        let twice = feed(protocol, |sending, event| match sending {
            Sending { number: 11, reader: 1 } => vec![event.clone(), event],
            _ => vec![event],
        });
        match run_until_wrong(protocol, Workload::Broadcast, twice) {
            Err(LoadError::Connection {
                source: ConnectionError::Surplus | ConnectionError::Wrong { .. },
                ..
            }) => {}
            other => panic!("{protocol}: {other:?}"),
        }
    }
}

#[test]
fn an_answer_that_does_not_go_on_and_on_is_refused() {
    for head in [
        "HTTP/1.1 404 Not Found\r\nContent-Type: text/event-stream\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 9\r\n\r\n",
    ] {
        let server = serve(move |mut stream| {
            read_head(&mut stream)?;
            stream.write_all(head.as_bytes())?;
            stream.read(&mut [0]).map(drop)
        });
        match run_until_wrong(Protocol::EventSource, Workload::Idle, server) {
            Err(LoadError::Connection { source: ConnectionError::Handshake(_), .. }) => {}
            other => panic!("{head:?}: {other:?}"),
        }
    }
}

#[test]
fn polls_that_wait_are_measured() {
    for protocol in WAITING {
        let outcome = run(protocol, Workload::IdlePolling, polled("[]")).unwrap();
        assert_eq!(outcome.operations, 2, "{protocol}");
        assert!(outcome.memory.is_some());
        // It asks again, and notices that something came.
        match run_until_wrong(protocol, Workload::IdlePolling, polled("[1]")) {
            Err(LoadError::Connection { source: ConnectionError::Surplus, .. }) => {}
            other => panic!("{protocol}: {other:?}"),
        }
    }
}

#[test]
fn what_no_feed_has_is_refused() {
    let server: SocketAddr = "127.0.0.1:1".parse().unwrap();
    for (protocol, workload) in [
        (Protocol::EventSource, Workload::Echo),
        (Protocol::Ndjson, Workload::IdlePolling),
        (Protocol::Poll, Workload::Broadcast),
        (Protocol::LongPoll, Workload::Idle),
    ] {
        assert!(
            matches!(run(protocol, workload, server), Err(LoadError::Options(_))),
            "{protocol}"
        );
    }
    let options = common::options(Protocol::EventSource, Workload::Broadcast, server);
    let others = load::run(&Options { others: 1, ..options });
    assert!(matches!(others, Err(LoadError::Options(_))));
}

/// Which event goes to which of the readers, both from 0.
#[derive(Clone, Copy)]
struct Sending {
    number: u64,
    reader: usize,
}

/// A cursor, which rises as the number does.
fn id(number: u64) -> String {
    format!("{number:016x}{}", "M".repeat(22))
}

/// A server to which one client sends over a WebSocket, and which sends to the others what `answer` makes of
/// each event.
fn feed(
    protocol: Protocol,
    answer: impl Fn(Sending, String) -> Vec<String> + Clone + Send + 'static,
) -> SocketAddr {
    let readers: Arc<Mutex<Vec<TcpStream>>> = Arc::default();
    serve(move |mut stream| {
        if !read_head(&mut stream)?.contains("Upgrade: websocket") {
            let (content_type, opening) = match protocol {
                Protocol::Ndjson => ("application/x-ndjson", "\n".to_owned()),
                _ => ("text/event-stream", format!(":\nretry: 2000\nid: {}\n\n", id(0))),
            };
            // Nothing is sent to it before it was let in.
            readers.lock().unwrap().push(stream.try_clone()?);
            let head = format!("HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\n\r\n{opening}");
            stream.write_all(head.as_bytes())?;
            return stream.read(&mut [0]).map(drop);
        }
        stream.write_all(&accept_head())?;
        stream.write_all(&wire::frame(wire::TEXT, None, br#"0{"sid":"x","upgrades":[]}"#))?;
        assert_eq!(read_frame(&mut stream)?, b"40");
        stream.write_all(&wire::frame(wire::TEXT, None, br#"40{"sid":"y"}"#))?;
        for number in 0.. {
            let message = read_frame(&mut stream)?;
            let data = message.strip_prefix(br#"42["feed","#).unwrap();
            let data = String::from_utf8(data.to_vec()).unwrap();
            let id = id(number);
            let event = match protocol {
                Protocol::Ndjson => {
                    format!("{{\"id\":\"{id}\",\"event\":\"feed\",\"data\":[{data}}}\n")
                }
                _ => format!("id: {id}\nevent: feed\ndata: [{data}\n\n"),
            };
            for (reader, stream) in readers.lock().unwrap().iter_mut().enumerate() {
                for part in answer(Sending { number, reader }, event.clone()) {
                    // Cut in two, anywhere.
                    let middle = (number as usize * 7) % part.len();
                    stream.write_all(&part.as_bytes()[..middle])?;
                    stream.write_all(&part.as_bytes()[middle..])?;
                }
            }
        }
        Ok(())
    })
}

/// A server that answers the first poll of each connection at once, the third with `third`, and no other
/// behind that.
fn polled(third: &'static str) -> SocketAddr {
    serve(move |mut stream| {
        for number in 0.. {
            let head = read_head(&mut stream)?;
            assert_eq!(head.contains("wait=25") || head.contains("live=long-poll"), number > 0);
            let body = if number == 2 { third } else { "[]" };
            if number <= 2 {
                let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
                stream.write_all(head.as_bytes())?;
                stream.write_all(body.as_bytes())?;
            }
        }
        Ok(())
    })
}
