//! All clients of a run on one `Poll`.

use mio::{Interest, Token};

use super::connection::{Connection, Progress};
use super::waiter::{OPENING_MAX, Waiter};
use super::{ConnectionError, LoadError, Options};
use crate::wire::Wire;

/// The clients and what they share.
#[derive(Debug)]
pub(crate) struct Pool<'a> {
    options: &'a Options,
    wire: &'a Wire,
    waiter: Waiter,
    buffer: Vec<u8>,
    connections: Vec<Connection>,
}

const READ_BUFFER_BYTES: usize = 256 * 1024;

impl<'a> Pool<'a> {
    pub(crate) fn new(options: &'a Options, wire: &'a Wire) -> Result<Self, LoadError> {
        Ok(Self {
            options,
            wire,
            waiter: Waiter::new(options)?,
            buffer: vec![0; READ_BUFFER_BYTES],
            connections: Vec::with_capacity(options.connections),
        })
    }

    /// Opens `count` connections, a limited number at a time, and returns when all are ready.
    pub(crate) fn open(&mut self, count: usize) -> Result<(), LoadError> {
        let goal = self.connections.len() + count;
        let mut ready = self.connections.len();
        while ready < goal {
            while self.connections.len() < goal && self.connections.len() - ready < OPENING_MAX {
                let connection = self.connect(self.connections.len())?;
                self.connections.push(connection);
            }
            self.wait(|_, _, progress| {
                ready += usize::from(progress.ready);
                Ok(())
            })?;
            self.check_stall((goal - ready) as u64)?;
        }
        Ok(())
    }

    /// Waits until something happens (100 ms at most) and calls `on_progress` with the number
    /// of each client that became ready or got messages.
    pub(crate) fn wait(
        &mut self,
        mut on_progress: impl FnMut(usize, &mut Connection, Progress) -> Result<(), LoadError>,
    ) -> Result<(), LoadError> {
        let mut any = false;
        for event in self.waiter.wait()? {
            let index = event.token().0;
            let connection = &mut self.connections[index];
            let progress = connection
                .handle_ready(self.wire, &mut self.buffer)
                .map_err(|source| LoadError::Connection { connection: index, source })?;
            if progress.ready || progress.messages > 0 {
                any = true;
                on_progress(index, connection, progress)?;
            }
        }
        if any {
            self.waiter.note_progress();
        }
        Ok(())
    }

    /// Fails when nothing has arrived for long although something is `missing`.
    pub(crate) fn check_stall(&mut self, missing: u64) -> Result<(), LoadError> {
        self.waiter.check_stall(missing)
    }

    /// Receives until every message that is due has come.
    pub(crate) fn drain(&mut self) -> Result<(), LoadError> {
        loop {
            let missing = self.connections.iter().map(Connection::missing).sum();
            if missing == 0 {
                return Ok(());
            }
            self.wait(|_, _, _| Ok(()))?;
            self.check_stall(missing)?;
        }
    }

    /// Replaces client `index` by a new connection; the old one is reset.
    pub(crate) fn reopen(&mut self, index: usize) -> Result<(), LoadError> {
        let fresh = self.connect(index)?;
        let old = std::mem::replace(&mut self.connections[index], fresh);
        Ok(old.reset()?)
    }

    pub(crate) fn connections_mut(&mut self) -> &mut [Connection] {
        &mut self.connections
    }

    pub(crate) fn pings(&self) -> u64 {
        self.connections.iter().map(Connection::pings).sum()
    }

    fn connect(&self, index: usize) -> Result<Connection, LoadError> {
        let fail = |source: ConnectionError| LoadError::Connection { connection: index, source };
        let server = self.options.server_of(index);
        let mut connection = Connection::open(server, index).map_err(|error| fail(error.into()))?;
        if self.options.others > 0 && index < self.options.connections {
            connection.enter_room();
        }
        let interest = Interest::READABLE | Interest::WRITABLE;
        self.waiter
            .registry()
            .register(connection.stream_mut(), Token(index), interest)
            .map_err(|error| fail(error.into()))?;
        Ok(connection)
    }
}
