//! Any order of inputs leaves a session sane: it says little at a time, ends once, and says nothing
//! after its end. The fuzz target `engine_session` looks for the same for longer.

use std::sync::Arc;
use std::time::{Duration, Instant};

use proptest::collection::vec;
use proptest::prelude::*;
use sockeye_engine_proto::{
    Config, Event, Loss, Message, Packet, Revision, Session, SessionId, TransportChange,
    TransportId, TransportKind,
};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_inputs_leave_a_session_sane(
        server in any::<bool>(),
        three in any::<bool>(),
        polling in any::<bool>(),
        steps in vec((0..5u8, 0..3u8, any::<u8>()), 0..60),
    ) {
        let start = Instant::now();
        let via = transport(u8::from(!polling));
        let revision = if three { Revision::V3 } else { Revision::V4 };
        let config = Arc::new(Config::default());
        let mut session = if server {
            Session::accept(config, revision, SessionId::from("abc"), via, start)
        } else {
            Session::initiate(config, via, start)
        };
        let (mut now, mut ended) = (start, 0);
        for (what, place, which) in steps {
            let via = transport(place);
            match what {
                0 => {
                    let packet = PACKETS[usize::from(which) % PACKETS.len()];
                    let _ = session.handle_packet(via, packet, now);
                }
                1 => {
                    let change = CHANGES[usize::from(which) % CHANGES.len()];
                    session.handle_transport(via, change, now);
                }
                2 => {
                    now += Duration::from_millis(u64::from(which) * 100);
                    session.handle_timeout(now);
                }
                3 if which < 64 => session.handle_malformed(via, now),
                _ if which < 32 => session.close(now),
                _ if which < 128 => session.handle_ping_written(now),
                _ => {}
            }
            let transmits = std::iter::from_fn(|| session.poll_transmit()).count();
            prop_assert!(transmits <= 8, "{} transmits", transmits);
            while let Some(event) = session.poll_event() {
                prop_assert_eq!(ended, 0, "{:?} after the end", event);
                ended += usize::from(matches!(event, Event::Closed(_)));
            }
            prop_assert_eq!(session.is_closed(), ended == 1);
            let timeout = session.poll_timeout();
            prop_assert!(timeout.is_none_or(|at| at > now && !session.is_closed()));
        }
    }
}

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
