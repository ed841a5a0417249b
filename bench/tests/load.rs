//! The load generator against servers of a few lines, right ones and wrong ones: a figure is
//! worth something only if a server that loses or changes a message cannot get one.

#![expect(clippy::unwrap_used, reason = "a failed helper fails its test")]

mod common;
#[path = "common/websocket.rs"]
mod websocket;

use std::io::{Read, Write};
use std::net::SocketAddr;

use sockeye_bench::load::{self, ConnectionError, LoadError, Options, Workload};
use sockeye_bench::wire::{self, Protocol};

use crate::common::{options, options_until_stalled, read_head, run, run_until_wrong, serve};
use crate::websocket::{accept_head, read_frame};

#[test]
fn a_right_websocket_echo_gets_a_figure() {
    let outcome = run(Protocol::Websocket, Workload::Echo, websocket_echo(|_| Answer::Right));
    let outcome = outcome.unwrap();
    assert!(outcome.operations > 0 && outcome.server_cpu_us().unwrap() > 0.0);
    assert_eq!((outcome.message_bytes, outcome.pings), ((38, 34), 0));
}

#[test]
fn heartbeats_between_messages_are_answered_and_not_counted_as_messages() {
    let server =
        websocket_echo(|number| if number % 10 == 3 { Answer::AfterPing } else { Answer::Right });
    let outcome = run(Protocol::Websocket, Workload::Echo, server).unwrap();
    assert!(outcome.pings > 0);
}

#[test]
fn large_messages_in_pieces_are_right() {
    let server = websocket_echo(|_| Answer::InPieces);
    let options = Options { size: 70_000, ..options(Protocol::Websocket, Workload::Echo, server) };
    assert!(load::run(&options).unwrap().operations > 0);
}

#[test]
fn a_changed_byte_is_found() {
    let server =
        websocket_echo(|number| if number == 50 { Answer::Changed } else { Answer::Right });
    match run_until_wrong(Protocol::Websocket, Workload::Echo, server) {
        Err(LoadError::Connection {
            source: ConnectionError::Wrong { number: 50, .. }, ..
        }) => {}
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_lost_message_is_found() {
    let server = websocket_echo(|number| if number == 50 { Answer::Lost } else { Answer::Right });
    // One message at a time: nothing comes after the lost one that could be compared with it.
    let options = options_until_stalled(Protocol::Websocket, Workload::Echo, server);
    match load::run(&Options { pipeline: 1, ..options }) {
        Err(LoadError::Stalled { missing, .. }) => assert!(missing >= 1),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_message_too_many_is_found() {
    let server = websocket_echo(|number| if number == 50 { Answer::Twice } else { Answer::Right });
    // With a ring of one slot the second copy would look like the next message.
    match run_until_wrong(Protocol::Websocket, Workload::Echo, server) {
        Err(LoadError::Connection {
            source: ConnectionError::Wrong { .. } | ConnectionError::Surplus,
            ..
        }) => {}
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_broadcast_that_misses_somebody_is_found() {
    // An echo is a broadcast that reaches the sender alone.
    let server = websocket_echo(|_| Answer::Right);
    let options = options_until_stalled(Protocol::Websocket, Workload::Broadcast, server);
    match load::run(&options) {
        Err(LoadError::Stalled { missing, .. }) => assert_eq!(missing, 4),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_refused_or_wrongly_accepted_handshake_is_found() {
    for response in [
        "HTTP/1.1 404 Not Found\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: wrong\r\n\r\n",
    ] {
        let server = serve(move |mut stream| {
            read_head(&mut stream)?;
            stream.write_all(response.as_bytes())?;
            // Keep it open: the response, not the end of the stream, is what must be seen.
            stream.read(&mut [0]).map(drop)
        });
        match run_until_wrong(Protocol::Websocket, Workload::Connect, server) {
            Err(LoadError::Connection { source: ConnectionError::Handshake(_), .. }) => {}
            other => panic!("{response:?}: {other:?}"),
        }
    }
}

#[test]
fn a_socket_io_server_that_sends_its_packets_at_once_is_right() {
    // Open packet in the same segment as the response head, connect packet cut in two.
    let server = serve(|mut stream| {
        read_head(&mut stream)?;
        let mut first = accept_head();
        first.extend(wire::frame(wire::TEXT, None, br#"0{"sid":"x","upgrades":[]}"#));
        stream.write_all(&first)?;
        assert_eq!(read_frame(&mut stream)?, b"40");
        let join = wire::frame(wire::TEXT, None, br#"40{"sid":"y"}"#);
        stream.write_all(&join[..3])?;
        stream.write_all(&join[3..])?;
        loop {
            let message = read_frame(&mut stream)?;
            stream.write_all(&wire::frame(wire::TEXT, None, &message))?;
        }
    });
    let outcome = run(Protocol::SocketIo, Workload::Echo, server).unwrap();
    assert!(outcome.operations > 0);
}

/// What a server does with message number n of a connection.
enum Answer {
    Right,
    AfterPing,
    InPieces,
    Changed,
    Lost,
    Twice,
}

fn websocket_echo(answer: impl Fn(u64) -> Answer + Clone + Send + 'static) -> SocketAddr {
    serve(move |mut stream| {
        read_head(&mut stream)?;
        stream.write_all(&accept_head())?;
        let mut number = 0;
        loop {
            let message = read_frame(&mut stream)?;
            let mut reply = wire::frame(wire::TEXT, None, &message);
            match answer(number) {
                Answer::Right => stream.write_all(&reply)?,
                Answer::AfterPing => {
                    // Byte by byte, so that it arrives cut.
                    for byte in wire::frame(wire::PING, None, b"are you there") {
                        stream.write_all(&[byte])?;
                    }
                    stream.write_all(&reply)?;
                    // Pongs may come behind messages sent earlier; `read_frame` skips them.
                }
                Answer::InPieces => {
                    for piece in reply.chunks(9_999) {
                        stream.write_all(piece)?;
                    }
                }
                Answer::Changed => {
                    *reply.last_mut().unwrap() ^= 1;
                    stream.write_all(&reply)?;
                }
                Answer::Lost => {}
                Answer::Twice => stream.write_all(&reply.repeat(2))?,
            }
            number += 1;
        }
    })
}
