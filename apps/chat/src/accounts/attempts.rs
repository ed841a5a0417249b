//! How often it may be tried to get in: by address, so that nobody guesses or fills the disk from one place, and by
//! account, so that nobody guesses one password from many.
//!
//! An account has two shares: one for each address it is tried from, and a larger one for all addresses together. So
//! whoever guesses from one place does not keep the account's own person out, who is at another.

use std::hash::Hash;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::bucket::{Bucket, Rate, Short, Table};
use crate::names::Skeleton;
use crate::quota::{Exceeded, Limit, Origin};

/// The most addresses and accounts that are remembered of each kind. Beyond that those are forgotten that have tried
/// the least.
const KEYS_MAX: usize = 20_000;

const LOGINS_OF_ADDRESS: Rate = Rate::one_in(Duration::from_secs(3), 20);
const LOGINS_OF_ACCOUNT_FROM_ADDRESS: Rate = Rate::one_in(Duration::from_secs(10), 5);
const LOGINS_OF_ACCOUNT: Rate = Rate::one_in(Duration::from_secs(3), 30);
const CODES: Rate = Rate::one_in(Duration::from_secs(3), 20);
const PASSWORDS: Rate = Rate::one_in(Duration::from_secs(6), 10);
const GUESTS: Rate = Rate::one_in(Duration::from_secs(30), 200);
const CHANGES: Rate = Rate::one_in(Duration::from_secs(1), 60);

/// What was tried of late.
#[derive(Debug, Default)]
pub(crate) struct Attempts {
    logins: Shares<Origin>,
    logins_from: Shares<(Origin, String)>,
    logins_as: Shares<String>,
    codes: Shares<Origin>,
    passwords: Shares<Origin>,
    guests: Shares<Origin>,
    changes: Shares<String>,
}

/// The share of each.
#[derive(Debug)]
struct Shares<K>(Mutex<Table<K, Bucket>>);

impl<K: Eq + Hash> Default for Shares<K> {
    fn default() -> Self {
        Shares(Mutex::new(Table::new(KEYS_MAX)))
    }
}

impl Attempts {
    /// Somebody gives a name and a password. Names that no account has count alike.
    ///
    /// # Errors
    /// Too often.
    pub(crate) fn log_in(&self, origin: Origin, name: &Skeleton) -> Result<(), Exceeded> {
        self.logins.take(&origin, LOGINS_OF_ADDRESS)?;
        let name = name.as_str().to_owned();
        self.logins_from.take(&(origin, name.clone()), LOGINS_OF_ACCOUNT_FROM_ADDRESS)?;
        self.logins_as.take(&name, LOGINS_OF_ACCOUNT)
    }

    /// Somebody has a code: of an invitation, a reset, or the first account.
    ///
    /// # Errors
    /// Too often.
    pub(crate) fn code(&self, origin: Origin) -> Result<(), Exceeded> {
        self.codes.take(&origin, CODES)
    }

    /// Somebody with a right code sets a password.
    ///
    /// # Errors
    /// Too often.
    pub(crate) fn password(&self, origin: Origin) -> Result<(), Exceeded> {
        self.passwords.take(&origin, PASSWORDS)
    }

    /// Somebody comes in as a guest.
    ///
    /// # Errors
    /// Too often.
    pub(crate) fn guest(&self, origin: Origin) -> Result<(), Exceeded> {
        self.guests.take(&origin, GUESTS)
    }

    /// Somebody who is logged in, by the id, changes what others are told of.
    ///
    /// # Errors
    /// Too often.
    pub(crate) fn change(&self, person: &str) -> Result<(), Exceeded> {
        self.changes.take(&person.to_owned(), CHANGES)
    }
}

impl<K: Clone + Eq + Hash> Shares<K> {
    fn take(&self, key: &K, rate: Rate) -> Result<(), Exceeded> {
        let now = Instant::now();
        let taken = self.0.lock().of(key, now).take(rate, 1, now);
        taken.map_err(|Short { retry_after }| Exceeded { what: Limit::Rate, retry_after })
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    fn origin(last: u32) -> Origin {
        Origin::of(Some(IpAddr::V4((0x0A00_0000 + last).into())))
    }

    fn taken(mut take: impl FnMut() -> Result<(), Exceeded>) -> (usize, Duration) {
        for n in 0..1_000 {
            if let Err(exceeded) = take() {
                return (n, exceeded.retry_after);
            }
        }
        panic!("no limit");
    }

    #[tokio::test(start_paused = true)]
    async fn one_account_from_one_address() {
        let attempts = Attempts::default();
        let (ada, bob) = (Skeleton::of("Ada"), Skeleton::of("Bob"));
        let (n, after) = taken(|| attempts.log_in(origin(1), &ada));
        assert_eq!((n, after), (5, Duration::from_secs(10)));
        attempts.log_in(origin(1), &bob).unwrap();
        attempts.log_in(origin(2), &ada).expect("its own person is at another address");
        tokio::time::advance(Duration::from_secs(10)).await;
        assert_eq!(taken(|| attempts.log_in(origin(1), &ada)).0, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn one_account_from_many_addresses_and_many_accounts_from_one() {
        let attempts = Attempts::default();
        let ada = Skeleton::of("Ada");
        let mut from = 0;
        let (n, after) = taken(|| {
            from += 1;
            attempts.log_in(origin(from), &ada)
        });
        assert_eq!((n, after), (30, Duration::from_secs(3)));
        let mut name = 0;
        let (n, after) = taken(|| {
            name += 1;
            attempts.log_in(origin(1_000), &Skeleton::of(&format!("name{name}x")))
        });
        assert_eq!((n, after), (20, Duration::from_secs(3)));
    }

    #[tokio::test(start_paused = true)]
    async fn the_others_at_their_edges() {
        let attempts = Attempts::default();
        let a = origin(1);
        assert_eq!(taken(|| attempts.code(a)), (20, Duration::from_secs(3)));
        assert_eq!(taken(|| attempts.password(a)), (10, Duration::from_secs(6)));
        assert_eq!(taken(|| attempts.guest(a)), (200, Duration::from_secs(30)));
        assert_eq!(taken(|| attempts.change("p")), (60, Duration::from_secs(1)));
        attempts.change("q").unwrap();
        tokio::time::advance(Duration::from_secs(30)).await;
        assert_eq!(taken(|| attempts.guest(a)).0, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn so_many_are_remembered_and_the_busy_ones_longest() {
        let attempts = Attempts::default();
        taken(|| attempts.code(origin(0)));
        for n in 1..=2 * KEYS_MAX as u32 {
            attempts.code(origin(n)).unwrap();
        }
        assert!(attempts.codes.0.lock().len() <= KEYS_MAX);
        attempts.code(origin(0)).unwrap_err();
    }
}
