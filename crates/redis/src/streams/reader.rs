//! What reads one stream, over a connection of its own.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use redis::{Cmd, RedisResult, Value};
use sockeye_cluster::Inbox;
use sockeye_cluster_proto::messages::Entry;
use sockeye_cluster_proto::{Limits, ReadError};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use super::entry::{EntryId, StreamEntry, of_range, of_read};
use super::pending::{Due, Pending};
use super::sessions::Sessions;
use crate::address::{Address, Connection};
use crate::publisher::{PAUSE, PAUSE_MAX};

/// Reads a stream from where it stands when the server starts, and after a lost connection from where it was: nothing is
/// missed that is still in the stream.
pub(super) struct Reader {
    pub(super) address: Address,
    pub(super) stream: String,
    pub(super) uid: Arc<str>,
    pub(super) inbox: Inbox,
    pub(super) pending: Arc<Pending>,
    /// Entries that are read at once.
    pub(super) count: usize,
    /// How long Redis waits for one.
    pub(super) block: Duration,
    /// The sessions of this server, which are written before events are handed on.
    pub(super) sessions: Sessions,
    /// Where it begins, and the last entry that was read.
    pub(super) place: Arc<Place>,
    /// The last entry that was read.
    pub(super) position: Option<EntryId>,
    /// Whether it knows where it begins.
    pub(super) is_ready: watch::Sender<bool>,
    /// Closed when the server has stopped.
    pub(super) stopped: watch::Receiver<()>,
}

/// How far a stream is read, for others.
#[derive(Default)]
pub(super) struct Place(Mutex<(EntryId, EntryId)>);

impl Place {
    /// Where reading begins.
    pub(super) fn start(&self) -> EntryId {
        self.0.lock().0
    }

    /// The last entry that was read and handed on.
    pub(super) fn position(&self) -> EntryId {
        self.0.lock().1
    }
}

/// How a connection's time ended.
enum End {
    Stopped,
    /// It is to be read to the end of the stream: somebody waits for that.
    Seek,
}

impl Reader {
    pub(super) async fn run(mut self) {
        let mut stopped = self.stopped.clone();
        tokio::select! {
            () = self.read_on() => {}
            // An error: the sender is gone, with the server.
            _ = stopped.changed() => {}
        }
    }

    async fn read_on(&mut self) {
        let (mut pause, mut lost_at) = (PAUSE, None::<Instant>);
        while !self.inbox.is_closed() {
            let mut connection = match self.connect(lost_at).await {
                Ok(connection) => connection,
                Err(error) => {
                    if lost_at.is_none() {
                        tracing::warn!(address = %self.address, %error, "no connection to Redis to read a stream; trying again");
                    }
                    lost_at.get_or_insert_with(Instant::now);
                    self.wait_without_connection(pause).await;
                    pause = (2 * pause).min(PAUSE_MAX);
                    continue;
                }
            };
            (pause, lost_at) = (PAUSE, None);
            match self.follow(&mut connection).await {
                Ok(End::Stopped) => return,
                Ok(End::Seek) => {}
                Err(error) => {
                    tracing::warn!(address = %self.address, %error, "the connection to Redis to read a stream is lost");
                    lost_at = Some(Instant::now());
                }
            }
        }
    }

    /// Connects, and finds out where to go on.
    async fn connect(&mut self, lost_at: Option<Instant>) -> RedisResult<Connection> {
        let mut connection = self.address.connect_to_wait(self.block).await?;
        let mut newest: Cmd = redis::cmd("XREVRANGE");
        newest.arg(&self.stream).arg("+").arg("-").arg("COUNT").arg(1);
        let newest = of_range(&connection.ask(&newest).await?);
        let newest = newest.first().map(|entry| entry.id).unwrap_or_default();
        match self.position {
            None => {
                self.position = Some(newest);
                *self.place.0.lock() = (newest, newest);
            }
            // Another stream under its name, whose entries do not reach to where this one was.
            Some(position) if newest < position => {
                self.position = Some(newest);
                // Of a connection that was lost the subscriber's tells, which was lost with it.
                if lost_at.is_none() {
                    self.inbox.gap(Duration::ZERO);
                }
            }
            Some(_) => {}
        }
        self.is_ready.send_replace(true);
        if lost_at.is_some() {
            self.sessions.renew();
        }
        Ok(connection)
    }

    /// Nothing can come back now: what is sent is delivered as it is.
    async fn wait_without_connection(&self, pause: Duration) {
        let over = sleep(pause);
        tokio::pin!(over);
        loop {
            for operation in self.pending.release() {
                self.inbox.recorded(&operation, None);
            }
            tokio::select! {
                () = &mut over => return,
                () = self.pending.changed.notified() => {}
            }
        }
    }

    async fn follow(&mut self, connection: &mut Connection) -> RedisResult<End> {
        // First to the end, without waiting there.
        let mut may_wait = false;
        let mut is_behind = true;
        self.pending.seek();
        loop {
            if self.inbox.is_closed() {
                return Ok(End::Stopped);
            }
            let before = self.position.unwrap_or_default();
            let begun = Instant::now();
            let Some(answer) = self.read(connection, before, may_wait).await? else {
                return Ok(End::Seek);
            };
            let page = of_read(&answer);
            let is_full = page.len() >= self.count;
            // Only who is behind can have been overtaken by the trimming.
            if is_behind && !page.is_empty() && self.is_trimmed(connection, before).await? {
                self.inbox.gap(begun.elapsed());
            }
            if !page.is_empty() {
                // What a room sends reaches nobody whose join is not written: see the log of recovery.
                self.sessions.settled().await;
            }
            for entry in page {
                self.arrive(&entry);
                self.place.0.lock().1 = entry.id;
            }
            if !is_full && !may_wait {
                self.pending.not_found();
            }
            self.deliver_due();
            (is_behind, may_wait) = (is_full, !is_full);
        }
    }

    /// The next entries. Meanwhile what need not be waited for is delivered. `None`: it has to be read to the end.
    async fn read(
        &self,
        connection: &mut Connection,
        after: EntryId,
        may_wait: bool,
    ) -> RedisResult<Option<Value>> {
        let mut command = redis::cmd("XREAD");
        command.arg("COUNT").arg(self.count);
        if may_wait {
            command.arg("BLOCK").arg(u64::try_from(self.block.as_millis()).unwrap_or(u64::MAX));
        }
        command.arg("STREAMS").arg(&self.stream).arg(after.to_string());
        let reading = connection.ask(&command);
        tokio::pin!(reading);
        loop {
            tokio::select! {
                answer = &mut reading => return answer.map(Some),
                () = self.pending.changed.notified() => {
                    self.deliver_due();
                    if may_wait && self.pending.has_unknown() {
                        return Ok(None);
                    }
                }
            }
        }
    }

    /// Whether entries after this one may have been removed before they were read: it is not there itself any more.
    async fn is_trimmed(&self, connection: &mut Connection, id: EntryId) -> RedisResult<bool> {
        if id == EntryId::default() {
            return Ok(false);
        }
        let mut command = redis::cmd("XRANGE");
        command.arg(&self.stream).arg(id.to_string()).arg(id.to_string());
        Ok(of_range(&connection.ask(&command).await?).is_empty())
    }

    fn arrive(&mut self, read: &StreamEntry) {
        self.position = Some(read.id);
        let Some(entry) = &read.entry else {
            return self.inbox.refused(&"an entry of a stream without the fields of a message");
        };
        if *entry.uid == *self.uid {
            return self.deliver(self.pending.came_back(read.id, entry));
        }
        if let Err(error) = self.pass_on(entry, read.id) {
            self.inbox.refused(&error);
        }
    }

    fn pass_on(&self, entry: &Entry<'_>, id: EntryId) -> Result<(), ReadError> {
        let received = entry.read(&Limits::default())?;
        self.inbox.message_at(&entry.message(&received)?, &id.to_string());
        Ok(())
    }

    fn deliver_due(&self) {
        self.deliver(self.pending.due(self.position.unwrap_or_default()));
    }

    fn deliver(&self, due: Vec<Due>) {
        for (operation, id) in due {
            self.inbox.recorded(&operation, id.map(|id| id.to_string()).as_deref());
        }
    }
}
