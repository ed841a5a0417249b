//! How much may come from one address, so that no stranger takes the disk or the list of rooms
//! from everybody else.
//!
//! Each address has a few buckets (GCRA: a bucket is the moment at which it is full again), which
//! are emptied by what it does and fill at a fixed rate.

use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// Where something came from: an address, of IPv6 the network of 64 bits, since whoever has one
/// address of it has them all. What comes from nowhere known has one share together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Origin(Option<IpAddr>);

/// What every address may do. 0 is no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quotas {
    /// Messages a second; ten seconds' worth at once.
    pub messages_per_second: u32,
    /// Bytes of messages a second, [`MESSAGE_OVERHEAD_BYTES`] for each included; sixteen seconds'
    /// worth at once.
    pub bytes_per_second: u64,
    /// Bytes of messages a day, counted alike.
    pub bytes_per_day: u64,
    /// New rooms an hour; twenty minutes' worth at once.
    pub rooms_per_hour: u32,
    /// Entries into rooms a second; twenty seconds' worth at once.
    pub joins_per_second: u32,
}

/// What a message takes on disk besides its text, about.
pub const MESSAGE_OVERHEAD_BYTES: usize = 200;
/// The most addresses remembered. Beyond that those are forgotten that have used the least.
const ORIGINS_MAX: usize = 50_000;

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(24 * 3_600);
/// The longest message always fits into an empty bucket.
const BYTES_AT_ONCE_MIN: u64 = 32 * 1024;

/// Why something has to wait, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exceeded {
    /// What there was too much of.
    pub what: Limit,
    /// The option of `sockeye serve` that sets the limit.
    pub option: Option<&'static str>,
    /// When it may be tried again.
    pub retry_after: Duration,
}

/// What an address has a share of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// Messages, bytes or entries in a short time.
    Rate,
    /// New rooms.
    Rooms,
    /// Bytes of a day.
    Day,
}

/// What each address has used.
#[derive(Debug)]
pub struct Usage {
    quotas: Quotas,
    origins: Mutex<HashMap<Origin, Buckets>>,
    reached: [AtomicU64; OPTIONS.len()],
}

/// The options that set the limits.
const OPTIONS: [&str; 5] =
    ["messages-per-second", "kib-per-second", "mib-per-day", "rooms-per-hour", "joins-per-second"];

#[derive(Clone, Copy, Debug, Default)]
struct Buckets {
    messages: Bucket,
    bytes: Bucket,
    day: Bucket,
    rooms: Bucket,
    joins: Bucket,
}

/// When it is full again; `None`: it is full.
#[derive(Clone, Copy, Debug, Default)]
struct Bucket(Option<Instant>);

/// How fast a bucket fills, and how much is in a full one.
#[derive(Clone, Copy, Debug)]
struct Rate {
    amount: u64,
    per: Duration,
    at_once: u64,
    /// Which option sets it.
    option: &'static str,
}

impl Default for Quotas {
    fn default() -> Self {
        Quotas {
            messages_per_second: 200,
            bytes_per_second: 256 * 1024,
            bytes_per_day: 256 * 1024 * 1024,
            rooms_per_hour: 60,
            joins_per_second: 50,
        }
    }
}

impl Quotas {
    fn messages(&self) -> Rate {
        let amount = u64::from(self.messages_per_second);
        Rate { amount, per: SECOND, at_once: amount * 10, option: OPTIONS[0] }
    }

    fn bytes(&self) -> Rate {
        let amount = self.bytes_per_second;
        let at_once = amount.saturating_mul(16).max(BYTES_AT_ONCE_MIN);
        Rate { amount, per: SECOND, at_once, option: OPTIONS[1] }
    }

    fn day(&self) -> Rate {
        let amount = self.bytes_per_day;
        Rate { amount, per: DAY, at_once: amount.max(BYTES_AT_ONCE_MIN), option: OPTIONS[2] }
    }

    fn rooms(&self) -> Rate {
        let amount = u64::from(self.rooms_per_hour);
        Rate { amount, per: HOUR, at_once: (amount / 3).max(1), option: OPTIONS[3] }
    }

    fn joins(&self) -> Rate {
        let amount = u64::from(self.joins_per_second);
        Rate { amount, per: SECOND, at_once: amount * 20, option: OPTIONS[4] }
    }
}

impl Usage {
    /// Nothing used yet.
    pub fn new(quotas: Quotas) -> Self {
        Usage { quotas, origins: Mutex::default(), reached: Default::default() }
    }

    /// Each limit: the option of `sockeye serve` that sets it, its value there, and how often it was reached.
    pub fn limits(&self) -> [(&'static str, u64, u64); OPTIONS.len()] {
        let quotas = &self.quotas;
        let values = [
            quotas.messages_per_second.into(),
            quotas.bytes_per_second / 1024,
            quotas.bytes_per_day / (1024 * 1024),
            quotas.rooms_per_hour.into(),
            quotas.joins_per_second.into(),
        ];
        let reached = |n: usize| self.reached[n].load(Ordering::Relaxed);
        std::array::from_fn(|n| (OPTIONS[n], values[n], reached(n)))
    }

    /// Somebody wants to enter a room.
    ///
    /// # Errors
    /// Too often.
    pub fn join(&self, origin: Origin) -> Result<(), Exceeded> {
        self.using(origin, |buckets, now| {
            buckets.joins.take(self.quotas.joins(), 1, now, Limit::Rate)
        })
    }

    /// Somebody wants to say so many bytes, in a new room or in one that exists.
    ///
    /// # Errors
    /// Too many messages, bytes or rooms; then nothing is counted.
    pub fn message(&self, origin: Origin, bytes: usize, is_new_room: bool) -> Result<(), Exceeded> {
        let bytes = (bytes + MESSAGE_OVERHEAD_BYTES) as u64;
        self.using(origin, |buckets, now| {
            let mut after = *buckets;
            if is_new_room {
                after.rooms.take(self.quotas.rooms(), 1, now, Limit::Rooms)?;
            }
            after.day.take(self.quotas.day(), bytes, now, Limit::Day)?;
            after.messages.take(self.quotas.messages(), 1, now, Limit::Rate)?;
            after.bytes.take(self.quotas.bytes(), bytes, now, Limit::Rate)?;
            *buckets = after;
            Ok(())
        })
    }

    /// Counts a limit that was reached.
    fn counted(&self, taken: Result<(), Exceeded>) -> Result<(), Exceeded> {
        if let Err(Exceeded { option: Some(option), .. }) = taken
            && let Some(n) = OPTIONS.iter().position(|known| *known == option)
        {
            self.reached[n].fetch_add(1, Ordering::Relaxed);
        }
        taken
    }

    fn using(
        &self,
        origin: Origin,
        take: impl FnOnce(&mut Buckets, Instant) -> Result<(), Exceeded>,
    ) -> Result<(), Exceeded> {
        let now = Instant::now();
        let mut origins = self.origins.lock();
        if origins.len() >= ORIGINS_MAX && !origins.contains_key(&origin) {
            forget(&mut origins, now);
        }
        self.counted(take(origins.entry(origin).or_default(), now))
    }
}

/// Forgets whoever has used nothing of late, and at least a quarter: those who have used the least.
fn forget(origins: &mut HashMap<Origin, Buckets>, now: Instant) {
    origins.retain(|_, buckets| buckets.full_at() > now);
    let kept_max = ORIGINS_MAX / 4 * 3;
    if origins.len() > kept_max {
        let mut full_at: Vec<_> = origins.values().map(|buckets| buckets.full_at()).collect();
        let excess = full_at.len() - kept_max;
        let (_, &mut limit, _) = full_at.select_nth_unstable(excess);
        origins.retain(|_, buckets| buckets.full_at() > limit);
    }
}

impl Buckets {
    /// When nothing of what was used counts any more.
    fn full_at(&self) -> Instant {
        let Buckets { messages, bytes, day, rooms, joins } = self;
        let all = [messages, bytes, day, rooms, joins];
        all.into_iter().filter_map(|bucket| bucket.0).max().unwrap_or_else(Instant::now)
    }
}

impl Bucket {
    fn take(&mut self, rate: Rate, amount: u64, now: Instant, what: Limit) -> Result<(), Exceeded> {
        if rate.amount == 0 {
            return Ok(());
        }
        let fills_in = |amount: u64| rate.per.mul_f64(amount as f64 / rate.amount as f64);
        let full_at = self.0.map_or(now, |full_at| full_at.max(now)) + fills_in(amount);
        let debt = full_at - now;
        let debt_max = fills_in(rate.at_once);
        if debt > debt_max {
            let (option, retry_after) = (Some(rate.option), debt - debt_max);
            return Err(Exceeded { what, option, retry_after });
        }
        self.0 = Some(full_at);
        Ok(())
    }
}

impl Origin {
    /// Where a request with this address came from.
    pub fn of(address: Option<IpAddr>) -> Self {
        let network =
            |address: Ipv6Addr| IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64));
        Origin(address.map(|address| match address.to_canonical() {
            IpAddr::V6(address) => network(address),
            address => address,
        }))
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(address) => address.fmt(f),
            None => f.write_str("unknown"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(address: &str) -> Origin {
        Origin::of(Some(address.parse().unwrap()))
    }

    fn taken(max: usize, mut take: impl FnMut() -> Result<(), Exceeded>) -> (usize, Exceeded) {
        for n in 0..max {
            if let Err(exceeded) = take() {
                return (n, exceeded);
            }
        }
        panic!("no limit within {max}");
    }

    #[tokio::test(start_paused = true)]
    async fn messages_of_an_address_at_once_and_in_a_second() {
        let usage = Usage::new(Quotas::default());
        let (a, b) = (origin("192.0.2.1"), origin("192.0.2.2"));
        let (n, exceeded) = taken(5_000, || usage.message(a, 1, false));
        assert_eq!((n, exceeded.what), (2_000, Limit::Rate));
        assert_eq!(exceeded.retry_after, Duration::from_millis(5));
        usage.message(b, 1, false).unwrap();
        tokio::time::advance(SECOND).await;
        assert_eq!(taken(5_000, || usage.message(a, 1, false)).0, 200);
    }

    #[tokio::test(start_paused = true)]
    async fn bytes_of_an_address_at_once_in_a_second_and_in_a_day() {
        let quotas = Quotas { messages_per_second: 0, ..Quotas::default() };
        let usage = Usage::new(quotas);
        let a = origin("192.0.2.1");
        let say = || usage.message(a, 16_384 - MESSAGE_OVERHEAD_BYTES, false);
        assert_eq!(taken(1_000, say).0, 4 * 1024 * 1024 / 16_384);
        tokio::time::advance(SECOND).await;
        assert_eq!(taken(1_000, say).0, 256 * 1024 / 16_384);
        let mut bytes = 4 * 1024 * 1024 + 256 * 1024;
        let day = loop {
            tokio::time::advance(16 * SECOND).await;
            let (n, exceeded) = taken(1_000, say);
            bytes += n * 16_384;
            if exceeded.what == Limit::Day {
                break bytes;
            }
        };
        let expected = 256 * 1024 * 1024;
        assert!(day >= expected && day < expected + expected / 50, "{day}");
        tokio::time::advance(DAY).await;
        say().unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn new_rooms_of_an_address_at_once_and_in_an_hour() {
        let usage = Usage::new(Quotas::default());
        let a = origin("192.0.2.1");
        let (n, exceeded) = taken(100, || usage.message(a, 1, true));
        assert_eq!((n, exceeded.what), (20, Limit::Rooms));
        assert_eq!(exceeded.retry_after, Duration::from_secs(60));
        usage.message(a, 1, false).expect("rooms that exist are no matter");
        tokio::time::advance(HOUR).await;
        assert_eq!(taken(100, || usage.message(a, 1, true)).0, 20);
        tokio::time::advance(Duration::from_secs(60)).await;
        assert_eq!(taken(100, || usage.message(a, 1, true)).0, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn joins_of_an_address_at_once_and_in_a_second() {
        let usage = Usage::new(Quotas::default());
        let a = origin("192.0.2.1");
        assert_eq!(taken(2_000, || usage.join(a)).0, 1_000);
        tokio::time::advance(SECOND).await;
        assert_eq!(taken(2_000, || usage.join(a)).0, 50);
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_counted_of_what_is_refused() {
        let usage = Usage::new(Quotas { rooms_per_hour: 3, ..Quotas::default() });
        let a = origin("192.0.2.1");
        usage.message(a, 1, true).unwrap();
        for _ in 0..10_000 {
            usage.message(a, 1, true).unwrap_err();
        }
        assert_eq!(taken(5_000, || usage.message(a, 1, false)).0, 1_999);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_reached_is_counted_under_its_option() {
        let quotas = Quotas { messages_per_second: 1, rooms_per_hour: 3, ..Quotas::default() };
        let usage = Usage::new(quotas);
        let a = origin("192.0.2.1");
        usage.message(a, 1, true).unwrap();
        for _ in 0..3 {
            usage.message(a, 1, true).unwrap_err();
        }
        taken(20, || usage.message(a, 1, false));
        let limits = usage.limits();
        assert_eq!(limits[0], ("messages-per-second", 1, 1));
        assert_eq!(limits[1], ("kib-per-second", 256, 0));
        assert_eq!(limits[2], ("mib-per-day", 256, 0));
        assert_eq!(limits[3], ("rooms-per-hour", 3, 3));
        assert_eq!(limits[4], ("joins-per-second", 50, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn nought_is_no_limit_and_the_longest_message_always_fits() {
        let none = Quotas {
            messages_per_second: 0,
            bytes_per_second: 0,
            bytes_per_day: 0,
            rooms_per_hour: 0,
            joins_per_second: 0,
        };
        let usage = Usage::new(none);
        let a = origin("192.0.2.1");
        for _ in 0..10_000 {
            usage.message(a, 1 << 20, true).unwrap();
            usage.join(a).unwrap();
        }
        let small = Quotas { bytes_per_second: 1, bytes_per_day: 1, ..none };
        Usage::new(small).message(a, 4 * crate::input::MESSAGE_CHARS_MAX, false).unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn so_many_addresses_are_remembered_and_the_busy_ones_longest() {
        let usage = Usage::new(Quotas::default());
        let busy = origin("192.0.2.1");
        taken(5_000, || usage.message(busy, 1, false));
        for n in 0..2 * ORIGINS_MAX as u32 {
            let stranger = Origin::of(Some(IpAddr::V4((0x0A00_0000 + n).into())));
            usage.message(stranger, 1, false).unwrap();
        }
        assert!(usage.origins.lock().len() <= ORIGINS_MAX);
        usage.message(busy, 1, false).unwrap_err();
        tokio::time::advance(2 * DAY).await;
        forget(&mut usage.origins.lock(), Instant::now());
        assert!(usage.origins.lock().is_empty());
    }

    #[test]
    fn an_origin_is_an_address_or_a_network_of_ipv6() {
        assert_eq!(origin("2001:db8::1"), origin("2001:db8::ffff:1:2:3"));
        assert_ne!(origin("2001:db8::1"), origin("2001:db8:0:1::1"));
        assert_eq!(origin("::ffff:192.0.2.1"), origin("192.0.2.1"));
        assert_ne!(origin("192.0.2.1"), origin("192.0.2.2"));
        assert_eq!(Origin::of(None).to_string(), "unknown");
        assert_eq!(origin("2001:db8::1").to_string(), "2001:db8::");
    }
}
