//! A bus within one process.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use sockeye_cluster_proto::{Limits, Message, ReadError, Received, messages};
use tokio::sync::mpsc;

use crate::bus::{Bus, Inbox};

/// A bus between servers of one process, each of which is given a [`member`](MemoryBus::member). For tests, and for
/// programs that have several servers.
///
/// Messages travel as they would outside: written and read again.
#[derive(Default)]
pub struct MemoryBus {
    network: Arc<Network>,
}

/// One server's access to a [`MemoryBus`].
#[derive(Default)]
pub struct MemoryMember {
    network: Arc<Network>,
    /// This server's place, once it has begun.
    own: OnceLock<Own>,
}

#[derive(Default)]
struct Network {
    members: Mutex<HashMap<Arc<str>, Member>>,
}

/// A server, as the others reach it.
struct Member {
    sender: mpsc::Sender<Sent>,
    namespaces: HashSet<Box<str>>,
}

struct Own {
    uid: Arc<str>,
    inbox: Inbox,
}

/// What is on its way.
#[derive(Clone)]
enum Sent {
    Message(Arc<[u8]>),
    Own(Arc<[u8]>),
}

/// Messages that wait for one server.
const WAITING_MAX: usize = 65_536;

impl MemoryBus {
    /// A bus that nobody is on.
    pub fn new() -> Self {
        Self::default()
    }

    /// Cuts a server off: what goes to it and comes from it is lost, and nobody is told.
    pub fn cut_off(&self, uid: &str) {
        self.network.members.lock().remove(uid);
    }

    /// The access of one server.
    pub fn member(&self) -> MemoryMember {
        MemoryMember { network: Arc::clone(&self.network), own: OnceLock::new() }
    }
}

impl MemoryMember {
    fn own(&self) -> Option<&Own> {
        self.own.get()
    }

    /// Sends to those for whom `is_for` is true, this server left out.
    fn send_to(&self, sent: &Sent, is_for: impl Fn(&str, &Member) -> bool) {
        let Some(own) = self.own() else { return };
        let mut lost = 0;
        let members = self.network.members.lock();
        if !members.contains_key(&own.uid) {
            return;
        }
        for (uid, member) in members.iter() {
            if *uid != own.uid && is_for(uid, member) {
                lost += u64::from(member.sender.try_send(sent.clone()).is_err());
            }
        }
        drop(members);
        if lost > 0 {
            own.inbox.lost(lost, &"a server does not keep up with what is sent to it");
        }
    }

    fn change(&self, change: impl FnOnce(&mut HashSet<Box<str>>)) {
        if let Some(own) = self.own()
            && let Some(member) = self.network.members.lock().get_mut(&own.uid)
        {
            change(&mut member.namespaces);
        }
    }
}

impl Bus for MemoryMember {
    fn name(&self) -> &'static str {
        "the bus"
    }

    fn start(&self, uid: &Arc<str>, inbox: Inbox) {
        let (sender, mut arrivals) = mpsc::channel(WAITING_MAX);
        let member = Member { sender, namespaces: HashSet::new() };
        self.network.members.lock().insert(Arc::clone(uid), member);
        let own = Own { uid: Arc::clone(uid), inbox: inbox.clone() };
        let is_first = self.own.set(own).is_ok();
        debug_assert!(is_first, "each server has its own access");
        tokio::spawn(async move {
            while let Some(sent) = arrivals.recv().await {
                arrive(&inbox, &sent);
            }
        });
    }

    fn stop(&self) {
        if let Some(own) = self.own() {
            self.network.members.lock().remove(&own.uid);
        }
    }

    fn open(&self, namespace: &str) {
        self.change(|namespaces| _ = namespaces.insert(namespace.into()));
    }

    fn close(&self, namespace: &str) {
        self.change(|namespaces| _ = namespaces.remove(namespace));
    }

    fn send(&self, message: &Message<'_>) {
        let sent = Sent::Message(messages::encode(message).into());
        self.send_to(&sent, |_, member| member.namespaces.contains(&*message.namespace));
    }

    fn answer(&self, to: Option<&str>, message: &Message<'_>) {
        let sent = Sent::Message(messages::encode(message).into());
        self.send_to(&sent, |uid, _| to.is_none_or(|to| *to == *uid));
    }

    fn send_own(&self, to: Option<&str>, bytes: &[u8]) {
        self.send_to(&Sent::Own(bytes.into()), |uid, _| to.is_none_or(|to| *to == *uid));
    }
}

fn arrive(inbox: &Inbox, sent: &Sent) {
    let bytes = match sent {
        Sent::Own(bytes) => return inbox.own(bytes),
        Sent::Message(bytes) => bytes,
    };
    let read = || {
        let received = Received::read(bytes, &Limits::default())?;
        inbox.message(&messages::read(&received, "/")?);
        Ok::<(), ReadError>(())
    };
    if let Err(error) = read() {
        inbox.refused(&error);
    }
}

impl fmt::Debug for MemoryBus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryBus").finish_non_exhaustive()
    }
}

impl fmt::Debug for MemoryMember {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryMember").finish_non_exhaustive()
    }
}
