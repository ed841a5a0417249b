//! Making, appending to and deleting a stream (Durable Streams 1.0, 5.1 to 5.3).

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION};
use http::request::Parts;
use http::{Response, StatusCode};
use sockeye::Body;
use sockeye_net::http::{Source, TrustedProxies};

use super::answer::{
    PRODUCER_EPOCH, PRODUCER_SEQ, STREAM_CLOSED, STREAM_NEXT_OFFSET, TRUE, answer, cursor_value,
    error,
};
use crate::stream::producers::{Accepted, Producer, ProducerError};
use crate::stream::{Append, AppendError, Appended, Shared};
use crate::streams::{CreateError, Created};

type Refused = Box<Response<Body>>;

/// The headers of an append.
#[derive(Debug)]
pub(crate) struct WriteHead<'a> {
    content_type: Option<&'a str>,
    pub(crate) closes: bool,
    sequence: Option<&'a str>,
    producer: Option<Producer<'a>>,
}

const PRODUCER_EXPECTED_SEQ: HeaderName = HeaderName::from_static("producer-expected-seq");
const PRODUCER_RECEIVED_SEQ: HeaderName = HeaderName::from_static("producer-received-seq");
/// Numbers that JavaScript has exactly (5.2.1).
const NUMBER_MAX: u64 = (1 << 53) - 1;
/// What is not served is refused, not ignored: its sender counts on it.
const NOT_SERVED: [&str; 3] = ["stream-ttl", "stream-expires-at", "stream-forked-from"];
const DEFAULT_CONTENT_TYPE: &str = "application/octet-stream";

impl<'a> WriteHead<'a> {
    pub(crate) fn parse(headers: &'a HeaderMap) -> Result<Self, Refused> {
        let text = |name: &'static str| match headers.get(name).map(HeaderValue::to_str) {
            None => Ok(None),
            Some(Ok(value)) => Ok(Some(value)),
            Some(Err(_)) => Err(bad_request(&format!("`{name}` is not plain text"))),
        };
        let producer = match (text("producer-id")?, text("producer-epoch")?, text("producer-seq")?)
        {
            (None, None, None) => None,
            (Some(id), Some(epoch), Some(sequence)) if !id.is_empty() && id.len() <= NAME_MAX => {
                let epoch = number("Producer-Epoch", epoch)?;
                Some(Producer { id, epoch, sequence: number("Producer-Seq", sequence)? })
            }
            (Some(_), Some(_), Some(_)) => {
                return Err(bad_request("`Producer-Id` has 1 to 256 characters"));
            }
            _ => {
                let message = "`Producer-Id`, `Producer-Epoch` and `Producer-Seq` come together";
                return Err(bad_request(message));
            }
        };
        let sequence = text("stream-seq")?;
        if sequence.is_some_and(|sequence| sequence.len() > NAME_MAX) {
            return Err(bad_request("`Stream-Seq` has 256 characters at most"));
        }
        let closes = text("stream-closed")?.is_some_and(|value| value.eq_ignore_ascii_case("true"));
        Ok(Self { content_type: text("content-type")?, closes, sequence, producer })
    }

    /// Appends to a stream.
    pub(crate) fn append(self, stream: &std::sync::Arc<Shared>, data: Bytes) -> Response<Body> {
        let Self { content_type, closes, sequence, producer } = self;
        if !data.is_empty() && content_type.is_none() {
            return *bad_request("an append needs the `Content-Type` of the stream");
        }
        let is_new = !data.is_empty();
        match stream.append(Append { data, content_type, closes, sequence, producer }) {
            Ok(appended) => taken(&appended, is_new),
            Err(refused) => not_taken(&refused),
        }
    }

    /// The content type of a stream that is to be made.
    pub(crate) fn content_type_or_default(&self) -> &'a str {
        self.content_type.filter(|it| !it.trim().is_empty()).unwrap_or(DEFAULT_CONTENT_TYPE)
    }
}

/// Names in headers are no longer than this.
const NAME_MAX: usize = 256;

fn number(name: &str, text: &str) -> Result<u64, Refused> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse().ok().filter(|number| is_number && *number <= NUMBER_MAX);
    number.ok_or_else(|| bad_request(&format!("`{name}` is a number from 0 to {NUMBER_MAX}")))
}

/// What a request to make a stream asks for and is not served.
pub(crate) fn not_served(headers: &HeaderMap) -> Option<Response<Body>> {
    let name = NOT_SERVED.into_iter().find(|name| headers.contains_key(*name))?;
    let message = format!(
        "`{name}` is not served here: streams live until they are deleted, and are not forked"
    );
    Some(*bad_request(&message))
}

/// The answer to `PUT`.
pub(crate) fn made(
    head: &Parts,
    proxies: &TrustedProxies,
    made: Result<Created, CreateError>,
) -> Response<Body> {
    let created = match made {
        Ok(created) => created,
        Err(CreateError::Exists) => {
            let message =
                "a stream of another content type is there, or it is closed and was not to be";
            return error(StatusCode::CONFLICT, "exists", message);
        }
        Err(CreateError::Full { max }) => {
            let message = format!("there are {max} streams: delete one first");
            return error(StatusCode::INSUFFICIENT_STORAGE, "full", &message);
        }
        Err(CreateError::Name) => return *bad_request(&CreateError::Name.to_string()),
        Err(CreateError::ContentType) => {
            return *bad_request(&CreateError::ContentType.to_string());
        }
        Err(CreateError::Append(refused)) => return not_taken(&refused),
    };
    let status = if created.is_new { StatusCode::CREATED } else { StatusCode::OK };
    let mut response = answer(status, Body::default());
    let headers = response.headers_mut();
    let content_type = HeaderValue::from_str(created.stream.content_type());
    headers.insert(CONTENT_TYPE, content_type.expect("it was checked"));
    headers.insert(STREAM_NEXT_OFFSET, cursor_value(&created.stream.tail()));
    if created.stream.is_closed() {
        headers.insert(STREAM_CLOSED, TRUE);
    }
    if created.is_new
        && let Some(location) = location(head, proxies)
    {
        headers.insert(LOCATION, location);
    }
    response
}

/// The address of a stream, as its client has it: a proxy that is trusted says under which name.
fn location(head: &Parts, proxies: &TrustedProxies) -> Option<HeaderValue> {
    let source = Source::of_head(head, proxies);
    let scheme = if source.secure { "https" } else { "http" };
    HeaderValue::try_from(format!("{scheme}://{}{}", source.host?, head.uri.path())).ok()
}

fn taken(appended: &Appended, has_data: bool) -> Response<Body> {
    let status = match appended.producer {
        Some(accepted) if !accepted.is_repeat && has_data => StatusCode::OK,
        _ => StatusCode::NO_CONTENT,
    };
    let mut response = answer(status, Body::default());
    let headers = response.headers_mut();
    headers.insert(STREAM_NEXT_OFFSET, cursor_value(&appended.tail));
    if appended.is_closed {
        headers.insert(STREAM_CLOSED, TRUE);
    }
    if let Some(Accepted { epoch, highest, .. }) = appended.producer {
        headers.insert(PRODUCER_EPOCH, epoch.into());
        headers.insert(PRODUCER_SEQ, highest.into());
    }
    response
}

pub(crate) fn not_taken(refused: &AppendError) -> Response<Body> {
    let (status, code) = match refused {
        AppendError::Deleted => (StatusCode::NOT_FOUND, "unknown_stream"),
        AppendError::Closed { .. } => (StatusCode::CONFLICT, "closed"),
        AppendError::Empty => (StatusCode::BAD_REQUEST, "empty"),
        AppendError::Json(_) => (StatusCode::BAD_REQUEST, "bad_json"),
        AppendError::ContentType => (StatusCode::CONFLICT, "content_type"),
        AppendError::Sequence => (StatusCode::CONFLICT, "sequence"),
        AppendError::Producer(ProducerError::Fenced { .. }) => (StatusCode::FORBIDDEN, "fenced"),
        AppendError::Producer(ProducerError::EpochStart) => {
            (StatusCode::BAD_REQUEST, "epoch_start")
        }
        AppendError::Producer(ProducerError::Missing { .. }) => (StatusCode::CONFLICT, "missing"),
    };
    let mut response = error(status, code, &refused.to_string());
    let headers = response.headers_mut();
    match refused {
        AppendError::Closed { tail } => {
            headers.insert(STREAM_CLOSED, TRUE);
            headers.insert(STREAM_NEXT_OFFSET, cursor_value(tail));
        }
        AppendError::Producer(ProducerError::Fenced { current }) => {
            headers.insert(PRODUCER_EPOCH, (*current).into());
        }
        AppendError::Producer(ProducerError::Missing { expected, received }) => {
            headers.insert(PRODUCER_EXPECTED_SEQ, (*expected).into());
            headers.insert(PRODUCER_RECEIVED_SEQ, (*received).into());
        }
        _ => {}
    }
    response
}

fn bad_request(message: &str) -> Refused {
    Box::new(error(StatusCode::BAD_REQUEST, "bad_request", message))
}
