//! Replies: what the other servers answer to an operation, and when all have answered.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fmt;
use std::iter::repeat_n;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use sockeye_socket_proto::{RawArgs, RemoteError};
use tokio::sync::mpsc;
use tokio::time::sleep;

use crate::socket::details::SocketDetails;
use crate::socket::id::SocketId;
use crate::socket::outcome::Outcome;

/// What one server replies to an [`Operation`](crate::Operation) that asks.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Reply {
    /// To [`EmitWithAck`](crate::Action::EmitWithAck): how many sockets the server has asked. It
    /// comes before their acks.
    Asked {
        /// How many.
        count: usize,
        /// Their ids, where the server tells them; else empty.
        ids: Vec<SocketId>,
    },
    /// To [`EmitWithAck`](crate::Action::EmitWithAck): the answer of one socket.
    Ack {
        /// Its id, where the server tells it.
        id: Option<SocketId>,
        /// What it answered; `None`: it is disconnected, or could not be asked.
        answer: Option<RawArgs>,
    },
    /// To [`Fetch`](crate::Action::Fetch).
    Sockets(Vec<SocketDetails>),
    /// To [`Ids`](crate::Action::Ids).
    Ids(Vec<SocketId>),
    /// To [`ServerSideEmitWithAck`](crate::Action::ServerSideEmitWithAck): what the handler answered.
    Handled(Result<RawArgs, RemoteError>),
    /// To [`ServerSideEmitWithAck`](crate::Action::ServerSideEmitWithAck): the server has no handler
    /// for the event.
    Unhandled,
}

/// Where a [`Cluster`](crate::Cluster) puts the replies of the other servers to one operation: a
/// handle, cheap to clone. What comes after the asker has given up is ignored.
#[derive(Clone)]
pub struct Replies {
    sender: mpsc::UnboundedSender<Arrival>,
    tally: Arc<Mutex<Tally>>,
    /// Which of the operations of one question this is.
    part: usize,
}

/// What the asker gets.
#[derive(Debug)]
pub(crate) enum Arrival {
    /// A socket of this server has answered, or cannot.
    Local(SocketId, Outcome),
    /// Another server has replied.
    Remote(Reply),
    /// All replies are there that will come.
    Complete,
}

/// Which servers have not replied, and how many of their sockets have not answered.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// By the part of the question and the server.
    awaited: HashMap<(usize, Arc<str>), Awaited>,
}

/// What a server has still to send.
#[derive(Debug)]
enum Awaited {
    Reply,
    Acks { count: usize, ids: HashSet<SocketId> },
}

impl Awaited {
    /// The sockets that have not answered, by id where it is known.
    fn into_sockets(self) -> impl Iterator<Item = Option<SocketId>> {
        let (count, ids) = match self {
            Awaited::Reply => (0, HashSet::new()),
            Awaited::Acks { count, ids } => (count, ids),
        };
        let unknown = repeat_n(None, count.saturating_sub(ids.len()));
        ids.into_iter().map(Some).chain(unknown)
    }
}

impl Arrival {
    fn into_reply(self) -> Option<Reply> {
        match self {
            Arrival::Remote(reply) => Some(reply),
            Arrival::Local(..) | Arrival::Complete => None,
        }
    }
}

impl Tally {
    fn ask(&mut self, part: usize, servers: impl IntoIterator<Item = Arc<str>>) {
        self.awaited.extend(servers.into_iter().map(|server| ((part, server), Awaited::Reply)));
    }

    /// Whether a reply was waited for.
    fn take(&mut self, part: usize, server: &str, reply: &Reply) -> bool {
        let key = (part, Arc::from(server));
        let Some(awaited) = self.awaited.get_mut(&key) else { return false };
        match (awaited, reply) {
            (Awaited::Reply, Reply::Asked { count: 0, .. }) => {
                self.awaited.remove(&key);
            }
            (awaited @ Awaited::Reply, Reply::Asked { count, ids }) => {
                let ids = ids.iter().take(*count).cloned().collect();
                *awaited = Awaited::Acks { count: *count, ids };
            }
            (Awaited::Acks { count, ids }, Reply::Ack { id, .. }) => {
                id.as_ref().map(|id| ids.remove(id));
                *count -= 1;
                if *count == 0 {
                    self.awaited.remove(&key);
                }
            }
            (_, Reply::Ack { .. }) | (Awaited::Acks { .. }, _) => return false,
            (Awaited::Reply, _) => {
                self.awaited.remove(&key);
            }
        }
        true
    }

    /// Forgets a server: its sockets are disconnected, those that were asked are returned.
    fn leave(&mut self, server: &str) -> Vec<Option<SocketId>> {
        let of_it = self.awaited.extract_if(|(_, name), _| **name == *server);
        of_it.flat_map(|(_, awaited)| awaited.into_sockets()).collect()
    }

    pub(crate) fn is_complete(&self) -> bool {
        self.awaited.is_empty()
    }

    /// The servers that have not replied, or not for all their sockets.
    pub(crate) fn missing(&self) -> BTreeSet<Arc<str>> {
        self.awaited.keys().map(|(_, server)| Arc::clone(server)).collect()
    }

    /// How many sockets have not answered, as far as servers have said how many they asked.
    pub(crate) fn unanswered(&self) -> usize {
        let counts = self.awaited.values().map(|awaited| match awaited {
            Awaited::Reply => 0,
            Awaited::Acks { count, .. } => *count,
        });
        counts.sum()
    }

    /// Gives up: whoever has not answered, by id where it is known. A server that has not said how
    /// many sockets it asked counts as one.
    pub(crate) fn give_up(&mut self) -> Vec<Option<SocketId>> {
        let silent = self.awaited.values().filter(|awaited| matches!(awaited, Awaited::Reply));
        let silent = silent.count();
        let sockets = self.awaited.drain().flat_map(|(_, awaited)| awaited.into_sockets());
        sockets.chain(repeat_n(None, silent)).collect()
    }
}

impl Replies {
    pub(crate) fn new(sender: mpsc::UnboundedSender<Arrival>) -> Self {
        Self { sender, tally: Arc::default(), part: 0 }
    }

    /// The same question about another namespace.
    pub(crate) fn part(&self, part: usize) -> Self {
        Self { part, ..self.clone() }
    }

    pub(crate) fn tally(&self) -> &Arc<Mutex<Tally>> {
        &self.tally
    }

    /// Says which servers the operation was sent to, by whatever names the cluster has for them. To
    /// be called in [`Cluster::ask`](crate::Cluster::ask), before any reply; a cluster that has no
    /// other servers need not.
    pub fn asked(&self, servers: impl IntoIterator<Item = Arc<str>>) {
        self.tally.lock().ask(self.part, servers);
    }

    /// A server has replied. Replies of servers that were not asked, and more acks than were
    /// announced, are dropped.
    pub fn push(&self, server: &str, reply: Reply) {
        let mut tally = self.tally.lock();
        if tally.take(self.part, server, &reply) {
            let _ = self.sender.send(Arrival::Remote(reply));
            self.finish(&tally);
        } else {
            tracing::debug!(server, "a reply that nobody waits for");
        }
    }

    /// A server has left the cluster: it is not waited for any more.
    pub fn left(&self, server: &str) {
        let mut tally = self.tally.lock();
        for id in tally.leave(server) {
            let _ = self.sender.send(Arrival::Remote(Reply::Ack { id, answer: None }));
        }
        self.finish(&tally);
    }

    /// The replies that come in time, and the servers that did not reply.
    pub(crate) async fn gather(
        &self,
        mut arrivals: mpsc::UnboundedReceiver<Arrival>,
        timeout: Duration,
    ) -> (Vec<Reply>, BTreeSet<Arc<str>>) {
        let deadline = sleep(timeout);
        tokio::pin!(deadline);
        let mut gathered = Vec::new();
        while !self.tally.lock().is_complete() {
            tokio::select! {
                biased;
                Some(arrival) = arrivals.recv() => gathered.extend(arrival.into_reply()),
                () = &mut deadline => break,
            }
        }
        while let Ok(arrival) = arrivals.try_recv() {
            gathered.extend(arrival.into_reply());
        }
        (gathered, self.tally.lock().missing())
    }

    /// Whether nobody waits for replies any more: all have come, or the time is over.
    pub fn is_closed(&self) -> bool {
        self.sender.is_closed() || self.tally.lock().is_complete()
    }

    fn finish(&self, tally: &Tally) {
        if tally.is_complete() {
            let _ = self.sender.send(Arrival::Complete);
        }
    }
}

impl fmt::Debug for Replies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replies").field("missing", &self.tally.lock().missing()).finish()
    }
}
