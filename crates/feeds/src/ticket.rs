//! One-time tickets, for what cannot send a header: `EventSource`.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use parking_lot::Mutex;
use sockeye_net::address_slots::{AddressSlot, AddressSlots};
use tokio::time::Instant;

/// Tickets that were given out and not used yet.
#[derive(Default)]
pub(crate) struct Tickets {
    given: Mutex<Given>,
    addresses: Arc<AddressSlots>,
}

#[derive(Default)]
struct Given {
    by_text: HashMap<String, Ticket>,
    /// Bytes of what they are worth.
    bytes: usize,
    /// When all of them were looked at last.
    swept: Option<Instant>,
}

struct Ticket {
    namespace: Box<str>,
    auth: Box<str>,
    until: Instant,
    _address: Option<AddressSlot>,
}

/// So many are given out and not used.
const TICKETS_MAX: usize = 100_000;
/// And so many of them to one address.
const TICKETS_PER_ADDRESS_MAX: u32 = 100;
/// And so many bytes of what they are worth, which strangers show.
const TICKET_BYTES_MAX: usize = 64 * 1024 * 1024;

const SWEEP_INTERVAL: Duration = Duration::from_secs(1);

impl Given {
    /// Forgets those whose time is over, but not again and again for each that is refused.
    fn sweep(&mut self, now: Instant) {
        if self.swept.is_some_and(|swept| now.duration_since(swept) < SWEEP_INTERVAL) {
            return;
        }
        self.swept = Some(now);
        self.by_text.retain(|_, ticket| ticket.until > now);
        self.bytes = self.by_text.values().map(|ticket| ticket.auth.len()).sum();
    }

    fn is_full(&self, more: usize) -> bool {
        self.by_text.len() >= TICKETS_MAX || self.bytes + more > TICKET_BYTES_MAX
    }
}

impl Tickets {
    /// A ticket for a namespace, with what it is worth; `None`: there are too many.
    pub(crate) fn give(
        &self,
        namespace: &str,
        auth: &str,
        address: Option<IpAddr>,
        time: Duration,
    ) -> Option<String> {
        let now = Instant::now();
        let given = &mut *self.given.lock();
        // Those that nobody used go when there are twice as many as before, so each is looked at rarely.
        if given.by_text.len() == given.by_text.capacity() || given.is_full(auth.len()) {
            given.sweep(now);
        }
        if given.is_full(auth.len()) {
            return None;
        }
        let address = match address {
            Some(address) => Some(self.slot(given, address, now)?),
            None => None,
        };
        let mut random = [0; 24];
        getrandom::fill(&mut random).ok()?;
        let text = URL_SAFE_NO_PAD.encode(random);
        let (namespace, auth, until) = (namespace.into(), auth.into(), now + time);
        let ticket = Ticket { namespace, auth, until, _address: address };
        given.bytes += ticket.auth.len();
        given.by_text.insert(text.clone(), ticket);
        Some(text)
    }

    fn slot(&self, given: &mut Given, address: IpAddr, now: Instant) -> Option<AddressSlot> {
        let take = || self.addresses.take(address, TICKETS_PER_ADDRESS_MAX);
        take().or_else(|| {
            given.sweep(now);
            take()
        })
    }

    /// What a ticket is worth, once.
    pub(crate) fn take(&self, text: &str, namespace: &str) -> Option<Box<str>> {
        let given = &mut *self.given.lock();
        let is_good = given
            .by_text
            .get(text)
            .is_some_and(|ticket| &*ticket.namespace == namespace && ticket.until > Instant::now());
        let ticket = is_good.then(|| given.by_text.remove(text)).flatten()?;
        given.bytes -= ticket.auth.len();
        Some(ticket.auth)
    }
}

impl fmt::Debug for Tickets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tickets")
            .field("len", &self.given.lock().by_text.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn good_once_for_one_namespace_and_a_short_time() {
        let tickets = Tickets::default();
        let time = Duration::from_secs(30);
        let give = || tickets.give("/news", "{\"token\":1}", None, time).unwrap();
        let ticket = give();
        assert_eq!(tickets.take(&ticket, "/other"), None);
        assert_eq!(tickets.take(&ticket, "/news").as_deref(), Some("{\"token\":1}"));
        assert_eq!(tickets.take(&ticket, "/news"), None);
        let late = give();
        tokio::time::advance(time).await;
        assert_eq!(tickets.take(&late, "/news"), None);
        assert_eq!(tickets.take("", "/news"), None);
    }

    #[tokio::test(start_paused = true)]
    async fn what_they_are_worth_has_so_many_bytes_together() {
        let tickets = Tickets::default();
        let time = Duration::from_secs(30);
        let auth = "x".repeat(TICKET_BYTES_MAX / 64);
        let give = |auth: &str| tickets.give("/", auth, None, time);
        let first = give(&auth).unwrap();
        for _ in 1..64 {
            assert!(give(&auth).is_some());
        }
        assert!(give("x").is_none() && give("").is_some());
        assert!(tickets.take(&first, "/").is_some());
        assert!(give(&auth).is_some() && give("x").is_none());
        tokio::time::advance(time).await;
        assert!(give(&auth).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_has_so_many_at_once() {
        let tickets = Tickets::default();
        let time = Duration::from_secs(30);
        let give = |last| tickets.give("/", "{}", Some(IpAddr::from([127, 0, 0, last])), time);
        for _ in 0..TICKETS_PER_ADDRESS_MAX {
            assert!(give(1).is_some());
        }
        assert!(give(1).is_none());
        assert!(give(2).is_some());
        tokio::time::advance(time).await;
        assert!(give(1).is_some());
    }
}
