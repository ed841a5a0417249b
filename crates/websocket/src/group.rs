//! Broadcasts: one message to many connections.

use std::mem;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use slab::Slab;
use sockeye_net::batch::{BATCH_BYTES_MAX, Batch, MemberId};
use sockeye_net::flush::{Flush, Flusher};
use sockeye_net::pipe::{Attached, Compressor};
use sockeye_ws as ws;
use sockeye_ws::{CloseCode, Opcode, encode_frame};
use tokio::runtime::Handle;

use crate::outbox::Outbox;
use crate::writer::Writer;

/// Connections that get the same messages. Clones are the same group.
///
/// A message is encoded once, and compressed once for all members with the same compression. What is
/// sent in one tick of the runtime is gathered once for all members and leaves in one
/// write for each. All members get the messages of a group in the same order. A member that reads too slowly for
/// [`Config::queued_bytes_max`](crate::Config::queued_bytes_max) is disconnected.
///
/// ```
/// use sockeye_websocket::{Group, WebSocket};
///
/// async fn chat(group: Group, socket: WebSocket) {
///     let membership = group.join(&socket);
///     // Ends when the connection does, and with it the membership.
///     let _ = socket.for_each(|message, _| membership.send_to_others(message)).await;
/// }
/// ```
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
    /// What was sent since the last flush pass, or an old one.
    batch: Option<Arc<Batch>>,
    /// Keys of those who do not share it, for as long as it is there.
    separate: Vec<usize>,
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
    pub fn new() -> Self {
        let flusher = Flusher::new(Handle::current());
        Self { inner: Arc::new(Inner { flusher, members: Mutex::default() }) }
    }

    /// Adds a connection until the [`Membership`] is dropped.
    pub fn join(&self, member: &impl AsRef<Writer>) -> Membership {
        let outbox = Arc::clone(&member.as_ref().outbox);
        let mut members = self.inner.members.lock();
        // It shall not get what was sent before.
        members.seal();
        let key = members.outboxes.insert(outbox);
        drop(members);
        Membership { group: self.clone(), key }
    }

    /// How many connections are in the group.
    pub fn len(&self) -> usize {
        self.inner.members.lock().outboxes.len()
    }

    /// Whether nobody is in the group.
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
        let members = self.inner.members.lock();
        let outboxes: Vec<_> =
            members.outboxes.iter().map(|(_, outbox)| Arc::clone(outbox)).collect();
        drop(members);
        outboxes.iter().for_each(|outbox| outbox.close(code, reason, true));
    }

    fn send_to_all(&self, message: ws::Message<'_>, compress: bool, except: Option<usize>) {
        let (opcode, mut payload) = (message.opcode(), message.as_bytes());
        if opcode.is_control() {
            payload = &payload[..payload.len().min(ws::CONTROL_PAYLOAD_BYTES_MAX)];
        }
        let members = &mut *self.inner.members.lock();
        let except = except.map(|key| members.outboxes[key].member);
        members.frame.clear();
        encode_frame(opcode, payload, None, &mut members.frame);
        let appends = |batch: &Arc<Batch>| batch.append(&members.frame, except);
        if members.frame.len() > BATCH_BYTES_MAX {
            // Nobody shares it in a batch.
            members.seal();
            members.separate.extend(members.outboxes.iter().map(|(key, _)| key));
        } else if !members.batch.as_ref().is_some_and(appends) {
            members.begin_batch(except);
        }
        members.send_to_separate(opcode, payload, compress, except);
        self.inner.flusher.schedule_all(&mut members.unflushed);
    }
}

impl Members {
    /// The next message begins a new batch.
    fn seal(&mut self) {
        if let Some(batch) = &self.batch {
            batch.seal();
        }
        self.separate.clear();
    }

    /// Begins a batch with `frame`, which all members share that can.
    fn begin_batch(&mut self, except: Option<MemberId>) {
        self.seal();
        let batch = Batch::begin(self.batch.take(), &self.frame, except);
        for (key, outbox) in &self.outboxes {
            if outbox.attach(&batch, &mut self.unflushed) == Attached::Separate {
                self.separate.push(key);
            }
        }
        self.batch = Some(batch);
    }

    /// Sends a message, whose frame is `frame`, to those who do not share the batch.
    fn send_to_separate(
        &mut self,
        opcode: Opcode,
        payload: &[u8],
        compress: bool,
        except: Option<MemberId>,
    ) {
        if self.separate.is_empty() {
            return;
        }
        let frame = mem::take(&mut self.frame).into();
        let mut shared = SharedMessage { opcode, payload, frame, compress, compressed: Vec::new() };
        for &key in &self.separate {
            let outbox = &self.outboxes[key];
            if Some(outbox.member) != except {
                outbox.push_shared(&mut shared, &mut self.unflushed);
            }
        }
        // Nobody kept a slice of a small frame, so its memory can be used again.
        if let Ok(unique) = shared.frame.try_into_mut() {
            self.frame = unique.into();
        }
    }
}

/// A message for many connections, encoded once for each form it takes.
pub(crate) struct SharedMessage<'a> {
    pub(crate) opcode: Opcode,
    pub(crate) payload: &'a [u8],
    /// The complete unmasked and uncompressed frame.
    pub(crate) frame: Bytes,
    /// Whether it may be compressed.
    pub(crate) compress: bool,
    /// The frames of it that are, one for each way to compress.
    compressed: Vec<(Compressor, Bytes)>,
}

impl SharedMessage<'_> {
    /// The frame as `by` compresses it, made once for all that compress alike.
    pub(crate) fn compressed_by(&mut self, by: &Compressor) -> Bytes {
        if let Some((_, frame)) = self.compressed.iter().find(|(like, _)| like.is_equivalent(by)) {
            return frame.clone();
        }
        let (mut fresh, mut frame) = (by.fresh(), Vec::new());
        fresh.encode(self.opcode, (&[], self.payload), None, &mut frame);
        self.compressed.push((fresh, frame.into()));
        self.compressed[self.compressed.len() - 1].1.clone()
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
        let mut members = self.group.inner.members.lock();
        // It gets what was sent up to now.
        members.seal();
        let outbox = members.outboxes.remove(self.key);
        drop(members);
        // Perhaps the last one, which closes the socket; the others do not wait for that.
        drop(outbox);
    }
}
