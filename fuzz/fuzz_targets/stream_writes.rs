//! Streams that are made, appended to, closed and deleted by any requests: a model without HTTP says what is
//! in them afterwards, and no more is held than may be.
#![no_main]

use std::collections::HashMap;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, StatusCode};
use libfuzzer_sys::fuzz_target;
use serde_json::value::RawValue;
use sockeye::Server;
use sockeye_feeds::{Access, History, Streams, StreamsConfig};
use sockeye_fuzz::served::{Answer, Served};

/// What to do with which stream, the headers, and the body. A header is its number, the number of a usual
/// value, and another value.
type Step<'a> = (u8, Vec<(u8, u8, &'a str)>, &'a [u8]);

const NAMES: [&str; 3] = ["a", "b/c", "%C3%BC"];
const HEADERS: [&str; 8] = [
    "content-type",
    "stream-closed",
    "producer-id",
    "producer-epoch",
    "producer-seq",
    "stream-seq",
    "stream-ttl",
    "if-none-match",
];
const VALUES: [&str; 8] =
    ["application/json", "text/plain", "true", "0", "1", "2", "image/png", "x"];
const BYTES_MAX: usize = 3_000;

fuzz_target!(|input: (bool, Vec<Step<'_>>)| {
    let (is_small, steps) = input;
    let served = served(is_small);
    let mut models: HashMap<&str, Model> = HashMap::new();
    for (what, headers, body) in steps {
        let name = NAMES[usize::from(what >> 4) % NAMES.len()];
        let methods = [Method::POST, Method::PUT, Method::POST, Method::DELETE];
        let method = methods[usize::from(what & 3)].clone();
        let request = request(&method, name, &headers, body);
        let has_producer = request.headers().contains_key("producer-id");
        let content_type = request.headers().get("content-type").cloned();
        let closes = request.headers().get("stream-closed");
        let closes = closes.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"true"));
        let answer = served.ask(request);
        let status = answer.status;
        assert!(!status.is_server_error() || matches!(status.as_u16(), 503 | 507), "{status}");
        assert!(served.with.bytes() <= if is_small { BYTES_MAX } else { usize::MAX });
        if is_small {
            continue;
        }
        match method {
            Method::DELETE => {
                let was_there = models.remove(name).is_some();
                assert_eq!(status == StatusCode::NO_CONTENT, was_there);
            }
            Method::PUT if status == StatusCode::CREATED => {
                let content_type = content_type.as_ref().and_then(|it| it.to_str().ok());
                let mut model = Model::new(content_type.unwrap_or_default());
                model.append(body);
                model.is_closed = closes;
                assert!(models.insert(name, model).is_none(), "it was there");
            }
            Method::POST if status.is_success() => {
                let model = models.get_mut(name).expect("there is one");
                // A producer that repeats itself is told so by the other status.
                if !has_producer || status == StatusCode::OK {
                    let was_closed = model.is_closed;
                    assert!(!was_closed || body.is_empty());
                    model.append(body);
                }
                let says_closed = answer.headers.contains_key("stream-closed");
                model.is_closed |= says_closed;
            }
            _ => {}
        }
        for name in NAMES {
            assert_is(&served, name, models.get(name));
        }
    }
});

fn served(is_small: bool) -> Served<Streams> {
    Served::new(|| {
        let server = Server::builder().build().expect("a server");
        let mut config = StreamsConfig { streams_max: 2, ..StreamsConfig::default() };
        if is_small {
            config.history = History { events_max: 4, bytes_max: 1_000, age_max: None };
            config.bytes_max_total = BYTES_MAX;
        }
        let streams = Streams::new(config);
        streams.mount(&server, "/s", Access::everything()).expect("the path is free");
        (server, streams)
    })
}

fn request(method: &Method, name: &str, headers: &[(u8, u8, &str)], body: &[u8]) -> Request<Bytes> {
    let mut request = Request::new(Bytes::copy_from_slice(body));
    *request.method_mut() = method.clone();
    *request.uri_mut() = format!("/s/{name}").parse().expect("an address");
    request.headers_mut().insert("host", HeaderValue::from_static("localhost"));
    for (header, usual, value) in headers.iter().take(8) {
        let header = HEADERS[usize::from(*header) % HEADERS.len()];
        let value = VALUES.get(usize::from(*usual) % 10).copied().unwrap_or(value);
        if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
            request.headers_mut().insert(header, value);
        }
    }
    request
}

/// What is in a stream.
struct Model {
    is_json: bool,
    messages: Vec<Vec<u8>>,
    is_closed: bool,
}

impl Model {
    fn new(content_type: &str) -> Self {
        let essence = content_type.split(';').next().unwrap_or_default().trim();
        let is_json = essence.eq_ignore_ascii_case("application/json");
        Self { is_json, messages: Vec::new(), is_closed: false }
    }

    fn append(&mut self, body: &[u8]) {
        if body.is_empty() {
            return;
        }
        if !self.is_json {
            return self.messages.push(body.to_vec());
        }
        // One line each, which is all that may change.
        let line = |value: &RawValue| value.get().replace(['\r', '\n'], " ").into_bytes();
        match serde_json::from_slice::<Vec<&RawValue>>(body) {
            Ok(values) => self.messages.extend(values.into_iter().map(line)),
            Err(_) => {
                let value: &RawValue = serde_json::from_slice(body).expect("it was taken");
                self.messages.push(line(value));
            }
        }
    }
}

/// Compares what is read with the model.
fn assert_is(served: &Served<Streams>, name: &str, model: Option<&Model>) {
    let get = |method: Method, target: String| {
        let request = Request::builder().method(method).uri(target).header("host", "localhost");
        served.ask(request.body(Bytes::new()).expect("a request"))
    };
    let read = get(Method::GET, format!("/s/{name}?offset=-1"));
    let head = get(Method::HEAD, format!("/s/{name}"));
    let Some(model) = model else {
        assert_eq!((read.status, head.status), (StatusCode::NOT_FOUND, StatusCode::NOT_FOUND));
        return;
    };
    assert_eq!((read.status, head.status), (StatusCode::OK, StatusCode::OK));
    let next = read.header("stream-next-offset").expect("it says where it ends");
    assert_eq!(Some(next), head.header("stream-next-offset"));
    assert_eq!(usize::from_str_radix(&next[..16], 16), Ok(model.messages.len()));
    for answer in [&read, &head] {
        assert_eq!(answer.headers.contains_key("stream-closed"), model.is_closed);
    }
    assert_eq!(content(&read, model.is_json), expected(model));
}

fn content(read: &Answer, is_json: bool) -> Vec<Vec<u8>> {
    if !is_json {
        return vec![read.body.to_vec()];
    }
    let values: Vec<&RawValue> = serde_json::from_slice(&read.body).expect("an array");
    values.into_iter().map(|value| value.get().as_bytes().to_vec()).collect()
}

fn expected(model: &Model) -> Vec<Vec<u8>> {
    if model.is_json { model.messages.clone() } else { vec![model.messages.concat()] }
}
