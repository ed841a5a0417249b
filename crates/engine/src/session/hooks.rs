//! Functions of the application around the engine's requests.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use http::HeaderMap;
use http::request::Parts;
use sockeye_engine_proto::SessionId;

use crate::http::handshake::Handshake;
use crate::http::refusal::Refusal;
use crate::session::observer::Observer;

/// Functions around the engine's requests, none by default. They run where the request is handled
/// and must not block.
///
/// ```
/// use sockeye_engine::{Config, Hooks, Rejection};
///
/// let hooks = Hooks::new()
///     .allow_request(async |handshake| match handshake.query("token").as_deref() {
///         Some("secret") => Ok(()),
///         _ => Err(Rejection::new("who are you?")),
///     })
///     .connection_error(|error| println!("{}: {}", error.request.uri.path(), error.message));
/// let config = Config { hooks, ..Config::default() };
/// # drop(config);
/// ```
#[derive(Clone, Default)]
pub struct Hooks {
    pub(crate) allow_request: Option<Arc<AllowRequest>>,
    pub(crate) generate_id: Option<Arc<GenerateId>>,
    pub(crate) initial_headers: Option<Arc<Headers>>,
    pub(crate) headers: Option<Arc<Headers>>,
    pub(crate) connection_error: Option<Arc<OnError>>,
    pub(crate) observer: Option<Arc<dyn Observer>>,
}

type HookFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;
type AllowRequest = dyn Fn(Handshake) -> HookFuture<Result<(), Rejection>> + Send + Sync;
type GenerateId = dyn Fn(Handshake) -> HookFuture<Option<String>> + Send + Sync;
type Headers = dyn Fn(&mut HeaderMap, &Parts) + Send + Sync;
type OnError = dyn Fn(&ConnectionError<'_>) + Send + Sync;

impl Hooks {
    /// No hooks.
    pub fn new() -> Self {
        Hooks::default()
    }

    /// Decides whether a session may be opened, after everything else was checked. Requests of
    /// sessions that exist are not asked about; those that [`Engine::admit`](crate::Engine::admit)
    /// judges are. A rejection is answered with 403 and code 4, on WebSocket handshakes with 400.
    ///
    /// The answer may take as long as [`hook_timeout`](crate::Config::hook_timeout) says, together
    /// with that of [`generate_id`](Hooks::generate_id).
    #[must_use]
    pub fn allow_request<F, R>(mut self, allow: F) -> Self
    where
        F: Fn(Handshake) -> R + Send + Sync + 'static,
        R: Future<Output = Result<(), Rejection>> + Send + 'static,
    {
        self.allow_request = Some(Arc::new(move |handshake| Box::pin(allow(handshake))));
        self
    }

    /// Makes the ids of sessions, of at most 256 printable characters; load balancers that know
    /// Socket.IO expect 20. `None`, or an id that cannot be used or is in use already, refuses the
    /// session with code 3.
    ///
    /// Whoever knows the id of a session can take part in it: ids must not be guessable.
    #[must_use]
    pub fn generate_id<F, R>(mut self, generate: F) -> Self
    where
        F: Fn(Handshake) -> R + Send + Sync + 'static,
        R: Future<Output = Option<String>> + Send + 'static,
    {
        self.generate_id = Some(Arc::new(move |handshake| Box::pin(generate(handshake))));
        self
    }

    /// Changes the headers of the response that opens a session, once for each. Called when the
    /// request arrives, as is [`headers`](Hooks::headers).
    #[must_use]
    pub fn initial_headers(
        mut self,
        change: impl Fn(&mut HeaderMap, &Parts) + Send + Sync + 'static,
    ) -> Self {
        self.initial_headers = Some(Arc::new(change));
        self
    }

    /// Changes the headers of each response that is no refusal, the 101 of WebSockets included.
    #[must_use]
    pub fn headers(
        mut self,
        change: impl Fn(&mut HeaderMap, &Parts) + Send + Sync + 'static,
    ) -> Self {
        self.headers = Some(Arc::new(change));
        self
    }

    /// Hears of every request that is refused.
    #[must_use]
    pub fn connection_error(
        mut self,
        hear: impl Fn(&ConnectionError<'_>) + Send + Sync + 'static,
    ) -> Self {
        self.connection_error = Some(Arc::new(hear));
        self
    }

    /// Looks at the packets, heartbeats and upgrades of every session.
    #[must_use]
    pub fn observer(mut self, observer: impl Observer) -> Self {
        self.observer = Some(Arc::new(observer));
        self
    }

    /// Whether sessions can be opened without asking anybody.
    pub(crate) fn are_silent(&self) -> bool {
        self.allow_request.is_none() && self.generate_id.is_none()
    }

    /// Asks whether a session may be opened.
    pub(crate) async fn allow(&self, handshake: &Handshake) -> Result<(), Refusal> {
        let Some(allow) = &self.allow_request else { return Ok(()) };
        let answer = allow(handshake.clone()).await;
        answer.map_err(|Rejection { message }| Refusal::Rejected { message })
    }

    /// Asks for the session's id. `None`: nobody makes ids, so the engine does.
    pub(crate) async fn id(&self, handshake: &Handshake) -> Result<Option<SessionId>, Refusal> {
        let Some(generate) = &self.generate_id else { return Ok(None) };
        let usable = |id: &String| {
            (1..=ID_BYTES_MAX).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic())
        };
        let id = generate(handshake.clone()).await.filter(usable);
        id.map(|id| Some(SessionId::from(id.as_str()))).ok_or(Refusal::NoId)
    }
}

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hooks")
            .field("allow_request", &self.allow_request.is_some())
            .field("generate_id", &self.generate_id.is_some())
            .field("initial_headers", &self.initial_headers.is_some())
            .field("headers", &self.headers.is_some())
            .field("connection_error", &self.connection_error.is_some())
            .field("observer", &self.observer.is_some())
            .finish()
    }
}

/// A session may not be opened, with what its client is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    pub(crate) message: String,
}

impl Rejection {
    /// Tells the client `message`.
    pub fn new(message: impl Into<String>) -> Self {
        Rejection { message: message.into() }
    }
}

impl Default for Rejection {
    /// Tells the client `Forbidden`.
    fn default() -> Self {
        Rejection::new("Forbidden")
    }
}

/// A request that was refused.
#[derive(Debug)]
#[non_exhaustive]
pub struct ConnectionError<'a> {
    /// The request's head.
    pub request: &'a Parts,
    /// The number in the response, 0 to 5.
    pub code: u8,
    /// The text in the response.
    pub message: &'a str,
    /// Why, with what belongs to it.
    pub refusal: &'a Refusal,
}

const ID_BYTES_MAX: usize = 256;
