//! [`Workload::Polling`](super::Workload::Polling) and
//! [`Workload::IdlePolling`](super::Workload::IdlePolling): sessions over HTTP long polling.
//!
//! As a browser does it, a session has a connection on which its polls wait, and a second one, made
//! when it is first needed, on which it posts meanwhile.

use std::time::Instant;

use mio::{Interest, Registry, Token};

use super::http::HttpConnection;
use super::idle::IdleMeter;
use super::latency::Histogram;
use super::meter::{Meter, Stage};
use super::waiter::{OPENING_MAX, Waiter};
use super::{ConnectionError, LoadError, Options, Outcome};
use crate::wire::{Protocol, Wire};

/// Echo: each session posts `pipeline` messages in one payload, polls until all have come back,
/// and posts again.
pub(crate) fn echo(options: &Options, wire: &Wire) -> Result<Outcome, LoadError> {
    let mut pool = Pool::new(options, wire)?;
    pool.open(true)?;
    let mut meter = Meter::start(options, Instant::now());
    let mut latencies = Histogram::new();
    let mut started = vec![Instant::now(); options.connections];
    let mut operations = 0;
    loop {
        pool.wait(|index, messages, complete| {
            operations += messages as u64;
            if complete {
                latencies.record(started[index].elapsed(), 1);
                started[index] = Instant::now();
            }
        })?;
        match meter.tick(Instant::now(), operations)? {
            Stage::Begin => latencies.clear(),
            Stage::WarmUp | Stage::Window => {}
            Stage::End => break,
        }
    }
    pool.drain()?;
    Outcome::new(&meter, wire.into(), latencies.summary(), pool.pings())
}

/// Idle: each session has one poll waiting and no second connection.
pub(crate) fn idle(options: &Options, wire: &Wire) -> Result<Outcome, LoadError> {
    let meter = IdleMeter::start(options)?;
    let mut pool = Pool::new(options, wire)?;
    pool.open(false)?;
    let meter = meter.opened()?;
    while !meter.has_ended() {
        pool.wait(|_, _, _| {})?;
    }
    meter.outcome(wire.into(), pool.pings())
}

/// All sessions on one `Poll`. Session i has the tokens 2i (polls) and 2i + 1 (posts).
#[derive(Debug)]
struct Pool<'a> {
    options: &'a Options,
    wire: &'a Wire,
    waiter: Waiter,
    buffer: Vec<u8>,
    sessions: Vec<Session>,
    /// Whether sessions post messages once they are open, until [`drain`](Self::drain).
    talks: bool,
}

#[derive(Debug)]
struct Session {
    phase: Phase,
    polls: HttpConnection,
    posts: Option<HttpConnection>,
    /// `sid` and what stands before it in a request's target.
    target: String,
    /// A post waits for its `ok`.
    posting: bool,
    /// An Engine.IO ping waits for its answer.
    pong_due: bool,
    /// Messages posted.
    due: u64,
    /// Messages received and found right.
    received: u64,
    pings: u64,
}

/// How far a session is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The first poll is sent; it is answered by the open packet.
    Opening,
    /// Socket.IO: the post of the connect packet is sent on the polling connection.
    Joining,
    /// Socket.IO: the poll for its answer is sent.
    Joined,
    Ready,
}

/// What a response brought to a session.
#[derive(Debug, Default)]
struct Progress {
    ready: bool,
    messages: usize,
    /// Everything posted has come back.
    complete: bool,
}

const READ_BUFFER_BYTES: usize = 64 * 1024;
const SEPARATOR: u8 = 0x1E;

impl<'a> Pool<'a> {
    fn new(options: &'a Options, wire: &'a Wire) -> Result<Self, LoadError> {
        Ok(Self {
            options,
            wire,
            waiter: Waiter::new(options)?,
            buffer: vec![0; READ_BUFFER_BYTES],
            sessions: Vec::with_capacity(options.connections),
            talks: false,
        })
    }

    /// Opens all sessions, a limited number at a time.
    fn open(&mut self, talks: bool) -> Result<(), LoadError> {
        let mut ready = 0;
        while ready < self.options.connections {
            while self.sessions.len() < self.options.connections
                && self.sessions.len() - ready < OPENING_MAX
            {
                let index = self.sessions.len();
                let session = Session::open(self.options, self.waiter.registry(), index)
                    .map_err(|source| LoadError::Connection { connection: index, source })?;
                self.sessions.push(session);
            }
            ready += self.turn(|_, _| {})?;
            self.waiter.check_stall((self.options.connections - ready) as u64)?;
        }
        self.talks = talks;
        if talks {
            for index in 0..self.sessions.len() {
                self.talk(index)?;
            }
        }
        Ok(())
    }

    /// Waits until something happens and calls `on_messages` with the session, how many messages
    /// it got, and whether these were all it waited for.
    fn wait(&mut self, mut on_messages: impl FnMut(usize, usize, bool)) -> Result<(), LoadError> {
        self.turn(|index, progress| {
            on_messages(index, progress.messages, progress.complete);
        })?;
        let missing = self.sessions.iter().map(|session| session.due - session.received).sum();
        self.waiter.check_stall(missing)
    }

    /// Receives until everything posted has come back.
    fn drain(&mut self) -> Result<(), LoadError> {
        self.talks = false;
        while self.sessions.iter().any(|session| session.received < session.due) {
            self.wait(|_, _, _| {})?;
        }
        Ok(())
    }

    fn pings(&self) -> u64 {
        self.sessions.iter().map(|session| session.pings).sum()
    }

    /// Handles one batch of events and returns how many sessions became ready.
    fn turn(&mut self, mut on_messages: impl FnMut(usize, &Progress)) -> Result<usize, LoadError> {
        let mut ready = 0;
        let tokens: Vec<usize> = self.waiter.wait()?.map(|event| event.token().0).collect();
        for token in tokens {
            let index = token / 2;
            let progress = self.sessions[index]
                .handle_ready(self.wire, token % 2 == 1, &mut self.buffer)
                .map_err(|source| LoadError::Connection { connection: index, source })?;
            let Some(progress) = progress else { continue };
            self.waiter.note_progress();
            ready += usize::from(progress.ready);
            if progress.messages > 0 {
                on_messages(index, &progress);
            }
            self.talk(index)?;
        }
        Ok(ready)
    }

    /// Posts what the session has to say, if it may.
    fn talk(&mut self, index: usize) -> Result<(), LoadError> {
        let batch = if self.talks { self.options.pipeline } else { 0 };
        self.sessions[index]
            .talk(self.options, self.wire, self.waiter.registry(), index, batch)
            .map_err(|source| LoadError::Connection { connection: index, source })
    }
}

impl Session {
    fn open(options: &Options, registry: &Registry, index: usize) -> Result<Self, ConnectionError> {
        let target = match options.protocol {
            Protocol::SocketIo => "/socket.io/?EIO=4&transport=polling".to_owned(),
            _ => "/engine.io/?EIO=4&transport=polling".to_owned(),
        };
        let mut polls = connect(options, registry, index, Token(2 * index))?;
        polls.get(&target)?;
        Ok(Self {
            phase: Phase::Opening,
            polls,
            posts: None,
            target,
            posting: false,
            pong_due: false,
            due: 0,
            received: 0,
            pings: 0,
        })
    }

    /// Takes what came on one of the two connections; `None`: no whole response.
    fn handle_ready(
        &mut self,
        wire: &Wire,
        on_posts: bool,
        buffer: &mut [u8],
    ) -> Result<Option<Progress>, ConnectionError> {
        let connection = match &mut self.posts {
            Some(posts) if on_posts => posts,
            _ => &mut self.polls,
        };
        let Some(body) = connection.handle_ready(buffer)? else {
            return Ok(None);
        };
        if on_posts || self.phase == Phase::Joining {
            if body != b"ok" {
                return Err(unexpected(&body));
            }
            self.posting = false;
        }
        if on_posts {
            return Ok(Some(Progress::default()));
        }
        let mut progress = Progress::default();
        self.phase = match self.phase {
            Phase::Opening => {
                self.target += &format!("&sid={}", session_id(&body)?);
                match wire.protocol {
                    Protocol::SocketIo => Phase::Joining,
                    _ => Phase::Ready,
                }
            }
            Phase::Joining => Phase::Joined,
            Phase::Joined if body.starts_with(b"40{\"sid\":\"") => Phase::Ready,
            Phase::Joined => return Err(unexpected(&body)),
            Phase::Ready => {
                progress.messages = self.handle_payload(wire, &body)?;
                progress.complete = self.received == self.due;
                self.polls.get(&self.target)?;
                return Ok(Some(progress));
            }
        };
        if self.phase == Phase::Joining {
            self.polls.post(&self.target, b"40")?;
        } else {
            progress.ready = self.phase == Phase::Ready;
            self.polls.get(&self.target)?;
        }
        Ok(Some(progress))
    }

    /// Checks the packets of a payload and returns how many messages were among them.
    fn handle_payload(&mut self, wire: &Wire, payload: &[u8]) -> Result<usize, ConnectionError> {
        let before = self.received;
        for packet in payload.split(|&byte| byte == SEPARATOR) {
            match packet {
                b"6" => {}
                b"2" => {
                    self.pings += 1;
                    self.pong_due = true;
                }
                packet if self.received < self.due => {
                    let expected = wire.text(self.received);
                    if packet != expected {
                        return Err(ConnectionError::Wrong {
                            number: self.received,
                            position: 0,
                            expected: expected.escape_ascii().to_string(),
                            got: packet.escape_ascii().to_string(),
                        });
                    }
                    self.received += 1;
                }
                _ => return Err(ConnectionError::Surplus),
            }
        }
        Ok((self.received - before) as usize)
    }

    fn talk(
        &mut self,
        options: &Options,
        wire: &Wire,
        registry: &Registry,
        index: usize,
        batch: usize,
    ) -> Result<(), ConnectionError> {
        let batch = if self.received == self.due { batch as u64 } else { 0 };
        if self.phase != Phase::Ready || self.posting || (batch == 0 && !self.pong_due) {
            return Ok(());
        }
        let mut packets: Vec<&[u8]> = Vec::new();
        if std::mem::take(&mut self.pong_due) {
            packets.push(b"3");
        }
        packets.extend((self.due..self.due + batch).map(|number| wire.text(number)));
        self.due += batch;
        self.posting = true;
        if self.posts.is_none() {
            self.posts = Some(connect(options, registry, index, Token(2 * index + 1))?);
        }
        let Some(posts) = &mut self.posts else {
            return Ok(());
        };
        Ok(posts.post(&self.target, &packets.join(&SEPARATOR))?)
    }
}

fn connect(
    options: &Options,
    registry: &Registry,
    index: usize,
    token: Token,
) -> Result<HttpConnection, ConnectionError> {
    let mut connection = HttpConnection::open(options.server, index)?;
    let interest = Interest::READABLE | Interest::WRITABLE;
    registry.register(connection.stream_mut(), token, interest)?;
    Ok(connection)
}

/// The `sid` of an open packet.
fn session_id(body: &[u8]) -> Result<String, ConnectionError> {
    #[derive(serde::Deserialize)]
    struct Open {
        sid: String,
    }
    let json = body.strip_prefix(b"0").ok_or_else(|| unexpected(body))?;
    let open: Open = serde_json::from_slice(json).map_err(|_| unexpected(body))?;
    Ok(open.sid)
}

fn unexpected(body: &[u8]) -> ConnectionError {
    ConnectionError::Opening(String::from_utf8_lossy(body).into_owned())
}
