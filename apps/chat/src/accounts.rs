//! Who somebody is: people, their sessions, and the sockets of these sessions.
//!
//! A session is a secret in a cookie; the store has its digest. HTTP requests and sockets are asked for the same
//! cookie. Each socket is in the library's rooms `person <id>` and `session <id>`, by which whoever changes or ends
//! something reaches it at once.

pub(crate) mod attempts;
pub mod contract;
pub mod cookies;
pub(crate) mod http;
pub mod passkeys;
pub mod passwords;
mod powers;
mod sessions;
pub mod store;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::SystemTime;

use parking_lot::Mutex;
use sockeye::Io;

use self::attempts::Attempts;
use self::contract::{PERSON, Person};
use self::passkeys::Ceremonies;
use self::passwords::Passwords;
use crate::conversation;
use crate::id::Secret;
use crate::presence::handlers as presence;
use crate::quota::{Exceeded, Origin};
use crate::rooms::list;
use crate::store::{Store, StoreError};
pub use cookies::cookie_name;

/// The cookie of a session where the connection is not encrypted.
pub const COOKIE: &str = "sockeye";
/// The same under TLS: browsers take it from this very host only, and never in the clear (RFC 6265bis §4.1.3.2).
pub const SECURE_COOKIE: &str = "__Host-sockeye";

/// How long a session lasts from when it was used last, within a day, in milliseconds: 30 days.
pub const SESSION_LIFETIME: i64 = 30 * 24 * 3_600 * 1_000;
/// The most sessions somebody has at once.
pub const SESSIONS_MAX: i64 = 50;
/// How long the link works by which a new password is set, in milliseconds: a day.
pub const RESET_LIFETIME: i64 = 24 * 3_600 * 1_000;

/// The library's room of all sockets whose session goes on: who is shut out is out of it before the socket is closed.
const ADMITTED: &str = "admitted";

/// The namespaces in which people's sockets are.
const NAMESPACES: [&str; 2] = [list::PATH, conversation::PATH];

/// Known people are looked through for those who have gone when there are so many, and twice as many.
const KNOWN_MIN: usize = 1_024;

/// The accounts and sessions of a store.
#[derive(Clone, Debug)]
pub struct Accounts(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    store: Arc<dyn Store>,
    passwords: Passwords,
    attempts: Attempts,
    ceremonies: Ceremonies,
    known: Mutex<Directory>,
    /// Grows whenever somebody is otherwise than before, or a session is over.
    changes: AtomicU64,
    /// Whether people without an account are let in.
    has_guests: AtomicBool,
    /// By whose digest the first account can be made; `None`: there is one.
    setup: Mutex<Option<Secret>>,
    /// Where the sockets are, as soon as there is a server.
    io: OnceLock<Io>,
}

/// The people whose sockets are here, as they are now.
#[derive(Debug, Default)]
struct Directory {
    people: HashMap<String, Weak<Known>>,
    /// When to look for those who have gone.
    looked_at: usize,
}

#[derive(Debug)]
struct Known {
    person: Mutex<Arc<Person>>,
}

/// Whoever a socket belongs to: its [`Local`](sockeye::Local) in `/rooms` and `/chat`.
#[derive(Debug)]
pub struct Caller {
    /// The person's id.
    pub id: String,
    /// The id of the session.
    pub session: String,
    known: Arc<Known>,
}

impl Caller {
    /// The person as of now.
    pub fn person(&self) -> Arc<Person> {
        Arc::clone(&self.known.person.lock())
    }
}

impl Accounts {
    /// Those of this store. While there is no owner, there is a code by which somebody becomes it.
    ///
    /// # Errors
    /// The database failed.
    pub async fn open(store: Arc<dyn Store>, passwords: Passwords) -> Result<Self, StoreError> {
        let has_guests = AtomicBool::new(store.has_guests().await?);
        let setup = (!store.has_owner().await?).then(Secret::new);
        let inner = Inner {
            store,
            passwords,
            attempts: Attempts::default(),
            ceremonies: Ceremonies::default(),
            known: Mutex::default(),
            changes: AtomicU64::new(0),
            has_guests,
            setup: Mutex::new(setup),
            io: OnceLock::new(),
        };
        Ok(Accounts(Arc::new(inner)))
    }

    /// From now on the sockets of this server hear of changes, and are closed when their sessions end.
    pub fn connect(&self, io: Io) {
        let _ = self.0.io.set(io);
    }

    /// Whether people without an account are let in.
    pub fn has_guests(&self) -> bool {
        self.0.has_guests.load(Ordering::Relaxed)
    }

    /// The code by which somebody makes the first account; `None`: there is an owner.
    pub fn setup_code(&self) -> Option<Secret> {
        self.0.setup.lock().clone()
    }

    /// The server's main namespace, which leads to all others; `None`: there is no server.
    pub(crate) fn io(&self) -> Option<&Io> {
        self.0.io.get()
    }

    /// Somebody at an address tries a code.
    ///
    /// # Errors
    /// Too often.
    pub(crate) fn try_code(&self, origin: Origin) -> Result<(), Exceeded> {
        self.0.attempts.code(origin)
    }

    /// Somebody who is logged in, by the id, changes what others are told of.
    ///
    /// # Errors
    /// Too often.
    pub(crate) fn try_change(&self, person: &str) -> Result<(), Exceeded> {
        self.0.attempts.change(person)
    }

    /// The ceremonies of passkeys that are under way.
    pub(crate) fn ceremonies(&self) -> &Ceremonies {
        &self.0.ceremonies
    }

    /// Those of [`NAMESPACES`] that the server has.
    fn namespaces(&self) -> impl Iterator<Item = Io> {
        let io = self.0.io.get();
        NAMESPACES.into_iter().filter_map(move |path| io.and_then(|io| io.of(path)))
    }

    /// Somebody is otherwise than before: their sockets know, and everybody is told.
    pub fn changed(&self, io: &Io, person: &Person) {
        self.0.changes.fetch_add(1, Ordering::Release);
        let known = self.0.known.lock().people.get(&person.id).and_then(Weak::upgrade);
        if let Some(known) = known {
            *known.person.lock() = Arc::new(person.clone());
        }
        presence::follow(io, person);
        for namespace in NAMESPACES {
            if let Some(io) = io.of(namespace)
                && let Err(error) = io.to(ADMITTED).emit(PERSON, person)
            {
                tracing::debug!(%error, "not sent");
            }
        }
    }

    /// The one entry of a person, as of now.
    fn known(&self, person: Person) -> Arc<Known> {
        let mut directory = self.0.known.lock();
        if directory.people.len() >= directory.looked_at.max(KNOWN_MIN) {
            directory.people.retain(|_, known| known.strong_count() > 0);
            directory.looked_at = directory.people.len() * 2;
        }
        if let Some(known) = directory.people.get(&person.id).and_then(Weak::upgrade) {
            *known.person.lock() = Arc::new(person);
            return known;
        }
        let id = person.id.clone();
        let known = Arc::new(Known { person: Mutex::new(Arc::new(person)) });
        directory.people.insert(id, Arc::downgrade(&known));
        known
    }
}

/// Milliseconds since 1970-01-01 UTC.
pub fn now() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// A colour for whoever chose none: the same name has the same one everywhere.
pub fn hue_of(name: &str) -> u16 {
    let hash = name.chars().fold(0_u32, |hash, c| hash.wrapping_mul(31).wrapping_add(c.into()));
    // Steps of the golden angle keep similar names apart.
    (f64::from(hash) * 137.508 % 360.0) as u16
}
