//! The polling clients of the load generator against a polling server of a few lines.

#![expect(clippy::unwrap_used, reason = "a failed helper fails its test")]

mod common;

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};

use sockeye_bench::load::{self, ConnectionError, LoadError, Workload};
use sockeye_bench::wire::Protocol;

use crate::common::{options_until_stalled, read_head, run, run_until_wrong, serve};

#[test]
fn a_right_server_gets_a_figure_and_its_pings_are_answered() {
    for protocol in [Protocol::EngineIo, Protocol::SocketIo] {
        let server = polling_echo(|number, packet| match number {
            // In the first batch, which everybody gets however short the window is.
            1 => vec!["2".to_owned(), packet],
            2 => vec![packet, "6".to_owned()],
            _ => vec![packet],
        });
        let outcome = run(protocol, Workload::Polling, server).unwrap();
        assert!(outcome.operations > 0, "{protocol}");
        assert_eq!(outcome.pings, 2, "{protocol}: one for each connection");
    }
}

#[test]
fn an_idle_server_is_measured_with_a_poll_waiting() {
    let server = polling_echo(|_, packet| vec![packet]);
    let outcome = run(Protocol::EngineIo, Workload::IdlePolling, server).unwrap();
    assert_eq!(outcome.operations, 2);
    assert!(outcome.memory.is_some());
}

#[test]
fn changed_lost_and_surplus_messages_are_found() {
    let changed =
        polling_echo(
            |number, packet| {
                if number == 9 { vec![packet.replace('a', "b")] } else { vec![packet] }
            },
        );
    match run_until_wrong(Protocol::EngineIo, Workload::Polling, changed) {
        Err(LoadError::Connection { source: ConnectionError::Wrong { number: 9, .. }, .. }) => {}
        other => panic!("{other:?}"),
    }
    let lost = polling_echo(|number, packet| if number == 8 { vec![] } else { vec![packet] });
    match run_until_wrong(Protocol::EngineIo, Workload::Polling, lost) {
        Err(LoadError::Connection { source: ConnectionError::Wrong { number: 8, .. }, .. }) => {}
        other => panic!("{other:?}"),
    }
    let all_lost = polling_echo(|_, _| vec![]);
    let options = options_until_stalled(Protocol::EngineIo, Workload::Polling, all_lost);
    match load::run(&options) {
        Err(LoadError::Stalled { missing: 8, .. }) => {}
        other => panic!("{other:?}"),
    }
    // The last of a batch: with an earlier one the next would be wrong first.
    let surplus = polling_echo(|number, packet| match number {
        3 => vec![packet.clone(), packet],
        _ => vec![packet],
    });
    match run_until_wrong(Protocol::EngineIo, Workload::Polling, surplus) {
        Err(LoadError::Connection { source: ConnectionError::Surplus, .. }) => {}
        other => panic!("{other:?}"),
    }
}

/// What waits for a session's next poll.
#[derive(Default)]
struct Outbox {
    packets: Mutex<Vec<String>>,
    filled: Condvar,
}

/// Answers message number n (of all messages) with the packets that `answer` gives.
fn polling_echo(
    answer: impl Fn(usize, String) -> Vec<String> + Clone + Send + 'static,
) -> SocketAddr {
    let sessions: Arc<Mutex<HashMap<String, Arc<Outbox>>>> = Arc::default();
    let opened = Arc::new(AtomicUsize::new(0));
    serve(move |mut stream| {
        let mut numbers = HashMap::<String, usize>::new();
        loop {
            let head = read_head(&mut stream)?;
            let Some((_, rest)) = head.split_once("&sid=") else {
                let sid = format!("session-{}", opened.fetch_add(1, Ordering::Relaxed));
                sessions.lock().unwrap().insert(sid.clone(), Arc::default());
                respond(&mut stream, &format!(r#"0{{"sid":"{sid}","upgrades":[]}}"#))?;
                continue;
            };
            let sid = rest.split(' ').next().unwrap().to_owned();
            let outbox = Arc::clone(&sessions.lock().unwrap()[&sid]);
            if head.starts_with("GET ") {
                let packets = outbox.packets.lock().unwrap();
                let mut packets = outbox.filled.wait_while(packets, |p| p.is_empty()).unwrap();
                respond(&mut stream, &std::mem::take(&mut *packets).join("\x1e"))?;
                continue;
            }
            for packet in read_body(&mut stream, &head)?.split('\x1e') {
                let packets = match packet {
                    "40" => vec![r#"40{"sid":"x"}"#.to_owned()],
                    "3" => vec![],
                    message => {
                        let number = numbers.entry(sid.clone()).or_default();
                        *number += 1;
                        answer(*number - 1, message.to_owned())
                    }
                };
                outbox.packets.lock().unwrap().extend(packets);
            }
            outbox.filled.notify_one();
            respond(&mut stream, "ok")?;
        }
    })
}

fn respond(stream: &mut TcpStream, body: &str) -> std::io::Result<()> {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
    stream.write_all((head + body).as_bytes())
}

fn read_body(stream: &mut TcpStream, head: &str) -> std::io::Result<String> {
    let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
    let mut body = vec![0; length.unwrap().parse().unwrap()];
    stream.read_exact(&mut body)?;
    Ok(String::from_utf8(body).unwrap())
}
