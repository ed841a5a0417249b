//! A bus with every fault that a network has.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use parking_lot::Mutex;
use sockeye_cluster::{Bus, Inbox};
use sockeye_cluster_proto::{Limits, Message, Received, messages};
use sockeye_sim::Random;
use tokio::time::{Instant, sleep_until};

/// What the bus does to messages.
#[derive(Debug, Clone, Default)]
pub(crate) struct Faults {
    /// Each takes up to so many milliseconds.
    pub(crate) delay: u64,
    /// So many of a hundred are lost.
    pub(crate) loss: u64,
    /// So many of a hundred come twice.
    pub(crate) doubles: u64,
    /// Whether one may overtake another.
    pub(crate) reorders: bool,
    /// So many of a hundred are followed by one that nobody here understands.
    pub(crate) unknown: u64,
}

/// The network between the servers of a world.
pub(crate) struct Network {
    random: Mutex<Random>,
    faults: Mutex<Faults>,
    /// In the order of their beginnings: ids are drawn at random, and a world has to be the same each time.
    members: Mutex<Vec<Member>>,
    /// Pairs of which neither hears the other.
    cuts: Mutex<BTreeSet<(Arc<str>, Arc<str>)>>,
    pub(crate) counts: Mutex<Counts>,
}

#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Counts {
    pub(crate) lost: u64,
    pub(crate) doubled: u64,
}

struct Member {
    uid: Arc<str>,
    inbox: Inbox,
    namespaces: BTreeSet<String>,
    /// When the last message from each other server arrives, where the order is kept.
    last: BTreeMap<Arc<str>, Instant>,
}

/// One server's access.
pub(crate) struct SimBus {
    network: Arc<Network>,
    uid: OnceLock<Arc<str>>,
}

#[derive(Clone)]
enum Sent {
    Message(Arc<[u8]>),
    Own(Arc<[u8]>),
}

impl Network {
    pub(crate) fn new(seed: u64, faults: Faults) -> Arc<Self> {
        Arc::new(Self {
            random: Mutex::new(Random::new(seed)),
            faults: Mutex::new(faults),
            members: Mutex::default(),
            cuts: Mutex::default(),
            counts: Mutex::default(),
        })
    }

    pub(crate) fn member(self: &Arc<Self>) -> SimBus {
        SimBus { network: Arc::clone(self), uid: OnceLock::new() }
    }

    /// From now on it does nothing wrong; what is on its way still is.
    pub(crate) fn heal(&self) {
        *self.faults.lock() = Faults { delay: 5, ..Faults::default() };
        self.cuts.lock().clear();
    }

    /// A server dies: it hears nothing and says nothing any more.
    pub(crate) fn cut_off(&self, uid: &str) {
        self.members.lock().retain(|member| *member.uid != *uid);
    }

    /// Two servers do not hear each other.
    pub(crate) fn cut(&self, one: &Arc<str>, other: &Arc<str>) {
        let mut cuts = self.cuts.lock();
        cuts.insert((Arc::clone(one), Arc::clone(other)));
        cuts.insert((Arc::clone(other), Arc::clone(one)));
    }

    /// All hear each other again.
    pub(crate) fn join(&self) {
        self.cuts.lock().clear();
    }

    pub(crate) fn is_cut(&self, one: &Arc<str>, other: &Arc<str>) -> bool {
        self.cuts.lock().contains(&(Arc::clone(one), Arc::clone(other)))
    }

    fn send(&self, from: &Arc<str>, member: &mut Member, sent: &Sent) {
        if self.is_cut(from, &member.uid) {
            return;
        }
        let (faults, mut random) = (self.faults.lock().clone(), self.random.lock());
        if random.chance(faults.loss) {
            self.counts.lock().lost += 1;
            return;
        }
        let mut copies = vec![sent.clone()];
        if random.chance(faults.doubles) {
            self.counts.lock().doubled += 1;
            copies.push(sent.clone());
        }
        if random.chance(faults.unknown) {
            copies.push(unknown(random.below(4)));
        }
        for copy in copies {
            let mut at = Instant::now() + Duration::from_millis(random.below(faults.delay + 1));
            if !faults.reorders {
                let last = member.last.entry(Arc::clone(from)).or_insert(at);
                at = at.max(*last);
                *last = at;
            }
            let inbox = member.inbox.clone();
            tokio::spawn(async move {
                sleep_until(at).await;
                arrive(&inbox, &copy);
            });
        }
    }
}

/// What a server of a later version, or anybody else, might send.
fn unknown(kind: u64) -> Sent {
    match kind {
        0 => {
            Sent::Message((*br#"{"uid":"ffffffffffffffff","nsp":"/","type":77,"data":{}}"#).into())
        }
        1 => Sent::Message((*b"\x93trailing").into()),
        2 => Sent::Own((*br#"{"kind":"of later","uid":"ffffffffffffffff"}"#).into()),
        _ => Sent::Own((*b"\xff\xff").into()),
    }
}

fn arrive(inbox: &Inbox, sent: &Sent) {
    let bytes = match sent {
        Sent::Own(bytes) => return inbox.own(bytes),
        Sent::Message(bytes) => bytes,
    };
    let received = match Received::read(bytes, &Limits::default()) {
        Ok(received) => received,
        Err(error) => return inbox.refused(&error),
    };
    match messages::read(&received, "/") {
        Ok(message) => inbox.message(&message),
        Err(error) => inbox.refused(&error),
    }
}

impl SimBus {
    fn change(&self, change: impl FnOnce(&mut BTreeSet<String>)) {
        let mut members = self.network.members.lock();
        let own = members.iter_mut().find(|member| Some(&member.uid) == self.uid.get());
        if let Some(member) = own {
            change(&mut member.namespaces);
        }
    }

    fn each(&self, sent: &Sent, is_for: impl Fn(&str, &Member) -> bool) {
        let Some(own) = self.uid.get() else { return };
        let mut members = self.network.members.lock();
        if !members.iter().any(|member| member.uid == *own) {
            return;
        }
        for member in members.iter_mut() {
            if member.uid != *own && is_for(&member.uid, member) {
                self.network.send(own, member, sent);
            }
        }
    }
}

impl Bus for SimBus {
    fn name(&self) -> &'static str {
        "the bus"
    }

    fn start(&self, uid: &Arc<str>, inbox: Inbox) {
        let (namespaces, last) = (BTreeSet::new(), BTreeMap::new());
        let member = Member { uid: Arc::clone(uid), inbox, namespaces, last };
        self.network.members.lock().push(member);
        self.uid.set(Arc::clone(uid)).unwrap();
    }

    fn stop(&self) {
        self.network.cut_off(self.uid.get().unwrap());
    }

    fn open(&self, namespace: &str) {
        self.change(|namespaces| _ = namespaces.insert(namespace.to_owned()));
    }

    fn close(&self, namespace: &str) {
        self.change(|namespaces| _ = namespaces.remove(namespace));
    }

    fn send(&self, message: &Message<'_>) {
        let sent = Sent::Message(messages::encode(message).into());
        self.each(&sent, |_, member| member.namespaces.contains(&*message.namespace));
    }

    fn answer(&self, to: Option<&str>, message: &Message<'_>) {
        let sent = Sent::Message(messages::encode(message).into());
        self.each(&sent, |uid, _| to.is_none_or(|to| to == uid));
    }

    fn send_own(&self, to: Option<&str>, bytes: &[u8]) {
        self.each(&Sent::Own(bytes.into()), |uid, _| to.is_none_or(|to| to == uid));
    }
}
