//! Describing a client before it connects.

use std::fmt;
use std::future::ready;
use std::sync::Arc;

use futures_util::FutureExt;
use serde::Serialize;
use sockeye_engine_proto::TransportKind;
#[cfg(feature = "tls")]
use sockeye_net::http::{Dialer, Roots};
use sockeye_socket_proto::{Listen, RawEvent, event_name};
use tokio::sync::oneshot;

use crate::client::Client;
use crate::error::{ConfigError, ConnectError, UrlError};
use crate::handler::Handler;
use crate::limits::Limits;
use crate::link::Link;
use crate::reconnect::Reconnect;
use crate::socket::{Joining, Routes, Socket};
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
    /// The first mistake, if there is one; `connect` reports it.
    checked: Result<(), ConfigError>,
}

/// The client opens a session of its own.
pub struct NewSession {
    target: Target,
    reconnect: Reconnect,
}

/// The client shares another's session.
#[derive(Debug)]
pub struct SameSession {
    link: Arc<Link>,
}

impl Builder<NewSession> {
    pub(crate) fn open(url: &str) -> Result<Self, UrlError> {
        let (target, namespace) = Target::parse(url)?;
        let session = NewSession { target, reconnect: Reconnect::default() };
        Ok(Builder::new(namespace, Limits::default(), session))
    }

    /// The transports to use. The first one opens the session; polling is upgraded to a WebSocket
    /// when that is named as well. Default: both, polling first.
    pub fn transports(mut self, transports: impl IntoIterator<Item = TransportKind>) -> Self {
        self.session.target.transports = transports.into_iter().collect();
        self
    }

    /// The path of the server's endpoint. Default `/socket.io`.
    pub fn path(mut self, path: &str) -> Self {
        self.session.target.set_path(path);
        self
    }

    /// Adds a header to every request.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let added = self.session.target.add_header(name, value);
        self.check(added);
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
        let Builder { namespace, routes, limits, session, checked } = self;
        checked?;
        let NewSession { mut target, reconnect } = session;
        if target.transports.is_empty() {
            return Err(ConfigError::NoTransport);
        }
        target.open_timeout = limits.connect_timeout;
        target.message_bytes_max = limits.message_bytes_max;
        let link = Arc::<Link>::default();
        let task = Task::new(Arc::clone(&link), Arc::new(target), reconnect, &limits);
        let client =
            Client::new(Socket::new(namespace, routes, limits, Arc::clone(&link), joining));
        link.attach(client.socket());
        tokio::spawn(task);
        Ok(client)
    }
}

impl Builder<SameSession> {
    pub(crate) fn share(other: &Socket, name: &str) -> Self {
        let session = SameSession { link: Arc::clone(&other.link) };
        let mut builder = Builder::new(String::new(), other.limits.clone(), session);
        builder.namespace = builder.check(normalize_namespace(name)).unwrap_or_default();
        builder
    }

    /// Joins the namespace over the session at hand, or over the next one while there is none.
    ///
    /// # Errors
    /// [`ConnectError`]; [`ConnectError::Cancelled`] when the session was closed for good.
    pub async fn connect(self) -> Result<Client, ConnectError> {
        let Builder { namespace, routes, limits, session: SameSession { link }, checked } = self;
        checked?;
        let (sender, joined) = oneshot::channel();
        let timeout = limits.connect_timeout;
        let socket = Socket::new(namespace, routes, limits, Arc::clone(&link), Some(sender));
        let client = Client::new(socket);
        if !link.attach(client.socket()) {
            return Err(ConnectError::Cancelled);
        }
        await_joined(client, joined, timeout).await
    }
}

impl<S> Builder<S> {
    fn new(namespace: String, limits: Limits, session: S) -> Self {
        Builder { namespace, routes: Routes::default(), limits, session, checked: Ok(()) }
    }

    /// Remembers the first mistake.
    fn check<T>(&mut self, result: Result<T, impl Into<ConfigError>>) -> Option<T> {
        let error = match result {
            Ok(value) => return Some(value),
            Err(error) => error.into(),
        };
        self.checked = std::mem::replace(&mut self.checked, Ok(())).and(Err(error));
        None
    }

    /// What the server gets to see when the client joins: anything that serializes to a JSON
    /// object.
    pub fn auth<T: Serialize + ?Sized>(mut self, auth: &T) -> Self {
        if let Some(text) = self.check(to_object(auth)) {
            self.routes.auth = Some(Arc::new(move || ready(Ok(text.clone())).boxed()));
        }
        self
    }

    /// The same, asked for anew at each connection: for tokens that expire.
    pub fn auth_with<T, Fut>(mut self, provide: impl Fn() -> Fut + Send + Sync + 'static) -> Self
    where
        T: Serialize,
        Fut: Future<Output = T> + Send + 'static,
    {
        let object = move || provide().map(|auth| to_object(&auth)).boxed();
        self.routes.auth = Some(Arc::new(object));
        self
    }

    /// Registers the handler of an event: `async |payload|`, with a [`Client`] before the payload if
    /// it wants one, returning `()`, [`Ack`](crate::Ack) or a `Result` of one. Handlers start in the
    /// order of the events and interleave only where they wait.
    ///
    /// A closure that uses something from outside keeps its own copy and hands each call one:
    /// `move |payload| { let db = db.clone(); async move { .. } }`.
    pub fn on<P, A, M>(mut self, event: impl Listen<P, A>, handler: impl Handler<M, P, A>) -> Self {
        let Some(name) = self.check(event_name(&event).map(str::to_owned)) else {
            return self;
        };
        let handler = Arc::new(move |client: Client, args: &str, attachments: &[_], wanted| {
            handler.start(client, args, attachments, wanted)
        });
        if self.routes.events.insert(name.clone(), handler).is_some() {
            self.check(Err::<(), _>(ConfigError::DuplicateEvent { event: name }));
        }
        self
    }

    /// Sets limits and timeouts.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }
}

macro_rules! life_handlers {
    ($($(#[$doc:meta])* $name:ident: $told:ty => $route:ident;)*) => {
        impl<S> Builder<S> {
            $(
                $(#[$doc])*
                pub fn $name<Fut: Future<Output = ()> + Send + 'static>(
                    mut self,
                    handler: impl Fn($told) -> Fut + Send + Sync + 'static,
                ) -> Self {
                    let started = move |told| handler(told).map(|()| Ok(None)).boxed();
                    self.routes.$route = Some(Arc::new(started));
                    self
                }
            )*
        }
    };
}

life_handlers! {
    /// Registers what sees every event from the server, before its own handler starts.
    on_any: RawEvent => any;
    /// Registers what runs after each connection, the first one included.
    on_connect: Client => connect;
    /// Registers what runs when an attempt fails whose error `connect` does not return: a
    /// reconnection, or the first one after `start`.
    on_connect_error: ConnectError => connect_error;
    /// Registers what runs when the client has left its namespace, for whatever reason.
    on_disconnect: DisconnectReason => disconnect;
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
