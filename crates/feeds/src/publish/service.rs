//! The way of a request: judged by its head, then read, then done.
//!
//! Nothing of a body is kept before the key is known to be valid, and nothing is looked up for one that is too long.

use std::borrow::Cow;
use std::future::pending;
use std::panic::resume_unwind;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use sockeye::engine::ResponseFuture;
use sockeye::{Body, Mount, RequestBody, Server};
use sockeye_net::http::Source;

use super::config::PublishingConfig;
use super::docs::Docs;
use super::error::{ApiError, ErrorCode};
use super::keys::{ApiKey, KeyRefused, KeyStore, Verb, verify};
use super::listing::Listing;
use super::members::Members;
use super::operation::Operation;
use super::repeats::{Claim, Repeats};
use super::route::Route;
use super::usage::{Running, Usages};
use crate::http::answer::{closing, json, options};
use crate::http::body::{Bounds, Unread};
use crate::metrics;

/// What is mounted: a handle, cheap to clone.
#[derive(Clone)]
pub(super) struct Service(Arc<Inner>);

struct Inner {
    keys: Arc<dyn KeyStore>,
    config: PublishingConfig,
    /// The path of the mount.
    path: String,
    docs: Docs,
    usages: Arc<Usages>,
    repeats: Arc<Repeats>,
}

/// A request whose key is valid, until it is answered.
struct Admitted {
    key: Arc<ApiKey>,
    running: Running,
}

impl Service {
    pub(super) fn new(keys: Arc<dyn KeyStore>, config: PublishingConfig, path: &str) -> Self {
        let usages = Arc::new(Usages::new(&config));
        let repeats = Arc::new(Repeats::new(&config));
        let docs = Docs::new(&config, path);
        Self(Arc::new(Inner { keys, config, path: path.to_owned(), docs, usages, repeats }))
    }
}

impl Mount for Service {
    fn answer(&self, server: &Server, request: Request<RequestBody>) -> ResponseFuture {
        let (inner, server) = (Arc::clone(&self.0), server.clone());
        let (head, body) = request.into_parts();
        if head.method == Method::OPTIONS {
            return inner.options(&server, Request::from_parts(head, ()));
        }
        let head = Request::from_parts(head, ());
        let path = head.uri().path().strip_prefix(&*inner.path).unwrap_or_default();
        match Route::find(path, inner.config.has_docs) {
            Some(route)
                if !route.is_api() && matches!(*head.method(), Method::GET | Method::HEAD) =>
            {
                let response = inner.docs.answer(route);
                server.with_cors(&head, response).into()
            }
            route => ResponseFuture::waiting(async move {
                let response = inner.answer(&server, route, &head, body).await;
                server.with_cors(&head, response)
            }),
        }
    }
}

impl Inner {
    /// The answer to `OPTIONS`: to a browser's question about a page of another origin, or what a path takes.
    fn options(&self, server: &Server, head: Request<()>) -> ResponseFuture {
        let path = head.uri().path().strip_prefix(&*self.path).unwrap_or_default();
        let Some(route) = Route::find(path, self.config.has_docs) else {
            let response = ErrorCode::UnknownRoute.error().into_response();
            return server.with_cors(&head, response).into();
        };
        let (parts, ()) = head.into_parts();
        options(server, &parts, route.methods()).into()
    }

    async fn answer(
        &self,
        server: &Server,
        route: Option<Route>,
        head: &Request<()>,
        body: RequestBody,
    ) -> Response<Body> {
        let admitted = match self.admit(server, route, head).await {
            Ok(admitted) => admitted,
            // The sender may not listen before it has sent all, so that is read, and forgotten.
            Err(error) => {
                let is_read = self.bounds().discard(head.headers(), body).await;
                let response = refused(error);
                return if is_read { response } else { closing(response) };
            }
        };
        let (route, admitted) = admitted;
        let body = match self.bounds().collect(head.headers(), body).await {
            Ok(body) => body,
            Err(Unread { reason, is_read }) => {
                let response = refused(reason.into());
                return if is_read { response } else { closing(response) };
            }
        };
        let answered = match route.is_read() {
            true => self.list(server, route, head, &admitted),
            false => self.change(server, route, head, admitted, body).await,
        };
        match answered {
            Ok(body) => json(StatusCode::OK, body),
            Err(error) => refused(error),
        }
    }

    /// Judges a request by its head.
    async fn admit(
        &self,
        server: &Server,
        route: Option<Route>,
        head: &Request<()>,
    ) -> Result<(Route, Admitted), ApiError> {
        let route = route.ok_or(ErrorCode::UnknownRoute.error())?;
        let is_allowed = match route.is_read() {
            true => matches!(*head.method(), Method::GET | Method::HEAD),
            false => head.method() == Method::POST,
        };
        if !is_allowed {
            return Err(ErrorCode::MethodNotAllowed.error().allow(route.methods()));
        }
        let engine = &server.config().engine;
        let host = Source::of(head, &engine.trusted_proxies).host;
        if !engine.origins.allow(head.headers(), host) {
            return Err(ErrorCode::WrongOrigin.error());
        }
        self.bounds().check(head.headers())?;
        let key = self.key(head.headers()).await?;
        let running = self.usages.begin(key.id())?;
        if !route.is_read() {
            check_content_type(head.headers())?;
            idempotency_key(head.headers())?;
        }
        Ok((route, Admitted { key, running }))
    }

    /// The valid key that a request comes with.
    async fn key(&self, headers: &HeaderMap) -> Result<Arc<ApiKey>, ApiError> {
        let secret = bearer(headers).ok_or(ErrorCode::KeyMissing.error())?;
        verify(&*self.keys, secret).await.map_err(|refused| match refused {
            KeyRefused::Unknown => ErrorCode::KeyUnknown.error(),
            KeyRefused::Expired => ErrorCode::KeyExpired.error(),
            KeyRefused::Unavailable(error) => {
                tracing::error!(error = &*error, "the store of API keys cannot be asked");
                ErrorCode::KeysUnavailable.error()
            }
        })
    }

    /// A list.
    fn list(
        &self,
        server: &Server,
        route: Route,
        head: &Request<()>,
        admitted: &Admitted,
    ) -> Result<Bytes, ApiError> {
        let is_of_sockets = route == Route::Sockets;
        let query = head.uri().query().unwrap_or_default();
        let listing = Listing::parse(query, is_of_sockets, &self.config)?;
        listing.check_scope(&admitted.key)?;
        let page = if is_of_sockets { listing.sockets(server) } else { listing.rooms(server) }?;
        metrics::publish_done(Verb::Read.as_str());
        Ok(page.to_string().into())
    }

    /// Operations, unless they were done before.
    async fn change(
        &self,
        server: &Server,
        route: Route,
        head: &Request<()>,
        admitted: Admitted,
        body: Bytes,
    ) -> Result<Bytes, ApiError> {
        let Admitted { key, running } = admitted;
        let work = self.work(route, &key, &body)?;
        let claim = match idempotency_key(head.headers())? {
            None => None,
            Some(repeated) => {
                let fingerprint = fingerprint(head.uri().path(), &body);
                Some(self.repeats.claim(key.id(), repeated, fingerprint, work.answer_bytes())?)
            }
        };
        if !claim.as_ref().is_some_and(Claim::is_repeat) {
            running.take_more(work.operations() - 1)?;
        }
        tracing::debug!(key = key.id(), operations = work.operations(), "publishing");
        let Some(claim) = claim else { return work.perform(server).await };
        // A client that goes away cuts this off, and comes again: what was begun has to be known by then.
        let server = server.clone();
        let done = tokio::spawn(async move {
            let _running = running;
            claim.answer(|| work.perform(&server)).await
        });
        match done.await.map_err(|error| error.try_into_panic()) {
            Ok(answer) => answer,
            Err(Ok(panic)) => resume_unwind(panic),
            // The runtime ends, and this with it.
            Err(Err(_)) => pending().await,
        }
    }

    /// What there is to do, every part of it within the key's scope where that is for all or nothing.
    fn work(&self, route: Route, key: &ApiKey, body: &[u8]) -> Result<Work, ApiError> {
        if let Route::Operation(verb) = route {
            let operation = Operation::parse(verb, body, false, &self.config)?;
            operation.check_scope(key)?;
            return Ok(Work::One(operation));
        }
        let bad = |message| ErrorCode::BadRequest.because(message);
        let members = Members::parse(body, &["operations"], UNKNOWN_OF_BATCH)?;
        let operations: Option<Vec<&RawValue>> = members.get("operations", NO_OPERATIONS)?;
        let operations = operations.filter(|all| !all.is_empty()).ok_or(bad(NO_OPERATIONS))?;
        if operations.len() > self.config.operations_max {
            return Err(bad(
                "The batch has too many operations, which is more than 100 unless the server says otherwise: send \
                 several batches.",
            ));
        }
        let each = operations.into_iter().map(|operation| {
            let operation = operation.get().as_bytes();
            let operation = Operation::parse(verb_of(operation)?, operation, true, &self.config)?;
            operation.check_scope(key)?;
            Ok(operation)
        });
        Ok(Work::Batch(each.collect()))
    }

    fn bounds(&self) -> Bounds {
        Bounds { bytes_max: self.config.body_bytes_max, timeout: self.config.body_timeout }
    }
}

/// What a request wants done.
enum Work {
    One(Operation),
    /// In order; those that are none are answered with what is wrong.
    Batch(Vec<Result<Operation, ApiError>>),
}

impl Work {
    fn operations(&self) -> usize {
        match self {
            Work::One(_) => 1,
            Work::Batch(operations) => operations.len(),
        }
    }

    /// About as many as the answer has at most: an error of each, if they are several.
    fn answer_bytes(&self) -> usize {
        match self {
            Work::One(_) => 32,
            Work::Batch(operations) => 32 + operations.len() * 320,
        }
    }

    async fn perform(&self, server: &Server) -> Result<Bytes, ApiError> {
        let operations = match self {
            Work::One(operation) => return operation.perform(server).await.map(Bytes::from),
            Work::Batch(operations) => operations,
        };
        let mut results = Vec::with_capacity(operations.len());
        for operation in operations {
            let done = match operation {
                Ok(operation) => operation.perform(server).await,
                Err(error) => Err(*error),
            };
            results.push(match done {
                Ok(json) => serde_json::from_str(json).unwrap_or(Value::Null),
                Err(error) => {
                    metrics::publish_refused(error.code.as_str());
                    error.to_json()
                }
            });
        }
        Ok(json!({"results": results}).to_string().into())
    }
}

/// The answer to a request that is refused, which is counted.
fn refused(error: ApiError) -> Response<Body> {
    metrics::publish_refused(error.code.as_str());
    error.into_response()
}

/// The verb of an operation in a batch.
fn verb_of(operation: &[u8]) -> Result<Verb, ApiError> {
    #[derive(Deserialize)]
    struct Named<'a> {
        #[serde(borrow)]
        verb: Option<Cow<'a, str>>,
    }

    let no_verb = ErrorCode::BadRequest.because(NO_VERB);
    let named: Named<'_> = serde_json::from_slice(operation).map_err(|_| no_verb)?;
    let verb = named.verb.and_then(|verb| verb.parse().ok());
    verb.filter(|verb| *verb != Verb::Read).ok_or(no_verb)
}

/// The key in `Authorization: Bearer <key>`, if that is there once.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = only(headers, AUTHORIZATION.as_str())?.to_str().ok()?;
    let (scheme, key) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
}

fn only<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a HeaderValue> {
    let mut values = headers.get_all(name).iter();
    values.next().filter(|_| values.next().is_none())
}

fn check_content_type(headers: &HeaderMap) -> Result<(), ApiError> {
    let value = only(headers, CONTENT_TYPE.as_str()).and_then(|value| value.to_str().ok());
    let essence = value.and_then(|value| value.split(';').next()).unwrap_or_default().trim();
    match essence.eq_ignore_ascii_case("application/json") {
        true => Ok(()),
        false => Err(ErrorCode::ContentType.error()),
    }
}

/// The header by which a repeat is known.
fn idempotency_key(headers: &HeaderMap) -> Result<Option<&[u8]>, ApiError> {
    const NAME: &str = "idempotency-key";
    if !headers.contains_key(NAME) {
        return Ok(None);
    }
    let key = only(headers, NAME)
        .map(HeaderValue::as_bytes)
        .filter(|key| (1..=255).contains(&key.len()) && key.iter().all(u8::is_ascii_graphic));
    key.map(Some).ok_or(ErrorCode::BadIdempotencyKey.error())
}

/// What tells one request from another.
fn fingerprint(path: &str, body: &[u8]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(path.as_bytes());
    // No path has it.
    hash.update([0]);
    hash.update(body);
    hash.finalize().into()
}

const UNKNOWN_OF_BATCH: &str = "An unknown member: batch takes `operations`.";
const NO_OPERATIONS: &str = "`operations` has to be there: an array of operations, of one at least, each an object with its `verb`.";
const NO_VERB: &str =
    "An operation of a batch is an object whose `verb` is publish, join, leave or disconnect.";
