//! How many connections there may be, and who gives way when there are too many.
//!
//! | there are too many that | who gives way | else |
//! |---|---|---|
//! | have not sent a request yet | the oldest such of the address that has most of them | the newcomer |
//! | are there at all | the oldest of the address that has most, silent ones first | the newcomer |
//! | the system has no files for | the oldest silent one of the address that has most of them | whoever has yet to be accepted |
//!
//! So a stranger with many connections makes room, and not who comes with a first one. A newcomer
//! whose own address has most is refused itself, unless another one of that address is silent. The
//! addresses of trusted proxies stand for many and never give way.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, Weak};

use parking_lot::Mutex;
use tokio::task::AbortHandle;

use super::forwarded::TrustedProxies;
use crate::metrics;
use crate::network::network;

/// Counts the connections of one server.
#[derive(Debug)]
pub(super) struct Admission {
    state: Mutex<AdmissionState>,
    connections_max: usize,
    handshakes_max: usize,
    trusted_proxies: TrustedProxies,
}

#[derive(Debug, Default)]
struct AdmissionState {
    next: u64,
    connections: usize,
    handshakes: usize,
    networks: BTreeMap<IpAddr, Network>,
    /// The networks by what they have, most at the end.
    by_connections: BTreeSet<(usize, IpAddr)>,
    by_handshakes: BTreeSet<(usize, IpAddr)>,
}

/// Connections of one network by their age.
#[derive(Debug, Default)]
struct Network {
    connections: BTreeMap<u64, Weak<Admitted>>,
    handshakes: BTreeSet<u64>,
}

impl Admission {
    pub(super) fn new(
        connections_max: usize,
        handshakes_max: usize,
        trusted_proxies: TrustedProxies,
    ) -> Arc<Self> {
        let state = Mutex::default();
        Arc::new(Self { state, connections_max, handshakes_max, trusted_proxies })
    }

    /// A place for one more connection; `None`, counted, when there is none. Others may have to give
    /// way for it.
    pub(super) fn admit(self: &Arc<Self>, address: IpAddr) -> Option<Arc<Admitted>> {
        let is_proxy = self.trusted_proxies.contains(address);
        let mut state = self.state.lock();
        let number = state.next;
        state.next += 1;
        let newcomer = Arc::new(Admitted {
            admission: Arc::clone(self),
            network: (!is_proxy).then(|| network(address)),
            number,
            handshaking: AtomicBool::new(true),
            has_left: AtomicBool::new(false),
            task: OnceLock::new(),
            #[cfg(feature = "http2")]
            busy: AtomicBool::new(false),
        });
        state.enter(&newcomer);
        let mut displaced = Vec::new();
        if state.connections > self.connections_max {
            let chosen = state.largest();
            displaced.push((state.displace(chosen, &newcomer), "connections"));
        }
        if state.handshakes > self.handshakes_max {
            let chosen = state.most_silent();
            displaced.push((state.displace(chosen, &newcomer), "handshakes"));
        }
        drop(state);
        for (connection, reason) in displaced {
            let Some(connection) = connection else {
                metrics::http_refused(reason);
                return None;
            };
            metrics::http_refused("displaced");
            connection.end();
        }
        Some(newcomer)
    }

    /// Has one that has not sent a request give way, since the system lets no more be opened. Whether
    /// there was one.
    pub(super) fn make_room(&self) -> bool {
        let mut state = self.state.lock();
        let Some(silent) = state.most_silent() else { return false };
        state.leave(&silent);
        drop(state);
        metrics::http_refused("displaced");
        silent.end();
        true
    }
}

impl AdmissionState {
    fn enter(&mut self, connection: &Arc<Admitted>) {
        self.connections += 1;
        self.handshakes += 1;
        self.change(connection.network, |network| {
            network.connections.insert(connection.number, Arc::downgrade(connection));
            network.handshakes.insert(connection.number);
        });
    }

    /// Changes what a network has, and its place among the others.
    fn change<R: Default>(
        &mut self,
        address: Option<IpAddr>,
        change: impl FnOnce(&mut Network) -> R,
    ) -> R {
        let Some(address) = address else { return R::default() };
        let network = self.networks.entry(address).or_default();
        let before = (network.connections.len(), network.handshakes.len());
        let result = change(network);
        let now = (network.connections.len(), network.handshakes.len());
        if now.0 == 0 {
            self.networks.remove(&address);
        }
        for (places, before, now) in [
            (&mut self.by_connections, before.0, now.0),
            (&mut self.by_handshakes, before.1, now.1),
        ] {
            if before != now {
                places.remove(&(before, address));
                if now > 0 {
                    places.insert((now, address));
                }
            }
        }
        result
    }

    /// Of the network that has most connections the oldest, silent ones first.
    fn largest(&self) -> Option<Arc<Admitted>> {
        let (_, address) = self.by_connections.last()?;
        let network = self.networks.get(address)?;
        let oldest_first = network.handshakes.iter().chain(network.connections.keys());
        oldest_first.copied().find_map(|number| network.get(number))
    }

    /// Of the network that has most silent connections the oldest one.
    fn most_silent(&self) -> Option<Arc<Admitted>> {
        let (_, address) = self.by_handshakes.last()?;
        let network = self.networks.get(address)?;
        network.handshakes.iter().find_map(|number| network.get(*number))
    }

    /// Has somebody give way for the newcomer. `None`: that is the newcomer itself.
    fn displace(
        &mut self,
        chosen: Option<Arc<Admitted>>,
        newcomer: &Admitted,
    ) -> Option<Arc<Admitted>> {
        let chosen = chosen.filter(|connection| connection.number != newcomer.number);
        self.leave(chosen.as_deref().unwrap_or(newcomer));
        chosen
    }

    /// It has sent a request.
    fn note_request(&mut self, connection: &Admitted) {
        if connection.handshaking.swap(false, Ordering::Relaxed) {
            self.handshakes -= 1;
            self.change(connection.network, |network| {
                network.handshakes.remove(&connection.number);
            });
        }
    }

    fn leave(&mut self, connection: &Admitted) {
        self.note_request(connection);
        if !connection.has_left.swap(true, Ordering::Relaxed) {
            self.connections -= 1;
            self.change(connection.network, |network| {
                network.connections.remove(&connection.number);
            });
        }
    }
}

impl Network {
    /// `None` for one that is about to leave.
    fn get(&self, number: u64) -> Option<Arc<Admitted>> {
        self.connections.get(&number)?.upgrade()
    }
}

/// A connection's place, until it is dropped.
#[derive(Debug)]
pub(super) struct Admitted {
    admission: Arc<Admission>,
    /// `None` for a trusted proxy, which stands for many.
    network: Option<IpAddr>,
    number: u64,
    handshaking: AtomicBool,
    has_left: AtomicBool,
    task: OnceLock<AbortHandle>,
    /// It has sent a request since somebody asked.
    #[cfg(feature = "http2")]
    busy: AtomicBool,
}

impl Admitted {
    /// What serves it, to be ended when it has to give way.
    pub(super) fn set_task(&self, task: AbortHandle) {
        let task = self.task.get_or_init(|| task);
        if self.has_left.load(Ordering::Acquire) {
            task.abort();
        }
    }

    fn end(&self) {
        if let Some(task) = self.task.get() {
            task.abort();
        }
    }

    /// It has sent a request.
    pub(super) fn note_request(&self) {
        #[cfg(feature = "http2")]
        self.busy.store(true, Ordering::Relaxed);
        if self.handshaking.load(Ordering::Relaxed) {
            self.admission.state.lock().note_request(self);
        }
    }

    /// Whether it has not sent a request yet.
    #[cfg(feature = "http2")]
    pub(super) fn is_handshaking(&self) -> bool {
        self.handshaking.load(Ordering::Relaxed)
    }

    /// Whether it has sent no request since the last time this was asked.
    #[cfg(feature = "http2")]
    pub(super) fn is_idle(&self) -> bool {
        !self.busy.swap(false, Ordering::Relaxed)
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        // Not while the lock is held: what is dropped under it was refused, and has left already.
        if !self.has_left.load(Ordering::Relaxed) {
            self.admission.state.lock().leave(self);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admission(connections_max: usize, handshakes_max: usize) -> Arc<Admission> {
        let proxies = "10.0.0.1".parse().unwrap();
        Admission::new(connections_max, handshakes_max, proxies)
    }

    fn admit(admission: &Arc<Admission>, address: &str) -> Option<Arc<Admitted>> {
        admission.admit(address.parse().unwrap())
    }

    fn has_left(connection: &Admitted) -> bool {
        connection.has_left.load(Ordering::Relaxed)
    }

    #[track_caller]
    fn assert_empty(admission: &Admission) {
        let state = admission.state.lock();
        assert_eq!((state.connections, state.handshakes), (0, 0));
        assert!(state.networks.is_empty());
        assert!(state.by_connections.is_empty() && state.by_handshakes.is_empty());
    }

    #[test]
    fn places_are_given_back() {
        let admission = admission(3, 2);
        let first = admit(&admission, "1.1.1.1").unwrap();
        let second = admit(&admission, "1.1.1.1").unwrap();
        first.note_request();
        first.note_request();
        let third = admit(&admission, "1.1.1.1").unwrap();
        second.note_request();
        third.note_request();
        assert!(admit(&admission, "1.1.1.1").is_none(), "three connections");
        drop(third);
        let third = admit(&admission, "1.1.1.1").unwrap();
        drop((first, second, third));
        assert_empty(&admission);
    }

    /// 10,000 silent connections of one host do not lock newcomers out.
    #[test]
    fn of_silent_ones_the_oldest_of_the_address_with_most_gives_way() {
        let admission = admission(100, 10);
        let honest: Vec<_> =
            ["1.1.1.1", "2.2.2.2"].map(|address| admit(&admission, address).unwrap()).into();
        let many: Vec<_> = (0..50).map(|_| admit(&admission, "6.6.6.6").unwrap()).collect();
        assert_eq!(many.iter().filter(|connection| !has_left(connection)).count(), 8);
        assert!(has_left(&many[41]) && !has_left(&many[42]));
        let newcomer = admit(&admission, "3.3.3.3").unwrap();
        assert!(has_left(&many[42]) && !has_left(&many[43]));
        assert!(honest.iter().chain([&newcomer]).all(|connection| !has_left(connection)));
        drop((honest, many, newcomer));
        assert_empty(&admission);
    }

    #[test]
    fn when_no_file_can_be_opened_a_silent_one_gives_way() {
        let admission = admission(100, 100);
        let honest = admit(&admission, "1.1.1.1").unwrap();
        let many: Vec<_> = (0..3).map(|_| admit(&admission, "6.6.6.6").unwrap()).collect();
        many[0].note_request();
        assert!(admission.make_room());
        assert!(has_left(&many[1]) && !has_left(&many[2]) && !has_left(&honest));
        for connection in [&honest, &many[2]] {
            connection.note_request();
        }
        assert!(!admission.make_room(), "nobody is silent");
        assert!(!has_left(&many[0]));
        drop((honest, many));
        assert_empty(&admission);
    }

    #[test]
    fn of_all_the_oldest_of_the_address_with_most_gives_way() {
        let admission = admission(10, 100);
        let mut many = Vec::new();
        for _ in 0..10 {
            let connection = admit(&admission, "2001:db8::1").unwrap();
            connection.note_request();
            many.push(connection);
        }
        // Its own network has most: it is refused itself.
        assert!(admit(&admission, "2001:db8::ffff").is_none());
        let newcomer = admit(&admission, "1.1.1.1").unwrap();
        assert!(has_left(&many[0]) && !has_left(&many[1]));
        // A silent one goes first, even if it came last.
        drop(many.pop());
        let silent = admit(&admission, "2001:db8::2").unwrap();
        let other = admit(&admission, "2001:db9::1").unwrap();
        assert!(has_left(&silent) && !has_left(&many[1]));
        drop((many, newcomer, silent, other));
        assert_empty(&admission);
    }

    #[test]
    fn a_trusted_proxy_never_gives_way() {
        let admission = admission(4, 4);
        let proxied: Vec<_> = (0..4).map(|_| admit(&admission, "10.0.0.1").unwrap()).collect();
        assert!(admit(&admission, "1.1.1.1").is_none());
        assert!(admit(&admission, "10.0.0.1").is_none());
        assert!(proxied.iter().all(|connection| !has_left(connection)));
        drop(proxied);
        assert_empty(&admission);
    }
}
