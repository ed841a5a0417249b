//! Streams by name: made by the application, or by `PUT`.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use bytes::Bytes;
use http::request::Parts;
use http::{Method, Request, Response, StatusCode};
use parking_lot::Mutex;
use sockeye::engine::ResponseFuture;
use sockeye::{Body, Mount, MountError, Refuse, RequestBody, Server};
use sockeye_net::flush::Flusher;
use thiserror::Error;
use tokio::runtime::Handle;

use crate::config::StreamsConfig;
use crate::cursor::CursorKey;
use crate::gap::{Gap, GapReason};
use crate::http::answer::{CorsHeaders, answer, closing, error, options, wrong_method};
use crate::http::body::{BodyError, Bounds, Unread};
use crate::http::query::{Query, Wanted};
use crate::http::read::{Answering, Readers, only_gap};
use crate::http::write::{self, WriteHead};
use crate::message::{ContentType, Kind};
use crate::places::Places;
use crate::road::Road;
use crate::stream::owner::{Owner, relieve};
use crate::stream::{Append, AppendError, Phase, Shared, Stream};

/// Streams that are appended to and read over plain HTTP, by name: the protocol Durable Streams 1.0 without
/// forks, lifetimes and subscriptions, and the plain roads. A handle, cheap to clone.
///
/// They live in memory: a restart ends them, and cursors from before it are answered as foreign.
///
/// ```
/// use sockeye::Server;
/// use sockeye_feeds::{Access, Streams, StreamsConfig};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let runtime = tokio::runtime::Runtime::new()?;
/// # let _guard = runtime.enter();
/// let server = Server::builder().build()?;
/// let streams = Streams::new(StreamsConfig::default());
/// streams.mount(&server, "/streams", Access::read_only())?;
///
/// // `GET /streams/prices`, on every road.
/// let prices = streams.create("prices", "application/json")?;
/// prices.append_json(&serde_json::json!({ "tea": 3.2 }))?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Streams {
    inner: Arc<Inner>,
}

struct Inner {
    config: StreamsConfig,
    key: CursorKey,
    owner: Owner,
    next_number: AtomicU64,
    all: Mutex<HashMap<Box<str>, Stream>>,
    /// A server that it is mounted on has begun to end.
    is_ending: AtomicBool,
}

/// Why a stream was not made.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CreateError {
    /// One of that name is there, and differs.
    #[error("a stream of this name is there, and differs")]
    Exists,
    /// There are as many as there may be.
    #[error("there are {max} streams already")]
    Full {
        /// [`StreamsConfig::streams_max`].
        max: usize,
    },
    /// It is no name.
    #[error("a name has 1 to 1024 characters, none of which is a control character")]
    Name,
    /// It is no content type.
    #[error("a content type is visible ASCII, of 256 characters at most")]
    ContentType,
    /// Its first content was refused.
    #[error(transparent)]
    Append(#[from] AppendError),
}

/// A stream that was made, or was there.
pub(crate) struct Created {
    pub(crate) stream: Stream,
    pub(crate) is_new: bool,
}

impl Streams {
    /// None yet.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn new(config: StreamsConfig) -> Self {
        let flusher = Flusher::new(Handle::current());
        let inner = Arc::new_cyclic(|inner: &Weak<Inner>| {
            let inner = Weak::clone(inner);
            let relieve = move || {
                let Some(inner) = inner.upgrade() else { return };
                let all: Vec<_> = inner.all.lock().values().cloned().collect();
                relieve(all.iter().map(|stream| &stream.shared));
            };
            let owner = Owner::new(flusher, config.bytes_max_total, relieve);
            let key = CursorKey::random();
            Inner {
                config,
                key,
                owner,
                next_number: AtomicU64::new(0),
                all: Mutex::default(),
                is_ending: AtomicBool::new(false),
            }
        });
        Self { inner }
    }

    /// Makes a stream of a content type, or finds the one that is there. `application/json` is a stream of
    /// JSON values.
    ///
    /// # Errors
    /// [`CreateError`] when one of another type is there, or one that is closed; when there are too many, or the
    /// name is none.
    pub fn create(&self, name: &str, content_type: &str) -> Result<Stream, CreateError> {
        self.create_with(name, content_type, (Bytes::new(), false)).map(|created| created.stream)
    }

    /// The same with its first content, and closed if it is to be.
    pub(crate) fn create_with(
        &self,
        name: &str,
        content_type: &str,
        first: (Bytes, bool),
    ) -> Result<Created, CreateError> {
        let created = self.create_unrelieved(name, content_type, first);
        // That looks at all of them.
        self.inner.owner.relieve_if_too_much();
        created
    }

    fn create_unrelieved(
        &self,
        name: &str,
        content_type: &str,
        (data, closes): (Bytes, bool),
    ) -> Result<Created, CreateError> {
        let is_name =
            (1..=NAME_MAX).contains(&name.chars().count()) && !name.contains(char::is_control);
        if !is_name {
            return Err(CreateError::Name);
        }
        let is_type = (1..=CONTENT_TYPE_MAX).contains(&content_type.len())
            && content_type.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
        if !is_type {
            return Err(CreateError::ContentType);
        }
        let mut all = self.inner.all.lock();
        if let Some(stream) = all.get(name) {
            let is_same =
                stream.shared.content_type.is_same(content_type) && stream.is_closed() == closes;
            return match is_same {
                true => Ok(Created { stream: stream.clone(), is_new: false }),
                false => Err(CreateError::Exists),
            };
        }
        let max = self.inner.config.streams_max;
        if all.len() >= max {
            return Err(CreateError::Full { max });
        }
        let number = self.inner.next_number.fetch_add(1, Ordering::Relaxed);
        let shared = Shared::new(
            name,
            ContentType::new(content_type),
            self.inner.key.sealer(number),
            self.inner.config.history,
            &self.inner.owner,
            || true,
        );
        let stream = Stream { shared };
        // An empty array of JSON has no messages, which is no error here.
        let is_json = stream.shared.kind() == Kind::Json;
        let is_empty = data.is_empty() || is_json && is_empty_array(&data);
        if !is_empty || closes {
            let data = if is_empty { Bytes::new() } else { data };
            stream.shared.append_unrelieved(Append { data, closes, ..Append::default() })?;
        }
        if self.inner.is_ending.load(Ordering::Relaxed) {
            stream.shared.end(Phase::Ending);
        }
        all.insert(name.into(), stream.clone());
        Ok(Created { stream, is_new: true })
    }

    /// The stream of this name.
    pub fn get(&self, name: &str) -> Option<Stream> {
        self.inner.all.lock().get(name).cloned()
    }

    /// Deletes a stream; those who read it are told so. Whether it was there.
    pub fn delete(&self, name: &str) -> bool {
        let stream = self.inner.all.lock().remove(name);
        let was_there = stream.is_some();
        stream.into_iter().for_each(|stream| stream.shared.end(Phase::Deleted));
        was_there
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.inner.all.lock().len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes that all of them hold: messages, and the last answer to a poll of each, for who asks for the same.
    pub fn bytes(&self) -> usize {
        self.inner.owner.bytes()
    }

    /// Serves them below a path of a server, `<path>/<name>`; a name may have slashes.
    ///
    /// # Errors
    /// [`MountError`] when the path is none, or taken.
    pub fn mount(&self, server: &Server, path: &str, access: Access) -> Result<(), MountError> {
        let reading = self.inner.config.reading.clone();
        let per_address =
            reading.readers_per_address_max.or(server.config().engine.sessions_per_address_max);
        let places = Places::new(reading.readers_max, per_address);
        let readers = Arc::new(Readers { reading, places });
        let path = path.to_owned();
        server.mount(path.clone(), Mounted { streams: self.clone(), path, access, readers })
    }
}

const NAME_MAX: usize = 1024;
const CONTENT_TYPE_MAX: usize = 256;

fn is_empty_array(data: &[u8]) -> bool {
    serde_json::from_slice::<[(); 0]>(data).is_ok()
}

impl fmt::Debug for Streams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Streams").field("len", &self.len()).finish_non_exhaustive()
    }
}

/// What somebody wants to do with a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verb {
    /// `GET`, `HEAD`.
    Read,
    /// `PUT`.
    Create,
    /// `POST`.
    Append,
    /// `DELETE`.
    Delete,
}

/// Who may do what with the streams of a path. Before it is asked, the page's
/// [origin](sockeye::ServerBuilder::allow_origin) is judged as a client's is.
///
/// ```
/// use sockeye::Refuse;
/// use sockeye_feeds::{Access, Verb};
///
/// // Everybody reads; whoever has the key writes.
/// let access = Access::new(async |head, verb| {
///     let key = head.headers.get("authorization").map(|value| value.as_bytes().to_vec());
///     match (verb, key.as_deref()) {
///         (Verb::Read, _) | (_, Some(b"Bearer open sesame")) => Ok(()),
///         _ => Err(Refuse::new("this needs the key")),
///     }
/// });
/// # drop(access);
/// ```
#[derive(Clone)]
pub struct Access {
    judge: Arc<Judge>,
}

type Judged = Pin<Box<dyn Future<Output = Result<(), Refuse>> + Send>>;
type Judge = dyn Fn(Parts, Verb) -> Judged + Send + Sync;

impl Access {
    /// A rule, which is asked with the head of each request.
    pub fn new<F, R>(judge: F) -> Self
    where
        F: Fn(Parts, Verb) -> R + Send + Sync + 'static,
        R: Future<Output = Result<(), Refuse>> + Send + 'static,
    {
        Self { judge: Arc::new(move |head, verb| Box::pin(judge(head, verb))) }
    }

    /// Everybody reads, and only the application writes.
    pub fn read_only() -> Self {
        Self::new(async |_, verb| match verb {
            Verb::Read => Ok(()),
            _ => Err(Refuse::new("only the application writes here")),
        })
    }

    /// Everybody does everything: for tests, and where something in front decides.
    pub fn everything() -> Self {
        Self::new(async |_, _| Ok(()))
    }
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Access")
    }
}

/// The streams under a path.
struct Mounted {
    streams: Streams,
    path: String,
    access: Access,
    readers: Arc<Readers>,
}

const METHODS: &str = "GET, HEAD, PUT, POST, DELETE, OPTIONS";

impl Mount for Mounted {
    fn answer(&self, server: &Server, request: Request<RequestBody>) -> ResponseFuture {
        let (head, body) = request.into_parts();
        if head.method == Method::OPTIONS {
            return options(server, &head, METHODS).into();
        }
        let verb = match head.method {
            Method::GET | Method::HEAD => Verb::Read,
            Method::PUT => Verb::Create,
            Method::POST => Verb::Append,
            Method::DELETE => Verb::Delete,
            _ => return wrong_method(METHODS).into(),
        };
        let name = head.uri.path().strip_prefix(&*self.path).unwrap_or_default();
        let name = percent_encoding::percent_decode_str(name.trim_start_matches('/'));
        let Ok(name) = name.decode_utf8().map(|name| name.into_owned()) else {
            return error(StatusCode::BAD_REQUEST, "bad_request", "the name is not UTF-8").into();
        };
        let serving = Serving {
            server: server.clone(),
            streams: self.streams.clone(),
            access: self.access.clone(),
            readers: Arc::clone(&self.readers),
        };
        // In a box of its own: what waits behind it is held long.
        let answering = Box::pin(serving.begin(head, body, verb, name));
        ResponseFuture::waiting(async move {
            match answering.await {
                Ok(answering) => answering.finish().await,
                Err(response) => *response,
            }
        })
    }

    fn shutdown(&self) {
        let inner = &self.streams.inner;
        let all: Vec<_> = {
            let all = inner.all.lock();
            // One that is made from now on ends at once.
            inner.is_ending.store(true, Ordering::Relaxed);
            all.values().cloned().collect()
        };
        all.iter().for_each(|stream| stream.shared.end(Phase::Ending));
    }
}

/// What one request needs.
struct Serving {
    server: Server,
    streams: Streams,
    access: Access,
    readers: Arc<Readers>,
}

impl Serving {
    async fn begin(
        self,
        head: Parts,
        body: RequestBody,
        verb: Verb,
        name: String,
    ) -> Result<Answering, Box<Response<Body>>> {
        let (cors, head) = CorsHeaders::new(&self.server, head);
        let address = self
            .judge(&head, verb)
            .await
            .map_err(|refuse| error(StatusCode::FORBIDDEN, "refused", refuse.message()));
        let address = match address {
            Ok(address) => address,
            Err(response) => {
                let is_read = self.bounds().discard(&head.headers, body).await;
                let response = if is_read { response } else { closing(response) };
                return Err(Box::new(cors.on(response)));
            }
        };
        let stream = self.streams.get(&name);
        if verb == Verb::Read {
            let Some(stream) = stream else { return Err(Box::new(cors.on(unknown_to(&head)))) };
            return Ok(self.readers.read(&stream.shared, &head, address, cors));
        }
        let written = self.write(&head, body, verb, &name, stream).await;
        Ok(Answering::Done(cors.on(written.unwrap_or_else(|response| *response))))
    }

    /// Whether this may be done, and the address of whoever wants it.
    async fn judge(&self, head: &Parts, verb: Verb) -> Result<Option<IpAddr>, Refuse> {
        let handshake = self.server.admit_request(head).await?;
        (self.access.judge)(head.clone(), verb).await?;
        Ok(handshake.address().map(|address| address.ip()))
    }

    fn bounds(&self) -> Bounds {
        let config = &self.streams.inner.config;
        Bounds { bytes_max: config.append_bytes_max, timeout: config.body_timeout }
    }

    async fn write(
        &self,
        head: &Parts,
        body: RequestBody,
        verb: Verb,
        name: &str,
        stream: Option<Stream>,
    ) -> Result<Response<Body>, Box<Response<Body>>> {
        // Before anything else is said, so that whoever is still sending hears it.
        let read = async |body| {
            let read = self.bounds().collect(&head.headers, body).await;
            read.map_err(|unread| Box::new(no_body(unread)))
        };
        match verb {
            Verb::Create => {
                let data = read(body).await?;
                if let Some(refused) = write::not_served(&head.headers) {
                    return Ok(refused);
                }
                let asked = WriteHead::parse(&head.headers)?;
                let content_type = asked.content_type_or_default();
                let made = self.streams.create_with(name, content_type, (data, asked.closes));
                let proxies = &self.server.config().engine.trusted_proxies;
                Ok(write::made(head, proxies, made))
            }
            Verb::Append => {
                let data = read(body).await?;
                let stream = stream.ok_or_else(|| Box::new(unknown()))?;
                let asked = WriteHead::parse(&head.headers)?;
                Ok(asked.append(&stream.shared, data))
            }
            _ => Ok(match self.streams.delete(name) {
                true => answer(StatusCode::NO_CONTENT, Body::default()),
                false => unknown(),
            }),
        }
    }
}

/// The answer to a body that is not there as a whole. More of it may come, unless it was read.
fn no_body(Unread { reason, is_read }: Unread) -> Response<Body> {
    let (status, code) = match reason {
        BodyError::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "too_large"),
        BodyError::Broken => (StatusCode::BAD_REQUEST, "bad_request"),
        BodyError::Timeout => (StatusCode::REQUEST_TIMEOUT, "body_timeout"),
    };
    let response = error(status, code, &reason.to_string());
    if is_read { response } else { closing(response) }
}

fn unknown() -> Response<Body> {
    error(StatusCode::NOT_FOUND, "unknown_stream", "there is no such stream: `PUT` makes one")
}

/// What a reader is told of a stream that is not there: one that comes back to a plain road is told so there,
/// and by no status that ends it for good.
fn unknown_to(head: &Parts) -> Response<Body> {
    let gap = Gap { reason: GapReason::Gone, oldest: None, newest: None };
    match Query::parse(head) {
        Ok(query) if query.resumes() && head.method == Method::GET => match query.wanted {
            Wanted::Listen(road @ (Road::EventSource | Road::Ndjson)) => only_gap(road, &gap),
            _ => unknown(),
        },
        _ => unknown(),
    }
}
