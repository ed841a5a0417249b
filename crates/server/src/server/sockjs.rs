//! Pages that speak SockJS take part in namespaces.

use http::Request;
use sockeye_engine::ResponseFuture;
use sockeye_sockjs::{Config, ConfigError, Service, SockJs};
use thiserror::Error;

use super::Server;
use super::mounts::{Mount, MountError, RequestBody};

/// Why SockJS cannot be served.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SockJsError {
    /// Its configuration makes no sense.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Nothing can be mounted at its path.
    #[error(transparent)]
    Mount(#[from] MountError),
}

/// The engine is the server's, so that the service alone is kept here.
struct SockJsMount(Service);

impl Mount for SockJsMount {
    fn answer(&self, server: &Server, request: Request<RequestBody>) -> ResponseFuture {
        SockJs::of(server.engine.clone(), self.0.clone()).respond(request)
    }
}

impl Server {
    /// Serves pages that speak SockJS, at the [path](Config::path) of `config`: they take part in namespaces as
    /// clients of Socket.IO do, under the server's limits and rules. Each SockJS message is a packet of
    /// Socket.IO (protocol 5); the attachments of a binary one follow it, each `b` and base64, whatever
    /// [`binary_messages`](Config::binary_messages) says. Mount before `into_router`.
    ///
    /// A page needs `sockjs-client` and no more than
    /// [some lines](https://github.com/sockeye-rs/sockeye/blob/main/docs/guide/sockjs.md).
    ///
    /// # Errors
    /// [`SockJsError`] when the configuration makes no sense, or its path is taken.
    ///
    /// ```
    /// use sockeye::{Namespace, Server, sockjs};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let runtime = tokio::runtime::Runtime::new()?;
    /// # let _guard = runtime.enter();
    /// let server = Server::builder().namespace(Namespace::new("/")).build()?;
    /// server.mount_sockjs(sockjs::Config::default())?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn mount_sockjs(&self, config: Config) -> Result<(), SockJsError> {
        let path = config.path.clone();
        let service = Service::new(Config { binary_messages: true, ..config })?;
        Ok(self.mount(path, SockJsMount(service))?)
    }
}
