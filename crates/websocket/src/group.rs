//! Broadcasts: one message to many connections.

use std::mem;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use slab::Slab;
use sockeye_ws as ws;
use sockeye_ws::{CloseCode, encode_frame};
use tokio::runtime::Handle;

use crate::compressor::SharedFrames;
use crate::flush::{Flush, Flusher};
use crate::outbox::{Outbox, SharedMessage};
use crate::writer::Writer;

/// Connections that get the same messages. Clones are the same group.
///
/// A message is encoded once (compressed as well, once for all members with the same compression) and
/// appended to what waits on each member; everything that was sent in
/// one tick of the runtime leaves in one write per member. All members get the messages of a group in
/// the same order. A member that reads too slowly for
/// [`Config::queued_bytes_max`](crate::Config::queued_bytes_max) is disconnected.
#[derive(Clone, Debug)]
pub struct Group {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    flusher: Flusher,
    members: Mutex<Members>,
}

#[derive(Default)]
struct Members {
    outboxes: Slab<Arc<Outbox>>,
    /// Where frames are encoded; its memory is kept from one message to the next.
    frame: Vec<u8>,
    /// Members to be flushed; empty between messages.
    unflushed: Vec<Arc<dyn Flush>>,
}

impl std::fmt::Debug for Members {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Members").field("len", &self.outboxes.len()).finish_non_exhaustive()
    }
}

impl Default for Group {
    fn default() -> Self {
        Self::new()
    }
}

impl Group {
    /// An empty group, whose messages are written on the current runtime.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    #[must_use]
    pub fn new() -> Self {
        Self::with_flusher(Flusher::new(Handle::current()))
    }

    /// An empty group that shares its flush pass with whatever else uses `flusher`.
    #[must_use]
    pub fn with_flusher(flusher: Flusher) -> Self {
        Self { inner: Arc::new(Inner { flusher, members: Mutex::default() }) }
    }

    /// Adds a connection until the [`Membership`] is dropped.
    pub fn join(&self, member: &impl AsRef<Writer>) -> Membership {
        let outbox = Arc::clone(member.as_ref().outbox());
        let key = self.inner.members.lock().outboxes.insert(outbox);
        Membership { group: self.clone(), key }
    }

    /// How many connections are in the group.
    #[must_use]
    pub fn len(&self) -> usize {
        self.inner.members.lock().outboxes.len()
    }

    /// Whether nobody is in the group.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Sends a message to every member.
    pub fn send<'m>(&self, message: impl Into<ws::Message<'m>>) {
        self.send_to_all(message.into(), true, None);
    }

    /// Sends a message to every member as it is, also where messages are compressed; see
    /// [`Writer::send_uncompressed`].
    pub fn send_uncompressed<'m>(&self, message: impl Into<ws::Message<'m>>) {
        self.send_to_all(message.into(), false, None);
    }

    /// Starts the close handshake with every member; see [`Writer::close`]. They leave the group when
    /// their memberships are dropped.
    pub fn close(&self, code: CloseCode, reason: &str) {
        let members: Vec<_> = self
            .inner
            .members
            .lock()
            .outboxes
            .iter()
            .map(|(_, member)| Arc::clone(member))
            .collect();
        for member in members {
            member.close(code, reason, true);
        }
    }

    fn send_to_all(&self, message: ws::Message<'_>, compress: bool, except: Option<usize>) {
        let (opcode, mut payload) = (message.opcode(), message.as_bytes());
        if opcode.is_control() {
            payload = &payload[..payload.len().min(ws::CONTROL_PAYLOAD_BYTES_MAX)];
        }
        let mut members = self.inner.members.lock();
        let Members { outboxes, frame, unflushed } = &mut *members;
        encode_frame(opcode, payload, None, frame);
        let bytes = Bytes::from(mem::take(frame));
        let compressed = SharedFrames::new();
        let mut shared = SharedMessage { opcode, payload, frame: &bytes, compress, compressed };
        for (key, outbox) in outboxes.iter() {
            if Some(key) != except && outbox.push_shared(&mut shared) {
                unflushed.push(Arc::clone(outbox) as Arc<dyn Flush>);
            }
        }
        // Nobody kept a slice of a small frame, so its memory can be used again.
        if let Ok(mut unique) = bytes.try_into_mut() {
            unique.clear();
            *frame = unique.into();
        }
        self.inner.flusher.schedule_all(unflushed);
    }
}

/// A connection's place in a [`Group`]; dropping it leaves the group.
#[derive(Debug)]
#[must_use = "dropping it leaves the group"]
pub struct Membership {
    group: Group,
    key: usize,
}

impl Membership {
    /// Sends a message to every other member.
    pub fn send_to_others<'m>(&self, message: impl Into<ws::Message<'m>>) {
        self.group.send_to_all(message.into(), true, Some(self.key));
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        let outbox = self.group.inner.members.lock().outboxes.remove(self.key);
        // Perhaps the last one, which closes the socket; the others do not wait for that.
        drop(outbox);
    }
}
