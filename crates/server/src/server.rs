use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body::Body as HttpBody;
use sockeye_engine::{
    self as engine, AllowedHosts, Application, Body, CloseReason, Engine, Handshake, Session,
};
use sockeye_net::http::HttpServer;
use tokio::net::TcpListener;

use crate::behaviour::{Behaviour, Failure};
use crate::broadcast::Io;
use crate::client_files;
use crate::config::Config;
use crate::directory::{Directory, NewNamespace};
use crate::drain::{self, Drained};
use crate::error::BuildError;
use crate::family::Family;
use crate::link::Link;
use crate::namespace::{Namespace, Path};
use crate::peer::Peer;
use crate::socket::Socket;

/// A Socket.IO server: a handle, cheap to clone. Mount [`into_service`](Server::into_service) in
/// axum or hyper, or let it [`serve`](Server::serve) alone.
#[derive(Clone)]
pub struct Server {
    engine: Engine<App>,
    directory: Arc<Directory>,
    config: Arc<Config>,
}

/// Declares a server: configuration, state, namespaces.
pub struct ServerBuilder<S = ()> {
    config: Config,
    state: Arc<S>,
    declared: Vec<Result<(Path, Behaviour), BuildError>>,
    new_namespace: Option<NewNamespace>,
    error: Option<Report>,
}

/// What hears of failures in all namespaces.
type Report = Arc<dyn Fn(&Socket, &Failure) + Send + Sync>;

impl Server {
    /// Starts the declaration of a server.
    pub fn builder() -> ServerBuilder {
        ServerBuilder {
            config: Config::default(),
            state: Arc::new(()),
            declared: Vec::new(),
            new_namespace: None,
            error: None,
        }
    }

    /// The namespace `/`, to reach its sockets from anywhere.
    pub fn io(&self) -> Io {
        self.of("/").expect("every server has the namespace /")
    }

    /// A namespace, if it is there: declared by its name, or dynamic and asked for by a client.
    pub fn of(&self, path: &str) -> Option<Io> {
        self.directory.get(path).map(Io::new)
    }

    /// All namespaces there are, the dynamic ones included.
    pub fn namespaces(&self) -> Vec<Io> {
        self.directory.all().into_iter().map(Io::new).collect()
    }

    /// The namespaces that one dynamic declaration has made so far, as one target. Its name is the
    /// pattern as it was written, `/room-{id}`, the text of the regular expression, or what
    /// [`Namespace::called`] says. `None` when nothing is called so.
    pub fn family(&self, name: &str) -> Option<Family> {
        let children = self.directory.family(name)?;
        Some(Family::new(children.into_iter().map(Io::new)))
    }

    /// What it was configured with.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// How many sessions are open, whatever their namespaces.
    pub fn sessions(&self) -> usize {
        self.engine.sessions()
    }

    /// Bytes that wait for clients: queued for their sessions, or in long answers to polls that they
    /// have not read. What many have not taken yet counts once. Bounded by
    /// [`queued_bytes_max_total`](sockeye_engine::Config::queued_bytes_max_total).
    pub fn queued_bytes(&self) -> usize {
        self.engine.queued_bytes()
    }

    /// A tower service that answers requests under the server's path, and 404 elsewhere:
    ///
    /// ```
    /// # fn main() -> Result<(), sockeye::BuildError> {
    /// # let runtime = tokio::runtime::Runtime::new().unwrap();
    /// # let _guard = runtime.enter();
    /// let server = sockeye::Server::builder().build()?;
    /// let app: axum::Router = axum::Router::new()
    ///     .route("/hello", axum::routing::get(|| async { "hello" }))
    ///     .fallback_service(server.into_service());
    /// # drop(app);
    /// # Ok(())
    /// # }
    /// ```
    pub fn into_service(self) -> SocketService {
        let hosts = self.config.engine.allowed_hosts.clone().map(Arc::new);
        SocketService { server: self, hosts }
    }

    /// Serves on these listeners, alone, until the process ends or
    /// [`with_graceful_shutdown`](Serve::with_graceful_shutdown) says so. Await the result.
    ///
    /// Requests for a host that is neither an address nor `localhost`, nor one of
    /// [`allowed_hosts`](sockeye_engine::Config::allowed_hosts), are answered 421: a page anywhere
    /// can have its own name lead here (DNS rebinding). A server with a name says so,
    /// `config.engine.allowed_hosts = Some("chat.example".parse()?)`.
    pub fn serve(&self, listeners: impl IntoListeners) -> Serve {
        let (server, listeners) = (self.clone(), listeners.into_listeners());
        Serve { server, listeners, signal: None, drain: None, keep_alive_timeout: None }
    }

    /// Disconnects everybody with the reason "server shutting down" and waits until what was
    /// queued is written and all handlers are done. Connections that come later are refused.
    pub async fn shutdown(&self) {
        self.engine.shutdown(CloseReason::ServerShutdown).await;
    }

    /// Ends the server without cutting anybody off: new sessions are refused, those there are close
    /// in waves with the reason "server shutting down", so that not all of their clients come to
    /// the other servers at once. Each closes at the first moment at which none of its handlers is
    /// under way, and after what was queued for it is written. What is not done at the deadline
    /// is cut off; a client that polls and does not poll again within two seconds is not waited
    /// for.
    ///
    /// Up to 100 sessions are one wave; more are up to 20 waves, which begin in the first half of
    /// the time. [`shutdown`](Server::shutdown) is the other way: all at once, and the handlers are
    /// waited for without limit.
    ///
    /// A handler that blocks its thread instead of awaiting (a long computation, blocking input and
    /// output) cannot be cut off by anybody: its session is given up at the deadline, but the thread
    /// goes on, and a tokio runtime that is dropped waits for it. So a program that has to end in
    /// time ends its runtime with [`Runtime::shutdown_timeout`](tokio::runtime::Runtime), as below,
    /// and moves such work to `spawn_blocking`. If all threads of the runtime are blocked and this is
    /// awaited in one of its tasks, the deadline passes unnoticed until one is free.
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
    /// Not safe: the waves that did not begin do not.
    pub async fn drain(&self, deadline: Duration) -> Drained {
        self.engine.refuse_sessions();
        let sessions = self.engine.all_sessions();
        let waves = drain::in_waves(&sessions, &self.directory, deadline);
        let in_order = async {
            waves.await;
            // Who was on the way in when new sessions were refused.
            drain::at_once(&self.engine.all_sessions(), &self.directory);
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

    /// Answers what is not the engine's.
    fn answer_beside<B>(
        &self,
        request: &Request<B>,
        hosts: Option<&AllowedHosts>,
    ) -> Option<Response<Body>> {
        if let Some(hosts) = hosts
            && let Err(denied) = hosts.check(request, &self.config.engine.trusted_proxies)
        {
            tracing::debug!(host = denied.host(), "request for another host refused");
            let setting = "config.engine.allowed_hosts = Some(\"";
            return Some(denied.into_response(setting, "\".parse()?)"));
        }
        if self.config.serve_client
            && let Some(response) = client_files::serve(&self.config.engine.path, request)
        {
            return Some(self.engine.with_cors(request, response));
        }
        if self.engine.handles(request.uri().path()) {
            return None;
        }
        let mut response = Response::new(Body::from(Bytes::from_static(b"not found")));
        *response.status_mut() = StatusCode::NOT_FOUND;
        Some(response)
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("sessions", &self.sessions()).finish_non_exhaustive()
    }
}

impl ServerBuilder {
    /// Gives handlers a state to ask for with [`State`](crate::State). Namespaces declared after
    /// this have it; say it first.
    pub fn state<S: Send + Sync + 'static>(self, state: S) -> ServerBuilder<S> {
        ServerBuilder {
            config: self.config,
            state: Arc::new(state),
            declared: self.declared,
            new_namespace: self.new_namespace,
            error: self.error,
        }
    }
}

impl<S: Send + Sync + 'static> ServerBuilder<S> {
    /// Replaces the configuration.
    #[must_use]
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// Adds a namespace. Without a declared `/`, there is one that admits everybody and handles
    /// nothing.
    #[must_use]
    pub fn namespace(mut self, namespace: Namespace<S>) -> Self {
        self.declared.push(namespace.bind(&self.state));
        self
    }

    /// Hears of each namespace that a client's name makes, before its first socket is in it:
    /// `new_namespace` of the official server.
    #[must_use]
    pub fn on_new_namespace(mut self, hear: impl Fn(&Io) + Send + Sync + 'static) -> Self {
        self.new_namespace = Some(Box::new(hear));
        self
    }

    /// Hears of what went wrong with an event in every namespace that has no
    /// [`on_error`](Namespace::on_error) of its own.
    #[must_use]
    pub fn on_error(mut self, report: impl Fn(&Socket, &Failure) + Send + Sync + 'static) -> Self {
        self.error = Some(Arc::new(report));
        self
    }

    /// Makes the server. Has to be called inside of a tokio runtime.
    ///
    /// # Errors
    /// [`BuildError`] says what contradicts itself.
    pub fn build(self) -> Result<Server, BuildError> {
        let mut declared = self.declared.into_iter().collect::<Result<Vec<_>, _>>()?;
        if let Some(report) = &self.error {
            for (_, behaviour) in &mut declared {
                let report = report.clone();
                behaviour.error.get_or_insert_with(|| Box::new(move |s, f| report(s, f)));
            }
        }
        let config = Arc::new(self.config);
        let directory = Directory::new(declared, &config, self.new_namespace)?;
        directory.start_sweeping();
        let app = App { directory: directory.clone(), config: config.clone() };
        // Asked once, of files and other paths as well.
        let engine_config = engine::Config { allowed_hosts: None, ..config.engine.clone() };
        let engine = Engine::new(engine_config, app)?;
        Ok(Server { engine, directory, config })
    }
}

impl<S> fmt::Debug for ServerBuilder<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerBuilder").field("config", &self.config).finish_non_exhaustive()
    }
}

/// What the engine calls for each session.
struct App {
    directory: Arc<Directory>,
    config: Arc<Config>,
}

impl Application for App {
    type Handler = Peer;

    fn open(&self, session: Session, handshake: Arc<Handshake>) -> Peer {
        Peer::new(
            Arc::new(Link::new(session, handshake)),
            self.directory.clone(),
            self.config.clone(),
        )
    }
}

/// A server as a tower service, see [`Server::into_service`].
#[derive(Clone, Debug)]
pub struct SocketService {
    server: Server,
    hosts: Option<Arc<AllowedHosts>>,
}

impl<B> tower_service::Service<Request<B>> for SocketService
where
    B: HttpBody + Send + 'static,
    B::Data: Send,
    B::Error: fmt::Display + Send,
{
    type Response = Response<Body>;
    type Error = std::convert::Infallible;
    type Future = engine::ResponseFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        match self.server.answer_beside(&request, self.hosts.as_deref()) {
            Some(response) => response.into(),
            None => self.server.engine.respond(request),
        }
    }
}

/// One listener or several.
pub trait IntoListeners {
    #[doc(hidden)]
    fn into_listeners(self) -> Vec<TcpListener>;
}

impl IntoListeners for TcpListener {
    fn into_listeners(self) -> Vec<TcpListener> {
        vec![self]
    }
}

impl IntoListeners for Vec<TcpListener> {
    fn into_listeners(self) -> Vec<TcpListener> {
        self
    }
}

/// A server that serves alone; await it.
#[must_use = "nothing is served until this is awaited"]
pub struct Serve {
    server: Server,
    listeners: Vec<TcpListener>,
    signal: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    drain: Option<Duration>,
    keep_alive_timeout: Option<Duration>,
}

impl Serve {
    /// How long a connection is kept for the next request, as answers announce it: longer than the
    /// idle time-out of a balancer in front. Default: 10 seconds.
    pub fn keep_alive_timeout(mut self, timeout: Duration) -> Self {
        self.keep_alive_timeout = Some(timeout);
        self
    }

    /// At the end the server is [drained](Server::drain) for at most this time, instead of
    /// [shut down](Server::shutdown). A handler that blocks its thread is not bound by it, see there
    /// how a program ends in time all the same.
    pub fn drain_for(mut self, deadline: Duration) -> Self {
        self.drain = Some(deadline);
        self
    }

    /// When the future is done, everybody is disconnected and the serving ends.
    pub fn with_graceful_shutdown(
        mut self,
        signal: impl Future<Output = ()> + Send + 'static,
    ) -> Self {
        self.signal = Some(Box::pin(signal));
        self
    }
}

impl IntoFuture for Serve {
    type Output = std::io::Result<()>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        let Self { server, listeners, signal, drain, keep_alive_timeout } = self;
        let mut service = server.clone().into_service();
        // The listener is ours, so nobody else looks at the host.
        service.hosts.get_or_insert_default();
        let drained = async move {
            match signal {
                Some(signal) => signal.await,
                None => std::future::pending().await,
            }
            match drain {
                Some(deadline) => {
                    let drained = server.drain(deadline).await;
                    tracing::info!(closed = drained.closed, cut = drained.cut, "drained");
                }
                None => server.shutdown().await,
            }
        };
        Box::pin(async move {
            let proxies = service.server.config.engine.trusted_proxies.clone();
            let mut http = HttpServer::new(listeners, service).trusted_proxies(proxies);
            if let Some(timeout) = keep_alive_timeout {
                http = http.keep_alive_timeout(timeout);
            }
            http.with_graceful_shutdown(drained).await
        })
    }
}

impl fmt::Debug for Serve {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Serve").field("listeners", &self.listeners).finish_non_exhaustive()
    }
}
