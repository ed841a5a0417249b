//! The declaration of what is offered.

use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Weak};

use parking_lot::RwLock;
use sockeye::{MountError, Server};
use sockeye_net::flush::Flusher;
use tokio::runtime::Handle;

use super::offers::Offers;
use super::rooms::Spaces;
use super::serve::Mounted;
use super::{Feeds, Inner};
use crate::config::FeedsConfig;
use crate::cursor::CursorKey;
use crate::http::read::Readers;
use crate::places::Places;
use crate::stream::owner::{Owner, relieve};
use crate::ticket::Tickets;

/// The declaration of [`Feeds`]: what is offered, how it is kept, where it is served.
#[derive(Debug)]
#[must_use = "nothing is offered until it is mounted"]
pub struct FeedsBuilder {
    config: FeedsConfig,
    offers: Offers,
    path: Option<String>,
}

impl FeedsBuilder {
    pub(super) fn new() -> Self {
        Self { config: FeedsConfig::default(), offers: Offers::default(), path: None }
    }

    /// Offers a namespace and each of its rooms, as far as its
    /// [`on_read`](sockeye::Namespace::on_read) lets somebody read. What is sent to all of it is kept from
    /// now on; what is sent to a room from the first time that somebody reads it. Can be repeated.
    pub fn offer(mut self, namespace: impl AsRef<str>) -> Self {
        self.offers.add_namespace(namespace.as_ref());
        self
    }

    /// Offers one room of a namespace, and keeps what is sent to it from now on, also while nobody reads it.
    pub fn offer_room(mut self, namespace: impl AsRef<str>, room: impl AsRef<str>) -> Self {
        self.offers.add_room(namespace.as_ref(), room.as_ref());
        self
    }

    /// Offers every namespace whose name a function accepts, such as dynamic ones, and each of its rooms. What
    /// is sent to all of one that is not there yet is kept from the first time that somebody reads it.
    ///
    /// ```
    /// let builder = sockeye_feeds::Feeds::builder().offer_where(|name| name.starts_with("/doc-"));
    /// # drop(builder);
    /// ```
    pub fn offer_where(mut self, accepts: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        self.offers.set_rule(accepts);
        self
    }

    /// Offers every namespace and every room. Who may read is still for `on_read` to say.
    pub fn offer_all(self) -> Self {
        self.offer_where(|_| true)
    }

    /// Replaces the configuration.
    pub fn config(mut self, config: FeedsConfig) -> Self {
        self.config = config;
        self
    }

    /// Where they are served. Default: `feeds` below the path of the server, `/socket.io/feeds`.
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.path = Some(path.into());
        self
    }

    /// Serves them with the server, however that is served. Has to be called inside of a tokio runtime.
    ///
    /// # Errors
    /// [`MountError`] when the path is none, or taken.
    pub fn mount(self, server: &Server) -> Result<Feeds, MountError> {
        let path = self.path.unwrap_or_else(|| format!("{}/feeds", server.path()));
        let config = self.config;
        let of_server = server.config().engine.sessions_per_address_max;
        let per_address = config.reading.readers_per_address_max.or(of_server);
        let places = Places::new(config.reading.readers_max, per_address);
        let readers = Readers { reading: config.reading.clone(), places };
        let flusher = Flusher::new(Handle::current());
        let inner = Arc::new_cyclic(|inner: &Weak<Inner>| {
            let inner = Weak::clone(inner);
            let relieve = move || {
                let Some(inner) = inner.upgrade() else { return };
                let all: Vec<_> = inner.spaces.read().all().cloned().collect();
                relieve(all.iter());
            };
            Inner {
                owner: Owner::new(flusher, config.bytes_max_total, relieve),
                key: CursorKey::random(),
                next_number: AtomicU64::new(0),
                offers: self.offers,
                spaces: RwLock::new(Spaces::default()),
                readers,
                tickets: Tickets::default(),
                is_ending: AtomicBool::new(false),
                config,
            }
        });
        let feeds = Feeds { inner };
        server.mount(path.clone(), Mounted { feeds: feeds.clone(), path })?;
        feeds.inner.begin(server);
        let heeding = Arc::downgrade(&feeds.inner);
        server.on_emit(move |operation| {
            if let Some(inner) = heeding.upgrade() {
                inner.heed(operation);
            }
        });
        Ok(feeds)
    }
}
