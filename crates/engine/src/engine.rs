//! The engine: from a request to its response.

mod response_headers;
pub(crate) mod service;
mod verify;

use std::convert::Infallible;
use std::fmt;
use std::future::{self, Future};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Context, ready};

use http::header::{ACCESS_CONTROL_ALLOW_METHODS, CONNECTION, HeaderValue, ORIGIN};
use http::request::Parts;
use http::{Method, Request, Response, StatusCode};
use http_body::Body as HttpBody;
use sockeye_engine_proto::{CloseReason, Revision, SessionId, TransportKind};
use sockeye_net::http::{Source, check_request};

use self::response_headers::ResponseHeaders;
use self::service::EngineService;
use self::verify::{Target, is_upgrade, log_denied, verify, verify_beside};
use crate::application::Application;
use crate::http::handshake::Handshake;
use crate::http::headers_present::HeadersPresent;
use crate::http::refusal::{Refusal, empty};
use crate::http::response_body::Body;
use crate::metrics;
use crate::session::Session;
use crate::session::config::{Config, ConfigError};
use crate::session::dialect::Dialect;
use crate::session::hooks::ConnectionError;
use crate::session::registry::{Registry, SessionCount};
use crate::task::NewSession;
use crate::transport::ndjson;
use crate::transport::polling::{Poll, Post, Unread};
use crate::transport::websocket::{self, Arrival};

/// An Engine.IO server without a listener of its own. A cheap handle; clones share everything.
pub struct Engine<A> {
    registry: Arc<Registry>,
    application: Arc<A>,
}

impl<A: Application> Engine<A> {
    /// A server of `application`.
    ///
    /// # Errors
    /// When the configuration makes no sense.
    pub fn new(config: Config, application: A) -> Result<Self, ConfigError> {
        let registry = Arc::new(Registry::new(config)?);
        Ok(Engine { registry, application: Arc::new(application) })
    }

    /// Where it answers: its [path](Config::path), without a slash at the end.
    pub fn path(&self) -> &str {
        self.registry.config.served_path()
    }

    /// Whether requests to this path are the engine's: below its own path, slash included.
    pub fn handles(&self, path: &str) -> bool {
        let config = &self.registry.config;
        path.strip_prefix(config.served_path()).is_some_and(|rest| {
            rest.starts_with('/') || rest.is_empty() && !config.add_trailing_slash
        })
    }

    /// Answers a request, whatever its path. Polls are answered when there is something to say; a
    /// WebSocket handshake takes hyper's upgrade out of the request's extensions.
    ///
    /// Must be called within a tokio runtime, which then runs the session's task.
    ///
    /// # Cancel safety
    /// Dropping the future means that the client has given its request up, which ends the session
    /// the request belongs to.
    pub async fn handle<B>(&self, request: Request<B>) -> Response<Body>
    where
        B: HttpBody + Send + 'static,
        B::Data: Send,
        B::Error: Send,
    {
        let Ok(response) = self.respond(request).await;
        response
    }

    /// [`handle`](Engine::handle) for services: what can be done at once is done by the call, and what
    /// waits holds no more than it needs.
    pub fn respond<B>(&self, request: Request<B>) -> ResponseFuture
    where
        B: HttpBody + Send + 'static,
        B::Data: Send,
        B::Error: Send,
    {
        let mut added = ResponseHeaders::default();
        let answer: BoxAnswer = match self.begin(request, &mut added) {
            Route::Done(response) => return added.on(response).into(),
            Route::Poll(poll) => return ResponseFuture(Answering::Poll(poll, added)),
            Route::Post(post) => Box::pin(async move { added.on(post.answer().await) }),
            Route::Unread(unread) => Box::pin(async move { added.on(unread.answer().await) }),
            Route::Ask(opening) => {
                let engine = self.clone();
                Box::pin(async move { engine.ask(*opening, added).await })
            }
        };
        ResponseFuture(Answering::Boxed(answer))
    }

    /// Whether a request is for one of [`allowed_hosts`](Config::allowed_hosts), for what is served
    /// beside the engine: what comes to the engine itself it asks in any case.
    ///
    /// # Errors
    /// With the answer, when it is not.
    #[expect(clippy::result_large_err, reason = "it is the answer")]
    pub fn check_host<B>(&self, request: &Request<B>) -> Result<(), Response<Body>> {
        let config = &self.registry.config;
        let Some(hosts) = &config.allowed_hosts else { return Ok(()) };
        hosts.check(request, &config.trusted_proxies).map_err(|denied| {
            metrics::refused("host_denied");
            tracing::debug!(host = denied.host(), "request for another host refused");
            denied.into_response("Config { allowed_hosts: Some(\"", "\".parse()?), .. }")
        })
    }

    /// Judges a request for what is served beside the engine as one that opens a session is
    /// judged: its page's [origin](Config::origins) may connect, and the hook
    /// [`allow_request`](crate::Hooks::allow_request) lets it in. No session comes of it. The method is
    /// the business of whoever serves it, the host [`check_host`](Engine::check_host)'s.
    ///
    /// # Errors
    /// [`Refusal`] with the code and message that a client would get; hooks that hear of refusals
    /// hear of it.
    ///
    /// # Cancel safety
    /// Safe: the hook is dropped where it stands. Must be called within a tokio runtime.
    ///
    /// ```
    /// use http::StatusCode;
    /// use sockeye_engine::{Application, Engine};
    ///
    /// async fn beside<A: Application>(engine: &Engine<A>, request: http::Request<()>) -> StatusCode {
    ///     let (head, ()) = request.into_parts();
    ///     match engine.admit(&head).await {
    ///         Ok(handshake) if handshake.query("q").is_some() => StatusCode::OK,
    ///         Ok(_) => StatusCode::NOT_FOUND,
    ///         Err(_) => StatusCode::FORBIDDEN,
    ///     }
    /// }
    /// ```
    pub async fn admit(&self, head: &Parts) -> Result<Handshake, Refusal> {
        let config = &self.registry.config;
        let handshake = {
            let source = Source::of_head(head, &config.trusted_proxies);
            Handshake::new(head, &source, &config.kept_extensions)
        };
        let judged = async {
            self.verify_page(head)?;
            let asked = tokio::time::timeout(config.hook_timeout, config.hooks.allow(&handshake));
            asked.await.unwrap_or(Err(Refusal::HookTimeout))
        };
        match judged.await {
            Ok(()) => Ok(handshake),
            Err(refusal) => {
                self.tell(head, &refusal);
                Err(refusal)
            }
        }
    }

    /// The engine as a tower service: 404 outside its path.
    pub fn into_service(self) -> EngineService<A> {
        EngineService { engine: self }
    }

    /// Sessions that are open or closing.
    pub fn sessions(&self) -> usize {
        self.registry.sessions()
    }

    /// Bytes that wait to be written: queued for sessions, or in long answers to polls that their
    /// clients have not read. What many have not taken yet counts once.
    pub fn queued_bytes(&self) -> usize {
        self.registry.queued_bytes.bytes()
    }

    /// Refuses new sessions with 503 from now on.
    pub fn refuse_sessions(&self) {
        self.registry.refuse_sessions();
    }

    /// Sessions that are not over: open, closing, or closed with a handler still at work.
    pub fn unfinished(&self) -> usize {
        self.registry.tasks()
    }

    /// Waits until all sessions are over and their handlers done.
    ///
    /// # Cancel safety
    /// Safe: nothing but waiting happens here.
    pub async fn finished(&self) {
        self.registry.tasks_done().await;
    }

    /// The session with this id.
    pub fn session(&self, id: &str) -> Option<Session> {
        self.registry.find(id)
    }

    /// Every session there is at this moment.
    pub fn all_sessions(&self) -> Vec<Session> {
        self.registry.all()
    }

    /// A page of the sessions: up to `limit` of those whose [`number`](Session::number) is `first` or
    /// higher, in the order in which they were opened. The next page begins behind the last number;
    /// fewer than `limit` are the last page. Costs a look at every session, and a handle of each that
    /// is on the page.
    pub fn session_page(&self, first: u64, limit: usize) -> Vec<Session> {
        self.registry.page(first, limit)
    }

    /// How many sessions there are of each transport and revision that somebody uses. Costs a look at
    /// every session; [`sessions`](Engine::sessions) is their sum and costs nothing.
    pub fn session_counts(&self) -> Vec<SessionCount> {
        self.registry.counts()
    }

    /// Adds what the engine's own responses say about cross-origin requests, for what is served
    /// beside it under its path.
    pub fn with_cors<B>(
        &self,
        request: &Request<B>,
        mut response: Response<Body>,
    ) -> Response<Body> {
        let config = &self.registry.config;
        if let Some(cors) = &config.cors {
            let host = Source::of(request, &config.trusted_proxies).host;
            cors.extend(&config.origins, (request.headers(), host), response.headers_mut());
        }
        response
    }

    /// The answer to a preflight (the Fetch standard, "CORS-preflight request") for what is served beside
    /// the engine, with these `methods`. `None`: no page of another origin may ask, see
    /// [`Cors`](crate::Cors).
    pub fn preflight_beside(
        &self,
        request: &Parts,
        methods: HeaderValue,
    ) -> Option<Response<Body>> {
        let mut response = self.preflight(request)?;
        response.headers_mut().insert(ACCESS_CONTROL_ALLOW_METHODS, methods);
        Some(response)
    }

    /// What is served.
    pub fn application(&self) -> &A {
        &self.application
    }

    /// Closes every session and waits until their handlers are done and their connections closed.
    /// New sessions are refused with 503 from now on. Clients that do not take part in closing are
    /// given `websocket_close_timeout`; those that poll and have no poll waiting cannot be told and
    /// are not waited for.
    ///
    /// # Cancel safety
    /// Safe: the sessions go on closing.
    ///
    /// ```no_run
    /// use sockeye_engine::{Application, CloseReason, Engine};
    /// use sockeye_net::http::{HttpServer, bind};
    ///
    /// # async fn example<A: Application>(engine: Engine<A>) -> std::io::Result<()> {
    /// let server = HttpServer::new(bind("localhost:3000").await?, engine.clone().into_service());
    /// server
    ///     .with_graceful_shutdown(async move {
    ///         drop(tokio::signal::ctrl_c().await);
    ///         engine.shutdown(CloseReason::ServerShutdown).await;
    ///     })
    ///     .await
    /// # }
    /// ```
    pub async fn shutdown(&self, reason: CloseReason) {
        self.registry.refuse_sessions();
        let patience = self.registry.config.websocket_close_timeout;
        for session in self.registry.all() {
            if session.has_outlet() {
                session.close(reason);
            } else {
                session.discard(reason);
            }
        }
        if tokio::time::timeout(patience, self.registry.tasks_done()).await.is_err() {
            for session in self.registry.all() {
                session.discard(reason);
            }
            self.registry.tasks_done().await;
        }
    }

    pub(crate) fn registry(&self) -> &Arc<Registry> {
        &self.registry
    }

    pub(crate) fn shared_application(&self) -> Arc<A> {
        Arc::clone(&self.application)
    }

    /// Whether the page that a request comes from may connect.
    pub(crate) fn verify_page(&self, head: &Parts) -> Result<(), Refusal> {
        let proxies = &self.registry.config.trusted_proxies;
        verify_beside(&self.registry, head, || Source::of_head(head, proxies).host)
    }

    /// Judges a request and does what needs no waiting. The head of the request ends here.
    fn begin<B: HttpBody>(&self, request: Request<B>, added: &mut ResponseHeaders) -> Route<B> {
        if let Err(error) = check_request(&request) {
            let (head, body) = request.into_parts();
            let upgrade = is_upgrade(&head.headers, HeadersPresent::of(&head.headers));
            let response = self.refuse(&head, &Refusal::Target(error), upgrade);
            return self.answer_now(response, body);
        }
        if let Err(response) = self.check_host(&request) {
            return self.answer_now(response, request.into_body());
        }
        let (mut head, body) = request.into_parts();
        let config = &self.registry.config;
        if head.method == Method::OPTIONS
            && let Some(response) = self.preflight(&head)
        {
            return self.answer_now(response, body);
        }
        // Few requests but the first of a session are asked for it.
        let host = || Source::of_head(&head, &config.trusted_proxies).host;
        *added = ResponseHeaders::new(config, &head, host);
        let present = HeadersPresent::of(&head.headers);
        let upgrade = is_upgrade(&head.headers, present);
        let target = match verify(&self.registry, &head, present, host, upgrade) {
            Ok(target) => target,
            Err(refusal) => {
                let response = self.refuse(&head, &refusal, upgrade);
                return self.answer_now(response, body);
            }
        };
        added.ask_hooks(config, &head, matches!(target, Target::New(..)));
        match target {
            Target::New(kind, dialect) if upgrade == (kind == TransportKind::WebSocket) => {
                let source = Source::of_head(&head, &config.trusted_proxies);
                let handshake = Handshake::new(&head, &source, &config.kept_extensions);
                let opening = Opening { kind, dialect, handshake, head, present, upgrade };
                self.begin_session(opening, added)
            }
            Target::Existing(session, TransportKind::WebSocket, base64) if upgrade => {
                Route::Done(self.upgrade(Arrival::Upgrade(session, base64), &mut head))
            }
            _ if upgrade => Route::Done(self.upgrade(Arrival::Orphan, &mut head)),
            Target::Existing(session, TransportKind::Polling, _) if head.method == Method::GET => {
                Route::Poll(Poll::new(session, &head, present))
            }
            Target::Existing(session, kind, _)
                if head.method == Method::POST && kind.takes_posts() =>
            {
                match Post::new(session, &head, present, body) {
                    Ok(post) => Route::Post(post),
                    Err(unread) => Route::Unread(unread),
                }
            }
            // A stream has one GET, which opened it.
            Target::Existing(..) if head.method == Method::GET => {
                let response = self.refuse(&head, &Refusal::TransportMismatch, upgrade);
                self.answer_now(response, body)
            }
            _ => self.answer_now(empty(StatusCode::INTERNAL_SERVER_ERROR), body),
        }
    }

    /// The answer to a preflight (the Fetch standard, "CORS-preflight request"), if pages of other origins
    /// may ask at all.
    fn preflight(&self, head: &Parts) -> Option<Response<Body>> {
        let config = &self.registry.config;
        let host = Source::of_head(head, &config.trusted_proxies).host;
        // The request itself does not follow, and a browser does not tell its page why.
        if head.headers.contains_key(ORIGIN) && !config.origins.allow(&head.headers, host) {
            log_denied(&self.registry, &head.headers, host);
        }
        config.cors.as_ref().map(|cors| cors.preflight(&config.origins, (&head.headers, host)))
    }

    /// The answer to a request whose body does not matter. Unless its connection ends with it, what is
    /// still to come of the body comes first.
    fn answer_now<B: HttpBody>(&self, response: Response<Body>, body: B) -> Route<B> {
        if body.is_end_stream() || response.headers().contains_key(CONNECTION) {
            return Route::Done(response);
        }
        Route::Unread(Unread::new(response, body, &self.registry.config))
    }

    /// Asks the hooks whether and under which id a session may be opened, then opens it.
    async fn ask(&self, opening: Opening, mut added: ResponseHeaders) -> Response<Body> {
        match self.ask_hooks(&opening).await {
            Ok(id) => match self.open(opening, id, &mut added) {
                Ok(poll) => added.on(poll.await),
                Err(response) => added.on(response),
            },
            Err(refusal) => added.on(self.refuse(&opening.head, &refusal, opening.upgrade)),
        }
    }

    async fn ask_hooks(&self, opening: &Opening) -> Result<Option<SessionId>, Refusal> {
        let config = &self.registry.config;
        let asking = async {
            config.hooks.allow(&opening.handshake).await?;
            if !config.speaks(opening.dialect.revision) {
                return Err(Refusal::UnsupportedRevision);
            }
            config.hooks.id(&opening.handshake).await
        };
        let asked = tokio::time::timeout(config.hook_timeout, asking).await;
        asked.unwrap_or(Err(Refusal::HookTimeout))
    }

    fn begin_session<B>(&self, opening: Opening, added: &mut ResponseHeaders) -> Route<B> {
        if !self.registry.config.hooks.are_silent() {
            return Route::Ask(Box::new(opening));
        }
        match self.open(opening, None, added) {
            Ok(poll) => Route::Poll(poll),
            Err(response) => Route::Done(response),
        }
    }

    /// Opens a session; `id` if there is one already.
    ///
    /// # Errors
    /// With the answer, unless that is to come from the session's first poll.
    #[expect(clippy::result_large_err, reason = "it is the answer")]
    fn open(
        &self,
        opening: Opening,
        id: Option<SessionId>,
        added: &mut ResponseHeaders,
    ) -> Result<Poll, Response<Body>> {
        let Opening { kind, dialect, handshake, mut head, present, upgrade } = opening;
        let refuse = |refusal| self.refuse(&head, &refusal, upgrade);
        let streams = kind == TransportKind::Ndjson;
        let is_spoken = self.registry.config.speaks(dialect.revision)
            && (!streams || dialect.revision == Revision::V4);
        if !is_spoken {
            return Err(refuse(Refusal::UnsupportedRevision));
        }
        if self.registry.is_closing() {
            metrics::refused("shutting_down");
            return Err(empty(StatusCode::SERVICE_UNAVAILABLE));
        }
        let id = match id {
            Some(id) => Some(id).filter(|id| self.registry.find(id.as_str()).is_none()),
            None => self.registry.new_id(),
        };
        let id = id.ok_or_else(|| refuse(Refusal::NoId))?;
        let slot = self.registry.address_slot(handshake.address()).map_err(refuse)?;
        let cookie = self.registry.config.cookie.as_ref().filter(|_| !upgrade);
        if let Some(cookie) = cookie.and_then(|cookie| cookie.header(&id)) {
            added.set_cookie(cookie);
        }
        let application = Arc::clone(&self.application);
        let session = NewSession { application, id, dialect, handshake, slot };
        if upgrade {
            return Err(self.upgrade(Arrival::New(session), &mut head));
        }
        if streams {
            return Err(ndjson::open(&self.registry, session));
        }
        let session = session.spawn(&self.registry, kind, None);
        Ok(Poll::new(session, &head, present))
    }

    fn upgrade(&self, arrival: Arrival<A>, head: &mut Parts) -> Response<Body> {
        let response = websocket::accept(&self.registry, arrival, head);
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            self.tell(head, &Refusal::BadUpgrade);
        }
        response
    }

    fn refuse(&self, head: &Parts, refusal: &Refusal, upgrade: bool) -> Response<Body> {
        self.tell(head, refusal);
        if upgrade { refusal.upgrade_response() } else { refusal.response() }
    }

    pub(crate) fn tell(&self, request: &Parts, refusal: &Refusal) {
        metrics::refused(refusal.as_str());
        tracing::debug!(reason = refusal.as_str(), "request refused");
        if let Some(hear) = &self.registry.config.hooks.connection_error {
            let (code, message) = (refusal.code(), refusal.message());
            hear(&ConnectionError { request, code, message, refusal });
        }
    }
}

/// A session that is about to be opened.
struct Opening {
    kind: TransportKind,
    dialect: Dialect,
    handshake: Handshake,
    head: Parts,
    present: HeadersPresent,
    upgrade: bool,
}

/// An answer to be, of [`Engine::respond`].
#[must_use = "the request is answered by awaiting it"]
pub struct ResponseFuture(Answering);

type BoxAnswer = Pin<Box<dyn Future<Output = Response<Body>> + Send>>;

/// A poll is held for long, so it has no more than it needs; what is brief and large is in a box.
enum Answering {
    Done(future::Ready<Response<Body>>),
    Poll(Poll, ResponseHeaders),
    Boxed(BoxAnswer),
}

impl From<Response<Body>> for ResponseFuture {
    /// An answer that is there.
    fn from(response: Response<Body>) -> Self {
        ResponseFuture(Answering::Done(future::ready(response)))
    }
}

impl ResponseFuture {
    /// An answer that somebody works on.
    pub fn waiting(answer: impl Future<Output = Response<Body>> + Send + 'static) -> Self {
        ResponseFuture(Answering::Boxed(Box::pin(answer)))
    }
}

impl Future for ResponseFuture {
    type Output = Result<Response<Body>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> task::Poll<Self::Output> {
        let response = match &mut self.0 {
            Answering::Done(answer) => ready!(Pin::new(answer).poll(cx)),
            Answering::Boxed(answer) => ready!(answer.as_mut().poll(cx)),
            Answering::Poll(poll, added) => {
                let response = ready!(Pin::new(poll).poll(cx));
                std::mem::take(added).on(response)
            }
        };
        task::Poll::Ready(Ok(response))
    }
}

impl fmt::Debug for ResponseFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}

/// What is left to do for a request once it was judged.
enum Route<B> {
    Done(Response<Body>),
    Poll(Poll),
    Post(Post<B>),
    Unread(Unread<B>),
    Ask(Box<Opening>),
}

impl<A> Clone for Engine<A> {
    fn clone(&self) -> Self {
        Engine { registry: Arc::clone(&self.registry), application: Arc::clone(&self.application) }
    }
}

impl<A> fmt::Debug for Engine<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine")
            .field("path", &self.registry.config.served_path())
            .field("sessions", &self.registry.sessions())
            .finish_non_exhaustive()
    }
}
