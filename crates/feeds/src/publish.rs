//! Publishing over HTTP: `POST /api/v1/publish` and what stands beside it, for a program that has no socket.
//!
//! ```
//! use sockeye::Server;
//! use sockeye_feeds::publish::{MemoryKeys, NewKey, Publishing, Verb};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let runtime = tokio::runtime::Runtime::new()?;
//! # let _guard = runtime.enter();
//! let server = Server::builder().build()?;
//! let keys = MemoryKeys::new();
//! let shop = keys.create(NewKey::named("shop").namespace("/orders").verb(Verb::Publish))?;
//! Publishing::new(keys).mount(&server)?;
//! // curl -H "Authorization: Bearer $KEY" --json '{"namespace":"/orders","event":"paid","data":[7]}' .../api/v1/publish
//! assert!(shop.secret().starts_with("sk_"));
//! # Ok(())
//! # }
//! ```
//!
//! The [guide](crate::guide::publishing) has the requests, the answers and every error. From the outside in:
//! `service` judges a request, [`keys`](KeyStore) says whose it is, `usage` how often it may come, `repeats`
//! whether it came before, `operation` what it asks for, `listing` what it may look at.

mod arguments;
mod config;
mod docs;
mod error;
mod keys;
mod listing;
mod members;
mod openapi;
mod operation;
mod repeats;
mod route;
mod service;
mod usage;

use std::fmt;
use std::sync::Arc;

use sockeye::{MountError, Server};

use self::service::Service;

pub use self::config::PublishingConfig;
pub use self::error::ErrorCode;
pub use self::keys::file::{FileKeys, KeyFileError};
pub use self::keys::memory::MemoryKeys;
pub use self::keys::{
    ApiKey, Found, IssuedKey, KeyError, KeyRefused, KeyStore, NewKey, StoreError, StoredKey, Verb,
    verify,
};

/// Where it is mounted unless [`Publishing::path`] says otherwise.
pub const PATH: &str = "/api/v1";

/// The publishing API of a server, before it is mounted: who may use it, and how much.
///
/// ```
/// use sockeye::Server;
/// use sockeye_feeds::publish::{FileKeys, Publishing, PublishingConfig};
///
/// fn mount(server: &Server) -> Result<(), Box<dyn std::error::Error>> {
///     let config = PublishingConfig { requests_per_second: 10, ..Default::default() };
///     Publishing::new(FileKeys::open("data/keys.json")?).config(config).mount(server)?;
///     Ok(())
/// }
/// # let _ = mount;
/// ```
#[must_use = "nothing is served until it is mounted"]
pub struct Publishing {
    keys: Arc<dyn KeyStore>,
    config: PublishingConfig,
    path: String,
}

impl Publishing {
    /// The API for the holders of these keys.
    pub fn new(keys: impl KeyStore) -> Self {
        Self { keys: Arc::new(keys), config: PublishingConfig::default(), path: PATH.to_owned() }
    }

    /// Its limits.
    pub fn config(mut self, config: PublishingConfig) -> Self {
        self.config = config;
        self
    }

    /// Where it is served. Default [`PATH`].
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.path = path.into();
        self
    }

    /// Serves it beside the sockets, wherever the server is served.
    ///
    /// # Errors
    /// [`MountError`] when the path is none, or taken.
    pub fn mount(self, server: &Server) -> Result<(), MountError> {
        let service = Service::new(self.keys, self.config, &self.path);
        server.mount(self.path, service)
    }
}

impl fmt::Debug for Publishing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Publishing").field("path", &self.path).finish_non_exhaustive()
    }
}
