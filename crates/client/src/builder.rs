//! Describing a client before it connects.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;
use sockeye_engine_proto::TransportKind;
#[cfg(feature = "tls")]
use sockeye_net::http::{Dialer, Roots};
use sockeye_socket_proto::{Listen, RawEvent, event_name};
use tokio::sync::oneshot;

use crate::client::Client;
use crate::engine::Options;
use crate::error::{ConfigError, ConnectError, UrlError};
use crate::handler::Handler;
use crate::limits::Limits;
use crate::link::Link;
use crate::reconnect::Reconnect;
use crate::socket::{Auth, Joining, Routes, Socket};
use crate::state::DisconnectReason;
use crate::target::{Target, normalize_namespace};
use crate::task::Task;

/// A client to be: what it listens to and how it connects. Made by
/// [`Client::builder`] and [`Client::namespace`].
#[must_use = "a client connects when `connect` or `start` is called"]
pub struct Builder<S> {
    namespace: String,
    routes: Routes,
    limits: Limits,
    session: S,
    /// The first mistake; `connect` reports it.
    mistake: Option<ConfigError>,
}

/// The client opens a session of its own.
pub struct NewSession {
    target: Target,
    transports: Vec<TransportKind>,
    reconnect: Reconnect,
}

/// The client shares another's session.
pub struct SameSession {
    link: Arc<Link>,
}

impl Builder<NewSession> {
    pub(crate) fn open(url: &str) -> Result<Self, UrlError> {
        let (target, namespace) = Target::parse(url)?;
        let session = NewSession {
            target,
            transports: vec![TransportKind::Polling, TransportKind::WebSocket],
            reconnect: Reconnect::default(),
        };
        Ok(Builder {
            namespace,
            routes: Routes::default(),
            limits: Limits::default(),
            session,
            mistake: None,
        })
    }

    /// The transports to use. The first one opens the session; polling is upgraded to a WebSocket
    /// when that is named as well. Default: both, polling first.
    pub fn transports(mut self, transports: impl IntoIterator<Item = TransportKind>) -> Self {
        self.session.transports = transports.into_iter().collect();
        self
    }

    /// The path of the server's endpoint. Default `/socket.io`.
    pub fn path(mut self, path: &str) -> Self {
        self.session.target.set_path(path);
        self
    }

    /// Adds a header to every request.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        if let Err(error) = self.session.target.add_header(name, value) {
            self.mistake.get_or_insert(error.into());
        }
        self
    }

    /// The authorities to trust for `https://` and `wss://`. Default: [`Roots::system`].
    #[cfg(feature = "tls")]
    pub fn roots(mut self, roots: Roots) -> Self {
        self.session.target.dialer = Dialer::with_roots(roots);
        self
    }

    /// Adds a parameter to the query of every request. `EIO`, `transport` and `sid` are the protocol's
    /// own, and left out.
    pub fn query(mut self, key: &str, value: &str) -> Self {
        self.session.target.add_query(key, value);
        self
    }

    /// What happens after a lost connection. Default: [`Backoff`](crate::Backoff) for ever.
    pub fn reconnect(mut self, reconnect: impl Into<Reconnect>) -> Self {
        self.session.reconnect = reconnect.into();
        self
    }

    /// Connects and joins the namespace. Tries once: only a connection that was made is made again
    /// when it is lost.
    ///
    /// # Errors
    /// [`ConnectError`]; then nothing is left running.
    ///
    /// # Panics
    /// Outside of a tokio runtime with IO and time.
    pub async fn connect(self) -> Result<Client, ConnectError> {
        let (sender, joined) = oneshot::channel();
        let timeout = self.limits.connect_timeout;
        let client = self.launch(Some(sender))?;
        await_joined(client, joined, timeout).await
    }

    /// Starts connecting and returns at once. The first connection is tried again as a lost one
    /// would be; what is emitted meanwhile waits.
    ///
    /// # Errors
    /// [`ConfigError`] when the description has a mistake.
    ///
    /// # Panics
    /// Outside of a tokio runtime with IO and time.
    pub fn start(self) -> Result<Client, ConfigError> {
        self.launch(None)
    }

    fn launch(self, joining: Option<Joining>) -> Result<Client, ConfigError> {
        let Builder { namespace, routes, limits, session, mistake } = self;
        if let Some(mistake) = mistake {
            return Err(mistake);
        }
        let NewSession { target, transports, reconnect } = session;
        let first = *transports.first().ok_or(ConfigError::NoTransport)?;
        let options = Options {
            first,
            upgrade: transports.contains(&TransportKind::WebSocket),
            open_timeout: limits.connect_timeout,
            message_bytes_max: limits.message_bytes_max,
        };
        let link = Arc::<Link>::default();
        let task = Task::new(Arc::clone(&link), Arc::new(target), options, reconnect, &limits);
        let socket = Arc::new(Socket::new(namespace, routes, limits, Arc::clone(&link), joining));
        link.attach(Arc::clone(&socket));
        tokio::spawn(task);
        Ok(Client::new(socket))
    }
}

impl Builder<SameSession> {
    pub(crate) fn share(other: &Socket, name: &str) -> Self {
        let (namespace, mistake) = match normalize_namespace(name) {
            Ok(namespace) => (namespace, None),
            Err(error) => (String::new(), Some(error.into())),
        };
        Builder {
            namespace,
            routes: Routes::default(),
            limits: other.limits.clone(),
            session: SameSession { link: Arc::clone(&other.link) },
            mistake,
        }
    }

    /// Joins the namespace over the session at hand, or over the next one while there is none.
    ///
    /// # Errors
    /// [`ConnectError`]; [`ConnectError::Cancelled`] when the session was closed for good.
    pub async fn connect(self) -> Result<Client, ConnectError> {
        let Builder { namespace, routes, limits, session: SameSession { link }, mistake } = self;
        if let Some(mistake) = mistake {
            return Err(mistake.into());
        }
        let (sender, joined) = oneshot::channel();
        let timeout = limits.connect_timeout;
        let socket = Socket::new(namespace, routes, limits, Arc::clone(&link), Some(sender));
        let client = Client::new(Arc::new(socket));
        if !link.attach(client.socket()) {
            return Err(ConnectError::Cancelled);
        }
        await_joined(client, joined, timeout).await
    }
}

impl<S> Builder<S> {
    /// What the server gets to see when the client joins: anything that serializes to a JSON
    /// object.
    pub fn auth<T: Serialize + ?Sized>(mut self, auth: &T) -> Self {
        match to_object(auth) {
            Ok(text) => self.routes.auth = Auth::Text(text),
            Err(error) => {
                self.mistake.get_or_insert(error);
            }
        }
        self
    }

    /// The same, asked for anew at each connection: for tokens that expire.
    pub fn auth_with<T, Fut>(mut self, provide: impl Fn() -> Fut + Send + Sync + 'static) -> Self
    where
        T: Serialize,
        Fut: Future<Output = T> + Send + 'static,
    {
        self.routes.auth = Auth::Provider(Arc::new(move || {
            let auth = provide();
            Box::pin(async move { to_object(&auth.await) })
        }));
        self
    }

    /// Registers the handler of an event: `async |payload|`, with a [`Client`] before the payload if
    /// it wants one, returning `()`, [`Ack`](crate::Ack) or a `Result` of one. Handlers start in the
    /// order of the events and interleave only where they wait.
    ///
    /// A closure that uses something from outside keeps its own copy and hands each call one:
    /// `move |payload| { let db = db.clone(); async move { .. } }`.
    pub fn on<P, A, M>(mut self, event: impl Listen<P, A>, handler: impl Handler<M, P, A>) -> Self {
        let name = match event_name(&event) {
            Ok(name) => name.to_owned(),
            Err(error) => {
                self.mistake.get_or_insert(error.into());
                return self;
            }
        };
        let handler = Arc::new(move |client: Client, args: &str, attachments: &[_], wanted| {
            handler.start(client, args, attachments, wanted)
        });
        if self.routes.events.insert(name.clone(), handler).is_some() {
            self.mistake.get_or_insert(ConfigError::DuplicateEvent { event: name });
        }
        self
    }

    /// Registers what sees every event from the server, before its own handler starts.
    pub fn on_any<Fut>(mut self, handler: impl Fn(RawEvent) -> Fut + Send + Sync + 'static) -> Self
    where
        Fut: Future<Output = ()> + Send + 'static,
    {
        self.routes.any = Some(Arc::new(move |event| Box::pin(handler(event))));
        self
    }

    /// Registers what runs after each connection, the first one included.
    pub fn on_connect<Fut>(
        mut self,
        handler: impl Fn(Client) -> Fut + Send + Sync + 'static,
    ) -> Self
    where
        Fut: Future<Output = ()> + Send + 'static,
    {
        self.routes.connect = Some(Arc::new(move |client| Box::pin(handler(client))));
        self
    }

    /// Registers what runs when an attempt fails whose error `connect` does not return: a
    /// reconnection, or the first one after `start`.
    pub fn on_connect_error<Fut>(
        mut self,
        handler: impl Fn(ConnectError) -> Fut + Send + Sync + 'static,
    ) -> Self
    where
        Fut: Future<Output = ()> + Send + 'static,
    {
        self.routes.connect_error = Some(Arc::new(move |error| Box::pin(handler(error))));
        self
    }

    /// Registers what runs when the client has left its namespace, for whatever reason.
    pub fn on_disconnect<Fut>(
        mut self,
        handler: impl Fn(DisconnectReason) -> Fut + Send + Sync + 'static,
    ) -> Self
    where
        Fut: Future<Output = ()> + Send + 'static,
    {
        self.routes.disconnect = Some(Arc::new(move |reason| Box::pin(handler(reason))));
        self
    }

    /// Sets limits and timeouts.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }
}

impl<S> fmt::Debug for Builder<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").field("namespace", &self.namespace).finish_non_exhaustive()
    }
}

impl fmt::Debug for NewSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewSession").finish_non_exhaustive()
    }
}

impl fmt::Debug for SameSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SameSession").finish_non_exhaustive()
    }
}

/// Dropping the client on the way out leaves the namespace again.
async fn await_joined(
    client: Client,
    joined: oneshot::Receiver<Result<(), ConnectError>>,
    timeout: std::time::Duration,
) -> Result<Client, ConnectError> {
    match tokio::time::timeout(timeout, joined).await {
        Ok(Ok(result)) => result.map(|()| client),
        Ok(Err(_)) => Err(ConnectError::Cancelled),
        Err(_) => Err(ConnectError::Timeout),
    }
}

fn to_object<T: Serialize + ?Sized>(auth: &T) -> Result<String, ConfigError> {
    let text = serde_json::to_string(auth).map_err(|_| ConfigError::Auth)?;
    if text.starts_with('{') { Ok(text) } else { Err(ConfigError::Auth) }
}
