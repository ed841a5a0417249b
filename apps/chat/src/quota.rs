//! How much may come from one address and from one person, so that nobody takes the disk or the list of rooms
//! from everybody else.
//!
//! Each address and each person has a few buckets.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::bucket::{Bucket, Fills, Rate, Short, Table};

/// Where something came from: an address, of IPv6 the network of 64 bits, since whoever has one
/// address of it has them all. What comes from nowhere known has one share together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Origin(Option<IpAddr>);

/// What every address may do, and every person, from however many addresses. 0 is no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quotas {
    /// Messages a second; ten seconds' worth at once.
    pub messages_per_second: u32,
    /// Bytes of messages a second, [`MESSAGE_OVERHEAD_BYTES`] for each included; sixteen seconds'
    /// worth at once.
    pub bytes_per_second: u64,
    /// Bytes of messages a day, counted alike.
    pub bytes_per_day: u64,
    /// Pictures a minute; half a minute's worth at once.
    pub pictures_per_minute: u32,
    /// Bytes of pictures a day, as they are sent.
    pub picture_bytes_per_day: u64,
    /// New rooms an hour; twenty minutes' worth at once.
    pub rooms_per_hour: u32,
    /// Entries into rooms a second; twenty seconds' worth at once.
    pub joins_per_second: u32,
    /// Connections of an address at the same time. The server looks after them, and tells of those that it refuses.
    pub connections_max: u32,
}

/// What a message takes on disk besides its text, about.
pub const MESSAGE_OVERHEAD_BYTES: usize = 200;
/// The most addresses remembered, and the most people. Beyond that those are forgotten that have used the least.
const ORIGINS_MAX: usize = 50_000;
/// Wrong passwords of rooms by one person: five at once, then one in ten seconds.
const GUESSES_OF_PERSON: Rate = Rate { amount: 6, per: Duration::from_secs(60), at_once: 5 };
/// The same by all who come from one address: twenty at once, then one in three seconds.
const GUESSES_OF_ORIGIN: Rate = Rate { amount: 20, per: Duration::from_secs(60), at_once: 20 };

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(24 * 3_600);
/// The longest message always fits into an empty bucket.
const BYTES_AT_ONCE_MIN: u64 = 32 * 1024;

/// Why something has to wait, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exceeded {
    /// What there was too much of.
    pub what: Limit,
    /// When it may be tried again.
    pub retry_after: Duration,
}

/// What an address or a person has a share of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// Messages, bytes or entries in a short time.
    Rate,
    /// New rooms.
    Rooms,
    /// Bytes of a day, of messages or of pictures.
    Day,
}

/// What each address and each person has used.
#[derive(Debug)]
pub struct Usage {
    quotas: Quotas,
    reached: Reached,
    shares: Mutex<Shares>,
}

#[derive(Debug)]
struct Shares {
    origins: Table<Origin, Buckets>,
    people: Table<String, Buckets>,
}

/// How often each of the [`Quotas`] was reached.
#[derive(Debug, Default)]
struct Reached {
    messages: AtomicU64,
    bytes: AtomicU64,
    day: AtomicU64,
    pictures: AtomicU64,
    picture_bytes: AtomicU64,
    rooms: AtomicU64,
    joins: AtomicU64,
    connections: AtomicU64,
}

impl Reached {
    /// Counts a refusal.
    fn count(reached: &AtomicU64, what: Limit, taken: Result<(), Short>) -> Result<(), Exceeded> {
        taken.map_err(|Short { retry_after }| {
            reached.fetch_add(1, Ordering::Relaxed);
            Exceeded { what, retry_after }
        })
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Buckets {
    messages: Bucket,
    bytes: Bucket,
    day: Bucket,
    pictures: Bucket,
    picture_bytes: Bucket,
    rooms: Bucket,
    joins: Bucket,
    guesses: Bucket,
}

impl Default for Quotas {
    fn default() -> Self {
        Quotas {
            messages_per_second: 200,
            bytes_per_second: 256 * 1024,
            bytes_per_day: 256 * 1024 * 1024,
            pictures_per_minute: 60,
            picture_bytes_per_day: 1024 * 1024 * 1024,
            rooms_per_hour: 60,
            joins_per_second: 50,
            connections_max: 1_000,
        }
    }
}

impl Quotas {
    fn messages(&self) -> Rate {
        let amount = u64::from(self.messages_per_second);
        Rate { amount, per: SECOND, at_once: amount * 10 }
    }

    fn bytes(&self) -> Rate {
        let amount = self.bytes_per_second;
        Rate { amount, per: SECOND, at_once: amount.saturating_mul(16).max(BYTES_AT_ONCE_MIN) }
    }

    fn day(&self) -> Rate {
        let amount = self.bytes_per_day;
        Rate { amount, per: DAY, at_once: amount.max(BYTES_AT_ONCE_MIN) }
    }

    fn pictures(&self) -> Rate {
        let amount = u64::from(self.pictures_per_minute);
        Rate { amount, per: MINUTE, at_once: (amount / 2).max(1) }
    }

    fn picture_bytes(&self) -> Rate {
        let amount = self.picture_bytes_per_day;
        Rate { amount, per: DAY, at_once: amount }
    }

    fn rooms(&self) -> Rate {
        let amount = u64::from(self.rooms_per_hour);
        Rate { amount, per: HOUR, at_once: (amount / 3).max(1) }
    }

    fn joins(&self) -> Rate {
        let amount = u64::from(self.joins_per_second);
        Rate { amount, per: SECOND, at_once: amount * 20 }
    }
}

impl Usage {
    /// Nothing used yet.
    pub fn new(quotas: Quotas) -> Self {
        let shares = Shares { origins: Table::new(ORIGINS_MAX), people: Table::new(ORIGINS_MAX) };
        Usage { quotas, reached: Reached::default(), shares: Mutex::new(shares) }
    }

    /// Each limit: the option of `sockeye serve` that sets it, its value there, and how often it was reached.
    pub fn limits(&self) -> [(&'static str, u64, u64); 8] {
        let Usage { quotas, reached, .. } = self;
        let times = |count: &AtomicU64| count.load(Ordering::Relaxed);
        [
            ("messages-per-second", quotas.messages_per_second.into(), times(&reached.messages)),
            ("kib-per-second", quotas.bytes_per_second / 1024, times(&reached.bytes)),
            ("mib-per-day", quotas.bytes_per_day / (1024 * 1024), times(&reached.day)),
            ("pictures-per-minute", quotas.pictures_per_minute.into(), times(&reached.pictures)),
            (
                "picture-mib-per-day",
                quotas.picture_bytes_per_day / (1024 * 1024),
                times(&reached.picture_bytes),
            ),
            ("rooms-per-hour", quotas.rooms_per_hour.into(), times(&reached.rooms)),
            ("joins-per-second", quotas.joins_per_second.into(), times(&reached.joins)),
            ("connections-max", quotas.connections_max.into(), times(&reached.connections)),
        ]
    }

    /// The server has refused a connection to an address that has as many as it may.
    pub fn connection_refused(&self) {
        self.reached.connections.fetch_add(1, Ordering::Relaxed);
    }

    /// Somebody wants to enter a room.
    ///
    /// # Errors
    /// Too often.
    pub fn join(&self, origin: Origin) -> Result<(), Exceeded> {
        self.using(origin, |buckets, now| {
            let taken = buckets.joins.take(self.quotas.joins(), 1, now);
            Reached::count(&self.reached.joins, Limit::Rate, taken)
        })
    }

    /// Somebody wants to say so many bytes, in a new room or in one that exists.
    ///
    /// # Errors
    /// Too many messages, bytes or rooms; then nothing is counted.
    pub fn message(&self, origin: Origin, bytes: usize, is_new_room: bool) -> Result<(), Exceeded> {
        let bytes = (bytes + MESSAGE_OVERHEAD_BYTES) as u64;
        let (quotas, reached) = (self.quotas, &self.reached);
        self.using(origin, |buckets, now| {
            let mut after = *buckets;
            if is_new_room {
                let taken = after.rooms.take(quotas.rooms(), 1, now);
                Reached::count(&reached.rooms, Limit::Rooms, taken)?;
            }
            after.say(&quotas, reached, bytes, now)?;
            *buckets = after;
            Ok(())
        })
    }

    /// Somebody who is logged in wants to say so many bytes.
    ///
    /// # Errors
    /// Too many messages or bytes of this person or from this address; then nothing is counted.
    pub fn say(&self, person: &str, origin: Origin, bytes: usize) -> Result<(), Exceeded> {
        let bytes = (bytes + MESSAGE_OVERHEAD_BYTES) as u64;
        self.using_both(person, origin, |buckets, _, now| {
            buckets.say(&self.quotas, &self.reached, bytes, now)
        })
    }

    /// Somebody who is logged in wants to send a picture of so many bytes.
    ///
    /// # Errors
    /// Too many pictures or bytes by this person or from this address; then nothing is counted.
    pub fn picture(&self, person: &str, origin: Origin, bytes: u64) -> Result<(), Exceeded> {
        let (quotas, reached) = (self.quotas, &self.reached);
        self.using_both(person, origin, |buckets, _, now| {
            let mut after = *buckets;
            let taken = after.picture_bytes.take(quotas.picture_bytes(), bytes, now);
            Reached::count(&reached.picture_bytes, Limit::Day, taken)?;
            let taken = after.pictures.take(quotas.pictures(), 1, now);
            Reached::count(&reached.pictures, Limit::Rate, taken)?;
            *buckets = after;
            Ok(())
        })
    }

    /// Somebody who is logged in wants to enter a room, or to ask for the list.
    ///
    /// # Errors
    /// Too often; then nothing is counted.
    pub fn enter(&self, person: &str, origin: Origin) -> Result<(), Exceeded> {
        self.using_both(person, origin, |buckets, _, now| {
            let taken = buckets.joins.take(self.quotas.joins(), 1, now);
            Reached::count(&self.reached.joins, Limit::Rate, taken)
        })
    }

    /// Somebody who is logged in wants to make a room.
    ///
    /// # Errors
    /// Too many; then nothing is counted.
    pub fn make(&self, person: &str, origin: Origin) -> Result<(), Exceeded> {
        self.using_both(person, origin, |buckets, _, now| {
            let taken = buckets.rooms.take(self.quotas.rooms(), 1, now);
            Reached::count(&self.reached.rooms, Limit::Rooms, taken)
        })
    }

    /// None was made after all: what was counted for it is given back.
    pub fn made_none(&self, person: &str, origin: Origin) {
        let rooms = self.quotas.rooms();
        let _: Result<(), Exceeded> = self.using_both(person, origin, |buckets, _, _| {
            buckets.rooms.give(rooms, 1);
            Ok(())
        });
    }

    /// Somebody gives the password of a room. Counted before it is known whether it is right, so that guesses at the
    /// same time count too; a right one is [given back](Usage::guessed_right).
    ///
    /// # Errors
    /// Too many wrong ones; then nothing is counted.
    pub fn guess(&self, person: &str, origin: Origin) -> Result<(), Exceeded> {
        self.using_both(person, origin, |buckets, rate, now| {
            let taken = buckets.guesses.take(rate, 1, now);
            taken.map_err(|Short { retry_after }| Exceeded { what: Limit::Rate, retry_after })
        })
    }

    /// The password was right.
    pub fn guessed_right(&self, person: &str, origin: Origin) {
        let _: Result<(), Exceeded> = self.using_both(person, origin, |buckets, rate, _| {
            buckets.guesses.give(rate, 1);
            Ok(())
        });
    }

    fn using<T>(&self, origin: Origin, take: impl FnOnce(&mut Buckets, Instant) -> T) -> T {
        let now = Instant::now();
        take(self.shares.lock().origins.of(&origin, now), now)
    }

    /// Takes from the shares of both, or from none. It is told how fast guesses fill up.
    fn using_both(
        &self,
        person: &str,
        origin: Origin,
        take: impl Fn(&mut Buckets, Rate, Instant) -> Result<(), Exceeded>,
    ) -> Result<(), Exceeded> {
        let now = Instant::now();
        let mut shares = self.shares.lock();
        let mut of_origin = *shares.origins.of(&origin, now);
        take(&mut of_origin, GUESSES_OF_ORIGIN, now)?;
        take(shares.people.of(person, now), GUESSES_OF_PERSON, now)?;
        *shares.origins.of(&origin, now) = of_origin;
        Ok(())
    }
}

impl Buckets {
    /// Takes all of it or nothing.
    fn say(
        &mut self,
        quotas: &Quotas,
        reached: &Reached,
        bytes: u64,
        now: Instant,
    ) -> Result<(), Exceeded> {
        let mut after = *self;
        let taken = after.day.take(quotas.day(), bytes, now);
        Reached::count(&reached.day, Limit::Day, taken)?;
        let taken = after.messages.take(quotas.messages(), 1, now);
        Reached::count(&reached.messages, Limit::Rate, taken)?;
        let taken = after.bytes.take(quotas.bytes(), bytes, now);
        Reached::count(&reached.bytes, Limit::Rate, taken)?;
        *self = after;
        Ok(())
    }
}

impl Fills for Buckets {
    fn full_at(&self) -> Option<Instant> {
        let Buckets { messages, bytes, day, pictures, picture_bytes, rooms, joins, guesses } = self;
        let all = [messages, bytes, day, pictures, picture_bytes, rooms, joins, guesses];
        all.into_iter().filter_map(Bucket::full_at).max()
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
        assert_eq!(limits[3], ("pictures-per-minute", 60, 0));
        assert_eq!(limits[4], ("picture-mib-per-day", 1_024, 0));
        assert_eq!(limits[5], ("rooms-per-hour", 3, 3));
        assert_eq!(limits[6], ("joins-per-second", 50, 0));
        usage.connection_refused();
        assert_eq!(usage.limits()[7], ("connections-max", 1_000, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn nought_is_no_limit_and_the_longest_message_always_fits() {
        let none = Quotas {
            messages_per_second: 0,
            bytes_per_second: 0,
            bytes_per_day: 0,
            pictures_per_minute: 0,
            picture_bytes_per_day: 0,
            rooms_per_hour: 0,
            joins_per_second: 0,
            connections_max: 0,
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
        assert!(usage.shares.lock().origins.len() <= ORIGINS_MAX);
        usage.message(busy, 1, false).unwrap_err();
    }

    #[tokio::test(start_paused = true)]
    async fn a_person_has_one_share_from_all_addresses() {
        let usage = Usage::new(Quotas::default());
        let mut address = 0;
        let mut anywhere = || {
            address += 1;
            Origin::of(Some(IpAddr::V4((0x0A00_0000 + address).into())))
        };
        assert_eq!(taken(5_000, || usage.say("ada", anywhere(), 1)).0, 2_000);
        usage.say("bob", anywhere(), 1).expect("somebody else's share is full");
        assert_eq!(taken(100, || usage.make("ada", anywhere())).0, 20);
        assert_eq!(taken(2_000, || usage.enter("ada", anywhere())).0, 1_000);
        let here = origin("192.0.2.1");
        usage.say("ada", here, 1).unwrap_err();
        assert_eq!(taken(5_000, || usage.say("bob", here, 1)).0, 1_999);
    }

    #[tokio::test(start_paused = true)]
    async fn wrong_passwords_cost_and_right_ones_do_not() {
        let usage = Usage::new(Quotas::default());
        let here = origin("192.0.2.1");
        for _ in 0..100 {
            usage.guess("ada", here).unwrap();
            usage.guessed_right("ada", here);
        }
        let (n, exceeded) = taken(100, || usage.guess("ada", here));
        assert_eq!((n, exceeded.retry_after), (5, Duration::from_secs(10)));
        tokio::time::advance(Duration::from_secs(10)).await;
        assert_eq!(taken(100, || usage.guess("ada", here)).0, 1);
        // Whoever is always somebody else is still at the same address.
        let mut guest = 0;
        let guesses = taken(100, || {
            guest += 1;
            usage.guess(&format!("guest {guest}"), here)
        });
        assert!((14..=18).contains(&guesses.0), "{}", guesses.0);
        usage.guess("bob", origin("192.0.2.2")).unwrap();
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
