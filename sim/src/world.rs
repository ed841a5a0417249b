//! One world: the clock, the happenings to come, the two hosts, and what is checked.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fmt;
use std::time::{Duration, Instant};

use sockeye_engine_proto::{
    CloseReason, Config, Loss, Message, TransportChange, TransportId, TransportKind,
};
use sockeye_ws as ws;

use crate::client::Client;
use crate::network::{Method, Request, Response, Side, Wire, split};
use crate::plan::{Fault, Plan};
use crate::random::Random;
use crate::server::Server;

/// Plays the world of a seed to its end.
///
/// # Errors
/// When one of the promises in the crate's documentation is broken.
pub fn run(seed: u64) -> Result<Report, Failure> {
    let mut random = Random::new(seed);
    let plan = Plan::draw(&mut random);
    let mut world = World::new(random, plan.clone());
    let played = world.play();
    played.and_then(|()| world.judge()).map_err(|what| Failure {
        seed,
        at_ms: world.now_ms,
        what,
        plan: Box::new(plan),
    })
}

/// How a world ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Messages the client received.
    pub to_client: u32,
    /// Messages the server received.
    pub to_server: u32,
    /// Whether the session came to live on a WebSocket by upgrade.
    pub upgraded: bool,
    /// What the server says about the end.
    pub server_closed: CloseReason,
    /// What the client says.
    pub client_closed: CloseReason,
    /// Virtual milliseconds it took.
    pub lasted_ms: u64,
    /// Happenings.
    pub steps: u64,
    /// A digest of every step: equal for equal worlds.
    pub digest: u64,
}

/// A broken promise.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The seed that plays it again.
    pub seed: u64,
    /// When, in virtual milliseconds.
    pub at_ms: u64,
    /// What was wrong.
    pub what: String,
    /// The plan of that world.
    pub plan: Box<Plan>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "seed {}: at {} ms: {}\n{:?}\nreplay: cargo run -p sockeye-sim -- --runs 1 --seed {}",
            self.seed, self.at_ms, self.what, self.plan, self.seed
        )
    }
}

impl std::error::Error for Failure {}

/// Something that is going to happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Happening {
    Timer(Side),
    Request(Request),
    Response(Response),
    /// A WebSocket is established, as one end sees it.
    Opened(Side, u32),
    /// Bytes arrive.
    Bytes(Side, u32, Vec<u8>),
    /// What arrived is read.
    Read(Side, u32),
    /// An end learns that its connection is lost.
    Lost(Side, u32),
    /// The application sends its next message.
    Send(Side),
    StartUpgrade,
    Close,
    Fault(Fault),
    /// A request's connection was lost, as one end sees it.
    RequestLost(Side, Method),
}

impl Happening {
    /// Whether it is the client's machine that acts or notices.
    fn is_clients(&self) -> bool {
        matches!(
            self,
            Happening::Timer(Side::Client)
                | Happening::Response(_)
                | Happening::Opened(Side::Client, _)
                | Happening::Bytes(Side::Client, ..)
                | Happening::Read(Side::Client, _)
                | Happening::Lost(Side::Client, _)
                | Happening::Send(Side::Client)
                | Happening::StartUpgrade
                | Happening::RequestLost(Side::Client, _)
        )
    }
}

struct Scheduled {
    at_ms: u64,
    number: u64,
    happening: Happening,
}

pub(crate) struct World {
    pub(crate) random: Random,
    pub(crate) plan: Plan,
    epoch: Instant,
    pub(crate) now_ms: u64,
    number: u64,
    queue: BinaryHeap<Reverse<Scheduled>>,
    pub(crate) server: Server,
    pub(crate) client: Client,
    pub(crate) wires: Vec<Wire>,
    /// Nothing is carried any more.
    pub(crate) blackout: bool,
    /// The client does nothing any more.
    pub(crate) silent: bool,
    get_connection: u32,
    post_connection: u32,
    digest: u64,
}

impl World {
    fn new(random: Random, plan: Plan) -> Self {
        let epoch = Instant::now();
        let config = Config { payload_bytes_max: plan.payload_bytes_max, ..Config::default() };
        let via = if plan.websocket_only { websocket(0) } else { POLLING };
        let wires = if plan.websocket_only { vec![Wire::new()] } else { Vec::new() };
        World {
            random,
            epoch,
            now_ms: 0,
            number: 0,
            queue: BinaryHeap::new(),
            server: Server::new(&config, via, epoch),
            client: Client::new(&config, via, epoch),
            wires,
            blackout: false,
            silent: false,
            get_connection: 0,
            post_connection: 0,
            digest: 0xcbf2_9ce4_8422_2325,
            plan,
        }
    }

    fn play(&mut self) -> Result<(), String> {
        let plan = self.plan.clone();
        for (side, count) in [(Side::Server, plan.from_server), (Side::Client, plan.from_client)] {
            for _ in 0..count {
                let at = self.random.below(plan.sending_ms);
                self.schedule(at, Happening::Send(side));
            }
        }
        if let Some((fault, at)) = plan.fault {
            self.schedule(at, Happening::Fault(fault));
        }
        // Late enough for everything to have arrived, unless that is not asked for.
        let patience = if plan.close_early { 0 } else { 90_000 };
        self.schedule(plan.sending_ms + patience, Happening::Close);
        self.settle()?;
        while let Some(Reverse(next)) = self.queue.pop() {
            self.now_ms = next.at_ms;
            self.note(&next.happening);
            self.number += 1;
            if self.number > STEPS_MAX || self.now_ms > TIME_MS_MAX {
                return Err("it never ends".to_owned());
            }
            self.happen(next.happening)?;
            self.settle()?;
        }
        Ok(())
    }

    /// What must be true when nothing is left to happen.
    fn judge(&self) -> Result<Report, String> {
        let client_closed = self.client.closed.or(self.silent.then_some(CloseReason::PingTimeout));
        let (Some(server_closed), Some(client_closed)) = (self.server.closed, client_closed) else {
            return Err(format!(
                "quiet, but not over: server {:?}, client {:?}",
                self.server.closed, self.client.closed
            ));
        };
        let harmless = self.plan.fault.is_none_or(|(fault, _)| fault.is_harmless());
        if harmless && !self.plan.close_early {
            let expected = (self.plan.from_server, self.plan.from_client);
            let arrived = (self.client.received, self.server.received);
            if arrived != expected {
                return Err(format!("{arrived:?} messages arrived of {expected:?}"));
            }
            // The second WebSocket may come first, and the client's own is closed then.
            let undisturbed = self.plan.fault.is_none();
            if self.plan.upgrade_after_ms.is_some() && undisturbed && !self.server.upgraded {
                return Err("the upgrade did not come about".to_owned());
            }
            if self.server.upgraded != self.client.upgraded {
                return Err("the upgrade is one-sided".to_owned());
            }
        }
        Ok(Report {
            to_client: self.client.received,
            to_server: self.server.received,
            upgraded: self.server.upgraded,
            server_closed,
            client_closed,
            lasted_ms: self.now_ms,
            steps: self.number,
            digest: self.digest,
        })
    }

    fn happen(&mut self, happening: Happening) -> Result<(), String> {
        let now = self.now();
        if self.silent && happening.is_clients() {
            return Ok(());
        }
        match happening {
            Happening::Timer(Side::Server) => {
                self.server.timer_ms = self.server.timer_ms.filter(|at| *at > self.now_ms);
                self.server.session.handle_timeout(now);
            }
            Happening::Timer(Side::Client) => {
                self.client.timer_ms = self.client.timer_ms.filter(|at| *at > self.now_ms);
                self.client.session.handle_timeout(now);
            }
            Happening::Request(request) => self.request_arrives(request)?,
            Happening::Response(response) => self.response_arrives(response)?,
            Happening::Opened(side, number) => {
                let opened = TransportChange::Opened;
                match side {
                    Side::Server => {
                        self.server.session.handle_transport(websocket(number), opened, now);
                    }
                    Side::Client => {
                        self.client.session.handle_transport(websocket(number), opened, now);
                    }
                }
            }
            Happening::Bytes(side, number, bytes) => self.bytes_arrive(side, number, &bytes),
            Happening::Read(side, number) => self.read(side, number)?,
            Happening::Lost(side, number) => self.lose(side, number),
            Happening::Send(Side::Server) => self.server.send(),
            Happening::Send(Side::Client) => self.client.send(),
            Happening::StartUpgrade => self.start_upgrade(),
            Happening::Close if self.plan.server_closes => self.server.session.close(now),
            Happening::Close => self.client.wants_to_close = true,
            Happening::Fault(fault) => self.go_wrong(fault),
            Happening::RequestLost(side, method) => self.request_lost(side, method),
        }
        Ok(())
    }

    fn go_wrong(&mut self, fault: Fault) {
        match fault {
            Fault::CutPoll => self.cut_request(Method::Get),
            Fault::CutPost => self.cut_request(Method::Post),
            Fault::CutWebSocket => {
                if let Some(number) = self.wires.len().checked_sub(1) {
                    self.wires[number].cut = true;
                    for side in [Side::Server, Side::Client] {
                        let delay = self.delay();
                        self.after(delay, Happening::Lost(side, number as u32));
                    }
                }
            }
            // Takes effect when the probe opens.
            Fault::DeafProbe => {}
            Fault::SilentClient => self.silent = true,
            Fault::Blackout => self.blackout = true,
            Fault::SecondProbe => {
                let session = &self.client.session;
                if session.is_open() && session.transport() == POLLING && !self.client.first_poll()
                {
                    self.open_websocket(false);
                }
            }
        }
    }

    /// The connection of a request is lost; what it carries never arrives.
    fn cut_request(&mut self, method: Method) {
        let (connection, under_way) = match method {
            Method::Get => (&mut self.get_connection, self.client.getting),
            Method::Post => (&mut self.post_connection, self.client.posting),
        };
        if under_way {
            *connection += 1;
            for side in [Side::Server, Side::Client] {
                let delay = self.delay();
                self.after(delay, Happening::RequestLost(side, method));
            }
        }
    }

    pub(crate) fn connection(&self, method: Method) -> u32 {
        match method {
            Method::Get => self.get_connection,
            Method::Post => self.post_connection,
        }
    }

    /// The client opens a WebSocket for its session.
    fn start_upgrade(&mut self) {
        if self.client.session.upgrade_wanted() {
            let deaf = matches!(self.plan.fault, Some((Fault::DeafProbe, _)));
            self.open_websocket(deaf);
        }
    }

    fn open_websocket(&mut self, deaf: bool) {
        let number = self.wires.len() as u32;
        self.wires.push(Wire { deaf, ..Wire::new() });
        let there = self.delay();
        let back = there + self.delay();
        // What the client says comes after the handshake is over.
        self.wires[number as usize].client.arrival_ms = self.now_ms + back;
        self.carry(there, Side::Server, Happening::Opened(Side::Server, number));
        self.carry(back, Side::Client, Happening::Opened(Side::Client, number));
    }

    fn bytes_arrive(&mut self, side: Side, number: u32, bytes: &[u8]) {
        let wire = &mut self.wires[number as usize];
        if wire.cut || wire.deaf {
            return;
        }
        let end = wire.end(side);
        end.unread.extend_from_slice(bytes);
        if !std::mem::replace(&mut end.reading, true) {
            // More may arrive before the reader comes round.
            let wait = self.random.below(20) * u64::from(self.random.chance(50));
            self.after(wait, Happening::Read(side, number));
        }
    }

    fn read(&mut self, side: Side, number: u32) -> Result<(), String> {
        let wire = &mut self.wires[number as usize];
        let end = wire.end(side);
        end.reading = false;
        if end.left {
            return Ok(());
        }
        let mut input = std::mem::take(&mut end.unread);
        let mut messages = Vec::new();
        let mut used = 0;
        let mut closed = false;
        while used < input.len() {
            let (length, event) = end
                .ws
                .handle_read(&mut input[used..])
                .map_err(|error| format!("{side:?} got a bad frame: {error}"))?;
            used += length;
            match event {
                Some(ws::Event::Text(text)) => messages.push(Read::Text(text.to_owned())),
                Some(ws::Event::Binary(data)) => messages.push(Read::Binary(data.to_vec())),
                Some(ws::Event::Close(_)) => closed = true,
                _ => {}
            }
        }
        for message in messages {
            self.websocket_message(side, number, &message)?;
        }
        if closed {
            let mut out = Vec::new();
            let end = self.wires[number as usize].end(side);
            while end.ws.poll_transmit(KEY, &mut out) {}
            self.write(side, number, &out);
            self.lose(side, number);
        }
        Ok(())
    }

    fn websocket_message(&mut self, side: Side, number: u32, read: &Read) -> Result<(), String> {
        let now = self.now();
        let via = websocket(number);
        match side {
            Side::Server => self.server.websocket_message(via, read, now),
            Side::Client => self.client.websocket_message(via, read, now),
        }
    }

    /// One end knows that its WebSocket is gone.
    fn lose(&mut self, side: Side, number: u32) {
        let end = self.wires[number as usize].end(side);
        if std::mem::replace(&mut end.left, true) {
            return;
        }
        let (now, via) = (self.now(), websocket(number));
        let lost = TransportChange::Lost(Loss::Closed);
        match side {
            Side::Server => self.server.session.handle_transport(via, lost, now),
            Side::Client => self.client.session.handle_transport(via, lost, now),
        }
    }

    /// One end says goodbye on a WebSocket and lets go of it.
    pub(crate) fn leave(&mut self, side: Side, number: u32) {
        let mut out = Vec::new();
        let end = self.wires[number as usize].end(side);
        if !end.left {
            end.ws.close(ws::CloseCode::NO_STATUS, "", KEY, &mut out);
            self.write(side, number, &out);
        }
        self.lose(side, number);
    }

    /// Sends one message on a WebSocket.
    pub(crate) fn send(&mut self, side: Side, number: u32, message: ws::Message<'_>) {
        let mut out = Vec::new();
        let end = self.wires[number as usize].end(side);
        if !end.left && end.ws.send(message, KEY, &mut out).is_ok() {
            self.write(side, number, &out);
        }
    }

    fn write(&mut self, side: Side, number: u32, bytes: &[u8]) {
        if self.blackout || (side == Side::Client && self.silent) {
            return;
        }
        let to = side.other();
        for piece in split(bytes, &mut self.random) {
            let delay = self.delay();
            let now_ms = self.now_ms;
            let end = self.wires[number as usize].end(to);
            end.arrival_ms = end.arrival_ms.max(now_ms + delay);
            let wait = end.arrival_ms - now_ms;
            self.after(wait, Happening::Bytes(to, number, piece));
        }
    }

    /// Sets the hosts' timers anew and lets them act until they have nothing to say.
    fn settle(&mut self) -> Result<(), String> {
        self.settle_server()?;
        if !self.silent {
            self.settle_client()?;
            if let Some(wait) = self.plan.upgrade_after_ms
                && self.client.upgrade_due()
            {
                self.after(wait, Happening::StartUpgrade);
            }
        }
        let sides = if self.silent { &[Side::Server][..] } else { &[Side::Server, Side::Client] };
        for &side in sides {
            let (timeout, set_to) = match side {
                Side::Server => (self.server.session.poll_timeout(), self.server.timer_ms),
                Side::Client => (self.client.session.poll_timeout(), self.client.timer_ms),
            };
            let Some(timeout) = timeout else { continue };
            let due = timeout.saturating_duration_since(self.epoch).as_millis() as u64;
            let late = due + self.random.below(self.plan.timer_late_ms_max + 1);
            let at = late.max(self.now_ms);
            if set_to.is_none_or(|set_to| set_to > at) {
                match side {
                    Side::Server => self.server.timer_ms = Some(at),
                    Side::Client => self.client.timer_ms = Some(at),
                }
                self.schedule(at, Happening::Timer(side));
            }
        }
        Ok(())
    }

    pub(crate) fn now(&self) -> Instant {
        self.epoch + Duration::from_millis(self.now_ms)
    }

    /// A delay of the network.
    pub(crate) fn delay(&mut self) -> u64 {
        1 + self.random.below(self.plan.delay_ms_max)
    }

    /// Schedules something the network carries to `to`.
    pub(crate) fn carry(&mut self, delay: u64, to: Side, happening: Happening) {
        let unsent = self.silent && to == Side::Server;
        if !self.blackout && !unsent {
            self.after(delay, happening);
        }
    }

    pub(crate) fn after(&mut self, wait_ms: u64, happening: Happening) {
        self.schedule(self.now_ms + wait_ms, happening);
    }

    fn schedule(&mut self, at_ms: u64, happening: Happening) {
        self.number += 1;
        self.queue.push(Reverse(Scheduled { at_ms, number: self.number, happening }));
    }

    fn note(&mut self, happening: &Happening) {
        let text = format!("{} {happening:?}", self.now_ms);
        for byte in text.bytes() {
            self.digest = (self.digest ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

/// A message as it came out of a WebSocket.
#[derive(Debug)]
pub(crate) enum Read {
    Text(String),
    Binary(Vec<u8>),
}

/// Notes a message of the application: it must be the next one.
pub(crate) fn take_in(side: Side, received: &mut u32, message: Message<'_>) -> Result<(), String> {
    let text = match message {
        Message::Text(text) => text,
        Message::Binary(data) => std::str::from_utf8(data).map_err(|error| error.to_string())?,
    };
    if text != received.to_string() {
        return Err(format!("{side:?} expected message {received} and got {text}"));
    }
    *received += 1;
    Ok(())
}

/// The one polling transport.
pub(crate) const POLLING: TransportId = TransportId::new(TransportKind::Polling, 0);

/// The transport of a wire.
pub(crate) fn websocket(number: u32) -> TransportId {
    TransportId::new(TransportKind::WebSocket, number)
}

impl PartialEq for Scheduled {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl Eq for Scheduled {}

impl PartialOrd for Scheduled {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Scheduled {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at_ms, self.number).cmp(&(other.at_ms, other.number))
    }
}

/// Any masking key will do.
const KEY: Option<[u8; 4]> = Some([9, 8, 7, 6]);
const STEPS_MAX: u64 = 200_000;
/// Ten minutes: far beyond every deadline.
const TIME_MS_MAX: u64 = 600_000;
