//! What comes in: one connection, and what it is subscribed to, which is said again in groups after each loss.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use redis::{Cmd, PushInfo, PushKind, RedisResult, Value};
use sockeye_cluster::Inbox;
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::{Instant, sleep};

use crate::address::{Address, Connection, OnPush};
use crate::publisher::{PAUSE, PAUSE_MAX};

/// What can be subscribed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Channel,
    Pattern,
    /// A channel of one shard of a cluster (Redis 7).
    Shard,
}

/// One message that came: the channel and the bytes, and the pattern that it matches.
pub(crate) struct Arrived<'a> {
    pub(crate) pattern: Option<&'a str>,
    pub(crate) channel: &'a str,
    pub(crate) payload: &'a [u8],
}

/// What is done with a message. Called by the connection's task: it does not wait.
pub(crate) type OnMessage = Arc<dyn Fn(Arrived<'_>) + Send + Sync>;

/// A handle of the task that listens. It ends when the last handle is gone.
#[derive(Clone)]
pub(crate) struct Subscriber {
    wanted: Arc<Mutex<Wanted>>,
    changes: mpsc::UnboundedSender<Change>,
    /// The number of the last change that Redis has confirmed.
    confirmed: watch::Receiver<u64>,
}

/// What is subscribed to, confirmed or not.
#[derive(Default)]
struct Wanted {
    subscriptions: BTreeSet<(Kind, String)>,
    /// The number of the last change.
    number: u64,
}

/// Something to subscribe to, or no more. Not more of them wait than there are things subscribed to, and changes: each is a
/// room or a namespace of this server, which are bounded.
struct Change {
    number: u64,
    is_on: bool,
    kind: Kind,
    name: String,
}

/// How long nothing is subscribed to before Redis is asked whether it is there.
const QUIET: Duration = Duration::from_secs(5);
/// Names in one command, and commands at once in a cluster.
const GROUP: usize = 256;

impl Subscriber {
    pub(crate) fn start(address: Address, inbox: Inbox, on_message: OnMessage) -> Self {
        let (changes, changed) = mpsc::unbounded_channel();
        let wanted = Arc::<Mutex<Wanted>>::default();
        let (confirms, confirmed) = watch::channel(0);
        let listening = Listening {
            address,
            wanted: Arc::clone(&wanted),
            changed,
            again: changes.downgrade(),
            confirms,
            inbox,
            on_message,
        };
        tokio::spawn(listening.run());
        Self { wanted, changes, confirmed }
    }

    pub(crate) fn subscribe(&self, kind: Kind, name: String) {
        let mut wanted = self.wanted.lock();
        if wanted.subscriptions.insert((kind, name.clone())) {
            wanted.number += 1;
            let _ = self.changes.send(Change { number: wanted.number, is_on: true, kind, name });
        }
    }

    pub(crate) fn unsubscribe(&self, kind: Kind, name: String) {
        let key = (kind, name);
        let mut wanted = self.wanted.lock();
        if wanted.subscriptions.remove(&key) {
            let name = key.1;
            wanted.number += 1;
            let _ = self.changes.send(Change { number: wanted.number, is_on: false, kind, name });
        }
    }

    /// Waits until Redis has confirmed what was subscribed to until now.
    pub(crate) async fn confirmed(mut self) {
        let number = self.wanted.lock().number;
        // An error: the task has ended, and with it the server.
        let _ = self.confirmed.wait_for(|confirmed| *confirmed >= number).await;
    }
}

struct Listening {
    address: Address,
    wanted: Arc<Mutex<Wanted>>,
    changed: mpsc::UnboundedReceiver<Change>,
    /// For what Redis has ended a subscription of.
    again: mpsc::WeakUnboundedSender<Change>,
    confirms: watch::Sender<u64>,
    inbox: Inbox,
    on_message: OnMessage,
}

impl Listening {
    async fn run(mut self) {
        let (mut pause, mut lost_at) = (PAUSE, None::<Instant>);
        while !self.inbox.is_closed() && !self.changed.is_closed() {
            let lost = Arc::new(Notify::new());
            let mut connection = match self.connect(&lost).await {
                Ok(connection) => connection,
                Err(error) => {
                    if lost_at.is_none() {
                        tracing::warn!(address = %self.address, %error, "no connection to Redis to listen on; trying again");
                    }
                    lost_at.get_or_insert_with(Instant::now);
                    sleep(pause).await;
                    pause = (2 * pause).min(PAUSE_MAX);
                    continue;
                }
            };
            pause = PAUSE;
            if let Some(since) = lost_at.take() {
                self.inbox.gap(since.elapsed());
            }
            let Err(error) = self.follow(&mut connection, &lost).await else { return };
            tracing::warn!(address = %self.address, %error, "the connection to Redis to listen on is lost");
            lost_at = Some(Instant::now());
        }
    }

    /// Connects, and subscribes to all that is wanted.
    async fn connect(&mut self, lost: &Arc<Notify>) -> RedisResult<Connection> {
        let mut connection = self.address.connect(Some(self.on_push(lost))).await?;
        // What was said to the connection before is in `wanted`.
        while self.changed.try_recv().is_ok() {}
        let (all, number) = {
            let wanted = self.wanted.lock();
            let number = wanted.number;
            let all = wanted.subscriptions.iter().cloned();
            let all = all.map(|(kind, name)| Change { number, is_on: true, kind, name });
            (all.collect::<Vec<_>>(), number)
        };
        change(&mut connection, &all).await?;
        self.confirms.send_replace(number);
        self.inbox.connected();
        Ok(connection)
    }

    /// Tells Redis what changes, until the connection is lost. `Ok`: the server has stopped.
    async fn follow(&mut self, connection: &mut Connection, lost: &Notify) -> RedisResult<()> {
        let mut changes = Vec::with_capacity(GROUP);
        loop {
            tokio::select! {
                () = lost.notified() => {
                    return Err((redis::ErrorKind::Io, "Redis has closed it").into());
                }
                count = self.changed.recv_many(&mut changes, GROUP) => if count == 0 {
                    return Ok(());
                },
                // A network that carries nothing any more does not say so.
                () = sleep(QUIET) => {
                    connection.ask(&redis::cmd("PING")).await?;
                    continue;
                }
            }
            change(connection, &changes).await?;
            if let Some(last) = changes.last() {
                self.confirms.send_modify(|number| *number = last.number.max(*number));
            }
            changes.clear();
        }
    }

    fn on_push(&self, lost: &Arc<Notify>) -> OnPush {
        let on_message = Arc::clone(&self.on_message);
        let (lost, wanted, again) =
            (Arc::clone(lost), Arc::clone(&self.wanted), self.again.clone());
        Arc::new(move |PushInfo { kind, data }| {
            let bytes = |at: usize| match data.get(at) {
                Some(Value::BulkString(bytes)) => Some(&bytes[..]),
                _ => None,
            };
            let text = |at: usize| bytes(at).and_then(|bytes| std::str::from_utf8(bytes).ok());
            let arrived = match kind {
                PushKind::Message | PushKind::SMessage => (None, text(0), bytes(1)),
                PushKind::PMessage => (text(0), text(1), bytes(2)),
                PushKind::Disconnection => return lost.notify_one(),
                // The slot of the channel has moved to another server of the cluster.
                PushKind::SUnsubscribe => {
                    let key = text(0).map(|name| (Kind::Shard, name.to_owned()));
                    let wanted = wanted.lock();
                    if let Some(key) = key.filter(|key| wanted.subscriptions.contains(key))
                        && let Some(again) = again.upgrade()
                    {
                        let (number, (kind, name)) = (wanted.number, key);
                        let _ = again.send(Change { number, is_on: true, kind, name });
                    }
                    return;
                }
                _ => return,
            };
            if let (pattern, Some(channel), Some(payload)) = arrived {
                on_message(Arrived { pattern, channel, payload });
            }
        })
    }
}

/// Subscribes and unsubscribes, in the order given; neighbours of one kind in one command.
async fn change(connection: &mut Connection, changes: &[Change]) -> RedisResult<()> {
    let is_same = |one: &Change, other: &Change| (one.is_on, one.kind) == (other.is_on, other.kind);
    for group in changes.chunk_by(is_same).flat_map(|group| group.chunks(GROUP)) {
        let verb = match (group[0].is_on, group[0].kind) {
            (true, Kind::Channel) => "SUBSCRIBE",
            (false, Kind::Channel) => "UNSUBSCRIBE",
            (true, Kind::Pattern) => "PSUBSCRIBE",
            (false, Kind::Pattern) => "PUNSUBSCRIBE",
            (true, Kind::Shard) => "SSUBSCRIBE",
            (false, Kind::Shard) => "SUNSUBSCRIBE",
        };
        let command = |changes: &[Change]| {
            let mut command: Cmd = redis::cmd(verb);
            for change in changes {
                command.arg(&change.name);
            }
            command
        };
        if group[0].kind == Kind::Shard && connection.is_cluster() {
            // Each channel of shards is where its slot is: one a command, all commands at once.
            let commands = group.chunks(1).map(command).collect();
            for outcome in connection.ask_each(commands).await {
                outcome?;
            }
        } else {
            connection.ask(&command(group)).await?;
        }
    }
    Ok(())
}
