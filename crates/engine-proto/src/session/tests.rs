//! The tables of `session.rs`, row by row.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::*;
const POLLING: TransportId = TransportId::new(TransportKind::Polling, 0);
const SOCKET: TransportId = TransportId::new(TransportKind::WebSocket, 1);
const SECOND: TransportId = TransportId::new(TransportKind::WebSocket, 2);

/// A session, the time, and everything it said.
struct World {
    session: Session,
    start: Instant,
    now: Instant,
}

impl World {
    fn server(via: TransportId) -> Self {
        World::server_of(Revision::V4, via)
    }

    fn server_of(revision: Revision, via: TransportId) -> Self {
        let now = Instant::now();
        let config = Arc::new(Config::default());
        let session = Session::accept(config, revision, SessionId::from("abc"), via, now);
        World { session, start: now, now }
    }

    /// A server whose OPEN went out.
    fn open_server(via: TransportId) -> Self {
        let mut world = World::server(via);
        if via == POLLING {
            world.change(POLLING, TransportChange::Writable);
        }
        assert_eq!(world.said(), [format!("{:?} Open", via.kind()), "Opened".to_owned()]);
        if via == POLLING {
            world.change(POLLING, TransportChange::Answered);
        }
        world
    }

    /// A server in the middle of an upgrade: `3probe` went out, no poll is parked.
    fn probed_server() -> Self {
        let mut world = World::open_server(POLLING);
        world.change(SOCKET, TransportChange::Opened);
        world.packet(SOCKET, Packet::Ping("probe")).unwrap();
        assert_eq!(world.said(), ["WebSocket ProbePong", "Upgrading"]);
        world
    }

    fn client(via: TransportId) -> Self {
        let now = Instant::now();
        let session = Session::initiate(Arc::new(Config::default()), via, now);
        World { session, start: now, now }
    }

    /// A client whose first poll brought OPEN.
    fn open_client(via: TransportId) -> Self {
        let mut world = World::client(via);
        if via == POLLING {
            assert!(world.session.poll_wanted());
            world.change(POLLING, TransportChange::Polling);
        }
        world.packet(via, Packet::Open(OPEN)).unwrap();
        if via == POLLING {
            world.change(POLLING, TransportChange::Answered);
        }
        assert_eq!(world.said(), ["Opened"]);
        world
    }

    /// A client that sent `2probe` while a poll is under way.
    fn probing_client() -> Self {
        let mut world = World::open_client(POLLING);
        world.change(POLLING, TransportChange::Polling);
        assert!(world.session.upgrade_wanted());
        world.change(SOCKET, TransportChange::Opened);
        assert_eq!(world.said(), ["WebSocket ProbePing"]);
        world
    }

    fn at(&mut self, milliseconds: u64) -> &mut Self {
        self.now = self.start + Duration::from_millis(milliseconds);
        self
    }

    fn wait(&mut self, milliseconds: u64) -> &mut Self {
        self.now += Duration::from_millis(milliseconds);
        self
    }

    fn tick(&mut self) -> &mut Self {
        self.session.handle_timeout(self.now);
        self
    }

    fn packet<'a>(
        &mut self,
        via: TransportId,
        packet: Packet<'a>,
    ) -> Result<Option<Message<'a>>, SessionError> {
        self.session.handle_packet(via, packet, self.now)
    }

    fn change(&mut self, via: TransportId, change: TransportChange) {
        self.session.handle_transport(via, change, self.now);
    }

    fn close(&mut self) {
        self.session.close(self.now);
    }

    /// Everything the session says, transmits first. Its transport takes it at once.
    fn said(&mut self) -> Vec<String> {
        let said = self.said_but_not_written();
        self.session.handle_ping_written(self.now);
        said
    }

    /// [`said`](Self::said), but for a ping that stays behind something else.
    fn said_but_not_written(&mut self) -> Vec<String> {
        let mut said = Vec::new();
        while let Some(transmit) = self.session.poll_transmit() {
            let again = if transmit.via == SECOND { " 2" } else { "" };
            said.push(format!("{:?} {:?}{again}", transmit.via.kind(), transmit.control));
        }
        while let Some(event) = self.session.poll_event() {
            said.push(match event {
                Event::Closed(reason) => format!("Closed {reason}"),
                Event::Upgraded { .. } => "Upgraded".to_owned(),
                event => format!("{event:?}"),
            });
        }
        said
    }

    /// Milliseconds until the next timeout.
    fn timeout(&self) -> Option<u128> {
        self.session.poll_timeout().map(|at| at.saturating_duration_since(self.now).as_millis())
    }
}

const OPEN: &str = "{\"sid\":\"abc\",\"upgrades\":[\"websocket\"],\"pingInterval\":25000,\
                    \"pingTimeout\":20000,\"maxPayload\":1000000}";
const TEXT: Packet<'static> = Packet::Message(Message::Text("hi"));

// Heartbeat of a server.

#[test]
fn first_ping_after_the_interval_and_the_next_an_interval_after_the_pong() {
    let mut world = World::open_server(SOCKET);
    assert_eq!(world.timeout(), Some(25_000));
    assert!(world.at(24_999).tick().said().is_empty());
    assert_eq!(world.at(25_000).tick().said(), ["WebSocket Ping"]);
    assert_eq!(world.timeout(), Some(20_000));
    assert_eq!(world.at(26_000).packet(SOCKET, Packet::Pong("")), Ok(None));
    assert_eq!(world.timeout(), Some(25_000));
    assert!(world.at(50_999).tick().said().is_empty());
    assert_eq!(world.at(51_000).tick().said(), ["WebSocket Ping"]);
}

#[test]
fn the_pong_deadline_counts_from_the_scheduled_ping() {
    let mut world = World::open_server(SOCKET);
    // The timer came three seconds late.
    assert_eq!(world.at(28_000).tick().said(), ["WebSocket Ping"]);
    assert_eq!(world.timeout(), Some(17_000));
    assert!(world.at(44_999).tick().said().is_empty());
    assert_eq!(world.at(45_000).tick().said(), ["WebSocket Close", "Closed ping timeout"]);
    assert_eq!(world.timeout(), None);
}

#[test]
fn what_is_overdue_expires_before_the_next_input() {
    let mut world = World::open_server(POLLING);
    world.at(45_000).change(POLLING, TransportChange::Writable);
    assert!(world.session.is_closed());
    assert_eq!(world.said(), ["Closed ping timeout"]);
    assert_eq!(world.session.outlet(), None);

    let mut world = World::open_server(SOCKET);
    assert_eq!(world.at(45_000).packet(SOCKET, TEXT), Err(SessionError::Closed));
    let mut world = World::open_server(SOCKET);
    assert_eq!(world.at(44_999).packet(SOCKET, TEXT), Ok(Some(Message::Text("hi"))));
}

#[test]
fn the_first_packet_after_a_ping_extends_the_pong_deadline_once() {
    let mut world = World::open_server(SOCKET);
    world.at(25_000).tick().said();
    world.at(35_000).packet(SOCKET, TEXT).unwrap();
    assert_eq!(world.timeout(), Some(20_000));
    world.at(50_000).packet(SOCKET, TEXT).unwrap();
    assert_eq!(world.timeout(), Some(5_000));
    assert_eq!(world.at(55_000).tick().said(), ["WebSocket Close", "Closed ping timeout"]);
}

#[test]
fn the_pong_deadline_does_not_pass_while_nothing_is_read() {
    let mut world = World::open_server(SOCKET);
    world.at(25_000).tick().said();
    world.at(45_000);
    world.session.handle_pause(world.now);
    assert!(world.said().is_empty());
    assert_eq!(world.timeout(), Some(20_000));
    assert_eq!(world.at(65_000).tick().said(), ["WebSocket Close", "Closed ping timeout"]);
}

#[test]
fn an_unasked_pong_puts_the_next_ping_off() {
    let mut world = World::open_server(SOCKET);
    world.at(24_000).packet(SOCKET, Packet::Pong("")).unwrap();
    world.at(24_500).packet(SOCKET, Packet::Pong("")).unwrap();
    assert_eq!(world.timeout(), Some(25_000));
}

/// Blind pongs are no sign of life: what they answer has not left.
#[test]
fn a_pong_counts_only_once_its_ping_was_written() {
    let mut world = World::open_server(SOCKET);
    assert_eq!(world.at(25_000).tick().said_but_not_written(), ["WebSocket Ping"]);
    assert!(world.session.is_ping_out());
    // While it is not written its pong cannot be late; that something is written is not our matter.
    assert_eq!(world.timeout(), None);
    for milliseconds in [25_000, 26_000, 60_000] {
        world.at(milliseconds).packet(SOCKET, Packet::Pong("")).unwrap();
        assert!(world.session.is_ping_out());
        assert_eq!(world.timeout(), None);
    }
    world.session.handle_ping_written(world.now);
    assert!(!world.session.is_ping_out());
    assert_eq!(world.timeout(), Some(20_000));
    assert_eq!(world.at(80_000).tick().said(), ["WebSocket Close", "Closed ping timeout"]);

    let mut world = World::open_server(SOCKET);
    world.at(25_000).tick().said_but_not_written();
    world.at(40_000);
    world.session.handle_ping_written(world.now);
    world.at(59_000).packet(SOCKET, Packet::Pong("")).unwrap();
    assert_eq!(world.timeout(), Some(25_000));
}

/// A client that never asks for its ping cannot have answered it.
#[test]
fn a_pong_counts_only_once_a_poll_has_taken_its_ping() {
    let mut world = World::open_server(POLLING);
    world.at(25_000).tick().said();
    world.at(30_000).packet(POLLING, Packet::Pong("")).unwrap();
    assert_eq!(world.timeout(), Some(15_000));
    assert_eq!(world.at(45_000).tick().said(), ["Closed ping timeout"]);
}

#[test]
fn a_ping_waits_for_a_poll_and_its_pong_is_due_all_the_same() {
    let mut world = World::open_server(POLLING);
    assert!(world.at(25_000).tick().said().is_empty());
    world.at(30_000).change(POLLING, TransportChange::Writable);
    assert_eq!(world.said(), ["Polling Ping"]);
    world.change(POLLING, TransportChange::Answered);
    assert_eq!(world.timeout(), Some(15_000));
}

#[test]
fn a_ping_from_a_client_ends_the_session() {
    for via in [POLLING, SOCKET] {
        let mut world = World::open_server(via);
        let error = world.packet(via, Packet::Ping("")).unwrap_err();
        assert_eq!(error, SessionError::HeartbeatDirection);
        assert_eq!(world.said().last().unwrap(), "Closed transport error");
        assert_eq!(world.packet(via, TEXT), Err(SessionError::Closed));
    }
}

// Packets and polls of a server.

#[test]
fn messages_pass_as_they_came() {
    let mut world = World::open_server(POLLING);
    let text = String::from("hi");
    let message = world.packet(POLLING, Packet::Message(Message::Text(&text))).unwrap();
    let Some(Message::Text(passed)) = message else { panic!("{message:?}") };
    assert_eq!(passed.as_ptr(), text.as_ptr());
    for packet in [Packet::Open("x"), Packet::Noop, Packet::Upgrade] {
        assert_eq!(world.packet(POLLING, packet), Ok(None));
    }
    assert_eq!(world.packet(SECOND, TEXT), Ok(None), "not a transport of this session");
    assert!(world.said().is_empty());
}

#[test]
fn a_close_packet_ends_polling_but_not_a_websocket() {
    let mut world = World::open_server(POLLING);
    world.change(POLLING, TransportChange::Writable);
    world.packet(POLLING, Packet::Close).unwrap();
    assert_eq!(world.said(), ["Polling Noop", "Closed transport close"]);

    let mut world = World::open_server(POLLING);
    world.packet(POLLING, Packet::Close).unwrap();
    assert_eq!(world.said(), ["Closed transport close"]);

    let mut world = World::open_server(SOCKET);
    world.packet(SOCKET, Packet::Close).unwrap();
    assert!(world.said().is_empty() && world.session.is_open());
}

#[test]
fn what_cannot_be_read_ends_the_session() {
    let mut world = World::open_server(POLLING);
    world.change(POLLING, TransportChange::Writable);
    world.session.handle_malformed(POLLING, world.now);
    assert_eq!(world.said(), ["Polling Close", "Closed parse error"]);
}

#[test]
fn there_is_an_outlet_while_a_poll_is_parked() {
    let mut world = World::open_server(POLLING);
    assert_eq!(world.session.outlet(), None);
    world.change(POLLING, TransportChange::Writable);
    assert_eq!(world.session.outlet(), Some(POLLING));
    world.change(POLLING, TransportChange::Answered);
    assert_eq!(world.session.outlet(), None);
    assert_eq!(World::open_server(SOCKET).session.outlet(), Some(SOCKET));
}

#[test]
fn a_second_poll_ends_the_session_and_the_first_is_told() {
    let mut world = World::open_server(POLLING);
    world.change(POLLING, TransportChange::Writable);
    world.change(POLLING, TransportChange::Writable);
    assert_eq!(world.said(), ["Polling Close", "Closed transport error"]);
}

#[test]
fn a_lost_transport_ends_the_session_without_a_goodbye() {
    let mut world = World::open_server(POLLING);
    world.change(POLLING, TransportChange::Writable);
    world.change(POLLING, TransportChange::Lost(Loss::Failed));
    assert_eq!(world.said(), ["Closed transport error"]);
    let mut world = World::open_server(SOCKET);
    world.change(SOCKET, TransportChange::Lost(Loss::Closed));
    assert_eq!(world.said(), ["Closed transport close"]);
    let mut world = World::open_server(SOCKET);
    world.change(SOCKET, TransportChange::Broken);
    assert_eq!(world.said(), ["WebSocket Close", "Closed transport error"]);
}

// Upgrade, a server's side.

#[test]
fn an_upgrade_answers_the_probe_then_ends_polls_every_hundred_milliseconds() {
    let mut world = World::probed_server();
    assert_eq!(world.session.probe(), Some(SOCKET));
    world.wait(50).change(POLLING, TransportChange::Writable);
    assert!(world.tick().said().is_empty());
    assert_eq!(world.session.outlet(), Some(POLLING), "messages still go out by polling");
    assert_eq!(world.wait(50).tick().said(), ["Polling Noop"]);
    world.change(POLLING, TransportChange::Answered);
    assert!(world.wait(100).tick().said().is_empty(), "no poll is parked");
    world.change(POLLING, TransportChange::Writable);
    assert_eq!(world.wait(100).tick().said(), ["Polling Noop"]);
    world.change(POLLING, TransportChange::Answered);

    world.packet(SOCKET, Packet::Upgrade).unwrap();
    assert_eq!(world.said(), ["Upgraded"]);
    assert_eq!(world.session.outlet(), Some(SOCKET));
    assert_eq!(world.packet(SOCKET, TEXT), Ok(Some(Message::Text("hi"))));
    assert_eq!(world.packet(POLLING, TEXT), Ok(None), "polling is over");
    assert_eq!(world.session.probe(), None);
}

#[test]
fn an_upgrade_releases_a_poll_that_should_not_be_there() {
    let mut world = World::probed_server();
    world.change(POLLING, TransportChange::Writable);
    world.packet(SOCKET, Packet::Upgrade).unwrap();
    assert_eq!(world.said(), ["Polling Noop", "Upgraded"]);
}

#[test]
fn an_upgrade_without_a_probe_is_taken() {
    let mut world = World::open_server(POLLING);
    world.change(SOCKET, TransportChange::Opened);
    world.packet(SOCKET, Packet::Upgrade).unwrap();
    assert_eq!(world.said(), ["Upgraded"]);
}

#[test]
fn a_wrong_packet_on_the_probe_closes_the_probe_only() {
    for packet in [TEXT, Packet::Ping(""), Packet::Pong("probe"), Packet::Noop, Packet::Close] {
        let mut world = World::open_server(POLLING);
        world.change(SOCKET, TransportChange::Opened);
        assert_eq!(world.packet(SOCKET, packet), Ok(None));
        assert_eq!(world.said(), ["WebSocket Close"], "{packet:?}");
        assert!(world.session.is_open());

        let mut world = World::probed_server();
        world.packet(SOCKET, packet).unwrap();
        assert_eq!(world.said(), ["WebSocket Close"], "{packet:?} after the probe");
        assert!(world.session.is_open());
    }
    let mut world = World::probed_server();
    world.session.handle_malformed(SOCKET, world.now);
    assert_eq!(world.said(), ["WebSocket Close"]);
    let mut world = World::probed_server();
    world.change(SOCKET, TransportChange::Broken);
    assert_eq!(world.said(), ["WebSocket Close"]);
    let mut world = World::probed_server();
    world.change(SOCKET, TransportChange::Lost(Loss::Closed));
    assert!(world.said().is_empty() && world.session.is_open());
}

#[test]
fn an_unfinished_upgrade_ends_after_its_timeout_and_another_may_follow() {
    let mut world = World::open_server(POLLING);
    world.change(SOCKET, TransportChange::Opened);
    assert_eq!(world.timeout(), Some(10_000));
    assert!(world.wait(9_999).tick().said().is_empty());
    assert_eq!(world.wait(1).tick().said(), ["WebSocket Close"]);
    assert!(world.session.is_open());
    world.change(SECOND, TransportChange::Opened);
    assert!(world.said().is_empty());
    assert_eq!(world.session.probe(), Some(SECOND));
}

#[test]
fn a_second_websocket_is_closed() {
    let mut world = World::probed_server();
    world.change(SECOND, TransportChange::Opened);
    assert_eq!(world.said(), ["WebSocket Close 2"]);
    assert_eq!(world.session.probe(), Some(SOCKET));
    world.packet(SOCKET, Packet::Upgrade).unwrap();
    world.said();
    world.change(SECOND, TransportChange::Opened);
    assert_eq!(world.said(), ["WebSocket Close 2"]);
    assert!(world.session.is_open());
}

#[test]
fn the_heartbeat_goes_on_through_an_upgrade() {
    let mut world = World::open_server(POLLING);
    world.at(24_000).change(SOCKET, TransportChange::Opened);
    world.packet(SOCKET, Packet::Ping("probe")).unwrap();
    world.said();
    // No poll is parked: the ping waits, and goes out on the WebSocket.
    assert!(world.at(25_000).tick().said().is_empty());
    world.at(25_050).packet(SOCKET, Packet::Upgrade).unwrap();
    assert_eq!(world.said(), ["WebSocket Ping", "Upgraded"]);
    assert_eq!(world.timeout(), Some(20_000), "the new transport has the whole time");
    world.at(45_049).packet(SOCKET, Packet::Pong("")).unwrap();
    assert_eq!(world.timeout(), Some(25_000));
}

#[test]
fn the_end_of_the_session_ends_its_probe() {
    let mut world = World::probed_server();
    world.change(POLLING, TransportChange::Writable);
    world.change(POLLING, TransportChange::Lost(Loss::Failed));
    assert_eq!(world.said(), ["WebSocket Close", "Closed transport error"]);
}

#[test]
fn revision_three_has_the_client_ping() {
    for via in [POLLING, SOCKET] {
        let mut world = World::server_of(Revision::V3, via);
        world.change(POLLING, TransportChange::Writable);
        world.said();
        world.change(POLLING, TransportChange::Answered);
        world.change(POLLING, TransportChange::Writable);
        assert!(world.at(44_000).tick().said().is_empty(), "the server does not ping");
        world.packet(via, Packet::Ping("")).unwrap();
        assert_eq!(world.said(), [format!("{:?} Pong", via.kind())]);
        world.change(POLLING, TransportChange::Answered);
        // Nothing but a ping counts.
        assert_eq!(world.at(80_000).packet(via, TEXT), Ok(Some(Message::Text("hi"))));
        assert!(world.at(88_999).tick().said().is_empty());
        assert_eq!(world.at(89_000).tick().said().last().unwrap(), "Closed ping timeout");
    }
    let mut world = World::server_of(Revision::V3, SOCKET);
    world.said();
    assert_eq!(world.packet(SOCKET, Packet::Pong("")), Err(SessionError::HeartbeatDirection));
    assert_eq!(world.said(), ["WebSocket Close", "Closed transport error"]);
}

// Closing, a server's side.

#[test]
fn closing_over_polling_waits_for_a_poll() {
    let mut world = World::open_server(POLLING);
    world.close();
    assert!(world.said().is_empty());
    assert_eq!(world.packet(POLLING, TEXT), Ok(None), "too late");
    world.wait(20_000).change(POLLING, TransportChange::Writable);
    assert_eq!(world.session.outlet(), Some(POLLING), "the last messages go first");
    assert_eq!(world.said(), ["Polling Noop", "Polling Close"]);
    world.change(POLLING, TransportChange::Answered);
    assert_eq!(world.said(), ["Closed forced close"]);
}

#[test]
fn closing_over_polling_waits_for_the_poll_behind_the_backlog() {
    let mut world = World::open_server(POLLING);
    world.change(POLLING, TransportChange::Writable);
    world.session.set_backlog(true);
    world.close();
    assert!(world.said().is_empty());
    assert_eq!(world.session.outlet(), Some(POLLING));
    world.change(POLLING, TransportChange::Answered);
    world.session.set_backlog(false);
    assert!(world.said().is_empty());
    world.change(POLLING, TransportChange::Writable);
    assert_eq!(world.said(), ["Polling Noop", "Polling Close"]);

    let mut world = World::open_server(POLLING);
    world.change(POLLING, TransportChange::Writable);
    world.session.set_backlog(true);
    world.session.abort(CloseReason::Overflow);
    assert_eq!(world.said(), ["Polling Close", "Closed overflow"], "the backlog is lost");

    let mut world = World::open_server(SOCKET);
    world.session.set_backlog(true);
    world.close();
    assert_eq!(world.said(), ["WebSocket Close"], "one stream keeps the order");
}

#[test]
fn closing_ends_at_its_timeout() {
    let mut world = World::open_server(SOCKET);
    world.close();
    assert_eq!(world.said(), ["WebSocket Close"]);
    assert_eq!(world.wait(5_000).tick().said(), ["Closed forced close"]);

    let mut world = World::open_server(POLLING);
    world.packet(POLLING, Packet::Pong("")).unwrap();
    world.at(10_000).packet(POLLING, Packet::Pong("")).unwrap();
    world.close();
    world.at(20_000).packet(POLLING, Packet::Pong("")).unwrap();
    assert!(world.at(39_999).tick().said().is_empty());
    assert_eq!(world.at(40_000).tick().said(), ["Closed forced close"]);
}

#[test]
fn closing_a_websocket_ends_with_the_transport() {
    let mut world = World::open_server(SOCKET);
    world.close();
    world.said();
    world.change(SOCKET, TransportChange::Lost(Loss::Closed));
    assert_eq!(world.said(), ["Closed forced close"]);
}

#[test]
fn closing_during_an_upgrade_takes_whichever_transport_comes_first() {
    let mut world = World::probed_server();
    world.close();
    assert!(world.said().is_empty());
    world.packet(SOCKET, Packet::Upgrade).unwrap();
    assert_eq!(world.said(), ["WebSocket Close", "Upgraded"]);

    let mut world = World::probed_server();
    world.close();
    world.change(POLLING, TransportChange::Writable);
    assert_eq!(world.said(), ["Polling Noop", "Polling Close"]);
    world.change(POLLING, TransportChange::Answered);
    assert_eq!(world.said(), ["WebSocket Close", "Closed forced close"]);

    let mut world = World::open_server(POLLING);
    world.change(SOCKET, TransportChange::Opened);
    world.close();
    assert_eq!(world.said(), ["WebSocket Close"], "no probe was seen yet");
}

#[test]
fn an_abort_is_over_at_once() {
    let mut world = World::open_server(POLLING);
    world.session.abort(CloseReason::Overflow);
    assert_eq!(world.said(), ["Closed overflow"]);
    world.session.abort(CloseReason::ForcedClose);
    world.close();
    world.tick();
    assert!(world.said().is_empty(), "once");
}

// The client's side.

#[test]
fn a_client_opens_by_polling_and_polls_on() {
    let mut world = World::open_client(POLLING);
    assert_eq!(world.session.id().as_str(), "abc");
    assert_eq!(world.session.open_data().unwrap().max_payload, Some(1_000_000));
    assert!(world.session.poll_wanted());
    assert_eq!(world.session.outlet(), Some(POLLING));
    world.change(POLLING, TransportChange::Posting);
    assert_eq!(world.session.outlet(), None, "one POST at a time");
    world.change(POLLING, TransportChange::Writable);
    assert_eq!(world.session.outlet(), Some(POLLING));
}

#[test]
fn a_client_answers_pings_and_notices_their_absence() {
    let mut world = World::open_client(SOCKET);
    assert_eq!(world.timeout(), Some(45_000));
    world.at(25_000).packet(SOCKET, Packet::Ping("")).unwrap();
    assert_eq!(world.said(), ["WebSocket Pong"]);
    assert_eq!(world.timeout(), Some(45_000));
    world.at(60_000).packet(SOCKET, TEXT).unwrap();
    assert_eq!(world.timeout(), Some(10_000), "only pings count");
    assert_eq!(world.at(70_000).tick().said(), ["WebSocket Close", "Closed ping timeout"]);
}

#[test]
fn a_pong_waits_for_the_post_under_way() {
    let mut world = World::open_client(POLLING);
    world.change(POLLING, TransportChange::Posting);
    world.packet(POLLING, Packet::Ping("")).unwrap();
    assert!(world.said().is_empty());
    world.change(POLLING, TransportChange::Writable);
    assert_eq!(world.said(), ["Polling Pong"]);
}

#[test]
fn a_client_refuses_what_is_no_opening() {
    let mut world = World::client(POLLING);
    world.change(POLLING, TransportChange::Polling);
    assert!(matches!(world.packet(POLLING, Packet::Open("{}")), Err(SessionError::Open(_))));
    assert_eq!(world.said(), ["Closed parse error"]);
    let mut world = World::client(SOCKET);
    assert_eq!(world.packet(SOCKET, TEXT), Err(SessionError::NotOpen));
    assert_eq!(world.said(), ["WebSocket Close", "Closed transport error"]);
    let mut world = World::client(POLLING);
    assert_eq!(world.at(20_000).tick().said(), ["Closed transport error"]);
    let mut world = World::client(POLLING);
    world.packet(POLLING, Packet::Close).unwrap();
    assert_eq!(world.said(), ["Closed transport close"]);
}

#[test]
fn an_absurd_heartbeat_is_taken_at_a_year() {
    let mut world = World::client(SOCKET);
    let open =
        format!("{{\"sid\":\"a\",\"pingInterval\":{},\"pingTimeout\":{}}}", u64::MAX, u64::MAX);
    world.packet(SOCKET, Packet::Open(&open)).unwrap();
    assert_eq!(world.timeout(), Some(365 * 24 * 60 * 60 * 1000));
}

#[test]
fn a_client_upgrades_when_polling_has_come_to_rest() {
    let mut world = World::probing_client();
    world.change(POLLING, TransportChange::Posting);
    world.packet(SOCKET, Packet::Pong("probe")).unwrap();
    assert_eq!(world.said(), ["Upgrading"]);
    assert_eq!(world.session.outlet(), None);
    assert_eq!(world.packet(POLLING, TEXT), Ok(Some(Message::Text("hi"))), "the last poll counts");
    world.change(POLLING, TransportChange::Answered);
    assert!(!world.session.poll_wanted());
    assert!(world.said().is_empty(), "a POST is under way");
    world.change(POLLING, TransportChange::Writable);
    assert_eq!(world.said(), ["WebSocket Upgrade", "Upgraded"]);
    assert_eq!(world.session.outlet(), Some(SOCKET));
    assert!(!world.session.upgrade_wanted());
    assert_eq!(world.packet(SOCKET, TEXT), Ok(Some(Message::Text("hi"))));
}

#[test]
fn a_failed_upgrade_leaves_the_client_polling() {
    let endings: [fn(&mut World); 4] = [
        |world| world.change(SOCKET, TransportChange::Lost(Loss::Closed)),
        |world| {
            let _ = world.packet(SOCKET, TEXT);
        },
        |world| {
            world.wait(10_000).tick();
        },
        |world| world.session.handle_malformed(SOCKET, world.now),
    ];
    for (number, end) in endings.into_iter().enumerate() {
        for paused in [false, true] {
            let mut world = World::probing_client();
            if paused {
                world.packet(SOCKET, Packet::Pong("probe")).unwrap();
            }
            end(&mut world);
            assert_eq!(world.session.probe(), None, "{number}");
            assert!(world.session.is_open(), "{number}");
            world.change(POLLING, TransportChange::Answered);
            assert!(world.session.poll_wanted(), "{number}");
            assert_eq!(world.session.outlet(), Some(POLLING), "{number}");
        }
    }
}

#[test]
fn a_client_closes_with_a_close_packet() {
    let mut world = World::open_client(POLLING);
    world.close();
    assert_eq!(world.said(), ["Polling Close"]);
    assert!(!world.session.poll_wanted());
    world.change(POLLING, TransportChange::Posting);
    world.change(POLLING, TransportChange::Writable);
    assert_eq!(world.said(), ["Closed forced close"]);

    let mut world = World::open_client(SOCKET);
    world.close();
    assert_eq!(world.said(), ["WebSocket Close"]);
    world.change(SOCKET, TransportChange::Lost(Loss::Closed));
    assert_eq!(world.said(), ["Closed forced close"]);

    let mut world = World::client(POLLING);
    world.close();
    assert_eq!(world.said(), ["Closed forced close"], "nothing to say yet");
}

#[test]
fn a_client_that_closes_while_it_pauses_finishes_the_upgrade_first() {
    let mut world = World::probing_client();
    world.packet(SOCKET, Packet::Pong("probe")).unwrap();
    world.said();
    world.close();
    assert!(world.said().is_empty());
    world.change(POLLING, TransportChange::Answered);
    assert_eq!(world.said(), ["WebSocket Upgrade", "WebSocket Close", "Upgraded"]);
}
