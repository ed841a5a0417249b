//! Feeds: the namespaces and rooms of a server as streams.

mod builder;
mod offers;
mod rooms;
mod serve;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::RwLock;
use serde::Serialize;
use sockeye::{Action, Io, Operation};
use thiserror::Error;

pub use self::builder::FeedsBuilder;
use self::offers::{Offers, with_slash};
use self::rooms::Spaces;
use crate::config::FeedsConfig;
use crate::cursor::CursorKey;
use crate::http::read::Readers;
use crate::message::{ContentType, Message};
use crate::stream::owner::Owner;
use crate::stream::{Phase, Shared};
use crate::ticket::Tickets;

/// Namespaces and rooms of a server as feeds, for readers over plain HTTP: a handle, cheap to clone. Made by
/// [`Feeds::builder`].
///
/// A feed of a namespace has what is sent to everybody in it, a feed of a room what is sent to that room, from
/// whichever server of a cluster. Who may read is decided by the rules for clients and by
/// [`on_read`](sockeye::Namespace::on_read), asked anew with each request.
///
/// ```
/// use sockeye::{Namespace, Server};
/// use sockeye_feeds::Feeds;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let runtime = tokio::runtime::Runtime::new()?;
/// # let _guard = runtime.enter();
/// let server = Server::builder()
///     .namespace(Namespace::new("/news").on_read(async || {}))
///     .build()?;
/// Feeds::builder().offer("/news").mount(&server)?;
///
/// // `curl -N -H 'Accept: text/event-stream' localhost:3000/socket.io/feeds/news`
/// server.of("/news").expect("it is declared").emit("headline", "it rains")?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Feeds {
    inner: Arc<Inner>,
}

struct Inner {
    config: FeedsConfig,
    key: CursorKey,
    owner: Owner,
    next_number: AtomicU64,
    offers: Offers,
    /// By namespace: the feed of all of it, and those of rooms.
    spaces: RwLock<Spaces>,
    readers: Readers,
    tickets: Tickets,
    is_ending: AtomicBool,
}

/// Why there is no ticket.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TicketError {
    /// What it is to be worth cannot be written as a JSON object.
    #[error("what a ticket stands for is a JSON object, as `auth` of a client is")]
    Auth,
    /// Too many were given out and not used.
    #[error("too many tickets were given out and not used")]
    TooMany,
}

impl Feeds {
    /// Starts the declaration of what is offered.
    pub fn builder() -> FeedsBuilder {
        FeedsBuilder::new()
    }

    /// A ticket, to be used once as `?ticket=` for feeds of this namespace within
    /// [`ticket_max`](FeedsConfig::ticket_max): `on_connect` gets `auth` as if a client had sent it, so it is
    /// to be something that it can check: a token, never a bare name. For `EventSource`, which sends no
    /// header; a page whose user is known by a cookie needs none.
    ///
    /// # Errors
    /// [`TicketError`].
    ///
    /// ```
    /// # fn example(feeds: &sockeye_feeds::Feeds, token: &str) -> Result<String, sockeye_feeds::TicketError> {
    /// let ticket = feeds.ticket("/news", &serde_json::json!({ "token": token }))?;
    /// Ok(format!("/socket.io/feeds/news?ticket={ticket}"))
    /// # }
    /// ```
    pub fn ticket<A: Serialize + ?Sized>(
        &self,
        namespace: &str,
        auth: &A,
    ) -> Result<String, TicketError> {
        let auth = serde_json::to_string(auth).map_err(|_| TicketError::Auth)?;
        if !auth.starts_with('{') {
            return Err(TicketError::Auth);
        }
        let time = self.inner.config.ticket_max;
        self.inner
            .tickets
            .give(&with_slash(namespace), &auth, None, time)
            .ok_or(TicketError::TooMany)
    }

    /// How many readers listen or wait at this moment.
    pub fn readers(&self) -> usize {
        self.inner.readers.places.taken()
    }

    /// Bytes that all feeds keep: events, and the last answer to a poll of each, for who asks for the same.
    pub fn bytes(&self) -> usize {
        self.inner.owner.bytes()
    }

    /// How many feeds there are.
    pub fn len(&self) -> usize {
        self.inner.spaces.read().all().count()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Inner {
    /// Notes what is sent.
    fn heed(&self, operation: &Operation<'_>) {
        let Action::Emit { event, .. } = operation.action else { return };
        let feeds = self.spaces.read().of(operation);
        if feeds.is_empty() {
            return;
        }
        let message = Message::event(event);
        for feed in &feeds {
            match operation.flags.is_volatile {
                true => feed.push_volatile(&message),
                false => feed.push(message.clone()),
            }
        }
    }

    /// A feed that keeps what comes from now on, of a namespace that is there.
    fn new_feed(&self, name: &str, io: Io) -> Arc<Shared> {
        let number = self.next_number.fetch_add(1, Ordering::Relaxed);
        let namespace = io.namespace().to_owned();
        let stream = Shared::new(
            name,
            ContentType::new("application/json"),
            self.key.sealer(number),
            self.config.history,
            &self.owner,
            move || io.of(&namespace).is_some(),
        );
        if self.is_ending.load(Ordering::Relaxed) {
            stream.end(Phase::Ending);
        }
        stream
    }

    fn end(&self) {
        self.is_ending.store(true, Ordering::Relaxed);
        let all: Vec<_> = self.spaces.read().all().cloned().collect();
        all.iter().for_each(|stream| stream.end(Phase::Ending));
    }
}

impl fmt::Debug for Feeds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut feeds = f.debug_struct("Feeds");
        feeds.field("len", &self.len()).field("readers", &self.readers()).finish_non_exhaustive()
    }
}
