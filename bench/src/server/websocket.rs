//! Raw WebSockets: echo and broadcast.

use std::sync::Arc;

use http::{Request, Response};
use parking_lot::Mutex;
use slab::Slab;
use sockeye_engine::Body;
use sockeye_websocket::ws::CloseCode;
use sockeye_websocket::{Acceptor, Compression, Config, Group, Upgrade, Writer};
use tokio::sync::Notify;

use super::MESSAGE_BYTES_MAX;

/// The endpoints `/echo` and `/broadcast`.
#[derive(Clone, Debug)]
pub(crate) struct WebSockets {
    acceptor: Acceptor,
    /// Everybody at `/broadcast`.
    everybody: Group,
    open: Arc<Open>,
}

/// What a connection does with messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    Echo,
    Broadcast,
}

/// All connections, to close them in good order at the end.
#[derive(Debug, Default)]
struct Open {
    writers: Mutex<Writers>,
    empty: Notify,
}

#[derive(Debug, Default)]
struct Writers {
    all: Slab<Writer>,
    closing: bool,
}

impl WebSockets {
    /// Must be called within a runtime.
    pub(crate) fn new(deflate: bool) -> Self {
        let config = Config {
            message_bytes_max: MESSAGE_BYTES_MAX,
            queued_bytes_max: 2 * MESSAGE_BYTES_MAX,
            compression: if deflate { Compression::on() } else { Compression::Off },
            ..Config::default()
        };
        Self {
            acceptor: Acceptor::new().config(config),
            everybody: Group::new(),
            open: Arc::default(),
        }
    }

    /// Accepts a connection and serves it in a task of its own.
    pub(crate) fn handle<B>(&self, endpoint: Endpoint, request: &mut Request<B>) -> Response<Body> {
        let (response, upgrade) = match self.acceptor.upgrade(request) {
            Ok(accepted) => accepted,
            Err(refusal) => return refusal.into_response(),
        };
        let open = Arc::clone(&self.open);
        match endpoint {
            Endpoint::Echo => drop(tokio::spawn(echo(upgrade, open))),
            Endpoint::Broadcast => {
                drop(tokio::spawn(broadcast(upgrade, open, self.everybody.clone())));
            }
        }
        response
    }

    /// Closes every connection with 1001 (going away) and waits until all have ended.
    pub(crate) async fn shutdown(&self) {
        let writers: Vec<Writer> = {
            let mut writers = self.open.writers.lock();
            writers.closing = true;
            writers.all.iter().map(|(_, writer)| writer.clone()).collect()
        };
        for writer in writers {
            writer.close(CloseCode::GOING_AWAY, "");
        }
        loop {
            let ended = self.open.empty.notified();
            if self.open.writers.lock().all.is_empty() {
                return;
            }
            ended.await;
        }
    }
}

// One task per connection, for as long as it lives. Whatever ends a connection ends it alone.

async fn echo(upgrade: Upgrade, open: Arc<Open>) {
    let Ok(socket) = upgrade.await else { return };
    let (reader, writer) = socket.split();
    let _place = Place::take(open, writer);
    drop(reader.for_each(|message, out| out.send(message)).await);
}

async fn broadcast(upgrade: Upgrade, open: Arc<Open>, everybody: Group) {
    let Ok(socket) = upgrade.await else { return };
    let (reader, writer) = socket.split();
    let _membership = everybody.join(&writer);
    let _place = Place::take(open, writer);
    drop(reader.for_each(move |message, _| everybody.send(message)).await);
}

/// A connection's place among the open ones, left when dropped.
struct Place {
    open: Arc<Open>,
    key: usize,
}

impl Place {
    fn take(open: Arc<Open>, writer: Writer) -> Self {
        let mut writers = open.writers.lock();
        if writers.closing {
            writer.close(CloseCode::GOING_AWAY, "");
        }
        let key = writers.all.insert(writer);
        drop(writers);
        Self { open, key }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut writers = self.open.writers.lock();
        writers.all.remove(self.key);
        if writers.all.is_empty() {
            self.open.empty.notify_waiters();
        }
    }
}
