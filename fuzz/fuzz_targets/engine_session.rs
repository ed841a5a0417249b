//! Any order of inputs leaves a session sane: it says little at a time, ends once, and says nothing
//! after its end.

#![no_main]

use std::sync::Arc;
use std::time::{Duration, Instant};

use libfuzzer_sys::fuzz_target;
use sockeye_engine_proto::{
    Config, Event, Loss, Message, Packet, Revision, Session, SessionId, TransportChange,
    TransportId, TransportKind,
};

// The first byte is role, transport and revision; then each step is three bytes: what, where, which.
fuzz_target!(|input: &[u8]| {
    let Some((&first, steps)) = input.split_first() else { return };
    let (server, polling) = (first & 1 == 0, first & 2 == 0);
    let start = Instant::now();
    let via = transport(u8::from(!polling));
    let revision = if first & 4 == 0 { Revision::V4 } else { Revision::V3 };
    let config = Arc::new(Config::default());
    let mut session = if server {
        Session::accept(config, revision, SessionId::from("abc"), via, start)
    } else {
        Session::initiate(config, via, start)
    };
    let mut now = start;
    let mut ended = 0;
    for step in steps.chunks_exact(3) {
        let via = transport(step[1]);
        match step[0] % 5 {
            0 => {
                let _ = session.handle_packet(via, PACKETS[usize::from(step[2]) % 10], now);
            }
            1 => session.handle_transport(via, CHANGES[usize::from(step[2]) % 8], now),
            2 => {
                now += Duration::from_millis(u64::from(step[1]) * u64::from(step[2]));
                session.handle_timeout(now);
            }
            3 => session.handle_malformed(via, now),
            _ if step[2] < 32 => session.close(now),
            _ if step[2] < 128 => session.handle_ping_written(now),
            _ => {}
        }
        let mut transmits = 0;
        while session.poll_transmit().is_some() {
            transmits += 1;
        }
        // What was due and what the input caused: never a queue that grows.
        assert!(transmits <= 8, "{transmits}");
        while let Some(event) = session.poll_event() {
            assert_eq!(ended, 0, "{event:?} after the end");
            ended += usize::from(matches!(event, Event::Closed(_)));
        }
        assert_eq!(session.is_closed(), ended == 1);
        assert!(session.poll_timeout().is_none_or(|at| at > now || session.is_closed()));
    }
});

fn transport(number: u8) -> TransportId {
    match number % 3 {
        0 => TransportId::new(TransportKind::Polling, 0),
        number => TransportId::new(TransportKind::WebSocket, u32::from(number)),
    }
}

const OPEN: &str = "{\"sid\":\"abc\",\"upgrades\":[\"websocket\"],\"pingInterval\":25000,\
                    \"pingTimeout\":20000,\"maxPayload\":1000000}";

const PACKETS: [Packet<'static>; 10] = [
    Packet::Open(OPEN),
    Packet::Open("{}"),
    Packet::Close,
    Packet::Ping(""),
    Packet::Ping("probe"),
    Packet::Pong(""),
    Packet::Pong("probe"),
    Packet::Message(Message::Text("x")),
    Packet::Upgrade,
    Packet::Noop,
];

const CHANGES: [TransportChange; 8] = [
    TransportChange::Opened,
    TransportChange::Writable,
    TransportChange::Answered,
    TransportChange::Polling,
    TransportChange::Posting,
    TransportChange::Broken,
    TransportChange::Lost(Loss::Closed),
    TransportChange::Lost(Loss::Failed),
];
