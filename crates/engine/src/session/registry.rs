//! What all sessions of one engine share: settings, the sessions by id, the count of tasks.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use parking_lot::Mutex;
use sockeye_engine_proto::{self as proto, Revision, SessionId, TransportKind};
use sockeye_net::address_slots::{AddressSlot, AddressSlots};
use sockeye_net::flush::Flusher;
use sockeye_net::http::NO_ADDRESS;
use sockeye_net::pipe::Pipe;
use tokio::runtime::Handle;
use tokio::sync::Notify;

use crate::http::refusal::Refusal;
use crate::outbox::Limits;
use crate::outbox::connection::{Goodbye, Incoming};
use crate::outbox::queued_bytes::QueuedBytes;
use crate::session::Session;
use crate::session::config::{Config, ConfigError, OverflowPolicy};

/// How many sessions there are of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionCount {
    /// The transport they are on at this moment.
    pub transport: TransportKind,
    /// The revision of the protocol they speak.
    pub revision: Revision,
    /// How many, open or closing.
    pub sessions: usize,
}

pub(crate) struct Registry {
    pub(crate) config: Config,
    pub(crate) protocol: Arc<proto::Config>,
    pub(crate) limits: Limits,
    pub(crate) queued_bytes: Arc<QueuedBytes>,
    /// Sessions are being looked for that hold too much.
    reclaiming: AtomicBool,
    /// Timers are rounded to multiples of their quantum since this moment.
    pub(crate) epoch: Instant,
    node: [u8; 3],
    shards: [Mutex<Shard>; SHARDS],
    sessions: AtomicUsize,
    tasks: AtomicUsize,
    idle: Notify,
    closing: AtomicBool,
    flusher: OnceLock<Flusher>,
    address_slots: Arc<AddressSlots>,
    refused_origins: Mutex<Vec<Box<[u8]>>>,
    warned_of_no_address: AtomicBool,
}

/// Ids are made here, or by the application's hook: what strangers ask for is only looked up.
type Shard = HashMap<SessionId, Session, foldhash::fast::RandomState>;

impl Registry {
    pub(crate) fn new(config: Config) -> Result<Self, ConfigError> {
        let config = config.checked()?;
        let mut node = config.node_id.unwrap_or_default();
        if config.node_id.is_none() {
            getrandom::fill(&mut node).map_err(|_| ConfigError::Random)?;
        }
        let limits = Limits {
            packets_max: config.queued_packets_max,
            bytes_max: config.queued_bytes_max,
            drop_newest: config.overflow == OverflowPolicy::DropNewest,
        };
        Ok(Registry {
            protocol: Arc::new(config.session()),
            limits,
            queued_bytes: QueuedBytes::new(config.queued_bytes_max_total),
            reclaiming: AtomicBool::new(false),
            epoch: Instant::now(),
            node,
            shards: std::array::from_fn(|_| Mutex::default()),
            sessions: AtomicUsize::new(0),
            tasks: AtomicUsize::new(0),
            idle: Notify::new(),
            closing: AtomicBool::new(false),
            flusher: OnceLock::new(),
            address_slots: Arc::default(),
            refused_origins: Mutex::default(),
            warned_of_no_address: AtomicBool::new(false),
            config,
        })
    }

    /// An id for a new session, `None` when the system gives no randomness.
    pub(crate) fn new_id(&self) -> Option<SessionId> {
        let mut random = [0; 12];
        getrandom::fill(&mut random).ok()?;
        Some(SessionId::new(self.node, random))
    }

    pub(crate) fn find(&self, sid: &str) -> Option<Session> {
        self.shard(sid).lock().get(sid).cloned()
    }

    pub(crate) fn insert(&self, session: &Session) {
        let mut shard = self.shard(session.id().as_str()).lock();
        if shard.insert(session.id().clone(), session.clone()).is_none() {
            self.sessions.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn remove(&self, id: &SessionId) {
        let removed = self.shard(id.as_str()).lock().remove(id);
        if removed.is_some() {
            self.sessions.fetch_sub(1, Ordering::Relaxed);
        }
        // The last handle may drop here, outside the lock.
        drop(removed);
    }

    pub(crate) fn sessions(&self) -> usize {
        self.sessions.load(Ordering::Relaxed)
    }

    /// Every session there is.
    pub(crate) fn all(&self) -> Vec<Session> {
        let mut all = Vec::with_capacity(self.sessions());
        for shard in &self.shards {
            all.extend(shard.lock().values().cloned());
        }
        all
    }

    /// Up to `limit` sessions whose numbers are `first` or higher, in the order of their numbers. Looks at
    /// every session, a sixteenth of them under one lock.
    pub(crate) fn page(&self, first: u64, limit: usize) -> Vec<Session> {
        // The highest number on top, to give way to a lower one.
        let mut page = BTreeMap::new();
        for shard in &self.shards {
            for session in shard.lock().values().filter(|session| session.number() >= first) {
                let is_full = page.len() >= limit;
                if is_full && page.last_key_value().is_none_or(|(last, _)| *last < session.number())
                {
                    continue;
                }
                page.insert(session.number(), session.clone());
                if is_full {
                    page.pop_last();
                }
            }
        }
        page.into_values().collect()
    }

    /// How many sessions there are of each transport and revision, without those that nobody has.
    pub(crate) fn counts(&self) -> Vec<SessionCount> {
        let mut counts: Vec<SessionCount> = Vec::new();
        for shard in &self.shards {
            for session in shard.lock().values() {
                let (transport, revision) = (session.transport(), session.revision());
                let is_it =
                    |of: &&mut SessionCount| (of.transport, of.revision) == (transport, revision);
                match counts.iter_mut().find(is_it) {
                    Some(count) => count.sessions += 1,
                    None => counts.push(SessionCount { transport, revision, sessions: 1 }),
                }
            }
        }
        counts.sort_unstable_by_key(|count| (count.transport.as_str(), count.revision));
        counts
    }

    /// How much may wait in one session. While all together hold too much, that is an even share.
    pub(crate) fn limits(&self) -> Limits {
        if self.queued_bytes.excess() == 0 {
            return self.limits;
        }
        let share = self.queued_bytes.bytes_max() / self.sessions().max(1);
        Limits { bytes_max: share.min(self.limits.bytes_max), ..self.limits }
    }

    /// Ends the sessions that hold most, if all together hold too much. Somewhere else, since whoever
    /// finds that out may be in the middle of anything.
    #[cold]
    pub(crate) fn reclaim(self: &Arc<Self>) {
        if !self.reclaiming.swap(true, Ordering::AcqRel) {
            let registry = Arc::clone(self);
            self.flusher().spawn(async move {
                registry.discard_largest();
                registry.reclaiming.store(false, Ordering::Release);
            });
        }
    }

    /// Ends sessions until an eighth of what may wait would be free, counting what ended ones still
    /// hold as free.
    fn discard_largest(&self) {
        let target = self.queued_bytes.bytes_max() - self.queued_bytes.bytes_max() / 8;
        let (mut alive, mut free) = (Vec::new(), 0);
        for session in self.all() {
            match session.waiting().1 {
                0 => {}
                bytes if session.is_discarded() => free += bytes,
                bytes => alive.push((bytes, session)),
            }
        }
        alive.sort_unstable_by_key(|(bytes, _)| std::cmp::Reverse(*bytes));
        for (bytes, session) in alive {
            if self.queued_bytes.bytes() <= target + free {
                break;
            }
            free += bytes;
            session.end_as_largest();
        }
    }

    /// A slot for a session of this address, if they are limited. Where nobody tells an address nothing
    /// is, which is seldom meant.
    pub(crate) fn address_slot(
        &self,
        address: Option<SocketAddr>,
    ) -> Result<Option<AddressSlot>, Refusal> {
        if address.is_none() {
            self.warn_of_no_address();
        }
        let limited = self.config.sessions_per_address_max.zip(address);
        let Some((limit, address)) = limited else { return Ok(None) };
        let slot = self.address_slots.take(address.ip(), limit);
        slot.map(Some).ok_or(Refusal::TooManySessions { limit })
    }

    /// Logs, the first time, that settings have no effect because requests carry no address.
    fn warn_of_no_address(&self) {
        let is_set = [
            ("sessions_per_address_max", self.config.sessions_per_address_max.is_some()),
            ("trusted_proxies", !self.config.trusted_proxies.is_empty()),
        ];
        let mut settings = is_set.into_iter().filter_map(|(name, is_set)| is_set.then_some(name));
        if let Some(first) = settings.next()
            && !self.warned_of_no_address.swap(true, Ordering::Relaxed)
        {
            let settings = settings.fold(first.to_owned(), |all, name| all + ", " + name);
            tracing::warn!(settings, "{NO_ADDRESS}");
        }
    }

    /// Ends a connection in good order behind what is queued, at once if that is possible, else in a
    /// task of its own, within `websocket_close_timeout`.
    pub(crate) fn end_connection(
        self: &Arc<Self>,
        pipe: Pipe,
        incoming: Incoming,
        goodbye: Goodbye<'_>,
    ) {
        let mut ending = incoming.close(pipe, goodbye);
        if ending.is_done_at_once() {
            return;
        }
        let ticket = self.ticket();
        let charge = self.queued_bytes.charge(ending.own_bytes());
        tokio::spawn(async move {
            let config = &ticket.registry().config;
            let (timeout, write_timeout) = (config.websocket_close_timeout, config.write_timeout);
            // Whatever becomes of it, the connection is dropped.
            let _ = tokio::time::timeout(timeout, ending.carry_out(write_timeout)).await;
            drop(charge);
        });
    }

    /// Limits of every WebSocket.
    pub(crate) fn websocket(&self) -> sockeye_ws::Config {
        sockeye_ws::Config {
            message_bytes_max: self.config.payload_bytes_max,
            frame_bytes_max: self.config.payload_bytes_max,
            ..sockeye_ws::Config::default()
        }
    }

    /// The flusher, started by the first session: only then there is a runtime for sure.
    pub(crate) fn flusher(&self) -> &Flusher {
        self.flusher.get_or_init(|| Flusher::new(Handle::current()))
    }

    pub(crate) fn refuse_sessions(&self) {
        self.closing.store(true, Ordering::Release);
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Acquire)
    }

    /// Counts a task until the ticket is dropped.
    pub(crate) fn ticket(self: &Arc<Self>) -> Ticket {
        self.tasks.fetch_add(1, Ordering::AcqRel);
        Ticket(Arc::clone(self))
    }

    pub(crate) fn tasks(&self) -> usize {
        self.tasks.load(Ordering::Acquire)
    }

    /// Waits until no task is left.
    pub(crate) async fn tasks_done(&self) {
        loop {
            let notified = self.idle.notified();
            if self.tasks.load(Ordering::Acquire) == 0 {
                return;
            }
            notified.await;
        }
    }

    /// Whether this origin is refused for the first time, as far as there is room to remember.
    pub(crate) fn is_news(&self, origin: &[u8]) -> bool {
        let mut refused = self.refused_origins.lock();
        let news = refused.len() < REFUSED_ORIGINS_MAX
            && origin.len() <= REFUSED_ORIGIN_BYTES_MAX
            && !refused.iter().any(|known| **known == *origin);
        if news {
            refused.push(origin.into());
        }
        news
    }

    fn shard(&self, sid: &str) -> &Mutex<Shard> {
        // What ids differ in is at their end, whoever makes them. The map inside does not depend on
        // how well this spreads them.
        let end = sid.as_bytes().iter().rev().take(4);
        let sum = end.fold(0usize, |sum, &byte| sum.wrapping_mul(31) + usize::from(byte));
        &self.shards[sum % SHARDS]
    }
}

/// A running task of the engine.
pub(crate) struct Ticket(Arc<Registry>);

impl Ticket {
    pub(crate) fn registry(&self) -> &Arc<Registry> {
        &self.0
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if self.0.tasks.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.idle.notify_waiters();
        }
    }
}

const SHARDS: usize = 16;
/// Refused origins that are remembered, so that each is logged once.
const REFUSED_ORIGINS_MAX: usize = 64;
const REFUSED_ORIGIN_BYTES_MAX: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refused_origins_are_remembered_up_to_a_number_and_a_length() {
        let registry = Registry::new(Config::default()).unwrap();
        assert!(!registry.is_news(&[b'x'; REFUSED_ORIGIN_BYTES_MAX + 1]));
        for number in 0..REFUSED_ORIGINS_MAX {
            let origin = number.to_string();
            assert!(registry.is_news(origin.as_bytes()));
            assert!(!registry.is_news(origin.as_bytes()));
        }
        assert!(!registry.is_news(b"one more"));
    }
}
