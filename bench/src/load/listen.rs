//! [`Workload::Broadcast`](super::Workload::Broadcast) and [`Workload::Idle`](super::Workload::Idle) of
//! those who listen to a feed: one Socket.IO client sends, everybody else reads over plain HTTP.

use std::time::Instant;

use mio::{Interest, Token};

use super::connection::Connection;
use super::idle::IdleMeter;
use super::latency::Histogram;
use super::listener::{Batch, Listener, Progress};
use super::meter::{Meter, Stage};
use super::waiter::{OPENING_MAX, Waiter};
use super::{ConnectionError, LoadError, Options, Outcome};
use crate::wire::{FeedWire, Protocol, Route, Wire};

/// The sender sends `pipeline` messages in one segment, and again when every reader has got all of them.
pub(crate) fn broadcast(options: &Options, wire: &FeedWire) -> Result<Outcome, LoadError> {
    let Options { size, pipeline, server, .. } = *options;
    let sent_wire = Wire::new(Protocol::SocketIo, Route::Feed, size, pipeline, server);
    let mut pool = Pool::new(options, wire)?;
    pool.open_sender(&sent_wire)?;
    pool.open()?;
    let mut meter = Meter::start(options, Instant::now());
    let mut latencies = Histogram::new();
    let mut operations = 0;
    let mut sent = 0;
    loop {
        let started = Instant::now();
        pool.expect(sent);
        pool.send(sent_wire.requests.messages(sent, pipeline))?;
        sent += pipeline as u64;
        let mut missing = options.connections * pipeline;
        let mut stage = Stage::WarmUp;
        while missing > 0 {
            pool.wait(Some(&sent_wire), |progress| {
                missing -= progress.events;
                operations += progress.events as u64;
            })?;
            // Behind its end the rest of the batch is still to come.
            if stage != Stage::End {
                stage = meter.tick(Instant::now(), operations)?;
            }
            if stage == Stage::Begin {
                latencies.clear();
            }
            pool.waiter.check_stall(missing as u64)?;
        }
        if stage == Stage::End {
            break;
        }
        latencies.record(started.elapsed(), 1);
    }
    Outcome::new(&meter, wire.into(), latencies.summary(), pool.heartbeats())
}

/// Readers who get nothing but heartbeats.
pub(crate) fn idle(options: &Options, wire: &FeedWire) -> Result<Outcome, LoadError> {
    let meter = IdleMeter::start(options)?;
    let mut pool = Pool::new(options, wire)?;
    pool.open()?;
    let meter = meter.opened()?;
    while !meter.has_ended() {
        pool.wait(None, |_| {})?;
    }
    meter.outcome(wire.into(), pool.heartbeats())
}

/// All readers on one `Poll`, and the sender.
#[derive(Debug)]
struct Pool<'a> {
    options: &'a Options,
    wire: &'a FeedWire,
    waiter: Waiter,
    buffer: Vec<u8>,
    sender: Option<Connection>,
    listeners: Vec<Listener>,
    batch: Batch,
}

const READ_BUFFER_BYTES: usize = 256 * 1024;
const SENDER: Token = Token(usize::MAX);

impl<'a> Pool<'a> {
    fn new(options: &'a Options, wire: &'a FeedWire) -> Result<Self, LoadError> {
        Ok(Self {
            options,
            wire,
            waiter: Waiter::new(options)?,
            buffer: vec![0; READ_BUFFER_BYTES],
            sender: None,
            listeners: Vec::with_capacity(options.connections),
            batch: Batch::new(wire),
        })
    }

    fn open_sender(&mut self, wire: &Wire) -> Result<(), LoadError> {
        let mut sender = Connection::open(self.options.server, 0)?;
        let interest = Interest::READABLE | Interest::WRITABLE;
        self.waiter.registry().register(sender.stream_mut(), SENDER, interest)?;
        self.sender = Some(sender);
        while !self.sender.as_ref().is_some_and(Connection::is_ready) {
            self.wait(Some(wire), |_| {})?;
            self.waiter.check_stall(1)?;
        }
        Ok(())
    }

    /// Opens all readers, a limited number at a time, and returns when each has the opening of its answer.
    fn open(&mut self) -> Result<(), LoadError> {
        let mut ready = 0;
        while ready < self.options.connections {
            while self.listeners.len() < self.options.connections
                && self.listeners.len() - ready < OPENING_MAX
            {
                let index = self.listeners.len();
                let fail = |source| LoadError::Connection { connection: index, source };
                let mut listener = Listener::open(self.options.server, index)
                    .map_err(|error| fail(ConnectionError::from(error)))?;
                let interest = Interest::READABLE | Interest::WRITABLE;
                self.waiter.registry().register(listener.stream_mut(), Token(index), interest)?;
                self.listeners.push(listener);
            }
            self.wait(None, |progress| ready += usize::from(progress.ready))?;
            self.waiter.check_stall((self.options.connections - ready) as u64)?;
        }
        Ok(())
    }

    /// Everybody must get the next events, whose numbers begin with `first`.
    fn expect(&mut self, first: u64) {
        self.listeners.iter_mut().for_each(|listener| listener.begin_batch(&self.batch));
        self.batch.expect(self.wire, first, self.options.pipeline);
    }

    fn send(&mut self, messages: &[u8]) -> Result<(), LoadError> {
        match &mut self.sender {
            Some(sender) => Ok(sender.send_unanswered(messages)?),
            None => Err(LoadError::Options("nobody sends")),
        }
    }

    /// Waits until something happens (100 ms at most) and reports what readers got.
    fn wait(
        &mut self,
        sent: Option<&Wire>,
        mut on_progress: impl FnMut(Progress),
    ) -> Result<(), LoadError> {
        let mut any = false;
        for event in self.waiter.wait()? {
            if event.token() == SENDER {
                let Some((sender, wire)) = self.sender.as_mut().zip(sent) else { continue };
                sender
                    .handle_ready(wire, &mut self.buffer)
                    .map_err(|source| LoadError::Connection { connection: 0, source })?;
                continue;
            }
            let index = event.token().0;
            let progress = self.listeners[index]
                .handle_ready(self.wire, &mut self.batch, &mut self.buffer)
                .map_err(|source| LoadError::Connection { connection: index, source })?;
            if progress.ready || progress.events > 0 {
                any = true;
                on_progress(progress);
            }
        }
        if any {
            self.waiter.note_progress();
        }
        Ok(())
    }

    fn heartbeats(&self) -> u64 {
        self.listeners.iter().map(|listener| listener.heartbeats).sum()
    }
}
