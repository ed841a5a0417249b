//! The declaration of a server.

use std::fmt;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Weak};

use sockeye_engine::{self as engine, Engine, KeptExtensions};
use tokio::time::Instant;

use super::config::Config;
use super::metrics::{self, NamespaceMetrics};
use super::mounts::Mounts;
use super::{App, Server};
use crate::broadcast::io::Io;
use crate::cluster::Cluster;
use crate::cluster::node::Node;
use crate::error::BuildError;
use crate::namespace::active::Siblings;
use crate::namespace::handlers::{Failure, Handlers};
use crate::namespace::registry::{Namespaces, NewNamespace};
use crate::namespace::{ForState, Path};
use crate::socket::Socket;

/// The declaration of a server: configuration, state, namespaces.
#[must_use = "there is no server until it is built"]
pub struct ServerBuilder<S = ()> {
    pub(super) config: Config,
    /// The first value that means nothing.
    pub(super) invalid: Option<BuildError>,
    state: Arc<S>,
    declared: Vec<Result<(Path, Handlers), BuildError>>,
    new_namespace: Option<NewNamespace>,
    error: Option<Report>,
    kept_extensions: KeptExtensions,
    cluster: Option<Arc<dyn Cluster>>,
}

/// The listener of failures in all namespaces.
type Report = Arc<dyn Fn(&Socket, &Failure) + Send + Sync>;

impl ServerBuilder {
    pub(super) fn new() -> Self {
        Self {
            config: Config::default(),
            invalid: None,
            state: Arc::new(()),
            declared: Vec::new(),
            new_namespace: None,
            error: None,
            kept_extensions: KeptExtensions::new(),
            cluster: None,
        }
    }

    /// Sets the state that handlers take with [`State`](crate::State). Only namespaces declared
    /// after this have it, so call it first.
    pub fn state<S: Send + Sync + 'static>(self, state: S) -> ServerBuilder<S> {
        ServerBuilder {
            config: self.config,
            invalid: self.invalid,
            state: Arc::new(state),
            declared: self.declared,
            new_namespace: self.new_namespace,
            error: self.error,
            kept_extensions: self.kept_extensions,
            cluster: self.cluster,
        }
    }
}

impl<S: Send + Sync + 'static> ServerBuilder<S> {
    /// Replaces the configuration, what the methods for its [options](#options) wrote before included.
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// Adds a namespace. Without a declared `/`, there is one that admits everybody and handles
    /// nothing.
    pub fn namespace(mut self, namespace: impl ForState<S>) -> Self {
        self.declared.push(namespace.into_namespace().bind(&self.state));
        self
    }

    /// Calls a function with each namespace made for a client's name, before its first socket is
    /// added: `new_namespace` of the official server.
    pub fn on_new_namespace(mut self, hear: impl Fn(&Io) + Send + Sync + 'static) -> Self {
        self.new_namespace = Some(Box::new(hear));
        self
    }

    /// Calls a function with what went wrong with an event in every namespace that has no
    /// [`on_error`](crate::Namespace::on_error) of its own.
    pub fn on_error(mut self, report: impl Fn(&Socket, &Failure) + Send + Sync + 'static) -> Self {
        self.error = Some(Arc::new(report));
        self
    }

    /// Keeps the extension of type `T` of each request that opens a session or comes from a reader,
    /// if it has one, where [`Handshake::extension`](sockeye_engine::Handshake::extension) finds it
    /// in `on_connect` and in every handler: what a layer of tower or axum in front of the server
    /// found out, such as the logged-in user. Default: none is kept. It adds to
    /// [`kept_extensions`](sockeye_engine::Config::kept_extensions), which explains why they are
    /// kept by type. A handler that takes a [`HttpExtension<T>`](crate::HttpExtension) does the same by
    /// itself.
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// use sockeye::{Handshake, Namespace, Refuse, Server};
    ///
    /// #[derive(Clone)]
    /// struct User(String);
    ///
    /// async fn admit(handshake: Arc<Handshake>) -> Result<(), Refuse> {
    ///     let user = handshake.extension::<User>().ok_or_else(|| Refuse::new("log in first"))?;
    ///     tracing::debug!(name = user.0, "comes in");
    ///     Ok(())
    /// }
    ///
    /// let builder = Server::builder()
    ///     .keep_extension::<User>()
    ///     .namespace(Namespace::new("/").on_connect(admit));
    /// # drop(builder);
    /// ```
    pub fn keep_extension<T: Clone + Send + Sync + 'static>(mut self) -> Self {
        self.kept_extensions = self.kept_extensions.with::<T>();
        self
    }

    /// Makes it one of several servers: what is sent to rooms, and the other verbs of
    /// [`Broadcast`](crate::Broadcast), reach the sockets of all of them.
    pub fn cluster(mut self, cluster: impl Cluster) -> Self {
        self.cluster = Some(Arc::new(cluster));
        self
    }

    /// Makes the server. Has to be called inside of a tokio runtime.
    ///
    /// # Errors
    /// [`BuildError`] with the contradiction in the declaration, or the value that means nothing.
    pub fn build(self) -> Result<Server, BuildError> {
        if let Some(invalid) = self.invalid {
            return Err(invalid);
        }
        let mut declared = self.declared.into_iter().collect::<Result<Vec<_>, _>>()?;
        if let Some(report) = &self.error {
            for (_, handlers) in &mut declared {
                let report = Arc::clone(report);
                handlers.error.get_or_insert_with(|| Box::new(move |s, f| report(s, f)));
            }
        }
        let mut kept_extensions = self.kept_extensions;
        for (_, handlers) in &mut declared {
            kept_extensions = kept_extensions.and(std::mem::take(&mut handlers.kept_extensions));
        }
        if !declared.iter().any(|(path, _)| path.is_main()) {
            declared.push((Path::main(), Handlers::new()));
        }
        metrics::describe();
        declared.iter_mut().for_each(|(path, handlers)| measure(path, handlers));
        declared.iter().for_each(|(path, handlers)| warn_of_connection(path, handlers));
        let mut config = self.config;
        config.engine.kept_extensions = config.engine.kept_extensions.and(kept_extensions);
        config.engine.path.get_or_insert_with(|| DEFAULT_PATH.to_owned());
        let config = Arc::new(config);
        let namespaces =
            Namespaces::new(declared, &config, self.new_namespace, self.cluster.clone())?;
        namespaces.start_sweeping();
        if let Some(cluster) = &self.cluster {
            let siblings: Weak<dyn Siblings> = Arc::downgrade(&namespaces) as _;
            cluster.start(Node::new(siblings));
            namespaces.all().iter().for_each(|active| cluster.open(&active.path));
        }
        let started = Instant::now();
        let app = App {
            namespaces: Arc::clone(&namespaces),
            config: Arc::clone(&config),
            warned_of_no_address: AtomicBool::new(false),
            started,
            mounts: Mounts::default(),
        };
        // The service checks the host itself, once, for files and other paths as well.
        let engine_config = engine::Config { allowed_hosts: None, ..config.engine.clone() };
        let engine = Engine::new(engine_config, app)?;
        Ok(Server { engine, namespaces, config })
    }
}

/// Where a server answers that nobody told another path, as the official one does.
const DEFAULT_PATH: &str = "/socket.io";

/// Warns of a handler that a program from Node has brought along: no client emits this event.
fn warn_of_connection(path: &Path, handlers: &Handlers) {
    if handlers.events.contains_key("connection") {
        let nsp = path.name();
        tracing::warn!(
            nsp,
            "a handler of the event \"connection\" runs only where a client emits that; for each new socket it is `Namespace::on_connected(..)`"
        );
    }
}

/// Makes the handlers of a declaration be counted and timed.
fn measure(path: &Path, handlers: &mut Handlers) {
    let metrics = NamespaceMetrics::new(path.name());
    for registered in handlers.events.values_mut().chain(&mut handlers.fallback) {
        // No other reference exists yet.
        if let Some(registered) = Arc::get_mut(registered) {
            registered.metrics = metrics.handler(&registered.event);
        }
    }
    handlers.metrics = metrics;
}

impl<S> fmt::Debug for ServerBuilder<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerBuilder").field("config", &self.config).finish_non_exhaustive()
    }
}
