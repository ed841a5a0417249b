//! The session of a client that has come back, and what it missed.

use std::sync::Arc;
use std::time::Duration;

use redis::{Cmd, RedisError};
use sockeye::{
    KeptSession, MissedEvent, RecoveryFailure, RestoredSession, Room, SessionLease, SharedData,
    SocketId,
};
use sockeye_cluster_proto::channels::Streams;
use sockeye_cluster_proto::{Body, Limits, ReadError, StoredSession, Targets};

use super::entry::{EntryId, StreamEntry, of_range, text};
use crate::publisher::Publisher;

/// Entries that are read at once.
const PAGE: usize = 100;
/// Pages that are read. A client that missed more begins anew.
const PAGES_MAX: usize = 100;

/// The type of entries that are events for clients.
const BROADCAST: &str = "3";

/// What a client says, and where it is looked for.
pub(super) struct Asked {
    pub(super) publisher: Publisher,
    pub(super) streams: Streams,
    pub(super) uid: Arc<str>,
    pub(super) namespace: Arc<str>,
    pub(super) pid: String,
    pub(super) offset: Option<String>,
    /// The last entry that this server has read.
    pub(super) position: EntryId,
    /// How many entries a stream keeps at least.
    pub(super) max_len: usize,
    /// How long a session is kept that is put back.
    pub(super) lasts: Duration,
}

impl Asked {
    /// Takes the session and reads what was missed.
    pub(super) async fn restore(self) -> Result<RestoredSession, RecoveryFailure> {
        // Checked here, because the key is made of it.
        if !is_private_id(&self.pid) {
            return Err(RecoveryFailure::UnknownSession);
        }
        let key = self.streams.session_key(&self.pid);
        let taken = self.publisher.ask(command("GETDEL", &[&key])).await.map_err(unavailable)?;
        let Some(kept) = text(&taken).map(str::to_owned) else {
            return Err(RecoveryFailure::UnknownSession);
        };
        let lease = self.lease(key, kept.clone());
        let read = || {
            let received = StoredSession::receive(&kept, &Limits::default())?;
            let stored = StoredSession::read(&received)?;
            Ok(self.session(&stored))
        };
        let session = read().map_err(|error: ReadError| {
            tracing::warn!(%error, "a session that was kept cannot be read");
            RecoveryFailure::UnknownSession
        })?;
        let (session, is_own, since) = session.ok_or(RecoveryFailure::UnknownSession)?;
        let from = self.begin(since).await?;
        let (missed, until) = self.missed(from, &session.rooms).await?;
        Ok(RestoredSession {
            session,
            is_own,
            since: since.unwrap_or(from).to_string().into(),
            missed,
            until: until.to_string().into(),
            position: self.position.to_string().into(),
            lease,
        })
    }

    /// Puts it back if its client is not admitted, unless somebody has written it meanwhile.
    fn lease(&self, key: String, kept: String) -> SessionLease {
        let (publisher, lasts) = (self.publisher.clone(), self.lasts);
        SessionLease::new(move || {
            let bytes = key.len() + kept.len();
            let mut command = redis::cmd("SET");
            let lasts = u64::try_from(lasts.as_millis()).unwrap_or(u64::MAX);
            command.arg(key).arg(kept).arg("PX").arg(lasts).arg("NX");
            publisher.send(command, bytes, None);
        })
    }

    /// The session, whether this server has kept it, and the offset before it began. `None`: it is another namespace's, or
    /// no session.
    fn session(&self, stored: &StoredSession<'_>) -> Option<(KeptSession, bool, Option<EntryId>)> {
        let is_here = stored.namespace.as_deref().is_none_or(|name| *name == *self.namespace);
        if !is_here || stored.pid != self.pid {
            return None;
        }
        let id: SocketId = stored.sid.parse().ok()?;
        let rooms = stored.rooms.iter().map(|room| Room::from(room.as_ref())).collect();
        let data = serde_json::value::RawValue::from_string(stored.data.as_ref().to_owned()).ok();
        let is_own = stored.server.as_deref() == Some(&*self.uid);
        let since = stored.since.as_ref().and_then(|since| since.parse().ok());
        Some((KeptSession { id, rooms, data: SharedData(data) }, is_own, since))
    }

    /// The entry after which the client has missed everything.
    ///
    /// It is the last that it has seen, which has to be in the stream still. A client that has seen none since its session
    /// began says none, or one from before it, or one that is no entry: then it is where the session began. (A server of
    /// Node does not say where that was, so that the client has to have seen something.)
    async fn begin(&self, since: Option<EntryId>) -> Result<EntryId, RecoveryFailure> {
        let seen = self.offset.as_deref().and_then(|offset| offset.parse::<EntryId>().ok());
        let from = seen.max(since).ok_or(RecoveryFailure::UnknownOffset)?;
        let stream = self.streams.stream_of(&self.namespace);
        if from == EntryId::default() {
            // Before the first entry of all: nothing was trimmed as long as there are less than are kept.
            let count = self.publisher.ask(command("XLEN", &[&stream])).await;
            let is_whole =
                matches!(count, Ok(redis::Value::Int(count)) if count < self.max_len as i64);
            return if is_whole { Ok(from) } else { Err(RecoveryFailure::LogTruncated) };
        }
        let at = from.to_string();
        let found = self.publisher.ask(command("XRANGE", &[&stream, &at, &at])).await;
        if !of_range(&found.map_err(unavailable)?).is_empty() {
            return Ok(from);
        }
        let first = command("XRANGE", &[&stream, "-", "+", "COUNT", "1"]);
        let first = of_range(&self.publisher.ask(first).await.map_err(unavailable)?);
        let is_trimmed = first.first().is_some_and(|first| first.id > from);
        Err(if is_trimmed { RecoveryFailure::LogTruncated } else { RecoveryFailure::UnknownOffset })
    }

    /// The events after an entry that were for these rooms, and the last entry that was looked at.
    async fn missed(
        &self,
        from: EntryId,
        rooms: &[Room],
    ) -> Result<(Vec<MissedEvent>, EntryId), RecoveryFailure> {
        let stream = self.streams.stream_of(&self.namespace);
        let (mut missed, mut until) = (Vec::new(), from);
        for _ in 0..PAGES_MAX {
            let (after, count) = (format!("({until}"), PAGE.to_string());
            let page = command("XRANGE", &[&stream, &after, "+", "COUNT", &count]);
            let page = of_range(&self.publisher.ask(page).await.map_err(unavailable)?);
            for entry in &page {
                until = entry.id;
                missed.extend(self.event(entry, rooms));
            }
            if page.len() < PAGE {
                return Ok((missed, until));
            }
        }
        Err(RecoveryFailure::LogTruncated)
    }

    /// An entry as an event that these rooms were to get. What is no message was counted where it was read first.
    fn event(&self, entry: &StreamEntry, rooms: &[Room]) -> Option<MissedEvent> {
        let (id, entry) = (entry.id, entry.entry.as_ref()?);
        if *entry.nsp != *self.namespace || entry.kind != BROADCAST {
            return None;
        }
        let received = entry.read(&Limits::default()).ok()?;
        let message = entry.message(&received).ok()?;
        let Body::Emit { targets, flags, event, request: None } = message.body else { return None };
        if flags.is_volatile || !is_for(&targets, rooms) {
            return None;
        }
        let event = event.event_ref().to_raw_event();
        let may_compress = flags.compress != Some(false);
        Some(MissedEvent { offset: id.to_string().into(), event, may_compress })
    }
}

fn is_for(targets: &Targets<'_>, rooms: &[Room]) -> bool {
    let is_in = |name: &str| rooms.iter().any(|room| room.as_str() == name);
    (targets.rooms.is_empty() || targets.rooms.iter().any(|name| is_in(name)))
        && !targets.except.iter().any(|name| is_in(name))
}

/// Of the form of private ids: they become a part of a key.
fn is_private_id(pid: &str) -> bool {
    pid.len() == 20 && pid.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-' || c == b'_')
}

fn command(name: &str, arguments: &[&str]) -> Cmd {
    let mut command = redis::cmd(name);
    command.arg(arguments);
    command
}

#[expect(clippy::needless_pass_by_value, reason = "it is given to `map_err`")]
fn unavailable(error: RedisError) -> RecoveryFailure {
    tracing::debug!(%error, "Redis cannot be asked for a session");
    RecoveryFailure::Unavailable
}
