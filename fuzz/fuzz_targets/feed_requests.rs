//! Any request to feeds and streams, whatever its address, query and headers: an answer of those that are
//! written down, as JSON where it refuses, and nothing of the request in it.
#![no_main]

use std::cell::LazyCell;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, Uri};
use libfuzzer_sys::fuzz_target;
use sockeye::{Namespace, Server};
use sockeye_feeds::{Access, Feeds, FeedsConfig, Streams, StreamsConfig};
use sockeye_fuzz::event_stream;
use sockeye_fuzz::served::{Answer, Served};

thread_local! {
    static SERVED: LazyCell<Served<Feeds>> = LazyCell::new(|| {
        Served::new(|| {
            let namespace = |name: &'static str| Namespace::new(name).on_read(async || {});
            let server = Server::builder().namespace(namespace("/")).namespace(namespace("/news"));
            let server = server.allow_origin("https://a.example").build().expect("a server");
            let config = FeedsConfig { rooms_max: 4, ..FeedsConfig::default() };
            let feeds = Feeds::builder().offer_all().config(config);
            let feeds = feeds.mount(&server).expect("the path is free");
            let streams = Streams::new(StreamsConfig { streams_max: 4, ..Default::default() });
            streams.mount(&server, "/s", Access::read_only()).expect("the path is free");
            streams.create("a", "text/plain").expect("a stream").append("b").expect("it is open");
            for number in 0..3 {
                server.io().emit("tick", &number).expect("it can be encoded");
            }
            (server, feeds)
        })
    });
}

/// Stands for whatever may not come back.
const MARK: &str = "zq9zq9";

// The first byte picks the method; the first line is the target, the others are headers. `*` is the mark,
// names of one letter are short for those that matter.
fuzz_target!(|input: &[u8]| {
    let Some((&first, lines)) = input.split_first() else { return };
    let Some(request) = request(first, lines) else { return };
    let target = request.uri().clone();
    let accept = request.headers().get("accept").cloned();
    SERVED.with(|served| {
        let answer = served.ask(request);
        judge(&answer, &target, accept.as_ref());
        assert!(served.with.len() <= 6, "feeds of rooms are bounded");
        assert_eq!(served.with.readers(), 0, "nobody is left");
    });
});

fn request(first: u8, lines: &[u8]) -> Option<Request<Bytes>> {
    let mut lines = lines.split(|byte| *byte == b'\n');
    let target = String::from_utf8_lossy(lines.next()?).replace('*', MARK);
    let prefix = ["/socket.io/feeds/", "/s/", ""][usize::from(first >> 4) % 3];
    let target: Uri = format!("{prefix}{target}").parse().ok()?;
    let methods =
        [Method::GET, Method::HEAD, Method::OPTIONS, Method::POST, Method::PUT, Method::DELETE];
    let method = methods[usize::from(first & 15) % methods.len()].clone();
    let mut request = Request::new(Bytes::new());
    *request.uri_mut() = target;
    *request.method_mut() = method;
    let headers = request.headers_mut();
    headers.insert("host", HeaderValue::from_static("localhost"));
    for line in lines.take(20) {
        let mut parts = line.splitn(2, |byte| *byte == b':');
        let (Some(name), Some(value)) = (parts.next(), parts.next()) else { continue };
        let name = match name {
            b"a" => "accept".as_bytes(),
            b"l" => b"last-event-id",
            b"o" => b"origin",
            b"e" => b"if-none-match",
            b"t" => b"authorization",
            b"m" => b"access-control-request-method",
            other => other,
        };
        let value = String::from_utf8_lossy(value).replace('*', MARK);
        if let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(name), HeaderValue::from_bytes(value.as_bytes()))
        {
            headers.append(name, value);
        }
    }
    // `host` is not what is looked at here.
    headers.insert("host", HeaderValue::from_static("localhost"));
    Some(request)
}

fn judge(answer: &Answer, target: &Uri, accept: Option<&HeaderValue>) {
    let status = answer.status.as_u16();
    assert!(!answer.status.is_server_error() || status == 503, "{status} for {target}");
    let body = String::from_utf8_lossy(&answer.body);
    assert!(!body.contains(MARK), "{target} {accept:?}: {body}");
    let is_ours = ["/socket.io/feeds/", "/s/"].iter().any(|path| target.path().starts_with(path));
    if answer.is_endless {
        assert_eq!(status, 200);
        match answer.header("content-type") {
            Some("text/event-stream") => {
                let events = event_stream::parse(&answer.body);
                let is_known =
                    |name: &str| matches!(name, "tick" | "gap" | "message" | "data" | "control");
                assert!(events.iter().all(|event| is_known(&event.name)), "{body}");
            }
            Some("application/x-ndjson") => {
                assert!(body.starts_with('\n'), "{body}");
                for line in body.lines().filter(|line| !line.is_empty()) {
                    assert!(serde_json::from_str::<serde_json::Value>(line).is_ok(), "{line}");
                }
            }
            other => panic!("{other:?}"),
        }
    } else if answer.status.is_client_error() && is_ours && !answer.body.is_empty() {
        let json: Result<serde_json::Value, _> = serde_json::from_slice(&answer.body);
        if answer.header("content-type") == Some("application/json") {
            let json = json.expect("it says that it is JSON");
            assert!(json["error"]["code"].is_string() && json["error"]["message"].is_string());
        }
    }
}
