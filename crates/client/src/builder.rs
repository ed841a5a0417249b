//! The builder: a client's description before it connects.

use std::fmt;
use std::future::ready;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use serde::Serialize;
use sockeye_engine_proto::TransportKind;
#[cfg(feature = "tls")]
use sockeye_net::http::{Dialer, Roots};
use sockeye_socket_proto::{EventRef, Listen, RawEvent, event_name};
use tokio::sync::oneshot;

use crate::client::Client;
use crate::engine::{Target, normalize_namespace};
use crate::error::{ConfigError, ConnectError, UrlError};
use crate::handler::{Handler, Handlers};
use crate::limits::Limits;
use crate::manager::{Manager, ManagerLink};
use crate::reconnect::Reconnect;
use crate::socket::{FirstJoin, Socket};
use crate::state::DisconnectReason;

/// The description of a client: its handlers and how it connects. Made by [`Client::builder`], for a
/// session of its own, and by [`Client::namespace`], for another namespace of the same session.
///
/// ```no_run
/// use sockeye_client::{Client, DisconnectReason};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let client = Client::builder("https://chat.example")?
///     .on("message", async |text: String| println!("{text}"))
///     .on_disconnect(async |reason: DisconnectReason| println!("({reason})"))
///     .connect()
///     .await?;
/// let admin = client.namespace("/admin").connect().await?;
/// # let _ = admin;
/// # Ok(())
/// # }
/// ```
#[must_use = "a client connects when `connect` or `start` is called"]
pub struct Builder<S> {
    namespace: String,
    handlers: Handlers,
    limits: Limits,
    session: S,
    /// The first mistake, if there is one, for `connect` to return.
    checked: Result<(), ConfigError>,
}

/// The type of a [`Builder`] whose client opens a session of its own.
pub struct NewSession {
    target: Target,
    reconnect: Reconnect,
}

/// The type of a [`Builder`] whose client shares the session of another.
#[derive(Debug)]
pub struct SameSession {
    link: Arc<ManagerLink>,
}

impl Builder<NewSession> {
    pub(crate) fn open(url: &str) -> Result<Self, UrlError> {
        let (target, namespace) = Target::parse(url)?;
        let session = NewSession { target, reconnect: Reconnect::default() };
        Ok(Builder::new(namespace, Limits::default(), session))
    }

    /// Sets the transports. The first one opens the session; polling is upgraded to a WebSocket when
    /// that is among the others. Default: both, polling first.
    pub fn transports(mut self, transports: impl IntoIterator<Item = TransportKind>) -> Self {
        self.session.target.transports = transports.into_iter().collect();
        self
    }

    /// Sets the path of the server's endpoint. Default `/socket.io`.
    pub fn path(mut self, path: &str) -> Self {
        self.session.target.set_path(path);
        self
    }

    /// Adds a header to every request.
    ///
    /// ```
    /// # fn main() -> Result<(), sockeye_client::UrlError> {
    /// let builder = sockeye_client::Client::builder("http://localhost:3000")?
    ///     .path("/realtime")
    ///     .query("room", "lobby")
    ///     .header("authorization", "Bearer secret");
    /// # let _ = builder;
    /// # Ok(())
    /// # }
    /// ```
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let added = self.session.target.add_header(name, value);
        self.check(added);
        self
    }

    /// Sets the authorities that are trusted for `https://` and `wss://`. Default: [`Roots::system`].
    #[cfg(feature = "tls")]
    #[cfg_attr(docsrs, doc(cfg(feature = "tls")))]
    pub fn roots(mut self, roots: Roots) -> Self {
        self.session.target.dialer = Dialer::with_roots(roots);
        self
    }

    /// Adds a parameter to the query of every request. `EIO`, `transport` and `sid` belong to the
    /// protocol and are ignored.
    pub fn query(mut self, key: &str, value: &str) -> Self {
        self.session.target.add_query(key, value);
        self
    }

    /// Sets what happens after a lost connection. Default: [`Backoff::default`](crate::Backoff),
    /// which never gives up.
    pub fn reconnect(mut self, reconnect: impl Into<Reconnect>) -> Self {
        self.session.reconnect = reconnect.into();
        self
    }

    /// Connects and joins the namespace. There is one attempt; reconnection begins after it has
    /// succeeded.
    ///
    /// # Errors
    /// [`ConnectError`]; then no task is left.
    ///
    /// # Panics
    /// Outside of a tokio runtime with IO and time.
    pub async fn connect(self) -> Result<Client, ConnectError> {
        let (first_join, joined) = oneshot::channel();
        let timeout = self.limits.connect_timeout;
        let client = self.launch(Some(first_join))?;
        await_joined(client, joined, timeout).await
    }

    /// Starts to connect in the background and returns immediately. The first attempt is repeated as
    /// after a lost connection; what is emitted meanwhile waits.
    ///
    /// ```no_run
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// let client = sockeye_client::Client::builder("http://localhost:3000")?.start()?;
    /// client.emit("hello", "waits until there is a connection")?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ConfigError`] when the description has a mistake.
    ///
    /// # Panics
    /// Outside of a tokio runtime with IO and time.
    pub fn start(self) -> Result<Client, ConfigError> {
        self.launch(None)
    }

    fn launch(self, first_join: Option<FirstJoin>) -> Result<Client, ConfigError> {
        let Builder { namespace, handlers, limits, session, checked } = self;
        checked?;
        let NewSession { mut target, reconnect } = session;
        if target.transports.is_empty() {
            return Err(ConfigError::NoTransport);
        }
        target.open_timeout = limits.connect_timeout;
        target.message_bytes_max = limits.message_bytes_max;
        let link = Arc::<ManagerLink>::default();
        let manager = Manager::new(Arc::clone(&link), Arc::new(target), reconnect, &limits);
        let client =
            Client::new(Socket::new(namespace, handlers, limits, Arc::clone(&link), first_join));
        link.add_socket(client.socket());
        tokio::spawn(manager);
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

    /// Joins the namespace on the present session, or on the next one while there is none.
    ///
    /// # Errors
    /// [`ConnectError`]; [`ConnectError::Cancelled`] when the session was closed for good.
    pub async fn connect(self) -> Result<Client, ConnectError> {
        let Builder { namespace, handlers, limits, session: SameSession { link }, checked } = self;
        checked?;
        let (first_join, joined) = oneshot::channel();
        let timeout = limits.connect_timeout;
        let socket = Socket::new(namespace, handlers, limits, Arc::clone(&link), Some(first_join));
        let client = Client::new(socket);
        if !link.add_socket(client.socket()) {
            return Err(ConnectError::Cancelled);
        }
        await_joined(client, joined, timeout).await
    }
}

impl<S> Builder<S> {
    fn new(namespace: String, limits: Limits, session: S) -> Self {
        Builder { namespace, handlers: Handlers::default(), limits, session, checked: Ok(()) }
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

    /// Sets the value that the client sends when it joins the namespace: anything that serializes to a
    /// JSON object.
    pub fn auth<T: Serialize + ?Sized>(mut self, auth: &T) -> Self {
        if let Some(text) = self.check(to_object(auth)) {
            self.handlers.auth = Some(Arc::new(move || ready(Ok(text.clone())).boxed()));
        }
        self
    }

    /// Sets a function that is called for this value at each connection: for tokens that expire.
    ///
    /// ```
    /// use std::collections::HashMap;
    ///
    /// async fn fresh_token() -> String {
    ///     "secret".to_owned()
    /// }
    /// # fn main() -> Result<(), sockeye_client::UrlError> {
    /// let builder = sockeye_client::Client::builder("http://localhost:3000")?
    ///     .auth_with(async || HashMap::from([("token", fresh_token().await)]));
    /// # let _ = builder;
    /// # Ok(())
    /// # }
    /// ```
    pub fn auth_with<T, Fut>(mut self, provide: impl Fn() -> Fut + Send + Sync + 'static) -> Self
    where
        T: Serialize,
        Fut: Future<Output = T> + Send + 'static,
    {
        let object = move || provide().map(|auth| to_object(&auth)).boxed();
        self.handlers.auth = Some(Arc::new(object));
        self
    }

    /// Registers the [`Handler`] of an event. Handlers run in the session's task: they start in the
    /// order of the events and interleave only where they wait. Long computations belong into
    /// `tokio::task::spawn_blocking`.
    ///
    /// A closure that uses a value from outside clones it for each call:
    ///
    /// ```
    /// use std::sync::Arc;
    /// use std::sync::atomic::{AtomicU32, Ordering};
    ///
    /// # fn main() -> Result<(), sockeye_client::UrlError> {
    /// let count = Arc::new(AtomicU32::new(0));
    /// let builder = sockeye_client::Client::builder("http://localhost:3000")?.on("tick", move |_: u64| {
    ///     let count = Arc::clone(&count);
    ///     async move {
    ///         count.fetch_add(1, Ordering::Relaxed);
    ///     }
    /// });
    /// # let _ = builder;
    /// # Ok(())
    /// # }
    /// ```
    pub fn on<P, A, M>(mut self, event: impl Listen<P, A>, handler: impl Handler<M, P, A>) -> Self {
        let Some(name) = self.check(event_name(&event).map(str::to_owned)) else {
            return self;
        };
        let handler = Arc::new(move |client: Client, event: EventRef<'_>, is_ack_wanted| {
            handler.start(client, event, is_ack_wanted)
        });
        if self.handlers.events.insert(name.clone(), handler).is_some() {
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

macro_rules! lifecycle_handlers {
    ($($(#[$doc:meta])* $name:ident: $value:ty => $field:ident;)*) => {
        impl<S> Builder<S> {
            $(
                $(#[$doc])*
                pub fn $name<Fut: Future<Output = ()> + Send + 'static>(
                    mut self,
                    handler: impl Fn($value) -> Fut + Send + Sync + 'static,
                ) -> Self {
                    let start = move |value| handler(value).map(|()| Ok(None)).boxed();
                    self.handlers.$field = Some(Arc::new(start));
                    self
                }
            )*
        }
    };
}

lifecycle_handlers! {
    /// Registers a handler of every event from the server, which starts before the event's own.
    ///
    /// ```
    /// use sockeye_client::{Client, RawEvent};
    ///
    /// # fn main() -> Result<(), sockeye_client::UrlError> {
    /// let builder = Client::builder("http://localhost:3000")?
    ///     .on_any(async |event: RawEvent| println!("{} {}", event.name, event.args.json()));
    /// # let _ = builder;
    /// # Ok(())
    /// # }
    /// ```
    on_any: RawEvent => any;
    /// Registers a handler that runs after each connection, the first one included.
    on_connect: Client => connect;
    /// Registers a handler that runs when an attempt fails whose error `connect` does not return: a
    /// reconnection, or the first attempt after `start`.
    ///
    /// ```
    /// use sockeye_client::{Client, ConnectError};
    ///
    /// # fn main() -> Result<(), sockeye_client::UrlError> {
    /// let builder = Client::builder("http://localhost:3000")?
    ///     .on_connect(async |client: Client| println!("connected as {:?}", client.id()))
    ///     .on_connect_error(async |error: ConnectError| println!("not connected: {error}"));
    /// # let _ = builder;
    /// # Ok(())
    /// # }
    /// ```
    on_connect_error: ConnectError => connect_error;
    /// Registers a handler that runs when the client has left its namespace, for any reason.
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

/// Waits until the client has joined. On an error the client is dropped and leaves the namespace.
async fn await_joined(
    client: Client,
    joined: oneshot::Receiver<Result<(), ConnectError>>,
    timeout: Duration,
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
