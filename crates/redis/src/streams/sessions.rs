//! Sessions in Redis, where every server finds them: written in batches, and taken by whoever its client comes back to.
//!
//! A session is written as long as it is this server's: the script compares what is there with what this server wrote
//! last. Is it another server's by now, the client has come back there, and its socket here ends.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use redis::{Cmd, RedisError, Value};
use sha1_smol::Sha1;
use sockeye::{ChangedSession, Node, SessionOutcome, SocketId};
use sockeye_cluster::Inbox;
use sockeye_cluster_proto::StoredSession;
use sockeye_cluster_proto::channels::Streams;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, sleep_until};

use crate::publisher::{PAUSE, PAUSE_MAX, Publisher};

/// How long after a change it is written, with those that have come meanwhile. A reader that has an event waits for no
/// pause.
const PAUSE_BEFORE: Duration = Duration::from_millis(3);
/// Sessions that are written at once.
const BATCH_MAX: usize = 512;
/// Sessions that are connected are written again at least this often; more often if clients may be away for less than twice
/// as long.
const RENEWAL_MAX: Duration = Duration::from_secs(60);

/// Writes a session unless another server has it. A session of which nothing is there is written: Redis may have lost it.
/// The arguments: the session, for how long, and the hashes of what this server may have written before.
const WRITE: &str = "local kept = redis.call('GET', KEYS[1]) \
    local is_own = not kept \
    local hash = kept and redis.sha1hex(kept) \
    for i = 3, #ARGV do is_own = is_own or hash == ARGV[i] end \
    if not is_own then return 0 end \
    redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2]) return 1";
/// Deletes one unless another server has it. The arguments are the hashes.
const DELETE: &str = "local kept = redis.call('GET', KEYS[1]) \
    local hash = kept and redis.sha1hex(kept) \
    for i = 1, #ARGV do if hash == ARGV[i] then redis.call('DEL', KEYS[1]) end end return 1";
/// Hashes of what may have been written, of one session: each time that the connection is lost meanwhile it is one more.
const HASHES_MAX: usize = 8;

/// A handle of the task that writes sessions.
#[derive(Clone)]
pub(super) struct Sessions {
    shared: Arc<Shared>,
    /// The number of the last request after which everything was written.
    done: watch::Receiver<u64>,
}

#[derive(Default)]
struct Shared {
    changed: Notify,
    has_changed: AtomicBool,
    is_writing: AtomicBool,
    /// Readers wait: nothing is waited for.
    at_once: Notify,
    requests: AtomicU64,
    must_renew: AtomicBool,
}

/// The task.
struct Writer {
    shared: Arc<Shared>,
    done: watch::Sender<u64>,
    publisher: Publisher,
    inbox: Inbox,
    streams: Streams,
    uid: Arc<str>,
    /// Where the reader of each stream began, and so each session that had no event before it.
    starts: Arc<dyn Fn(&str) -> String + Send + Sync>,
    /// The hashes of what was written last; several where it is not known which was.
    written: HashMap<SocketId, Vec<String>>,
    /// The shortest time for which a client may be away, of those seen.
    lasts: Duration,
    /// Whether Redis refused to write the last.
    is_refused: bool,
}

impl Sessions {
    pub(super) fn start(
        publisher: Publisher,
        inbox: Inbox,
        streams: Streams,
        uid: Arc<str>,
        starts: Arc<dyn Fn(&str) -> String + Send + Sync>,
        stopped: watch::Receiver<()>,
    ) -> Self {
        let shared = Arc::<Shared>::default();
        let (done, is_done) = watch::channel(0);
        let written = HashMap::new();
        let writer = Writer {
            shared: Arc::clone(&shared),
            done,
            publisher,
            inbox,
            streams,
            uid,
            starts,
            written,
            lasts: 2 * RENEWAL_MAX,
            is_refused: false,
        };
        tokio::spawn(writer.run(stopped));
        Self { shared, done: is_done }
    }

    /// Sessions have changed.
    pub(super) fn changed(&self) {
        if !self.shared.has_changed.swap(true, Ordering::AcqRel) {
            self.shared.changed.notify_one();
        }
    }

    /// All are written again: Redis may have lost them.
    pub(super) fn renew(&self) {
        self.shared.must_renew.store(true, Ordering::Release);
        self.changed();
    }

    /// Waits until what has changed until now is written, or cannot be written now.
    pub(super) async fn settled(&mut self) {
        let shared = &self.shared;
        if !shared.has_changed.load(Ordering::Acquire) && !shared.is_writing.load(Ordering::Acquire)
        {
            return;
        }
        let request = shared.requests.fetch_add(1, Ordering::AcqRel) + 1;
        shared.at_once.notify_one();
        // An error: the task has ended, and with it the server.
        let _ = self.done.wait_for(|done| *done >= request).await;
    }
}

impl Writer {
    async fn run(mut self, mut stopped: watch::Receiver<()>) {
        tokio::select! {
            () = self.write_on() => return,
            // An error: the sender is gone, with the server.
            _ = stopped.changed() => {}
        }
        // What its end has changed, so that its clients can go on elsewhere.
        let _ = self.write_all().await;
    }

    async fn write_on(&mut self) {
        let (mut renewal, mut pause) = (Instant::now() + RENEWAL_MAX, PAUSE);
        while !self.inbox.is_closed() {
            let shared = Arc::clone(&self.shared);
            tokio::select! {
                () = shared.changed.notified() => tokio::select! {
                    () = sleep(PAUSE_BEFORE) => {}
                    () = shared.at_once.notified() => {}
                },
                () = shared.at_once.notified() => {}
                () = sleep_until(renewal) => shared.must_renew.store(true, Ordering::Release),
            }
            let request = shared.requests.load(Ordering::Acquire);
            shared.is_writing.store(true, Ordering::Release);
            shared.has_changed.store(false, Ordering::Release);
            if shared.must_renew.swap(false, Ordering::AcqRel)
                && let Some(node) = self.inbox.local()
            {
                node.renew_sessions();
                renewal = Instant::now() + renewal_interval(self.lasts);
            }
            let outcome = self.write_all().await;
            renewal = renewal.min(Instant::now() + renewal_interval(self.lasts));
            shared.is_writing.store(false, Ordering::Release);
            self.done.send_replace(request);
            if let Err(error) = outcome {
                tracing::debug!(%error, "sessions could not be written; trying again");
                tokio::select! {
                    () = sleep(pause) => {}
                    // Readers do not wait for a connection.
                    () = shared.at_once.notified() => {}
                }
                pause = (2 * pause).min(PAUSE_MAX);
                // Redis that was away may have lost the others too; one that refuses has them.
                if error.code().is_none() {
                    self.shared.must_renew.store(true, Ordering::Release);
                }
                self.shared.has_changed.store(true, Ordering::Release);
                self.shared.changed.notify_one();
            } else {
                pause = PAUSE;
            }
        }
    }

    /// Writes what has changed. An error: there is no connection, and it counts as changed still.
    async fn write_all(&mut self) -> Result<(), RedisError> {
        let Some(node) = self.inbox.local() else { return Ok(()) };
        loop {
            let changed = node.take_changed_sessions(BATCH_MAX);
            if changed.is_empty() {
                return Ok(());
            }
            self.write(&node, changed).await?;
        }
    }

    async fn write(&mut self, node: &Node, changed: Vec<ChangedSession>) -> Result<(), RedisError> {
        let shortest = changed.iter().map(|session| session.lasts).min();
        self.lasts = self.lasts.min(shortest.unwrap_or(self.lasts));
        let prepared: Vec<_> = changed.iter().map(|session| self.command(session)).collect();
        let (commands, hashes): (Vec<_>, Vec<_>) = prepared.into_iter().unzip();
        let answers = match self.publisher.ask_all(commands).await {
            Ok(answers) => answers,
            Err(error) => {
                for (session, hash) in changed.iter().zip(hashes) {
                    self.unknown(node, session, hash);
                }
                return Err(error);
            }
        };
        let mut refused = Vec::new();
        let mut lost = None;
        for ((session, hash), answer) in changed.iter().zip(hashes).zip(answers) {
            match answer {
                Ok(Value::Int(0)) => {
                    self.written.remove(&session.pid);
                    said(node, session, SessionOutcome::Elsewhere);
                }
                Ok(_) => {
                    // One that is over, or whose client is away, changes no more.
                    match hash.filter(|_| session.is_connected) {
                        Some(hash) => self.written.insert(session.pid.clone(), vec![hash]),
                        None => self.written.remove(&session.pid),
                    };
                    said(node, session, SessionOutcome::Done);
                }
                Err(error) if error.code().is_some() => refused.push((session, error)),
                Err(error) => {
                    self.unknown(node, session, hash);
                    lost = Some(error);
                }
            }
        }
        self.is_refused &= !refused.is_empty();
        let kept = self.give_up(node, &refused).await;
        lost.or(kept).map_or(Ok(()), Err)
    }

    /// It may be written, or not.
    fn unknown(&mut self, node: &Node, session: &ChangedSession, hash: Option<String>) {
        let hashes = self.written.entry(session.pid.clone()).or_default();
        hashes.extend(hash);
        if hashes.len() > HASHES_MAX {
            hashes.remove(0);
        }
        said(node, session, SessionOutcome::Unknown);
    }

    /// Redis refuses to write these, as it does when its memory is full. What it has of them is out of date, so that it is
    /// deleted: better that a client hears that it has to begin anew. An error: it deletes nothing either, as with a full
    /// disk; then they are written as soon as it takes them.
    async fn give_up(
        &mut self,
        node: &Node,
        refused: &[(&ChangedSession, RedisError)],
    ) -> Option<RedisError> {
        let (_, error) = refused.first()?;
        if !std::mem::replace(&mut self.is_refused, true) {
            tracing::warn!(%error, "Redis does not keep sessions; their clients cannot go on at other servers");
        }
        let commands = refused.iter().map(|(session, _)| {
            let mut command = redis::cmd("DEL");
            command.arg(self.streams.session_key(session.pid.as_str()));
            command
        });
        let answers = self.publisher.ask_all(commands.collect()).await.unwrap_or_default();
        let mut kept = None;
        for (at, (session, error)) in refused.iter().enumerate() {
            if answers.get(at).is_some_and(Result::is_ok) {
                self.written.remove(&session.pid);
                said(node, session, SessionOutcome::Done);
            } else {
                said(node, session, SessionOutcome::Unknown);
                kept = Some(error.clone());
            }
        }
        kept
    }

    /// What writes, or deletes, a session, and the hash of what is there then.
    fn command(&self, changed: &ChangedSession) -> (Cmd, Option<String>) {
        let ChangedSession { namespace, pid, session, is_new, since, lasts, .. } = changed;
        let key = self.streams.session_key(pid.as_str());
        let before = self.written.get(pid).map(Vec::as_slice).unwrap_or_default();
        let Some(session) = session else {
            let mut command = redis::cmd("EVAL");
            command.arg(DELETE).arg(1).arg(key).arg(before);
            return (command, None);
        };
        let since = match since {
            Some(since) => since.to_string(),
            None => (self.starts)(namespace),
        };
        let stored = StoredSession {
            sid: session.id.as_str().into(),
            pid: pid.as_str().into(),
            rooms: session.rooms.iter().map(|room| room.as_str().into()).collect(),
            data: session.data.json().unwrap_or("{}").into(),
            server: Some((&*self.uid).into()),
            namespace: Some((&**namespace).into()),
            since: Some(since.into()),
        };
        let stored = stored.encode();
        // Longer than until it is written again: its client may be away from the last moment before on.
        let renewal =
            if changed.is_connected { 2 * renewal_interval(*lasts) } else { Duration::ZERO };
        let lasts = u64::try_from((*lasts + renewal).as_millis()).unwrap_or(u64::MAX);
        let hash = sha1(stored.as_bytes());
        let mut command;
        if *is_new {
            command = redis::cmd("SET");
            command.arg(key).arg(stored).arg("PX").arg(lasts);
        } else {
            command = redis::cmd("EVAL");
            command.arg(WRITE).arg(1).arg(key).arg(stored).arg(lasts).arg(before);
        }
        (command, Some(hash))
    }
}

fn said(node: &Node, session: &ChangedSession, outcome: SessionOutcome) {
    node.session_written(&session.namespace, &session.pid, session.change, outcome);
}

fn renewal_interval(lasts: Duration) -> Duration {
    (lasts / 2).clamp(Duration::from_millis(100), RENEWAL_MAX)
}

/// As Redis writes it.
fn sha1(bytes: &[u8]) -> String {
    let mut hasher = Sha1::new();
    hasher.update(bytes);
    let mut text = String::with_capacity(40);
    for byte in hasher.digest().bytes() {
        let _ = write!(text, "{byte:02x}");
    }
    text
}
