//! One message for many sessions, and many messages for the same sessions.

use std::cell::Cell;
use std::fmt;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use sockeye_net::batch::{BATCH_BYTES_MAX, Batch};
use sockeye_net::flush::Flush;
use sockeye_net::pipe::Attached;

use crate::outbox::Next;
use crate::outbox::encoded::Encoded;
use crate::session::Session;
use crate::session::registry::Registry;

/// Sends one message to many sessions. It is encoded once per wire form, and one flush pass writes
/// each connection once. Sessions may belong to different engines.
///
/// ```
/// use std::sync::Arc;
///
/// use sockeye_engine::{Application, Encoded, Engine, broadcast};
///
/// fn announce<A: Application>(engine: &Engine<A>, text: &str) {
///     let message = Arc::new(Encoded::new(text, Vec::new()));
///     broadcast(engine.all_sessions().iter(), &message);
/// }
/// ```
pub fn broadcast<'a>(recipients: impl Iterator<Item = &'a Session>, packet: &Arc<Encoded>) {
    let mut pending = PENDING.take();
    let mut last: Option<&Arc<Registry>> = None;
    for session in recipients {
        let shared = session.shared();
        session.announce(packet.text(), packet.attachments());
        let (_, next) = session.queue_shared(packet);
        if next == Next::Schedule {
            if let Some(registry) = last.filter(|last| !Arc::ptr_eq(last, shared.registry())) {
                registry.flusher().schedule_all(&mut pending);
            }
            last = Some(shared.registry());
            pending.push(Arc::clone(shared) as Arc<dyn Flush>);
        } else {
            session.proceed(next);
        }
    }
    if let Some(registry) = last {
        registry.flusher().schedule_all(&mut pending);
    }
    if pending.capacity() <= PENDING_CAPACITY_KEPT {
        PENDING.set(pending);
    }
}

thread_local! {
    /// The list a broadcast makes, kept for the next one of this thread.
    static PENDING: Cell<Vec<Arc<dyn Flush>>> = const { Cell::new(Vec::new()) };
}

const PENDING_CAPACITY_KEPT: usize = 64 * 1024;

/// Sessions that get the same messages, several in a tick: a list that does not change.
///
/// What is sent to it in one tick of the runtime is gathered once for all of them, and leaves in one
/// write for each. In between it costs a session nothing; so it pays where the same sessions are sent
/// to again and again. Everything is in the order in which it was sent, also with what is sent to
/// one of the sessions by other ways.
///
/// ```
/// use std::sync::Arc;
///
/// use sockeye_engine::{MemberList, Encoded, Session};
///
/// fn announce(everybody: &[Session], sender: &Session, texts: &[&str]) {
///     let members = MemberList::new(everybody.iter().cloned());
///     for text in texts {
///         members.send(&Arc::new(Encoded::new(*text, Vec::new())), Some(sender));
///     }
/// }
/// ```
pub struct MemberList {
    parts: Box<[Arc<Part>]>,
    /// Somebody wants to hear of each packet.
    is_observed: bool,
    gathered: Mutex<Gathered>,
}

/// What one step of the flush pass writes: sessions of one engine.
struct Part {
    sessions: Vec<Session>,
}

#[derive(Default)]
struct Gathered {
    /// What was sent since the last flush pass; the sessions keep it.
    batch: Weak<Batch>,
    /// Those that do not share it, for as long as it is there.
    separate: Vec<Session>,
}

/// Most sessions of a part.
const PART_SESSIONS_MAX: usize = 256;

impl MemberList {
    /// These sessions, which may belong to different engines.
    pub fn new(sessions: impl IntoIterator<Item = Session>) -> Self {
        let mut parts: Vec<Part> = Vec::new();
        for session in sessions {
            match parts.last_mut().filter(|part| part.takes(&session)) {
                Some(part) => part.sessions.push(session),
                None => parts.push(Part { sessions: vec![session] }),
            }
        }
        for part in &mut parts {
            part.sessions.shrink_to_fit();
        }
        let is_observed = parts.iter().any(|part| part.sessions[0].observer().is_some());
        let parts = parts.into_iter().map(Arc::new).collect();
        MemberList { parts, is_observed, gathered: Mutex::default() }
    }

    /// How many sessions there are.
    pub fn len(&self) -> usize {
        self.parts.iter().map(|part| part.sessions.len()).sum()
    }

    /// Whether there is no session.
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// Sends a message to all of them, or to all but one.
    pub fn send(&self, packet: &Arc<Encoded>, except: Option<&Session>) {
        let mut gathered = self.gathered.lock();
        let frame = packet.text_frame().filter(|frame| frame.len() <= BATCH_BYTES_MAX);
        let Some(frame) = frame.filter(|_| !self.is_observed) else {
            // What comes after it must not come before it.
            gathered.seal();
            // An observer may send.
            drop(gathered);
            return broadcast(self.sessions().filter(|session| !is(except, session)), packet);
        };
        let member = except.map(Session::member);
        let batch = gathered.batch.upgrade();
        if !batch.is_some_and(|batch| batch.append(frame, member)) {
            gathered.seal();
            self.begin(&mut gathered, &Batch::begin(None, frame, member));
        }
        broadcast(gathered.separate.iter().filter(|session| !is(except, session)), packet);
    }

    /// The sessions share a new batch, those that can.
    fn begin(&self, gathered: &mut Gathered, batch: &Arc<Batch>) {
        for part in &self.parts {
            let sessions = part.sessions.iter();
            let separate = sessions.filter(|session| session.attach(batch) == Attached::Separate);
            gathered.separate.extend(separate.cloned());
            let flusher = part.sessions[0].shared().registry().flusher();
            flusher.schedule(Arc::clone(part) as Arc<dyn Flush>);
        }
        gathered.batch = Arc::downgrade(batch);
    }

    fn sessions(&self) -> impl Iterator<Item = &Session> {
        self.parts.iter().flat_map(|part| &part.sessions)
    }
}

impl Gathered {
    /// The next message begins a new batch.
    fn seal(&mut self) {
        if let Some(batch) = self.batch.upgrade() {
            batch.seal();
        }
        self.batch = Weak::new();
        self.separate.clear();
    }
}

impl Part {
    fn takes(&self, session: &Session) -> bool {
        let engine = |session: &Session| Arc::as_ptr(session.shared().registry());
        self.sessions.len() < PART_SESSIONS_MAX && engine(&self.sessions[0]) == engine(session)
    }
}

impl Flush for Part {
    fn flush(self: Arc<Self>) {
        for session in &self.sessions {
            session.shared().flush_outbox();
        }
    }

    fn connections(&self) -> usize {
        self.sessions.len()
    }
}

fn is(one: Option<&Session>, session: &Session) -> bool {
    one.is_some_and(|one| one.member() == session.member())
}

impl fmt::Debug for MemberList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemberList").field("len", &self.len()).finish_non_exhaustive()
    }
}
