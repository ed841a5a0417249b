//! What is served under a path of its own beside the sockets.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
#[cfg(feature = "axum")]
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::{Buf as _, Bytes};
use http::Request;
use http_body::Body as HttpBody;
use http_body_util::BodyExt as _;
use http_body_util::combinators::UnsyncBoxBody;
use parking_lot::RwLock;
use sockeye_engine::ResponseFuture;
use thiserror::Error;

use super::Server;

/// The body of a request, whichever HTTP server it came from.
pub type RequestBody = UnsyncBoxBody<Bytes, Box<dyn Error + Send + Sync>>;

/// A service under a path of its own, for [`Server::mount`]: it is served wherever the server is, alone, as
/// a layer or as a router, after the check of the host.
///
/// ```
/// use http::{Request, Response};
/// use sockeye::engine::ResponseFuture;
/// use sockeye::{Body, Mount, RequestBody, Server};
///
/// /// `GET /health`: how many sessions there are.
/// struct Health;
///
/// impl Mount for Health {
///     fn answer(&self, server: &Server, _: Request<RequestBody>) -> ResponseFuture {
///         Response::new(Body::from(server.sessions().to_string())).into()
///     }
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let runtime = tokio::runtime::Runtime::new()?;
/// # let _guard = runtime.enter();
/// let server = Server::builder().build()?;
/// server.mount("/health", Health)?;
/// # Ok(())
/// # }
/// ```
pub trait Mount: Send + Sync + 'static {
    /// Answers a request for the path, or for what is below it. Called within a tokio runtime. Whoever
    /// keeps the `server` that it is lent keeps it alive.
    fn answer(&self, server: &Server, request: Request<RequestBody>) -> ResponseFuture;

    /// The server begins to end, by [`Server::shutdown`] or [`Server::drain`]: answers that wait are to be
    /// given, and those that go on are to end. Default: there are none.
    fn shutdown(&self) {}
}

/// Why nothing can be mounted under a path.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum MountError {
    /// It is no path.
    #[error(
        "`{0}` is no path to mount at: it begins with a slash, ends without one, and has no query"
    )]
    Path(String),
    /// Something is mounted there, above or below.
    #[error("`{path}` overlaps with `{other}`, which is mounted already")]
    Overlap {
        /// What was to be mounted.
        path: String,
        /// What is.
        other: String,
    },
    /// All of the server's own path.
    #[error("`{0}` is where the sockets are served: mount something below it, or elsewhere")]
    ServerPath(String),
}

/// What is mounted, by path.
#[derive(Default)]
pub(crate) struct Mounts {
    all: RwLock<Vec<Mounted>>,
    /// A router of axum has the routes of what was mounted until then.
    #[cfg(feature = "axum")]
    is_routed: AtomicBool,
}

type Mounted = (Box<str>, Arc<dyn Mount>);

impl Mounts {
    /// Mounts a service; `own` is the path of the sockets.
    pub(super) fn add(
        &self,
        own: &str,
        path: String,
        mount: Arc<dyn Mount>,
    ) -> Result<(), MountError> {
        let is_path = path.len() > 1
            && path.starts_with('/')
            && !path.ends_with('/')
            && path.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'?' | b'#'));
        if !is_path {
            return Err(MountError::Path(path));
        }
        if is_within(own, &path) {
            return Err(MountError::ServerPath(path));
        }
        let mut all = self.all.write();
        let other =
            all.iter().find(|(other, _)| is_within(other, &path) || is_within(&path, other));
        if let Some((other, _)) = other {
            return Err(MountError::Overlap { path, other: other.to_string() });
        }
        #[cfg(feature = "axum")]
        if self.is_routed.load(Ordering::Relaxed) && !is_within(&path, own) {
            tracing::warn!(
                path,
                "mounted after `into_router`, whose router does not have it: mount before that"
            );
        }
        all.push((path.into(), mount));
        Ok(())
    }

    /// What a path is for.
    pub(super) fn find(&self, path: &str) -> Option<Arc<dyn Mount>> {
        let all = self.all.read();
        all.iter().find(|(at, _)| is_within(path, at)).map(|(_, mount)| Arc::clone(mount))
    }

    /// The paths there are, for a router.
    #[cfg(feature = "axum")]
    pub(super) fn paths(&self) -> Vec<Box<str>> {
        self.is_routed.store(true, Ordering::Relaxed);
        self.all.read().iter().map(|(path, _)| path.clone()).collect()
    }

    /// Tells all that the server begins to end.
    pub(super) fn shutdown(&self) {
        let all: Vec<_> = self.all.read().iter().map(|(_, mount)| Arc::clone(mount)).collect();
        all.iter().for_each(|mount| mount.shutdown());
    }
}

/// Whether a path is another one, or below it.
fn is_within(path: &str, above: &str) -> bool {
    path.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// A request whose body is of the one type that all mounts take.
pub(super) fn boxed<B>(request: Request<B>) -> Request<RequestBody>
where
    B: HttpBody + Send + 'static,
    B::Data: Send,
    B::Error: fmt::Display + Send,
{
    request.map(|body| {
        let body =
            body.map_frame(|frame| frame.map_data(|mut data| data.copy_to_bytes(data.remaining())));
        body.map_err(|error| error.to_string().into()).boxed_unsync()
    })
}

impl fmt::Debug for Mounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.all.read().iter().map(|(path, _)| path.clone())).finish()
    }
}

impl Server {
    /// Serves something else under `path` and below it: outside the server's own path, or below that, as
    /// `/socket.io/feeds`. Mount before [`into_router`](Server::into_router), which has the routes there are
    /// at that moment.
    ///
    /// # Errors
    /// [`MountError`] when it is no path, or taken.
    pub fn mount(&self, path: impl Into<String>, mount: impl Mount) -> Result<(), MountError> {
        self.mounts().add(self.path(), path.into(), Arc::new(mount))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Response;
    use sockeye_engine::Body;

    struct Nothing;

    impl Mount for Nothing {
        fn answer(&self, _: &Server, _: Request<RequestBody>) -> ResponseFuture {
            Response::new(Body::default()).into()
        }
    }

    #[test]
    fn paths_that_are_none_or_taken_are_refused() {
        let mounts = Mounts::default();
        let add = |path: &str| mounts.add("/socket.io", path.to_owned(), Arc::new(Nothing));
        for path in ["", "/", "feeds", "/feeds/", "/feeds?x", "/a b", "/é"] {
            assert_eq!(add(path), Err(MountError::Path(path.to_owned())), "{path}");
        }
        assert_eq!(add("/socket.io"), Err(MountError::ServerPath("/socket.io".to_owned())));
        assert_eq!(add("/socket.io/feeds"), Ok(()));
        for path in ["/socket.io/feeds", "/socket.io/feeds/below"] {
            assert!(matches!(add(path), Err(MountError::Overlap { .. })), "{path}");
        }
        assert_eq!(add("/socket.io/feeds-too"), Ok(()));
        assert_eq!(add("/api/v1"), Ok(()));
        assert!(mounts.find("/api/v1").is_some());
        assert!(mounts.find("/api/v1/publish").is_some());
        assert!(mounts.find("/api/v10").is_none());
        assert!(mounts.find("/api").is_none());
    }
}
