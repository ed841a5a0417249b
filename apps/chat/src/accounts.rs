//! Who somebody is: people, their sessions, and the sockets of these sessions.
//!
//! A session is a secret in a cookie; the store has its digest. HTTP requests and sockets are asked for the same
//! cookie. Each socket is in the library's rooms `person <id>` and `session <id>`, by which whoever changes or ends
//! something reaches it at once.

pub mod contract;
pub mod passwords;
pub mod store;

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::{Duration, SystemTime};

use axum::http::request::Parts;
use parking_lot::Mutex;
use sockeye::{Expiry, Io, Refuse, Socket};

use crate::id::Digest;
use crate::presence::handlers as presence;
use crate::store::{Store, StoreError};
use contract::{Boot, PERSON, Person};
use store::StoredSession;

/// The cookie of a session where the connection is not encrypted.
pub const COOKIE: &str = "sockeye";
/// The same under TLS: browsers take it from this very host only, and never in the clear (RFC 6265bis §4.1.3.2).
pub const SECURE_COOKIE: &str = "__Host-sockeye";

/// Known people are looked through for those who have gone when there are so many, and twice as many.
const KNOWN_MIN: usize = 1_024;

/// The accounts and sessions of a store.
#[derive(Clone, Debug)]
pub struct Accounts(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    store: Arc<dyn Store>,
    known: Mutex<Directory>,
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
    /// Those of this store.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Accounts(Arc::new(Inner { store, known: Mutex::default() }))
    }

    /// The session whose cookie has this value.
    ///
    /// # Errors
    /// The database failed.
    pub async fn session(&self, cookie: &str) -> Result<Option<StoredSession>, StoreError> {
        match Digest::of(cookie) {
            Some(digest) => self.0.store.session(&digest, now()).await,
            None => Ok(None),
        }
    }

    /// Lets a socket of `/rooms` or `/chat` in that has the cookie of a session: `on_connect` of both.
    ///
    /// # Errors
    /// It has none, or its session is over: `unauthorized`. Or the database failed.
    pub async fn admit(&self, socket: &Socket) -> Result<(), Refuse> {
        let handshake = socket.handshake();
        let cookie = handshake.cookie(cookie_name(handshake.is_secure()));
        let session = match cookie {
            Some(cookie) => self.session(cookie).await?,
            None => None,
        };
        let session = session.ok_or_else(|| Refuse::new("unauthorized"))?;
        let left = u64::try_from(session.expires_at - now()).unwrap_or_default();
        socket.set_expiry(Some(Expiry {
            after: Duration::from_millis(left),
            warning: Duration::ZERO,
        }));
        socket.join([format!("person {}", session.person.id), format!("session {}", session.id)]);
        let id = session.person.id.clone();
        let known = self.known(session.person);
        socket.set(Caller { id, session: session.id, known });
        Ok(())
    }

    /// Whether somebody without an account may come in.
    pub fn has_guests(&self) -> bool {
        true
    }

    /// What a page is told of who it is.
    ///
    /// # Errors
    /// The database failed.
    pub async fn boot(&self, request: &Parts) -> Result<Boot, StoreError> {
        let _ = request;
        Ok(Boot { has_guests: true, ..Boot::default() })
    }

    /// Somebody is otherwise than before: their sockets know, and everybody is told.
    pub fn changed(&self, io: &Io, person: &Person) {
        let known = self.0.known.lock().people.get(&person.id).and_then(Weak::upgrade);
        if let Some(known) = known {
            *known.person.lock() = Arc::new(person.clone());
        }
        presence::follow(io, person);
        for namespace in ["/rooms", "/chat"] {
            if let Some(io) = io.of(namespace)
                && let Err(error) = io.emit(PERSON, person)
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

/// The name of a session's cookie.
pub fn cookie_name(is_secure: bool) -> &'static str {
    if is_secure { SECURE_COOKIE } else { COOKIE }
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
