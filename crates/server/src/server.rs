//! The handle of the server, and the values that its parts are made from.

/// Everything about a server that is not its namespaces.
pub(crate) mod config;
/// The declaration of a server.
pub(crate) mod builder;
/// The options of Node's server, as methods of the builder.
mod options;
/// How it meets its requests: as a tower service, or by listening itself.
pub(crate) mod serve;
/// It as a tower layer around another service.
pub(crate) mod layer;
/// It as a router of axum.
#[cfg(feature = "axum")]
mod router;
/// What the compiler says about `into_router` without axum.
#[cfg(not(feature = "axum"))]
mod router_absent;
/// The browser client, served below its path.
#[cfg(feature = "client-files")]
mod client_files;
#[cfg(not(feature = "client-files"))]
#[path = "server/client_files_absent.rs"]
mod client_files;
/// Readers over plain HTTP, let in as clients are.
mod admit;
/// What is served beside the sockets.
pub(crate) mod mounts;
/// Its end, without cutting anybody off.
pub(crate) mod drain;
/// What it holds, as plain data.
pub(crate) mod snapshot;
#[cfg(feature = "sockjs")]
pub(crate) mod sockjs;
/// Lists of sessions, sockets and rooms, in pages.
pub(crate) mod listing;
/// A page of a list.
pub(crate) mod page;
#[cfg(feature = "metrics")]
pub mod metrics;
#[cfg(not(feature = "metrics"))]
#[path = "server/metrics_absent.rs"]
pub(crate) mod metrics;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::request::Parts;
use http::{HeaderValue, Request, Response};
use sockeye_engine::{Application, Body, CloseReason, Engine, Handshake, Session};
use sockeye_net::http::NO_ADDRESS;
use tokio::time::Instant;

use self::builder::ServerBuilder;
use self::config::{CHILD_NAMESPACES_PER_ADDRESS_MAX, Config};
use self::drain::Drained;
use self::layer::SocketLayer;
use self::mounts::Mounts;
use self::serve::{IntoListeners, Serve, SocketService};
use self::snapshot::{ServerSnapshot, SessionKind, Usage};
use crate::broadcast::Broadcast;
use crate::broadcast::io::Io;
use crate::cluster::operation::Operation;
use crate::namespace::active::Siblings;
use crate::namespace::parent::ParentNamespace;
use crate::namespace::registry::Namespaces;
use crate::session::Peer;
use crate::session::link::SessionLink;

/// A Socket.IO server: a handle, cheap to clone. Let it [`serve`](Server::serve) alone, or mount it: in
/// axum by `into_router`, around any service by [`into_layer`](Server::into_layer), in hyper by
/// [`into_service`](Server::into_service). [The guide](crate::guide::mounting) has a table of the ways.
#[derive(Clone)]
pub struct Server {
    engine: Engine<App>,
    namespaces: Arc<Namespaces>,
    config: Arc<Config>,
}

impl Server {
    /// Starts the declaration of a server.
    pub fn builder() -> ServerBuilder {
        ServerBuilder::new()
    }

    /// The namespace `/`, to reach its sockets from anywhere.
    pub fn io(&self) -> Io {
        self.of("/").expect("every server has the namespace /")
    }

    /// A namespace, if it exists: declared by its name, or dynamic and made for a client.
    pub fn of(&self, path: &str) -> Option<Io> {
        self.namespaces.get(path).map(Io::new)
    }

    /// A namespace, made now if no client has asked for it yet: for what is sent to those who are in it on other servers of
    /// the cluster. From then on it is kept until the server ends. `None`: nothing that is declared accepts the name; a
    /// function given to [`Namespace::matching`](crate::Namespace::matching) decides for clients and is not asked.
    ///
    /// ```
    /// use sockeye::{Namespace, Server};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let runtime = tokio::runtime::Runtime::new()?;
    /// # let _guard = runtime.enter();
    /// let server = Server::builder().namespace(Namespace::new("/room-{id}")).build()?;
    /// assert!(server.of("/room-7").is_none());
    /// if let Some(room) = server.open("/room-7") {
    ///     room.emit("news", "for those who are there, on whichever server")?;
    /// }
    /// assert!(server.of("/room-7").is_some() && server.open("/elsewhere").is_none());
    /// # Ok(())
    /// # }
    /// ```
    pub fn open(&self, path: &str) -> Option<Io> {
        self.namespaces.open(path).map(Io::new)
    }

    /// All namespaces that exist, the dynamic ones included.
    pub fn namespaces(&self) -> Vec<Io> {
        self.namespaces.all().into_iter().map(Io::new).collect()
    }

    /// The namespaces that one dynamic declaration has made so far, as one target. Its name is the
    /// pattern as it was written, `/room-{id}`, the text of the regular expression, or the name
    /// given to [`Namespace::called`](crate::Namespace::called). `None` if no declaration has this name.
    pub fn parent_namespace(&self, name: &str) -> Option<ParentNamespace> {
        self.namespaces.children_of(name).map(ParentNamespace::new)
    }

    /// Everybody in every namespace that exists now, as one target.
    ///
    /// ```
    /// # fn run(server: &sockeye::Server) -> Result<(), sockeye::EmitError> {
    /// server.everywhere().emit("maintenance", "in five minutes")?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn everywhere(&self) -> Broadcast {
        Broadcast::over(self.namespaces.all())
    }

    /// Calls a function with every event that is sent on this server without asking for an answer, to
    /// whomever: what a handler emits, what the application does, and in a cluster what comes from the
    /// other servers. It hears an event before the sockets get it, where it is sent, so it is to be brief,
    /// and does not send itself. Namespaces that come later are heard as well.
    ///
    /// ```
    /// use sockeye::{Action, Server};
    ///
    /// fn log_what_is_sent(server: &Server) {
    ///     server.on_emit(|operation| {
    ///         if let Action::Emit { event, .. } = operation.action {
    ///             tracing::debug!(nsp = operation.namespace, event = event.name, "sent");
    ///         }
    ///     });
    /// }
    /// ```
    pub fn on_emit(&self, listener: impl Fn(&Operation<'_>) + Send + Sync + 'static) {
        self.namespaces.listeners().add(Arc::new(listener));
    }

    pub(crate) fn mounts(&self) -> &Mounts {
        &self.engine.application().mounts
    }

    /// Adds what the server's own answers say about requests of pages of other
    /// [origins](ServerBuilder::allow_origin), for what is [mounted](Server::mount).
    pub fn with_cors<B>(&self, request: &Request<B>, response: Response<Body>) -> Response<Body> {
        self.engine.with_cors(request, response)
    }

    /// The answer to the question of a browser whether a page of another origin may send such a request
    /// (`OPTIONS`), for what is [mounted](Server::mount) and takes these `methods`. `None`: no such page
    /// may ask anything.
    pub fn preflight(&self, request: &Parts, methods: HeaderValue) -> Option<Response<Body>> {
        self.engine.preflight_beside(request, methods)
    }

    /// Where it answers: its [path](sockeye_engine::Config::path), without a slash at the end;
    /// `/socket.io` unless it was set.
    pub fn path(&self) -> &str {
        self.engine.path()
    }

    /// Its configuration.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// How many sessions are open, whatever their namespaces.
    pub fn sessions(&self) -> usize {
        self.engine.sessions()
    }

    /// Bytes that wait for clients: queued for their sessions, or in long answers to polls that
    /// they have not read. A packet that waits for many counts once. Bounded by
    /// [`queued_bytes_max_total`](sockeye_engine::Config::queued_bytes_max_total).
    pub fn queued_bytes(&self) -> usize {
        self.engine.queued_bytes()
    }

    /// Counts of what the server holds, as plain data. It goes through every session, every
    /// namespace and what they keep; no lock is held for more than a part of that, so numbers of
    /// different parts may be of different moments.
    pub fn snapshot(&self) -> ServerSnapshot {
        let config = &self.config;
        let kinds = self.engine.session_counts().into_iter();
        let session_kinds: Vec<_> = kinds
            .map(|kind| SessionKind {
                transport: kind.transport.as_str(),
                revision: kind.revision.number(),
                sessions: kind.sessions,
            })
            .collect();
        let mut namespaces: Vec<_> = self
            .namespaces
            .all()
            .iter()
            .map(|active| active.snapshot(self.namespaces.parent_name(active)))
            .collect();
        namespaces.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        let children = namespaces.iter().filter(|namespace| namespace.parent.is_some()).count();
        ServerSnapshot {
            uptime_seconds: self.engine.application().started.elapsed().as_secs(),
            sessions: session_kinds.iter().map(|kind| kind.sessions).sum(),
            session_kinds,
            sessions_per_address_max: config.engine.sessions_per_address_max,
            queued_bytes: Usage::new(self.queued_bytes(), config.engine.queued_bytes_max_total),
            child_namespaces: Usage::new(children, config.child_namespaces_max),
            namespaces,
        }
    }

    /// A tower service that answers requests under the server's path, and 404 elsewhere: for hyper and
    /// whatever else speaks tower. Beside the routes of an axum application there is
    /// [`into_router`](Server::into_router), around any service [`into_layer`](Server::into_layer).
    ///
    /// ```
    /// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
    /// let server = sockeye::Server::builder().build()?;
    /// let listeners = sockeye::bind("localhost:3000").await?;
    /// sockeye::HttpServer::new(listeners, server.into_service()).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn into_service(self) -> SocketService {
        SocketService::new(self)
    }

    /// A tower layer: requests under the server's path are answered by it, all others by the service
    /// that it is put around. That keeps its own fallback, files and 404.
    ///
    /// ```
    /// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
    /// use axum::{Router, routing::get};
    ///
    /// let server = sockeye::Server::builder().build()?;
    /// let app: Router = Router::new()
    ///     .route("/hello", get(async || "hello"))
    ///     .fallback(async || "no such page")
    ///     .layer(server.into_layer()); // behind all routes and the fallback
    /// let listeners = sockeye::bind("localhost:3000").await?;
    /// sockeye::HttpServer::new(listeners, app).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn into_layer(self) -> SocketLayer {
        SocketLayer::new(self.into_service())
    }

    /// A router of axum with everything under the server's path, to be merged into an application's,
    /// whose fallback it leaves alone.
    ///
    /// # Panics
    /// When a segment of the path begins with `:` or `*`, which axum takes for its older notation.
    ///
    /// ```
    /// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
    /// use axum::{Router, routing::get};
    ///
    /// let server = sockeye::Server::builder().build()?;
    /// let app: Router = Router::new()
    ///     .route("/hello", get(async || "hello"))
    ///     .merge(server.into_router());
    /// let listeners = sockeye::bind("localhost:3000").await?;
    /// sockeye::HttpServer::new(listeners, app).await?;
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "axum")]
    #[cfg_attr(docsrs, doc(cfg(feature = "axum")))]
    pub fn into_router<S: Clone + Send + Sync + 'static>(self) -> axum::Router<S> {
        router::router(self)
    }

    /// Without the feature `axum` there is no router: the error says what to write.
    #[cfg(not(feature = "axum"))]
    #[doc(hidden)]
    pub fn into_router<R: router_absent::FeatureAxum>(self) -> R {
        unreachable!("nothing implements `FeatureAxum`")
    }

    /// Serves on these listeners, alone, until the process or the future of
    /// [`with_graceful_shutdown`](Serve::with_graceful_shutdown) ends. Await the result.
    ///
    /// Requests for a host that is neither an address nor `localhost`, nor one of
    /// [`allowed_hosts`](sockeye_engine::Config::allowed_hosts), are answered 421: any page can
    /// have its own name resolve to this address (DNS rebinding). Configure the name of the server
    /// with [`allowed_hosts`](ServerBuilder::allowed_hosts).
    pub fn serve(&self, listeners: impl IntoListeners) -> Serve {
        Serve::new(self.clone(), listeners.into_listeners())
    }

    /// Disconnects everybody with the reason "server shutting down" and waits until what was
    /// queued is written and all handlers are done. Later connections are refused.
    pub async fn shutdown(&self) {
        self.mounts().shutdown();
        self.engine.shutdown(CloseReason::ServerShutdown).await;
    }

    /// Ends the server without cutting anybody off: new sessions are refused, existing ones are
    /// closed in waves with the reason "server shutting down", so that not all of their clients
    /// connect to the other servers at once. Each is closed at the first moment at which none of
    /// its handlers runs, after what was queued for it is written. Sessions that are open at the
    /// deadline are cut off; a client on polling that does not poll again within two seconds is not
    /// waited for.
    ///
    /// Up to 100 sessions are one wave; more are up to 20 waves, which begin in the first half of
    /// the time. [`shutdown`](Server::shutdown) instead closes all at once and waits for the
    /// handlers without limit.
    ///
    /// A handler that blocks its thread instead of awaiting (a long computation, blocking input and
    /// output) cannot be cut off: its session is given up at the deadline, but the thread keeps
    /// running, and a tokio runtime that is dropped waits for it. So a program that has to end in
    /// time ends its runtime with [`Runtime::shutdown_timeout`](tokio::runtime::Runtime), as below,
    /// and moves such work to `spawn_blocking`. If all threads of the runtime are blocked and this
    /// is awaited in one of its tasks, the deadline takes effect only when one is free.
    ///
    /// ```no_run
    /// # use std::{future::pending, time::Duration};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let runtime = tokio::runtime::Runtime::new()?;
    /// let served = runtime.block_on(async {
    ///     let server = sockeye::Server::builder().build()?;
    ///     let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    ///     # let stop = pending();
    ///     let serve = server.serve(listener).with_graceful_shutdown(stop);
    ///     serve.drain_for(Duration::from_secs(10)).await?;
    ///     Ok::<_, Box<dyn std::error::Error>>(())
    /// });
    /// runtime.shutdown_timeout(Duration::from_secs(2));
    /// # served?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Cancel safety
    /// Not safe: waves that have not begun are skipped.
    pub async fn drain(&self, deadline: Duration) -> Drained {
        self.engine.refuse_sessions();
        self.mounts().shutdown();
        let sessions = self.engine.all_sessions();
        let waves = drain::in_waves(&sessions, deadline);
        let in_order = async {
            waves.await;
            // Sessions that were being opened when new ones began to be refused.
            self.engine.all_sessions().iter().for_each(Session::drain);
            tokio::select! {
                () = self.engine.finished() => {}
                never = drain::forget_silent(|| self.engine.all_sessions()) => match never {},
            }
        };
        let is_done = drain::until(deadline, in_order).await;
        let cut = if is_done { 0 } else { self.engine.unfinished().min(sessions.len()) };
        let left = self.engine.all_sessions();
        left.iter().for_each(|session| session.discard(CloseReason::ServerShutdown));
        Drained { closed: sessions.len() - cut, cut }
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("sessions", &self.sessions()).finish_non_exhaustive()
    }
}

/// The application of the engine, which calls it for each session.
struct App {
    namespaces: Arc<Namespaces>,
    config: Arc<Config>,
    /// That the limit of namespaces for an address has no effect was logged.
    warned_of_no_address: AtomicBool,
    /// When the server was built. (Not in the handle, since every connection has a copy of it.)
    started: Instant,
    /// What is served beside the sockets.
    mounts: Mounts,
}

impl Application for App {
    type Handler = Peer;

    fn open(&self, session: Session, handshake: Arc<Handshake>) -> Peer {
        let namespaces_max = self.config.child_namespaces_per_address_max;
        if handshake.address().is_none()
            && namespaces_max != CHILD_NAMESPACES_PER_ADDRESS_MAX
            && !self.warned_of_no_address.swap(true, Ordering::Relaxed)
        {
            let settings = "child_namespaces_per_address_max";
            tracing::warn!(settings, "{NO_ADDRESS}");
        }
        Peer::new(
            Arc::new(SessionLink::new(session, handshake)),
            Arc::clone(&self.namespaces),
            Arc::clone(&self.config),
        )
    }
}
