//! A SockJS service: from a request to its answer.

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use http::header::{
    CONNECTION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, UPGRADE, X_CONTENT_TYPE_OPTIONS,
};
use http::request::Parts;
use http::{Method, Request, Response, StatusCode};
use http_body::Body as HttpBody;
use sockeye_engine::session_protocol::{
    self as driver, AwaitedReply, Place, ReplyContent, StreamWatch,
};
use sockeye_engine::{Application, Body, CloseDetail, Engine, Refusal, ResponseFuture, Session};
use sockeye_engine_proto::TransportId;
use tower_service::Service as TowerService;

use crate::clients::{Client, Clients};
use crate::codec::messages::Messages;
use crate::config::{Config, ConfigError};
use crate::http::headers::{self, Common, never_cache, not_allowed, not_found, text, typed};
use crate::http::iframe;
use crate::http::route::{Action, Route};
use crate::http::stream::{FrameStream, frame_of};
use crate::http::wrap::{Wrap, callback};
use crate::protocol::{FRAMED, Form, Protocol, RAW};
use crate::state::{Delays, State};

/// A SockJS service without a listener of its own. A cheap handle; clones share everything.
///
/// Its sessions are its engine's: [`Engine::shutdown`] ends them, [`Engine::sessions`] counts them.
pub struct SockJs<A> {
    engine: Engine<A>,
    shared: Arc<Shared>,
}

/// A SockJS service without its engine, for whoever is lent that with each request. A cheap handle.
#[doc(hidden)]
#[derive(Clone, Debug)]
pub struct Service(Arc<Shared>);

impl Service {
    /// # Errors
    /// When the configuration makes no sense.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        let config = config.checked()?;
        let delays = Delays {
            heartbeat: config.heartbeat_delay,
            heartbeat_timeout: config.heartbeat_timeout,
            disconnect: config.disconnect_delay,
        };
        let shared = Shared { config, delays: Arc::new(delays), clients: Arc::default() };
        Ok(Service(Arc::new(shared)))
    }
}

#[derive(Debug)]
struct Shared {
    config: Config,
    delays: Arc<Delays>,
    clients: Arc<Clients>,
}

impl<A: Application> SockJs<A> {
    /// A service of `application`, on an engine of its own.
    ///
    /// # Errors
    /// When one of the configurations makes no sense.
    pub fn new(
        config: Config,
        engine: sockeye_engine::Config,
        application: A,
    ) -> Result<Self, ConfigError> {
        Self::on(Engine::new(engine, application)?, config)
    }

    /// A service on an engine that is there: of the same application, under the same limits.
    ///
    /// # Errors
    /// When the configuration makes no sense.
    pub fn on(engine: Engine<A>, config: Config) -> Result<Self, ConfigError> {
        Ok(Self::of(engine, Service::new(config)?))
    }

    /// A service on the engine that it is lent.
    #[doc(hidden)]
    pub fn of(engine: Engine<A>, service: Service) -> Self {
        SockJs { engine, shared: service.0 }
    }

    /// The engine that it stands on.
    pub fn engine(&self) -> &Engine<A> {
        &self.engine
    }

    /// Whether requests to this path are the service's: its own path and what is below it.
    pub fn handles(&self, path: &str) -> bool {
        self.below(path).is_some()
    }

    fn below<'a>(&self, path: &'a str) -> Option<&'a str> {
        let rest = path.strip_prefix(&self.shared.config.path)?;
        (rest.is_empty() || rest.starts_with('/')).then_some(rest)
    }

    /// The service as a tower service: 404 outside its path.
    pub fn into_service(self) -> SockJsService<A> {
        SockJsService(self)
    }

    /// Answers a request. Must be called within a tokio runtime, which then runs the session's task.
    ///
    /// # Cancel safety
    /// Dropping the future means that the client has given its request up, which ends the session that it
    /// was to hear of.
    pub fn respond<B>(&self, request: Request<B>) -> ResponseFuture
    where
        B: HttpBody + Send + 'static,
        B::Data: Send,
        B::Error: Send,
    {
        if let Err(response) = driver::check(&self.engine, &request) {
            return response.into();
        }
        let (head, body) = request.into_parts();
        let config = &self.shared.config;
        let route = self.below(head.uri.path()).map_or(Route::Unknown, Route::of);
        if let Err(refusal) = driver::check_page(&self.engine, &head) {
            return self.after(body, refuse(Some(&refusal)));
        }
        let origins = &driver::config(&self.engine).origins;
        let mut common = Common::new(config, origins, &head.headers);
        if matches!(route, Route::Session(..)) {
            common = common.with_cookie(config, &head.headers);
        }
        if !self.is_served(route) {
            return self.after(body, common.on(not_found()));
        }
        let methods = route.methods();
        if !methods.contains(&head.method) {
            return self.after(body, common.on(not_allowed(methods)));
        }
        if head.method == Method::OPTIONS {
            return self.after(body, common.preflight(&head.headers, methods));
        }
        match route {
            Route::Greeting => {
                self.after(body, common.on(text(StatusCode::OK, "Welcome to SockJS!\n")))
            }
            Route::Info => self.after(body, common.on(self.info())),
            Route::Iframe => {
                let page = config.iframe.as_ref().map(|it| iframe::answer(it, &head.headers));
                self.after(body, page.unwrap_or_else(not_found))
            }
            Route::RawWebSocket => self.websocket(head, Form::Raw),
            Route::Session(_, Action::WebSocket) => {
                self.websocket(head, Form::Framed { binary: config.binary_messages })
            }
            Route::Session(key, Action::XhrSend | Action::JsonpSend) => {
                let client = self.shared.clients.find(key);
                self.send(client, &head, body, common)
            }
            Route::Session(key, action) => match wrap(action, head.uri.query()) {
                Ok(wrap) => {
                    let key = key.to_owned();
                    self.receive(key, head, body, wrap, common)
                }
                Err(why) => self.after(
                    body,
                    common.on(never_cached(text(StatusCode::INTERNAL_SERVER_ERROR, why))),
                ),
            },
            Route::Unknown => self.after(body, common.on(not_found())),
        }
    }

    /// Whether what a path names is switched on.
    fn is_served(&self, route: Route<'_>) -> bool {
        let config = &self.shared.config;
        match route {
            Route::Iframe => config.iframe.is_some(),
            Route::RawWebSocket | Route::Session(_, Action::WebSocket) => config.websocket,
            Route::Session(_, Action::HtmlFile) => config.htmlfile,
            Route::Session(_, Action::Jsonp | Action::JsonpSend) => config.jsonp,
            Route::Unknown => false,
            _ => true,
        }
    }

    /// An answer that does not depend on the body, which is read and forgotten.
    fn after<B>(&self, body: B, mut response: Response<Body>) -> ResponseFuture
    where
        B: HttpBody + Send + 'static,
        B::Data: Send,
    {
        if body.is_end_stream() {
            return response.into();
        }
        let engine = self.engine.clone();
        ResponseFuture::waiting(async move {
            if driver::skip_body(&engine, body).await.is_err() {
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            response
        })
    }

    fn info(&self) -> Response<Body> {
        let config = &self.shared.config;
        let mut entropy = [0; 4];
        // Without randomness clients have their own.
        let _ = getrandom::fill(&mut entropy);
        let info = serde_json::json!({
            "websocket": config.websocket,
            "origins": ["*:*"],
            "cookie_needed": config.cookie_needed,
            "entropy": u32::from_ne_bytes(entropy),
        });
        let json = HeaderValue::from_static("application/json; charset=UTF-8");
        never_cached(typed(StatusCode::OK, json, info.to_string().into()))
    }

    fn websocket(&self, mut head: Parts, form: Form) -> ResponseFuture {
        if let Some(why) = no_upgrade(&head.headers) {
            return text(StatusCode::BAD_REQUEST, why).into();
        }
        let (engine, shared) = (self.engine.clone(), Arc::clone(&self.shared));
        ResponseFuture::waiting(async move {
            let session = match driver::new_session(&engine, &head).await {
                Ok(session) => session,
                Err(refusal) => return refuse(refusal.as_ref()),
            };
            let messages = if form == Form::Raw { &RAW } else { &FRAMED };
            let accept = move |via, now| shared.protocol(via, form, None, now);
            let answer = driver::websocket(&engine, &mut head, session, messages, accept);
            answer
                .unwrap_or_else(|| text(StatusCode::BAD_REQUEST, "This is no WebSocket handshake."))
        })
    }

    /// Answers a request that waits for frames.
    fn receive<B>(
        &self,
        key: String,
        head: Parts,
        body: B,
        wrap: Wrap,
        common: Common,
    ) -> ResponseFuture
    where
        B: HttpBody + Send + 'static,
        B::Data: Send,
        B::Error: Send,
    {
        let bytes_max = self.shared.config.response_bytes_max;
        let place = if is_stream(&wrap) { Place::First } else { Place::Alone };
        if let Some(client) = self.shared.clients.find(&key)
            && body.is_end_stream()
        {
            let session = client.session.clone();
            let answer = driver::poll(&session, place);
            return ResponseFuture::waiting(received(session, answer, wrap, bytes_max, common));
        }
        let sockjs = self.clone();
        ResponseFuture::waiting(async move {
            if let Err(detail) = driver::skip_body(&sockjs.engine, body).await {
                return common.on(bad_body(detail));
            }
            match sockjs.find_or_open(&key, &head).await {
                Ok(session) => {
                    let answer = driver::poll(&session, place);
                    received(session, answer, wrap, bytes_max, common).await
                }
                Err(refusal) => common.on(refuse(refusal.as_ref())),
            }
        })
    }

    async fn find_or_open(&self, key: &str, head: &Parts) -> Result<Session, Option<Refusal>> {
        let shared = &self.shared;
        if let Some(client) = shared.clients.find(key) {
            return Ok(client.session.clone());
        }
        let session = driver::new_session(&self.engine, head).await?;
        let form = Form::Framed { binary: shared.config.binary_messages };
        let client = shared.clients.find_or_start(key, |place| {
            let accept = |via, now| shared.protocol(via, form, Some(place), now);
            driver::start_polling(&self.engine, session, accept)
        });
        Ok(client.session.clone())
    }

    /// Answers a request that brings messages.
    fn send<B>(
        &self,
        client: Option<Arc<Client>>,
        head: &Parts,
        body: B,
        common: Common,
    ) -> ResponseFuture
    where
        B: HttpBody + Send + 'static,
        B::Data: Send,
        B::Error: Send,
    {
        let Some(client) = client else { return self.after(body, common.on(not_found())) };
        let is_jsonp = self.below(head.uri.path()).is_some_and(|it| it.ends_with("/jsonp_send"));
        let is_form = is_jsonp && is_form(&head.headers);
        let engine = self.engine.clone();
        ResponseFuture::waiting(async move {
            let response = take_in(&engine, &client, body, is_form).await;
            common.on(never_cached(match response {
                Ok(()) if is_jsonp => text(StatusCode::OK, "ok"),
                Ok(()) => typed(
                    StatusCode::NO_CONTENT,
                    HeaderValue::from_static("text/plain; charset=UTF-8"),
                    Body::default(),
                ),
                Err(response) => response,
            }))
        })
    }
}

impl Shared {
    /// The state of a new session.
    fn protocol(
        &self,
        via: TransportId,
        form: Form,
        place: Option<crate::clients::Listing>,
        now: Instant,
    ) -> Protocol {
        let state = State::accept(Arc::clone(&self.delays), via, form != Form::Raw, now);
        Protocol::new(state, form, place)
    }
}

/// Hands the messages of a POST over, one POST of a session after the other.
async fn take_in<A, B>(
    engine: &Engine<A>,
    client: &Client,
    body: B,
    is_form: bool,
) -> Result<(), Response<Body>>
where
    A: Application,
    B: HttpBody,
{
    let error = |why: &str| text(StatusCode::INTERNAL_SERVER_ERROR, why);
    let mut upload = Upload { session: &client.session, broken: Some(CloseDetail::PostAborted) };
    let Some(_turn) = client.post_turn().await else {
        upload.broken = None;
        return Err(text(StatusCode::TOO_MANY_REQUESTS, "Too many requests at once."));
    };
    let body = match driver::read_body(engine, body).await {
        Ok(body) => body,
        Err(detail) => {
            upload.broken = Some(detail);
            return Err(bad_body(detail));
        }
    };
    upload.broken = None;
    let body =
        if is_form { form_field(&body).ok_or_else(|| error("Payload expected."))? } else { body };
    if let Err(why) = Messages::of_array(&body) {
        return Err(error(why.as_str()));
    }
    match driver::post(&client.session, body).await {
        ReplyContent::Accepted => Ok(()),
        _ => Err(not_found()),
    }
}

/// A POST that is being read. Unless it comes to its end it is the session's end: what it should have
/// brought would be missing.
struct Upload<'a> {
    session: &'a Session,
    broken: Option<CloseDetail>,
}

impl Drop for Upload<'_> {
    fn drop(&mut self) {
        if let Some(detail) = self.broken {
            driver::fail(self.session, detail);
        }
    }
}

/// The answer to a request that waits for frames.
fn received(
    session: Session,
    answer: AwaitedReply,
    wrap: Wrap,
    bytes_max: usize,
    common: Common,
) -> impl Future<Output = Response<Body>> + Send {
    let is_jsonp = matches!(wrap, Wrap::Jsonp { .. });
    // An `async fn` would hold its arguments twice, and polls wait here.
    async move {
        let content_type = wrap.content_type();
        let body = if is_stream(&wrap) {
            // The answer begins before there is a frame; a listener that keeps idle connections small takes
            // those over whose answer was not there at once.
            tokio::task::yield_now().await;
            let watch = StreamWatch::new(session);
            let frames = FrameStream::new(Arc::clone(&watch), wrap, answer, bytes_max);
            driver::stream(watch, Box::new(frames))
        } else {
            driver::answer_body(&session, wrap.frame(&frame_of(answer.await).bytes))
        };
        let mut response = never_cached(typed(StatusCode::OK, content_type, body));
        let headers = response.headers_mut();
        // nginx would keep frames back until it has some thousand bytes.
        headers.insert(X_ACCEL_BUFFERING, HeaderValue::from_static("no"));
        if is_jsonp {
            headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        }
        common.on(response)
    }
}

fn is_stream(wrap: &Wrap) -> bool {
    matches!(wrap, Wrap::XhrStreaming | Wrap::EventSource | Wrap::HtmlFile { .. })
}

/// What is around the frames; the error is what the client is told.
fn wrap(action: Action, query: Option<&str>) -> Result<Wrap, &'static str> {
    Ok(match action {
        Action::XhrStreaming => Wrap::XhrStreaming,
        Action::EventSource => Wrap::EventSource,
        Action::HtmlFile => Wrap::HtmlFile { callback: callback(query)? },
        Action::Jsonp => Wrap::Jsonp { callback: callback(query)? },
        _ => Wrap::Xhr,
    })
}

/// Why a request for a WebSocket cannot become one.
fn no_upgrade(headers: &HeaderMap) -> Option<&'static str> {
    let lists = |name: HeaderName, token: &str| {
        let values = headers.get_all(name);
        values
            .iter()
            .filter_map(|value| value.to_str().ok())
            .any(|value| value.split(',').any(|it| it.trim().eq_ignore_ascii_case(token)))
    };
    if !lists(UPGRADE, "websocket") {
        return Some("Can \"Upgrade\" only to \"WebSocket\".");
    }
    (!lists(CONNECTION, "upgrade")).then_some("\"Connection\" must be \"Upgrade\".")
}

fn is_form(headers: &HeaderMap) -> bool {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = value.split(';').next().unwrap_or_default().trim();
    media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

/// The field `d` of a form.
fn form_field(body: &[u8]) -> Option<bytes::Bytes> {
    let body = str::from_utf8(body).ok()?;
    let (_, data) = sockeye_engine::query_pairs(body).find(|(name, _)| name == "d")?;
    Some(data.into_owned().into())
}

fn refuse(refusal: Option<&Refusal>) -> Response<Body> {
    match refusal {
        None => text(StatusCode::SERVICE_UNAVAILABLE, "The server is shutting down."),
        Some(refusal) if refusal.code() == 4 => {
            text(StatusCode::FORBIDDEN, refusal.message().to_owned())
        }
        Some(_) => text(StatusCode::SERVICE_UNAVAILABLE, "No session can be opened now."),
    }
}

/// The answer to a request whose body could not be read.
fn bad_body(detail: CloseDetail) -> Response<Body> {
    match detail {
        CloseDetail::PostAborted => text(StatusCode::BAD_REQUEST, "The body broke off."),
        CloseDetail::BodyTimeout => {
            closing(text(StatusCode::REQUEST_TIMEOUT, "The body took too long."))
        }
        _ => closing(text(StatusCode::PAYLOAD_TOO_LARGE, "The body is too large.")),
    }
}

/// The connection ends behind this answer: more of the request may come.
fn closing(mut response: Response<Body>) -> Response<Body> {
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

fn never_cached(mut response: Response<Body>) -> Response<Body> {
    never_cache(response.headers_mut());
    response
}

/// A tower service that answers the path of a [`SockJs`] and 404 outside it.
pub struct SockJsService<A>(SockJs<A>);

impl<A> SockJsService<A> {
    /// The service inside.
    pub fn sockjs(&self) -> &SockJs<A> {
        &self.0
    }
}

impl<A, B> TowerService<Request<B>> for SockJsService<A>
where
    A: Application,
    B: HttpBody + Send + 'static,
    B::Data: Send,
    B::Error: Send,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = ResponseFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        if !self.0.handles(request.uri().path()) {
            return headers::not_found().into();
        }
        self.0.respond(request)
    }
}

impl<A> Clone for SockJs<A> {
    fn clone(&self) -> Self {
        SockJs { engine: self.engine.clone(), shared: Arc::clone(&self.shared) }
    }
}

impl<A> Clone for SockJsService<A> {
    fn clone(&self) -> Self {
        SockJsService(self.0.clone())
    }
}

impl<A> fmt::Debug for SockJs<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SockJs").field("path", &self.shared.config.path).finish_non_exhaustive()
    }
}

impl<A> fmt::Debug for SockJsService<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SockJsService").field(&self.0.shared.config.path).finish()
    }
}

const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");
