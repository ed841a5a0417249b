//! [`Workload::IdlePolling`](super::Workload::IdlePolling) of readers of a feed: each has one poll waiting.

use mio::{Interest, Token};

use super::http::HttpConnection;
use super::idle::IdleMeter;
use super::waiter::{OPENING_MAX, Waiter};
use super::{ConnectionError, LoadError, Options, Outcome};
use crate::wire::FeedWire;

/// Polls that nothing comes for. The server does not say that it has taken one: after the last was sent it has
/// the time of the window for it.
pub(crate) fn idle(options: &Options, wire: &FeedWire) -> Result<Outcome, LoadError> {
    let meter = IdleMeter::start(options)?;
    let mut pool = Pool {
        options,
        wire,
        waiter: Waiter::new(options)?,
        buffer: vec![0; READ_BUFFER_BYTES],
        readers: Vec::with_capacity(options.connections),
    };
    pool.open()?;
    let meter = meter.opened()?;
    while !meter.has_ended() {
        pool.turn()?;
    }
    meter.outcome(wire.into(), 0)
}

#[derive(Debug)]
struct Pool<'a> {
    options: &'a Options,
    wire: &'a FeedWire,
    waiter: Waiter,
    buffer: Vec<u8>,
    readers: Vec<HttpConnection>,
}

const READ_BUFFER_BYTES: usize = 64 * 1024;
/// What a poll without `wait` is answered with at once: then the server has the connection, and whatever
/// it keeps between two requests.
const FIRST: &str = "/socket.io/feeds/~/readers?offset=now";

impl Pool<'_> {
    /// Opens all, a limited number at a time: a first request, and when that is answered, the poll.
    fn open(&mut self) -> Result<(), LoadError> {
        let mut ready = 0;
        while ready < self.options.connections {
            while self.readers.len() < self.options.connections
                && self.readers.len() - ready < OPENING_MAX
            {
                let index = self.readers.len();
                let fail = |error| LoadError::Connection {
                    connection: index,
                    source: ConnectionError::from(error),
                };
                let mut reader = HttpConnection::open(self.options.server, index).map_err(fail)?;
                let interest = Interest::READABLE | Interest::WRITABLE;
                self.waiter.registry().register(reader.stream_mut(), Token(index), interest)?;
                reader.get(FIRST).map_err(fail)?;
                self.readers.push(reader);
            }
            // Some have a second answer before others have their first.
            ready += self.turn()?;
            self.waiter.check_stall(self.options.connections.saturating_sub(ready) as u64)?;
        }
        Ok(())
    }

    /// Handles one batch of events, asks anew whoever was answered, and returns how many were.
    fn turn(&mut self) -> Result<usize, LoadError> {
        let mut answered = 0;
        for event in self.waiter.wait()? {
            let index = event.token().0;
            let fail = |source| LoadError::Connection { connection: index, source };
            let reader = &mut self.readers[index];
            let Some(body) = reader.handle_ready(&mut self.buffer).map_err(fail)? else {
                continue;
            };
            // Nobody sends anything: an array without an element, or no content.
            if !matches!(&body[..], b"[]" | b"") {
                return Err(fail(ConnectionError::Surplus));
            }
            answered += 1;
            let asked = reader.send_head(&self.wire.request_head);
            asked.map_err(|error| fail(error.into()))?;
        }
        if answered > 0 {
            self.waiter.note_progress();
        }
        Ok(answered)
    }
}
