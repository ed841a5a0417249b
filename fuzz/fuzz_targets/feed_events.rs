//! Any name and any data of an event, and any text or bytes of a stream: what a client makes of each road is
//! what was sent, and nothing of it becomes a field of its own.
#![no_main]

use std::cell::LazyCell;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{Method, Request};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};
use sockeye::{Namespace, Server};
use sockeye_feeds::{Access, Feeds, Streams, StreamsConfig};
use sockeye_fuzz::event_stream::{Event, parse};
use sockeye_fuzz::served::{Answer, Served};

thread_local! {
    static SERVED: LazyCell<Served<(Feeds, Streams)>> = LazyCell::new(|| {
        Served::new(|| {
            let namespace = Namespace::new("/").on_read(async || {});
            let server = Server::builder().namespace(namespace).build().expect("a server");
            let feeds = Feeds::builder().offer("/").mount(&server).expect("the path is free");
            let streams = Streams::new(StreamsConfig::default());
            streams.mount(&server, "/s", Access::read_only()).expect("the path is free");
            (server, (feeds, streams))
        })
    });
}

fuzz_target!(|input: (&str, &str, &[u8])| {
    let (name, text, data) = input;
    SERVED.with(|served| {
        event(served, name, text);
        stream(served, "text/plain", data);
        stream(served, "image/png", data);
    });
});

type Both = Served<(Feeds, Streams)>;

const FEED: &str = "/socket.io/feeds/~";
const EVENT_SOURCE: &str = "text/event-stream";
const NDJSON: &str = "application/x-ndjson";

fn ask(served: &Both, method: Method, target: String, accept: &str) -> Answer {
    let request = Request::builder().method(method).uri(target);
    let request = request.header("host", "localhost").header("accept", accept);
    served.ask(request.body(Bytes::new()).expect("a request"))
}

fn event(served: &Both, name: &str, text: &str) {
    // Text that is JSON is sent as that.
    let value: Value = serde_json::from_str(text).unwrap_or_else(|_| json!(text));
    let head = ask(served, Method::HEAD, FEED.to_owned(), "*/*");
    let from = head.header("stream-next-offset").expect("a cursor").to_owned();
    // Names that are reserved are refused.
    if served.enter(|server, _| server.io().emit(name, &value)).is_err() {
        return;
    }
    let on = |query: &str, accept| {
        ask(served, Method::GET, format!("{FEED}?offset={from}{query}"), accept)
    };
    let polled = on("", "*/*");
    let id = polled.header("stream-next-offset").expect("a cursor").to_owned();
    let got: Value = serde_json::from_slice(&polled.body).expect("JSON");
    // Read as often as what comes: a number of floating point may differ in its last digit then.
    let value: Value = serde_json::from_str(&value.to_string()).expect("JSON");
    // A payload that is null or an array is still one argument, or what the encoder makes of it.
    let data = got[0]["data"].clone();
    assert!(data == json!([value]) || value.is_null() && data == json!([]), "{data} of {value}");
    assert_eq!(got, json!([{ "event": name, "data": data }]));

    let events = parse(&on("", EVENT_SOURCE).body);
    let shown = name.replace(['\r', '\n', '\0'], "\u{fffd}");
    let shown = if shown.is_empty() { "message".to_owned() } else { shown };
    assert_eq!(events.len(), 1, "{events:?}");
    let Event { name: got, data: json, id: last } = &events[0];
    assert_eq!((got, last), (&shown, &id));
    assert_eq!(serde_json::from_str::<Value>(json).expect("JSON"), data);

    assert_eq!(lines(&on("", NDJSON)), [json!({ "id": id, "event": name, "data": data })]);

    let events = parse(&on("&live=sse", "*/*").body);
    let data = json!([{ "event": name, "data": data }]).to_string();
    assert_eq!(events.len(), 2, "{events:?}");
    assert_eq!(events[0].name, "data");
    let got: Value = serde_json::from_str(&events[0].data).expect("JSON");
    assert_eq!(got.to_string(), data);
    assert_control(&events[1], &id);
}

fn lines(answer: &Answer) -> Vec<Value> {
    let lines = answer.body.split_inclusive(|byte| *byte == b'\n');
    let lines = lines.filter(|line| *line != b"\n");
    lines.map(|line| serde_json::from_slice(line).expect("a line is JSON")).collect()
}

fn assert_control(event: &Event, next: &str) {
    assert_eq!(event.name, "control");
    let control: Value = serde_json::from_str(&event.data).expect("JSON");
    assert_eq!(control["streamNextOffset"], next);
}

fn stream(served: &Both, content_type: &str, data: &[u8]) {
    let data = Bytes::copy_from_slice(data);
    let appended = served.enter(|_, (_, streams)| {
        streams.delete("a");
        streams.create("a", content_type).expect("there is room").append(data.clone())
    });
    let id = appended.expect("it is taken").to_string();
    let on =
        |query: &str, accept| ask(served, Method::GET, format!("/s/a?offset=-1{query}"), accept);
    assert_eq!(on("", "*/*").body, data);
    if data.is_empty() {
        // Nothing is no message.
        return assert_eq!(parse(&on("", EVENT_SOURCE).body), []);
    }
    let is_text = content_type.starts_with("text/");
    // A character that the data ends in is shown with its rest, which does not come.
    let is_begun = |end: &[u8]| {
        str::from_utf8(end)
            .is_err_and(|error| error.valid_up_to() == 0 && error.error_len().is_none())
    };
    let ends =
        (1..=3).filter_map(|bytes| Some((bytes, data.get(data.len().checked_sub(bytes)?..)?)));
    let begun = ends.filter(|(_, end)| is_begun(end)).map(|(bytes, _)| bytes).max().unwrap_or(0);
    let text = String::from_utf8_lossy(&data[..data.len() - begun]).into_owned();
    // Whatever ends a line there is a line break here.
    let shown = match is_text {
        true => text.replace("\r\n", "\n").replace('\r', "\n"),
        false => STANDARD.encode(&data),
    };
    let event = Event { name: "message".to_owned(), data: shown.clone(), id: id.clone() };
    assert_eq!(parse(&on("", EVENT_SOURCE).body), [event]);
    let value = if is_text { json!(text) } else { json!({ "base64": shown }) };
    assert_eq!(lines(&on("", NDJSON)), [json!({ "id": id, "data": value })]);
    let events = parse(&on("&live=sse", "*/*").body);
    assert_eq!(events.len(), 2, "{events:?}");
    assert_eq!((&*events[0].name, &events[0].data), ("data", &shown));
    assert_control(&events[1], &id);
}
