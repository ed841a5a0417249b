//! The state machine under whatever a driver can tell it, on a virtual clock.

use proptest::prelude::*;
use sockeye_engine_proto::Loss;

use super::*;

/// What happens next. What a driver would not tell at that point is left out.
#[derive(Clone, Debug)]
enum Step {
    Wait { millis: u64 },
    UntilDue,
    Receiver { is_stream: bool },
    StreamEnds,
    ReceiverGone { loss: Loss },
    Broken,
    Message,
    Malformed,
    Life,
    Pause,
    PingWritten,
    Queue,
    Close { reason: CloseReason },
    Abort,
}

fn step() -> impl Strategy<Value = Step> {
    let reason =
        prop_oneof![Just(CloseReason::ForcedServerClose), Just(CloseReason::ServerShutdown)];
    let loss = prop_oneof![Just(Loss::Closed), Just(Loss::Failed)];
    prop_oneof![
        6 => (0_u64..6_000).prop_map(|millis| Step::Wait { millis }),
        2 => Just(Step::UntilDue),
        12 => any::<bool>().prop_map(|is_stream| Step::Receiver { is_stream }),
        2 => Just(Step::StreamEnds),
        1 => loss.prop_map(|loss| Step::ReceiverGone { loss }),
        1 => Just(Step::Broken),
        6 => Just(Step::Message),
        1 => Just(Step::Malformed),
        4 => Just(Step::Life),
        2 => Just(Step::Pause),
        6 => Just(Step::PingWritten),
        6 => Just(Step::Queue),
        2 => reason.prop_map(|reason| Step::Close { reason }),
        1 => Just(Step::Abort),
    ]
}

/// A driver as small as can be, which checks each promise as it goes.
struct Driver {
    state: State,
    now: Instant,
    is_websocket: bool,
    is_silent: bool,
    is_parked: bool,
    is_stream: bool,
    /// Messages of the application that no receiver took yet.
    queued: usize,
    /// Frames of the session since a receiver could last take one.
    frames: usize,
    said: Vec<Control>,
    ends: usize,
}

impl Driver {
    fn new(is_websocket: bool, is_silent: bool) -> Self {
        let delays = Delays {
            heartbeat: Duration::from_secs(25),
            heartbeat_timeout: Duration::from_secs(10),
            disconnect: Duration::from_secs(5),
        };
        let kind = if is_websocket { TransportKind::WebSocket } else { TransportKind::Polling };
        let (now, via) = (Instant::now(), TransportId::new(kind, 0));
        let is_silent = is_silent && is_websocket;
        let state = State::accept(Arc::new(delays), via, !is_silent, now);
        let (is_parked, is_stream, queued, frames, ends) = (false, false, 0, 0, 0);
        let said = Vec::new();
        let mut driver = Driver {
            state,
            now,
            is_websocket,
            is_silent,
            is_parked,
            is_stream,
            queued,
            frames,
            said,
            ends,
        };
        driver.settle();
        driver
    }

    fn change(&mut self, change: TransportChange) {
        self.state.handle_transport(change, self.now);
    }

    fn take(&mut self, step: &Step) {
        let http = !self.is_websocket;
        match *step {
            Step::Wait { millis } => self.wait_until(self.now + Duration::from_millis(millis)),
            Step::UntilDue => {
                if let Some(due) = self.state.poll_timeout() {
                    self.wait_until(due);
                }
            }
            Step::Receiver { is_stream } if http && !self.is_parked && !self.state.is_closed() => {
                (self.is_parked, self.frames) = (true, 0);
                self.is_stream |= is_stream;
                self.change(TransportChange::Writable);
                let (asks, is_closing) = (self.said.len(), self.state.phase == Phase::Closing);
                let is_opened = self.said.contains(&Control::Open);
                self.settle();
                if is_closing && is_opened && self.queued == 0 && self.said.len() == asks {
                    assert!(!self.is_parked, "a closing session keeps nobody waiting");
                }
            }
            Step::StreamEnds if self.is_stream && !self.is_parked => {
                self.is_stream = false;
                self.change(TransportChange::Answered);
            }
            Step::ReceiverGone { loss } if self.is_websocket || self.is_parked => {
                self.is_parked = false;
                self.change(TransportChange::Lost(loss));
                assert!(self.state.is_closed());
            }
            Step::Broken => {
                self.change(TransportChange::Broken);
                assert!(self.state.is_closed());
            }
            Step::Message => {
                let (was_open, text) = (self.state.is_open(), Packet::Message(Message::Text("x")));
                match self.state.handle_packet(text, self.now) {
                    Ok(message) => assert_eq!(message.is_some(), was_open),
                    Err(_) => assert!(self.state.is_closed()),
                }
            }
            Step::Malformed if self.is_websocket => self.state.handle_malformed(self.now),
            Step::Life if self.is_websocket => self.state.handle_life(self.now),
            Step::Pause => self.state.handle_pause(self.now),
            Step::PingWritten if self.state.is_ping_out() => {
                self.state.handle_ping_written(self.now);
            }
            // A WebSocket takes them at once.
            Step::Queue if http && self.state.is_open() => self.queued += 1,
            Step::Close { reason } => self.state.close(reason, self.now),
            Step::Abort => self.state.abort(CloseReason::Overflow),
            _ => {}
        }
        self.settle();
    }

    /// A timer runs out when it is due, never later: so nothing is left that is over.
    fn wait_until(&mut self, end: Instant) {
        while let Some(due) = self.state.poll_timeout().filter(|due| *due <= end) {
            self.now = due;
            self.state.handle_timeout(due);
            self.settle();
        }
        self.now = end;
        self.state.handle_timeout(end);
    }

    /// Takes what it says, as the engine's driver does.
    fn settle(&mut self) {
        loop {
            self.state.set_backlog(!self.is_websocket && self.queued > 0);
            let mut controls = Vec::new();
            while let Some(Transmit { via, control }) = self.state.poll_transmit() {
                assert_eq!(via, self.state.transport());
                self.hear(control);
                controls.push(control);
            }
            if self.is_websocket && controls.contains(&Control::Close) {
                self.change(TransportChange::Lost(Loss::Closed));
            }
            if self.is_parked && (!controls.is_empty() || self.queued > 0) {
                self.answer(&controls);
                continue;
            }
            break;
        }
        while let Some(event) = self.state.poll_event() {
            assert!(matches!(event, Event::Closed(_)) && self.state.is_closed());
            self.ends += 1;
        }
        assert_eq!(self.ends, usize::from(self.state.is_closed()), "it ends once, and says so");
        if self.state.is_closed() {
            self.is_parked = false;
            assert_eq!(self.state.poll_timeout(), None);
            assert_eq!(self.state.poll_transmit(), None);
            assert!(self.state.reason().is_some());
        }
        let due = self.state.poll_timeout();
        assert!(due.is_none_or(|due| due > self.now), "{due:?} is over at {:?}", self.now);
    }

    fn hear(&mut self, control: Control) {
        self.frames += 1;
        assert!(self.is_websocket || self.frames == 1, "two frames of the session in one poll");
        let is_opened = self.said.contains(&Control::Open);
        assert_eq!(control == Control::Open, !is_opened && !self.is_silent, "`o` first and once");
        if self.said.contains(&Control::Close) {
            assert!(!self.is_websocket && control == Control::Close, "{control:?} after `c`");
        }
        assert!(control != Control::Close || self.queued == 0, "`c` before what is queued");
        self.said.push(control);
    }

    /// `o` goes alone; messages go before anything else.
    fn answer(&mut self, controls: &[Control]) {
        if !controls.contains(&Control::Open) {
            self.queued = 0;
        }
        self.is_parked = false;
        let is_last = controls.contains(&Control::Close);
        if !self.is_stream || is_last {
            self.is_stream = false;
            self.change(TransportChange::Answered);
        }
    }
}

/// A ping that leaves with the last bytes of a session starts no timer: nobody is there who could answer it.
#[test]
fn a_ping_that_leaves_late_is_not_waited_for() {
    let mut driver = Driver::new(true, false);
    driver.take(&Step::UntilDue);
    assert!(driver.state.is_ping_out());
    driver.state.abort(CloseReason::Overflow);
    assert!(!driver.state.is_ping_out());
    driver.state.handle_ping_written(driver.now);
    assert_eq!(driver.state.poll_timeout(), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn keeps_its_promises_whatever_happens(
        is_websocket: bool,
        is_silent: bool,
        steps in prop::collection::vec(step(), 0..80),
    ) {
        let mut driver = Driver::new(is_websocket, is_silent);
        for step in &steps {
            driver.take(step);
        }
        // Nobody comes any more, and nothing: it ends by itself.
        let begin = driver.now;
        while !driver.state.is_closed() {
            driver.take(&Step::StreamEnds);
            driver.take(&Step::PingWritten);
            driver.take(&Step::UntilDue);
            prop_assert!(driver.now - begin <= Duration::from_secs(25 + 25 + 10), "{:?}", driver.state);
        }
    }

    /// The session is told to close at any point, and whoever asks afterwards is told `c`, as often as they ask.
    #[test]
    fn says_goodbye_to_all_who_ask(steps in prop::collection::vec(step(), 0..10), asks in 1_usize..8) {
        let mut driver = Driver::new(false, false);
        for step in &steps {
            driver.take(step);
        }
        driver.take(&Step::StreamEnds);
        driver.take(&Step::Close { reason: CloseReason::ForcedServerClose });
        prop_assume!(!driver.state.is_closed());
        prop_assume!(driver.state.reason() != Some(CloseReason::ServerShutdown));
        // `o`, and then what is queued, come before.
        for _ in 0..2 {
            driver.take(&Step::Receiver { is_stream: false });
        }
        for _ in 0..asks {
            let before = driver.said.len();
            driver.take(&Step::Receiver { is_stream: false });
            prop_assert_eq!(&driver.said[before..], &[Control::Close]);
        }
    }
}
