//! The handle of a session, for whoever sends to it.

use std::any::Any;
use std::fmt;
use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use futures_util::task::AtomicWaker;
use parking_lot::{Mutex, MutexGuard};
use sockeye_engine_proto::{CloseReason, Message, Packet, Revision, SessionId, TransportKind};
use sockeye_net::batch::{Batch, MemberId};
use sockeye_net::flush::Flush;
use sockeye_net::pipe::{Attached, Pipe};

use crate::http::response_body::WHOLE_BYTES_MAX;
use crate::outbox::content::Content;
use crate::outbox::encoded::Encoded;
use crate::outbox::framing::Framing;
use crate::outbox::{Limits, Next, Outbox, Pushed};
use crate::session::close_detail::CloseDetail;
use crate::session::config::Config;
use crate::session::dialect::Dialect;
use crate::session::inbox::{Inbox, Place, SessionRequest};
use crate::session::observer::Observer;
use crate::session::registry::Registry;
use crate::session::reply::{Reply, ReplyContent};

/// A handle of one session: cheap to clone, usable from any thread. It does not keep the session
/// alive; what is sent to a closed one is dropped.
#[derive(Clone)]
pub struct Session(Arc<Shared>);

/// What a session's task, its requests and its senders share.
pub(crate) struct Shared {
    id: SessionId,
    registry: Arc<Registry>,
    dialect: Dialect,
    member: MemberId,
    pub(crate) outbox: Mutex<Outbox>,
    inbox: Mutex<Inbox>,
    /// The session's task.
    pub(crate) task: AtomicWaker,
    /// The place of its transport in `TransportKind::ALL`.
    transport: AtomicU8,
    /// A POST is being read or handled.
    posting: AtomicBool,
    /// The outbox is closing: for whoever should not take its lock to know.
    closing: AtomicBool,
    /// The session is to close as soon as its handler has nothing under way.
    draining: AtomicBool,
    /// Bytes of long answers that hyper has.
    unread: AtomicUsize,
    detail: OnceLock<Box<CloseDetail>>,
}

impl Session {
    pub(crate) fn new(
        registry: Arc<Registry>,
        id: SessionId,
        dialect: Dialect,
        outbox: Outbox,
    ) -> Self {
        Session(Arc::new(Shared {
            id,
            registry,
            dialect,
            member: MemberId::next(),
            outbox: Mutex::new(outbox),
            inbox: Mutex::new(Inbox::new()),
            task: AtomicWaker::new(),
            transport: AtomicU8::new(0),
            posting: AtomicBool::new(false),
            closing: AtomicBool::new(false),
            draining: AtomicBool::new(false),
            unread: AtomicUsize::new(0),
            detail: OnceLock::new(),
        }))
    }

    /// The id: 20 base64url characters, 3 bytes of node id and 12 of randomness.
    pub fn id(&self) -> &SessionId {
        &self.0.id
    }

    /// The number of the session: one that was opened later, by any engine of the program, has a
    /// higher one. Unlike the id it is no credential.
    pub fn number(&self) -> u64 {
        self.0.member.number()
    }

    /// The transport the session lives on at this moment.
    pub fn transport(&self) -> TransportKind {
        TransportKind::ALL[usize::from(self.0.transport.load(Ordering::Acquire))]
    }

    /// The revision of the protocol it speaks.
    pub fn revision(&self) -> Revision {
        self.0.dialect.revision
    }

    pub(crate) fn config(&self) -> &Config {
        &self.0.registry.config
    }

    pub(crate) fn dialect(&self) -> &Dialect {
        &self.0.dialect
    }

    /// Sends a text message and its attachments, binary messages that follow it at once: nothing
    /// comes between them. Without an allocation on a WebSocket while they are small.
    ///
    /// ```
    /// use bytes::Bytes;
    /// use sockeye_engine::{Pushed, Session};
    ///
    /// fn send_picture(session: &Session, picture: Bytes) {
    ///     match session.send("a picture follows", &[picture]) {
    ///         Pushed::Queued => {}
    ///         lost => println!("{}: {lost:?}", session.id()),
    ///     }
    /// }
    /// ```
    pub fn send(&self, text: &str, attachments: &[Bytes]) -> Pushed {
        self.announce(Some(text), attachments);
        let mut outbox = self.0.outbox.lock();
        if attachments.is_empty() && outbox.push_small_text(text, self.0.registry.limits) {
            return Pushed::Queued;
        }
        let content = Content { text: Some(text), attachments, compress: true };
        let (pushed, next) =
            self.queue_locked(outbox, |outbox, limits| outbox.push_own(content, limits));
        self.proceed(next);
        pushed
    }

    /// [`send`](Session::send), never compressed on its way: for what cannot get shorter, or must
    /// not, such as a secret beside something a stranger chose.
    pub fn send_uncompressed(&self, text: &str, attachments: &[Bytes]) -> Pushed {
        self.announce(Some(text), attachments);
        self.push_own(Content { text: Some(text), attachments, compress: false })
    }

    /// Sends a binary message.
    pub fn send_binary(&self, data: &Bytes) -> Pushed {
        self.send_binaries(std::slice::from_ref(data))
    }

    /// Sends binary messages between which nothing comes.
    pub fn send_binaries(&self, messages: &[Bytes]) -> Pushed {
        self.announce(None, messages);
        self.push_own(Content { text: None, attachments: messages, compress: true })
    }

    fn push_own(&self, content: Content<'_>) -> Pushed {
        let (pushed, next) = self.queue(|outbox, limits| outbox.push_own(content, limits));
        self.proceed(next);
        pushed
    }

    /// Sends a message that was encoded for many. To send it to many, use
    /// [`broadcast`](crate::broadcast).
    pub fn push(&self, packet: &Arc<Encoded>) -> Pushed {
        self.announce(packet.text(), packet.attachments());
        let (pushed, next) = self.queue_shared(packet);
        self.proceed(next);
        pushed
    }

    /// Sends a message and others that belong behind it: all of them, in one write or one poll's
    /// answer as far as that can hold them, or nothing. `first` has always room; when there is none
    /// for the others, nothing is sent, the session goes on, and the result is
    /// [`Pushed::Overflow`] whatever the [`OverflowPolicy`](crate::OverflowPolicy) is.
    pub fn push_all(&self, first: &Arc<Encoded>, rest: &[Arc<Encoded>]) -> Pushed {
        let (pushed, next) = self.queue(|outbox, limits| {
            let pushed = outbox.push_all(first, rest, limits);
            if outbox.outlet.is_backlogged() && pushed.0 == Pushed::Queued {
                let packets = std::iter::once(first).chain(rest);
                packets.for_each(|packet| packet.charge(&self.0.registry.queued_bytes));
            }
            pushed
        });
        if pushed == Pushed::Queued {
            for packet in std::iter::once(first).chain(rest) {
                self.announce(packet.text(), packet.attachments());
            }
        }
        self.proceed(next);
        pushed
    }

    /// Whether a message was [dropped](Pushed::Dropped): then what was sent after it has arrived
    /// without it.
    pub fn has_dropped(&self) -> bool {
        self.0.outbox.lock().has_dropped()
    }

    pub(crate) fn queue_shared(&self, packet: &Arc<Encoded>) -> (Pushed, Next) {
        self.queue(|outbox, limits| {
            let pushed = outbox.push_shared(packet, limits);
            if outbox.outlet.is_backlogged() && pushed.0 == Pushed::Queued {
                packet.charge(&self.0.registry.queued_bytes);
            }
            pushed
        })
    }

    /// Does something to the outbox by which more may wait.
    #[inline]
    fn queue<R>(&self, push: impl FnOnce(&mut Outbox, Limits) -> R) -> R {
        self.queue_locked(self.0.outbox.lock(), push)
    }

    #[inline]
    fn queue_locked<R>(
        &self,
        mut outbox: MutexGuard<'_, Outbox>,
        push: impl FnOnce(&mut Outbox, Limits) -> R,
    ) -> R {
        let registry = &self.0.registry;
        let mut limits = registry.limits();
        limits.bytes_max = limits.bytes_max.saturating_sub(self.0.unread_bytes());
        let pushed = push(&mut outbox, limits);
        if outbox.outlet.is_backlogged() {
            outbox.count(&registry.queued_bytes);
            drop(outbox);
            if registry.queued_bytes.excess() > 0 {
                registry.reclaim();
            }
        }
        pushed
    }

    /// Shares a batch with others, see [`Outbox::attach`].
    pub(crate) fn attach(&self, batch: &Arc<Batch>) -> Attached {
        self.0.outbox.lock().attach(batch, self.0.member)
    }

    /// Who it is in a batch.
    pub(crate) fn member(&self) -> MemberId {
        self.0.member
    }

    /// Whether a message would go out at once: there is an outlet, and nothing is queued or
    /// unflushed. Volatile messages are dropped otherwise.
    pub fn is_writable(&self) -> bool {
        self.0.outbox.lock().is_writable()
    }

    /// Has [`SessionHandler::poll`](crate::SessionHandler::poll) called soon.
    pub fn wake(&self) {
        self.0.task.wake();
    }

    /// Ends the session: what is queued goes out, then a close packet (polling) or close frame
    /// (WebSocket). Later messages are refused from now on. `reason` is what
    /// [`SessionHandler::close`](crate::SessionHandler::close) is told; the first call counts.
    pub fn close(&self, reason: CloseReason) {
        if self.0.outbox.lock().close(reason) {
            self.begin_closing(CloseDetail::of_reason(reason));
        }
    }

    /// Ends the session as [`close`](Session::close) does, and tells the client this code and reason where
    /// its protocol has words for it: SockJS has, Engine.IO has not. The application is told
    /// `forced server close`. SockJS leaves codes from 3000 to 4999 to applications; of the reason the first
    /// 123 bytes are said, as a close frame has no room for more (RFC 6455 §5.5).
    ///
    /// ```
    /// use sockeye_engine::Session;
    ///
    /// fn send_away(session: &Session) {
    ///     session.close_with(3000, "Go away!");
    /// }
    /// ```
    pub fn close_with(&self, code: u16, reason: &str) {
        let reason = &reason[..reason.floor_char_boundary(FAREWELL_BYTES_MAX)];
        let close_reason = CloseReason::ForcedServerClose;
        let is_new = self.0.outbox.lock().close_with(close_reason, (code, reason.into()));
        if is_new {
            self.begin_closing(CloseDetail::of_reason(close_reason));
        }
    }

    /// Ends the session as [`close`](Session::close) does, with the reason `server shutting down`, at
    /// the first moment at which its handler has nothing under way: when
    /// [`SessionHandler::poll`](crate::SessionHandler::poll) is `Ready`. Until then it goes on as
    /// before.
    pub fn drain(&self) {
        self.0.draining.store(true, Ordering::Release);
        self.wake();
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.0.draining.load(Ordering::Acquire)
    }

    /// Hands something to [`SessionHandler::command`](crate::SessionHandler::command), which is called
    /// with it in the session's own task. `false`: it was dropped, because the session is over or 8
    /// commands and requests wait for a task that is busy. What a session has not taken when it ends
    /// is dropped as well.
    pub fn command(&self, command: Box<dyn Any + Send>) -> bool {
        let is_taken = self.0.inbox.lock().push_command(command);
        if is_taken {
            self.wake();
        }
        is_taken
    }

    /// Ends the session at once: what is queued is lost, and nothing waits for the peer.
    pub fn discard(&self, reason: CloseReason) {
        self.0.outbox.lock().discard(reason);
        self.begin_closing(CloseDetail::of_reason(reason));
    }

    /// Has the task close the session, whose outbox is closing.
    fn begin_closing(&self, detail: CloseDetail) {
        self.note_detail(detail);
        self.0.closing.store(true, Ordering::Release);
        self.wake();
    }

    /// Messages that wait for it, and bytes: queued, or in answers that its client does not read.
    pub(crate) fn waiting(&self) -> (u32, usize) {
        let (packets, bytes) = self.0.outbox.lock().outlet.waiting();
        (packets, bytes.saturating_add(self.0.unread_bytes()))
    }

    /// Whether what waited for it was given up.
    pub(crate) fn is_discarded(&self) -> bool {
        self.is_closing() && self.0.outbox.lock().is_discarded()
    }

    /// Ends the session, one of those that hold most, since all together hold too much.
    pub(crate) fn end_as_largest(&self) {
        let (queued_packets, queued_bytes) = self.waiting();
        self.note_detail(CloseDetail::Overflow { queued_packets, queued_bytes });
        self.discard(CloseReason::Overflow);
    }

    /// What exactly ended the session; `None` while it lives. There when
    /// [`SessionHandler::close`](crate::SessionHandler::close) is called, and as long as the handle.
    pub fn close_detail(&self) -> Option<CloseDetail> {
        self.0.detail.get().map(|detail| **detail)
    }

    /// What exactly ended the session, now that it ends for this reason.
    pub(crate) fn end_with(&self, reason: CloseReason) -> CloseDetail {
        **self.0.detail.get_or_init(|| Box::new(CloseDetail::of_reason(reason)))
    }

    /// The first one counts.
    pub(crate) fn note_detail(&self, detail: CloseDetail) {
        let _ = self.0.detail.set(Box::new(detail));
    }

    /// Whether the session is closed or closing, so that nothing more can be sent.
    pub fn is_closed(&self) -> bool {
        self.0.outbox.lock().is_closed()
    }

    /// Sends what the session itself has to say.
    pub(crate) fn push_session_packet(&self, append: impl FnOnce(&mut Pipe, Framing)) {
        let next = self.queue(|outbox, limits| outbox.push_session_packet(limits, append));
        self.proceed(next);
    }

    /// Waits until everything sent so far was written, or the session is over.
    ///
    /// # Cancel safety
    /// Safe: nothing but waiting happens here.
    ///
    /// ```
    /// use sockeye_engine::{CloseReason, Session};
    ///
    /// async fn say_good_night(session: &Session) {
    ///     session.send("good night", &[]);
    ///     session.flushed().await;
    ///     session.close(CloseReason::ForcedServerClose);
    /// }
    /// ```
    pub async fn flushed(&self) {
        poll_fn(|cx| self.0.outbox.lock().poll_flushed(cx)).await;
    }

    pub(crate) fn observer(&self) -> Option<&dyn Observer> {
        self.0.registry.config.hooks.observer.as_deref()
    }

    /// Tells the observer, if there is one, of a message that is about to be queued.
    #[inline]
    pub(crate) fn announce(&self, text: Option<&str>, attachments: &[Bytes]) {
        if let Some(observer) = self.observer() {
            self.announce_to(observer, text, attachments);
        }
    }

    #[cold]
    pub(crate) fn announce_to(
        &self,
        observer: &dyn Observer,
        text: Option<&str>,
        attachments: &[Bytes],
    ) {
        if self.is_closed() {
            return;
        }
        let texts = text.into_iter().map(Message::Text);
        let binaries = attachments.iter().map(|attachment| Message::Binary(attachment));
        for message in texts.chain(binaries) {
            observer.packet_create(self, &Packet::Message(message));
        }
    }

    /// Nothing can be sent any more, see [`Outbox::end`].
    pub(crate) fn end_outbox(&self) -> Option<Pipe> {
        let mut outbox = self.0.outbox.lock();
        let ended = outbox.end();
        outbox.count(&self.0.registry.queued_bytes);
        ended
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.0
    }

    /// Hands a request over to the session's task, or gives it back when the session is over.
    pub(crate) fn submit(&self, request: SessionRequest) -> Result<(), SessionRequest> {
        self.0.inbox.lock().push(request)?;
        self.wake();
        Ok(())
    }

    /// Hands a poll over, which is answered also when it is turned away: by so many others that have
    /// arrived, or since the session is over.
    pub(crate) fn submit_poll(&self, reply: Reply, place: Place) {
        let mut inbox = self.0.inbox.lock();
        let pushed = inbox.push(SessionRequest::Poll(reply, place));
        let is_over = inbox.is_closed();
        drop(inbox);
        match pushed {
            Ok(()) => self.wake(),
            Err(SessionRequest::Poll(reply, _)) if !is_over => {
                let _ = reply.send(ReplyContent::Overlap);
            }
            Err(_) => {}
        }
    }

    /// Whether something could be written now or soon: a poll is parked or there is a WebSocket.
    pub fn has_outlet(&self) -> bool {
        self.0.outbox.lock().outlet.is_there()
    }

    pub(crate) fn take_requests(&self) -> Vec<SessionRequest> {
        self.0.inbox.lock().take()
    }

    pub(crate) fn close_inbox(&self) -> Vec<SessionRequest> {
        self.0.inbox.lock().close()
    }

    /// Whether [`close`](Session::close) was called or the outbox ran over.
    pub(crate) fn is_closing(&self) -> bool {
        self.0.closing.load(Ordering::Acquire)
    }

    /// Whether that is new.
    pub(crate) fn set_transport(&self, kind: TransportKind) -> bool {
        let place = TransportKind::ALL.iter().position(|other| *other == kind);
        let place = place.and_then(|place| u8::try_from(place).ok()).unwrap_or(0);
        self.0.transport.swap(place, Ordering::AcqRel) != place
    }

    /// Claims the session's one POST. `false`: there is one already.
    pub(crate) fn begin_post(&self) -> bool {
        !self.0.posting.swap(true, Ordering::AcqRel)
    }

    pub(crate) fn end_post(&self) {
        self.0.posting.store(false, Ordering::Release);
    }

    pub(crate) fn proceed(&self, next: Next) {
        match next {
            Next::Nothing => {}
            Next::Wake => self.wake(),
            Next::Close { queued_packets, queued_bytes } => {
                self.begin_closing(CloseDetail::Overflow { queued_packets, queued_bytes });
            }
            Next::Schedule => {
                let item: Arc<Shared> = Arc::clone(&self.0);
                self.0.registry.flusher().schedule(item);
            }
        }
    }
}

impl Shared {
    /// A flush pass has come to it.
    pub(crate) fn flush_outbox(&self) {
        let mut outbox = self.outbox.lock();
        let needs_task = outbox.flush();
        outbox.count(&self.registry.queued_bytes);
        drop(outbox);
        if needs_task {
            self.task.wake();
        }
    }

    pub(crate) fn unread_bytes(&self) -> usize {
        self.unread.load(Ordering::Relaxed)
    }

    /// So many bytes have left the outbox and are not written. Where there are few they are not counted:
    /// nearly always they are gone at once.
    pub(crate) fn begin_unread(&self, bytes: usize) {
        if bytes > WHOLE_BYTES_MAX {
            self.unread.fetch_add(bytes, Ordering::Relaxed);
            self.registry.queued_bytes.change(0, bytes);
        }
    }

    /// They are written, or nobody will have them. Whether they were counted.
    pub(crate) fn end_unread(&self, bytes: usize) -> bool {
        let is_counted = bytes > WHOLE_BYTES_MAX;
        if is_counted {
            self.unread.fetch_sub(bytes, Ordering::Relaxed);
            self.registry.queued_bytes.change(bytes, 0);
        }
        is_counted
    }

    pub(crate) const fn registry(&self) -> &Arc<Registry> {
        &self.registry
    }
}

impl Flush for Shared {
    fn flush(self: Arc<Self>) {
        self.flush_outbox();
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("id", &self.0.id)
            .field("transport", &self.transport())
            .finish_non_exhaustive()
    }
}

/// What of a reason fits into a close frame, behind its code.
const FAREWELL_BYTES_MAX: usize = 123;

/// What one session's handles hold together, without their reference counts.
#[cfg(test)]
pub(crate) const HANDLE_BYTES: usize = std::mem::size_of::<Shared>();
