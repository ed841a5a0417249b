//! What goes out: one connection, a bounded queue, as many commands in one write as wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use redis::{Cmd, ErrorKind, RedisError, RedisResult, Value};
use sockeye_cluster::Inbox;
use tokio::sync::mpsc;
use tokio::time::sleep;

use crate::address::{Address, Connection};

/// Commands that wait to be sent.
const QUEUE_MAX: usize = 65_536;
/// Their bytes.
const QUEUE_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Commands that are sent in one write.
const BATCH_MAX: usize = 512;
/// The first pause before another attempt to connect, and the longest.
pub(crate) const PAUSE: Duration = Duration::from_millis(50);
pub(crate) const PAUSE_MAX: Duration = Duration::from_secs(2);

/// A handle of the task that sends.
#[derive(Clone)]
pub(crate) struct Publisher {
    queue: mpsc::Sender<Queued>,
    /// The bytes in the queue.
    bytes: Arc<AtomicUsize>,
    /// The connection, while there is one: questions go over it beside what is sent.
    connection: Arc<Mutex<Option<Connection>>>,
    inbox: Inbox,
}

/// A command, and what it counts in the queue.
struct Queued {
    command: Cmd,
    bytes: usize,
    on_outcome: Option<OnOutcome>,
}

/// What became of a command.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// Redis has carried it out, and answers.
    Done(Value),
    /// It is not carried out: Redis refuses it, or it was never sent.
    Refused,
    /// The connection was lost before the answer: Redis may have carried it out.
    Unknown,
}

/// Is told what became of a command, by the task that sends: it does not wait.
pub(crate) type OnOutcome = Box<dyn FnOnce(Outcome) + Send>;

impl Publisher {
    pub(crate) fn start(address: Address, inbox: Inbox) -> Self {
        let (queue, waiting) = mpsc::channel(QUEUE_MAX);
        let this = Self { queue, bytes: Arc::default(), connection: Arc::default(), inbox };
        let (connection, inbox) = (Arc::clone(&this.connection), this.inbox.clone());
        let sending =
            Sending { address, waiting, bytes: Arc::clone(&this.bytes), connection, inbox };
        tokio::spawn(sending.run());
        this
    }

    /// Queues the publication of a message. `verb`: `PUBLISH`, or `SPUBLISH` for one shard.
    pub(crate) fn publish(&self, verb: &str, channel: &str, payload: &[u8]) {
        let mut command = redis::cmd(verb);
        command.arg(channel).arg(payload);
        self.send(command, channel.len() + payload.len(), None);
    }

    /// Queues a command of so many bytes. False: there is no room, which is counted; then `on_outcome` is not called.
    pub(crate) fn send(&self, command: Cmd, bytes: usize, on_outcome: Option<OnOutcome>) -> bool {
        let queued = self.bytes.fetch_add(bytes, Ordering::Relaxed);
        let has_room = queued + bytes <= QUEUE_BYTES_MAX || queued == 0;
        if has_room && self.queue.try_send(Queued { command, bytes, on_outcome }).is_ok() {
            return true;
        }
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
        self.inbox.lost(1, &"more is sent than Redis takes");
        false
    }

    /// Asks, if there is a connection.
    pub(crate) async fn ask(&self, command: Cmd) -> RedisResult<Value> {
        let connection = self.connection.lock().clone();
        match connection {
            Some(mut connection) => connection.ask(&command).await,
            None => Err(no_connection()),
        }
    }

    /// Asks several at once, if there is a connection: see [`Connection::ask_all`].
    pub(crate) async fn ask_all(&self, commands: Vec<Cmd>) -> RedisResult<Vec<RedisResult<Value>>> {
        let connection = self.connection.lock().clone();
        match connection {
            Some(mut connection) => connection.ask_all(commands).await,
            None => Err(no_connection()),
        }
    }
}

fn no_connection() -> RedisError {
    RedisError::from((ErrorKind::Io, "there is no connection to Redis"))
}

struct Sending {
    address: Address,
    waiting: mpsc::Receiver<Queued>,
    bytes: Arc<AtomicUsize>,
    connection: Arc<Mutex<Option<Connection>>>,
    inbox: Inbox,
}

impl Sending {
    /// Sends what waits until the server has stopped and all is sent.
    async fn run(mut self) {
        let mut batch = Vec::with_capacity(BATCH_MAX);
        while let Some(mut connection) = self.connect().await {
            if self.waiting.recv_many(&mut batch, BATCH_MAX).await == 0 {
                return;
            }
            let sent: usize = batch.iter().map(|queued| queued.bytes).sum();
            self.bytes.fetch_sub(sent, Ordering::Relaxed);
            let (commands, told): (Vec<_>, Vec<_>) =
                batch.drain(..).map(|queued| (queued.command, queued.on_outcome)).unzip();
            let outcomes = match connection.ask_all(commands).await {
                Ok(outcomes) => outcomes,
                Err(error) => {
                    *self.connection.lock() = None;
                    vec![Err(error); told.len()]
                }
            };
            let mut first = None;
            let mut lost = 0;
            for (outcome, told) in outcomes.into_iter().zip(told) {
                if let Err(error) = &outcome {
                    lost += 1;
                    first.get_or_insert_with(|| error.clone());
                }
                if let Some(told) = told {
                    told(outcome.into());
                }
            }
            if let Some(error) = first {
                self.inbox.lost(lost, &error);
            }
        }
    }

    /// The connection; a new one if it is lost. What waits meanwhile is of a moment that is gone when Redis is back, and is
    /// lost: it would come late to servers that may have asked again. `None`: the server has stopped.
    async fn connect(&mut self) -> Option<Connection> {
        let connection = self.connection.lock().clone();
        if connection.is_some() {
            return connection;
        }
        let mut pause = PAUSE;
        let mut failed = None;
        loop {
            match self.address.connect(None).await {
                Ok(connection) => {
                    if let Some(error) = failed {
                        self.drop_waiting(&error);
                    }
                    *self.connection.lock() = Some(connection.clone());
                    return Some(connection);
                }
                Err(error) => {
                    self.drop_waiting(&error);
                    if self.inbox.is_closed() || self.waiting.is_closed() {
                        return None;
                    }
                    failed = Some(error);
                    sleep(pause).await;
                    pause = (2 * pause).min(PAUSE_MAX);
                }
            }
        }
    }

    fn drop_waiting(&mut self, why: &RedisError) {
        let mut lost = 0;
        while let Ok(Queued { bytes, on_outcome, .. }) = self.waiting.try_recv() {
            self.bytes.fetch_sub(bytes, Ordering::Relaxed);
            lost += 1;
            if let Some(told) = on_outcome {
                told(Outcome::Refused);
            }
        }
        if lost > 0 {
            self.inbox.lost(lost, why);
        }
    }
}

impl From<RedisResult<Value>> for Outcome {
    fn from(result: RedisResult<Value>) -> Self {
        match result {
            Ok(value) => Outcome::Done(value),
            // Redis itself says why it does not.
            Err(error) if error.code().is_some() && !error.is_io_error() => Outcome::Refused,
            Err(_) => Outcome::Unknown,
        }
    }
}
