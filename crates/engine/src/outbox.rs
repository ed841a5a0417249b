//! What waits to be sent to one session's peer.
//!
//! While the session polls, messages wait in groups and are rendered when a poll can carry them.
//! On a WebSocket every push appends finished frames to the connection's write buffer. When a
//! session upgrades, the groups become frames, in their order.
//!
//! What is sent to an [`Audience`](crate::Audience) lies in one batch for all of it, of which the
//! outbox holds a share: it comes behind the write buffer, and is copied into it only when something
//! else has to follow.
//!
//! | pushed | the session's turn is running | otherwise |
//! |---|---|---|
//! | polling | the turn's end answers a parked poll | the task is woken if a poll is parked |
//! | WebSocket | the turn's end writes | the next flush pass writes |
//! | a share | the next flush pass writes | the next flush pass writes |
//!
//! Everything here happens under the outbox's lock, which is never held across an await; the only
//! system calls made under it are writes of this one connection.

mod shared;

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use smallvec::SmallVec;
use sockeye_engine_proto::{BinaryForm, CloseReason, PayloadForm, PayloadWriter};
use sockeye_websocket::{Share, WriteBuffer, WriteHalf};
use sockeye_ws::{FrameHeader, Opcode};

use crate::compression::Compressor;
use crate::encoded::{Encoded, push_text_frame};
use crate::ledger::Ledger;
use crate::metrics;

pub(crate) use shared::Attached;

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Pushed {
    /// It is queued and will be written soon.
    Queued,
    /// The peer takes less than is sent to it; the session is being closed with
    /// [`CloseReason::Overflow`].
    Overflow {
        /// Messages that were waiting.
        queued_packets: u32,
        /// How many may wait.
        limit: u32,
    },
    /// The peer takes less than is sent to it; this message, with its attachments, was dropped, as
    /// [`OverflowPolicy::DropNewest`](crate::OverflowPolicy::DropNewest) says.
    Dropped {
        /// Messages that were waiting.
        queued_packets: u32,
        /// How many may wait.
        limit: u32,
    },
    /// The session is closed or closing.
    Closed,
}

/// Who has to do something so that a push goes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Nobody, or somebody who knows already.
    Nothing,
    /// The session's task.
    Wake,
    /// The session's task: it has to close the session, whose outbox held this much.
    Close { queued_packets: u32, queued_bytes: usize },
    /// The flush pass. The outbox counts as scheduled from now on.
    Schedule,
}

/// How much may wait.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) packets_max: u32,
    pub(crate) bytes_max: usize,
    /// What would go beyond is dropped; otherwise the session is closed.
    pub(crate) drop_newest: bool,
}

#[derive(Debug)]
pub(crate) struct Outbox {
    outlet: Outlet,
    /// Messages queued, or written to `buffer` since it was last empty.
    packets: u32,
    /// The session's task is in a turn, whose end flushes.
    turn: bool,
    /// In the hands of the flush pass.
    scheduled: bool,
    /// Set once: nothing is taken in any more.
    closing: Option<CloseReason>,
    /// What is queued is lost; no goodbye is worth waiting for.
    discarded: bool,
    /// A message was dropped for which there was no room.
    has_dropped: bool,
    /// Bytes that the ledger has of it.
    counted: usize,
    /// Who waits until everything is written. Nearly always nobody, which takes no more than a word.
    waiters: Option<Box<Waiters>>,
}

type Waiters = SmallVec<[Waker; 1]>;

#[derive(Debug)]
enum Outlet {
    Polling {
        queue: VecDeque<Group>,
        bytes: usize,
        /// Bytes among them that nobody else has.
        own_bytes: usize,
        /// A poll is parked.
        parked: bool,
    },
    WebSocket {
        io: WriteHalf,
        buffer: WriteBuffer,
        form: BinaryForm,
        compressor: Option<Box<Compressor>>,
        /// The kernel took no more; the task waits for it.
        blocked: bool,
        failed: bool,
        /// What comes behind `buffer` and is the same for others. None while `blocked`.
        share: Option<Share>,
    },
    Gone,
}

impl Outlet {
    fn on(
        io: WriteHalf,
        buffer: WriteBuffer,
        form: BinaryForm,
        compressor: Option<Box<Compressor>>,
    ) -> Self {
        Outlet::WebSocket {
            io,
            buffer,
            form,
            compressor,
            blocked: false,
            failed: false,
            share: None,
        }
    }
}

/// A message and its attachments, which nothing may come between.
#[derive(Debug)]
enum Group {
    Own { text: Option<Box<str>>, attachments: Box<[Bytes]>, compress: bool },
    Shared(Arc<Encoded>),
}

impl Outbox {
    pub(crate) fn polling() -> Self {
        Outbox::new(Outlet::Polling {
            queue: VecDeque::new(),
            bytes: 0,
            own_bytes: 0,
            parked: false,
        })
    }

    pub(crate) fn websocket(
        io: WriteHalf,
        form: BinaryForm,
        compressor: Option<Box<Compressor>>,
    ) -> Self {
        Outbox::new(Outlet::on(io, WriteBuffer::new(), form, compressor))
    }

    fn new(outlet: Outlet) -> Self {
        Outbox {
            outlet,
            packets: 0,
            turn: false,
            scheduled: false,
            closing: None,
            discarded: false,
            has_dropped: false,
            counted: 0,
            waiters: None,
        }
    }

    /// Queues a text message of this session alone, if it is what nearly every message is: a small
    /// one, in a turn of the session, whose end writes it and counts what the kernel refuses. False:
    /// nothing was done.
    #[inline]
    pub(crate) fn push_small_text(&mut self, text: &str, limits: Limits) -> bool {
        if let Outlet::WebSocket { buffer, compressor: None, share: None, .. } = &mut self.outlet
            && self.turn
            && self.closing.is_none()
            && self.packets < limits.packets_max
            && buffer.len() + text.len() < limits.bytes_max.min(WRITE_EARLY_BYTES)
        {
            push_text_frame(text, buffer.tail());
            self.packets += 1;
            return true;
        }
        false
    }

    /// Queues a message of this session alone, which may be compressed or not.
    pub(crate) fn push_own(
        &mut self,
        text: Option<&str>,
        attachments: &[Bytes],
        compress: bool,
        limits: Limits,
    ) -> (Pushed, Next) {
        let packets = usize::from(text.is_some()) + attachments.len();
        let bytes = text.map_or(0, str::len) + attachments.iter().map(Bytes::len).sum::<usize>();
        let packets = u32::try_from(packets).unwrap_or(u32::MAX);
        if let Some(refused) = self.refuse(packets, bytes, limits) {
            return refused;
        }
        self.settle();
        match &mut self.outlet {
            Outlet::Polling { queue, bytes: queued, own_bytes, .. } => {
                *queued += bytes;
                *own_bytes += bytes;
                queue.push_back(Group::Own {
                    text: text.map(Box::from),
                    attachments: Box::from(attachments),
                    compress,
                });
            }
            Outlet::WebSocket { buffer, form, compressor, .. } => {
                let compressor = compressor.as_deref_mut().filter(|_| compress);
                write_frames(buffer, text, attachments, *form, compressor);
            }
            Outlet::Gone => return (Pushed::Closed, Next::Nothing),
        }
        self.pushed(packets)
    }

    /// Queues a message that goes to others as well.
    pub(crate) fn push_shared(&mut self, packet: &Arc<Encoded>, limits: Limits) -> (Pushed, Next) {
        if let Some(refused) = self.refuse(packet.packets(), packet.bytes(), limits) {
            return refused;
        }
        self.queue_shared(packet)
    }

    /// Queues `first` and what belongs behind it, or nothing at all: then the session goes on.
    /// `first` has always room, the others as much as the limits leave.
    pub(crate) fn push_all(
        &mut self,
        first: &Arc<Encoded>,
        rest: &[Arc<Encoded>],
        limits: Limits,
    ) -> (Pushed, Next) {
        if self.is_closed() {
            return (Pushed::Closed, Next::Nothing);
        }
        self.settle();
        let packets: u64 = rest.iter().map(|packet| u64::from(packet.packets())).sum();
        let bytes: usize = rest.iter().map(|packet| packet.bytes()).sum();
        if u64::from(self.packets) + packets > u64::from(limits.packets_max)
            || self.queued_bytes().saturating_add(bytes) > limits.bytes_max
        {
            let (queued_packets, limit) = (self.packets, limits.packets_max);
            return (Pushed::Overflow { queued_packets, limit }, Next::Nothing);
        }
        let mut next = Next::Nothing;
        for packet in std::iter::once(first).chain(rest) {
            // Only the first has to be acted on, if any: it says what the others would say.
            match self.queue_shared(packet) {
                (Pushed::Queued, then) if next == Next::Nothing => next = then,
                _ => {}
            }
        }
        (Pushed::Queued, next)
    }

    fn queue_shared(&mut self, packet: &Arc<Encoded>) -> (Pushed, Next) {
        self.settle();
        match &mut self.outlet {
            Outlet::Polling { queue, bytes, .. } => {
                *bytes += packet.bytes();
                queue.push_back(Group::Shared(Arc::clone(packet)));
            }
            Outlet::WebSocket { buffer, form, compressor, .. } => {
                write_shared(buffer, packet, *form, compressor.as_deref_mut());
            }
            Outlet::Gone => return (Pushed::Closed, Next::Nothing),
        }
        self.pushed(packet.packets())
    }

    /// Whether there is an outlet, and nothing is queued or unflushed.
    pub(crate) fn is_writable(&self) -> bool {
        self.closing.is_none()
            && match &self.outlet {
                Outlet::Polling { queue, parked, .. } => *parked && queue.is_empty(),
                Outlet::WebSocket { buffer, blocked, failed, share, .. } => {
                    buffer.is_empty() && !blocked && !failed && share.is_none()
                }
                Outlet::Gone => false,
            }
    }

    /// Whether what is pushed has to wait.
    pub(crate) fn is_backlogged(&self) -> bool {
        matches!(self.outlet, Outlet::Polling { .. } | Outlet::WebSocket { blocked: true, .. })
    }

    /// Brings the ledger up to date. A connection's bytes count once the kernel has refused some.
    pub(crate) fn count(&mut self, ledger: &Ledger) {
        let bytes = match &self.outlet {
            Outlet::Polling { own_bytes, .. } => *own_bytes,
            Outlet::WebSocket { buffer, blocked: true, .. } => buffer.own_len(),
            Outlet::WebSocket { .. } | Outlet::Gone => 0,
        };
        if bytes != self.counted {
            ledger.change(self.counted, bytes);
            self.counted = bytes;
        }
    }

    /// Bytes that wait, those included that others wait for as well.
    pub(crate) fn queued_bytes(&self) -> usize {
        match &self.outlet {
            Outlet::Polling { bytes, .. } => *bytes,
            Outlet::WebSocket { buffer, .. } => buffer.len(),
            Outlet::Gone => 0,
        }
    }

    /// Messages and bytes that wait.
    pub(crate) fn waiting(&self) -> (u32, usize) {
        (self.packets, self.queued_bytes())
    }

    /// Starts closing, unless that happened before. True: the task is to be woken.
    pub(crate) fn close(&mut self, reason: CloseReason) -> bool {
        if self.closing.is_some() || matches!(self.outlet, Outlet::Gone) {
            return false;
        }
        self.closing = Some(reason);
        // It gets what was sent up to now.
        self.settle();
        self.drop_share();
        true
    }

    /// Gives up what is queued: the peer had its time.
    pub(crate) fn discard(&mut self, reason: CloseReason) {
        self.closing.get_or_insert(reason);
        self.discarded = true;
        self.drop_share();
    }

    pub(crate) fn is_discarded(&self) -> bool {
        self.discarded
    }

    pub(crate) fn closing(&self) -> Option<CloseReason> {
        self.closing
    }

    pub(crate) fn has_dropped(&self) -> bool {
        self.has_dropped
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closing.is_some() || matches!(self.outlet, Outlet::Gone)
    }

    /// Ready when nothing waits or nothing can be sent any more.
    pub(crate) fn poll_flushed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let flushed = match &self.outlet {
            Outlet::Polling { queue, .. } => queue.is_empty(),
            Outlet::WebSocket { buffer, blocked, failed, share, .. } => {
                *failed || (buffer.is_empty() && !blocked && share.is_none())
            }
            Outlet::Gone => true,
        };
        if flushed {
            return Poll::Ready(());
        }
        let waiters = self.waiters.get_or_insert_default();
        if !waiters.iter().any(|waker| waker.will_wake(cx.waker())) {
            waiters.push(cx.waker().clone());
        }
        Poll::Pending
    }

    /// The flush pass writes outside the session's turn. True: the task has to look after the rest.
    pub(crate) fn flush(&mut self) -> bool {
        self.scheduled = false;
        if self.turn {
            // The turn's end writes that, too.
            self.detach();
            return false;
        }
        matches!(self.write_all(), Written::Blocked | Written::Failed)
    }

    // From here on: for the session's task.

    pub(crate) fn begin_turn(&mut self) {
        self.turn = true;
    }

    /// Ends the turn: writes what was queued.
    ///
    /// # Errors
    /// When the connection is broken; of the kind `TimedOut` when the peer takes nothing any more.
    pub(crate) fn end_turn(
        &mut self,
        cx: &mut Context<'_>,
        write_timeout: Duration,
    ) -> io::Result<()> {
        self.turn = false;
        loop {
            match self.write() {
                Written::All => return Ok(()),
                Written::Failed => return Err(io::ErrorKind::BrokenPipe.into()),
                Written::Blocked => {
                    let Outlet::WebSocket { io, .. } = &mut self.outlet else {
                        return Ok(());
                    };
                    match io.poll_writable(cx, write_timeout) {
                        Poll::Pending => return Ok(()),
                        Poll::Ready(Ok(())) => {}
                        Poll::Ready(Err(error)) => {
                            self.fail();
                            return Err(error);
                        }
                    }
                }
            }
        }
    }

    /// Appends a frame of the session itself, or what a WebSocket connection owes. That is never
    /// dropped; a peer that keeps asking for answers and reads none is an overflow all the same.
    pub(crate) fn owe(&mut self, limits: Limits, append: impl FnOnce(&mut Vec<u8>)) -> Next {
        let Outlet::WebSocket { buffer, blocked, .. } = &mut self.outlet else {
            return Next::Nothing;
        };
        append(buffer.tail());
        if !*blocked || buffer.len() <= limits.bytes_max.saturating_add(OWED_BYTES_MAX) {
            return Next::Nothing;
        }
        let (queued_packets, queued_bytes) = (self.packets, buffer.len());
        self.discard(CloseReason::Overflow);
        Next::Close { queued_packets, queued_bytes }
    }

    /// Whether the kernel has everything that was given to a connection.
    pub(crate) fn is_written(&self) -> bool {
        match &self.outlet {
            Outlet::WebSocket { buffer, blocked, .. } => buffer.is_empty() && !blocked,
            Outlet::Polling { .. } | Outlet::Gone => true,
        }
    }

    pub(crate) fn set_parked(&mut self, is_parked: bool) {
        if let Outlet::Polling { parked, .. } = &mut self.outlet {
            *parked = is_parked;
        }
    }

    pub(crate) fn is_parked(&self) -> bool {
        matches!(&self.outlet, Outlet::Polling { parked: true, .. })
    }

    pub(crate) fn has_queued(&self) -> bool {
        matches!(&self.outlet, Outlet::Polling { queue, .. } if !queue.is_empty())
    }

    /// Whether a binary message is queued for a poll.
    pub(crate) fn has_binary(&self) -> bool {
        let Outlet::Polling { queue, .. } = &self.outlet else {
            return false;
        };
        queue.iter().any(|group| match group {
            Group::Own { attachments, .. } => !attachments.is_empty(),
            Group::Shared(packet) => !packet.attachments().is_empty(),
        })
    }

    /// Renders everything queued into the body of a poll's response. `true`: some of it may be
    /// compressed.
    pub(crate) fn drain_into(&mut self, payload: &mut PayloadWriter) -> bool {
        let Outlet::Polling { queue, bytes, own_bytes, .. } = &mut self.outlet else {
            return false;
        };
        let mut any = false;
        payload.reserve(self.packets as usize, *bytes);
        for group in queue.drain(..) {
            any |= match &group {
                Group::Own { compress, .. } => *compress,
                Group::Shared(packet) => packet.may_be_compressed(),
            };
            match group {
                Group::Own { text, attachments, .. } => {
                    if let Some(text) = text {
                        payload.text(&text);
                    }
                    attachments.iter().for_each(|attachment| payload.binary(attachment));
                }
                Group::Shared(packet) if payload.form() == PayloadForm::V4 => {
                    payload.encoded(packet.payload());
                }
                Group::Shared(packet) => {
                    if let Some(text) = packet.text() {
                        payload.text(text);
                    }
                    packet.attachments().iter().for_each(|attachment| payload.binary(attachment));
                }
            }
        }
        if queue.capacity() > QUEUE_CAPACITY_KEPT {
            queue.shrink_to(QUEUE_CAPACITY_KEPT);
        }
        (*bytes, *own_bytes) = (0, 0);
        self.drained();
        any
    }

    /// The session lives on a WebSocket now: what is queued becomes frames behind what `buffer`
    /// holds already.
    pub(crate) fn upgrade(
        &mut self,
        (io, mut buffer): (WriteHalf, WriteBuffer),
        form: BinaryForm,
        mut compressor: Option<Box<Compressor>>,
    ) {
        if let Outlet::Polling { queue, .. } = &mut self.outlet {
            for group in queue.drain(..) {
                match group {
                    Group::Own { text, attachments, compress } => {
                        let compressor = compressor.as_deref_mut().filter(|_| compress);
                        write_frames(&mut buffer, text.as_deref(), &attachments, form, compressor);
                    }
                    Group::Shared(packet) => {
                        write_shared(&mut buffer, &packet, form, compressor.as_deref_mut());
                    }
                }
            }
        }
        self.outlet = Outlet::on(io, buffer, form, compressor);
    }

    /// Nothing can be sent any more. Gives back the WebSocket's write side and what was not
    /// written.
    pub(crate) fn end(&mut self) -> Option<(WriteHalf, WriteBuffer)> {
        self.settle();
        let outlet = std::mem::replace(&mut self.outlet, Outlet::Gone);
        self.drained();
        match outlet {
            Outlet::WebSocket { io, buffer, failed: false, .. } => Some((io, buffer)),
            _ => None,
        }
    }

    /// Whether a message must not be queued, and what follows.
    fn refuse(&mut self, packets: u32, bytes: usize, limits: Limits) -> Option<(Pushed, Next)> {
        if self.closing.is_some() {
            return Some((Pushed::Closed, Next::Nothing));
        }
        let mut over = self.is_over(packets, bytes, limits);
        if over && matches!(self.outlet, Outlet::WebSocket { blocked: false, .. }) {
            // Much at once is no slow peer: only what the kernel refuses counts.
            self.write();
            over = self.is_over(packets, bytes, limits);
        }
        if !over {
            return None;
        }
        let queued_packets = self.packets;
        if limits.drop_newest {
            metrics::message_dropped();
            self.has_dropped = true;
            let limit = limits.packets_max;
            return Some((Pushed::Dropped { queued_packets, limit }, Next::Nothing));
        }
        self.discard(CloseReason::Overflow);
        let refused = Pushed::Overflow { queued_packets, limit: limits.packets_max };
        Some((refused, Next::Close { queued_packets, queued_bytes: self.queued_bytes() }))
    }

    fn is_over(&self, packets: u32, bytes: usize, limits: Limits) -> bool {
        self.packets > 0
            && (self.packets.saturating_add(packets) > limits.packets_max
                || self.queued_bytes().saturating_add(bytes) > limits.bytes_max)
    }

    fn pushed(&mut self, packets: u32) -> (Pushed, Next) {
        self.packets = self.packets.saturating_add(packets);
        let next = match &self.outlet {
            _ if self.turn => {
                self.write_if_much();
                Next::Nothing
            }
            Outlet::Polling { parked: true, .. } => Next::Wake,
            Outlet::WebSocket { blocked: false, .. } if !self.scheduled => {
                self.scheduled = true;
                Next::Schedule
            }
            _ => Next::Nothing,
        };
        (Pushed::Queued, next)
    }

    /// A turn that sends much does not wait for its end.
    fn write_if_much(&mut self) {
        if let Outlet::WebSocket { buffer, blocked: false, failed: false, .. } = &self.outlet
            && buffer.len() >= WRITE_EARLY_BYTES
        {
            self.write();
        }
    }

    fn write(&mut self) -> Written {
        match &mut self.outlet {
            Outlet::WebSocket { failed: true, .. } => Written::Failed,
            Outlet::WebSocket { io, buffer, blocked, .. } if *blocked || !buffer.is_empty() => {
                let written = buffer.write_to(io);
                self.note_written(written)
            }
            _ => Written::All,
        }
    }

    fn note_written(&mut self, written: io::Result<bool>) -> Written {
        let Outlet::WebSocket { blocked, .. } = &mut self.outlet else {
            return Written::All;
        };
        match written {
            Ok(true) => {
                *blocked = false;
                self.drained();
                Written::All
            }
            Ok(false) => {
                *blocked = true;
                self.detach();
                Written::Blocked
            }
            Err(error) => {
                debug_assert_ne!(error.kind(), io::ErrorKind::WouldBlock);
                self.fail();
                Written::Failed
            }
        }
    }

    /// The connection is broken: what waits is lost.
    fn fail(&mut self) {
        if let Outlet::WebSocket { buffer, failed, share, .. } = &mut self.outlet {
            *failed = true;
            *share = None;
            buffer.clear();
            self.drained();
        }
    }

    fn drained(&mut self) {
        self.packets = 0;
        for waker in self.waiters.take().into_iter().flat_map(|waiters| *waiters) {
            waker.wake();
        }
    }
}

enum Written {
    All,
    Blocked,
    Failed,
}

fn write_frames(
    buffer: &mut WriteBuffer,
    text: Option<&str>,
    attachments: &[Bytes],
    form: BinaryForm,
    mut compressor: Option<&mut Compressor>,
) {
    if let Some(text) = text {
        match &mut compressor {
            Some(by) if by.applies_to(text.len() + 1) => {
                by.push(Opcode::Text, (b"4", text.as_bytes()), buffer);
            }
            _ => push_text_frame(text, buffer.tail()),
        }
    }
    for attachment in attachments {
        let opcode = if form.is_text() { Opcode::Text } else { Opcode::Binary };
        let bytes = form.encoded_len(attachment.len());
        let head = FrameHeader::new(opcode, bytes, None);
        let by = compressor.as_deref_mut().filter(|by| by.applies_to(bytes));
        if form.is_text() {
            let mut encoded = Vec::new();
            form.encode(attachment, &mut encoded);
            match by {
                Some(by) => by.push(opcode, (b"", &encoded), buffer),
                None => buffer.push(head.as_bytes(), &encoded),
            }
        } else if let Some(by) = by {
            by.push(opcode, (form.prefix(), attachment), buffer);
        } else {
            buffer.push(head.as_bytes(), form.prefix());
            buffer.push_bytes(attachment);
        }
    }
}

/// Frames that were made for all serve those that take binary messages as they are, and everybody
/// while there are none.
fn write_shared(
    buffer: &mut WriteBuffer,
    packet: &Arc<Encoded>,
    form: BinaryForm,
    compressor: Option<&mut Compressor>,
) {
    let plain = form == BinaryForm::Raw || packet.attachments().is_empty();
    match compressor.filter(|by| packet.is_worth_compressing(by)) {
        Some(by) if plain && !by.remembers() => {
            let frames = packet.compressed_frames(by);
            frames.pieces().for_each(|piece| buffer.push_kept(piece, packet));
        }
        None if plain => packet.frames().for_each(|piece| buffer.push_kept(piece, packet)),
        by => write_frames(buffer, packet.text(), packet.attachments(), form, by),
    }
}

/// Answers to pings and the like may go this far beyond the limit of what the application queues.
const OWED_BYTES_MAX: usize = 64 * 1024;
/// A turn that queued this much writes before its end.
const WRITE_EARLY_BYTES: usize = 64 * 1024;
/// A polling session's queue keeps room for this many groups.
const QUEUE_CAPACITY_KEPT: usize = 4;
