//! A text is taken for a cursor only if it was given out by this stream; any other is told to be none, or
//! another stream's, with the place where it goes on.
#![no_main]

use std::cell::LazyCell;

use bytes::Bytes;
use http::Request;
use libfuzzer_sys::fuzz_target;
use sockeye::Server;
use sockeye_feeds::{Access, Streams, StreamsConfig};
use sockeye_fuzz::served::{Answer, Served};

thread_local! {
    static SERVED: LazyCell<(Served<Streams>, Vec<String>)> = LazyCell::new(|| {
        let served = Served::new(|| {
            let server = Server::builder().build().expect("a server");
            let streams = Streams::new(StreamsConfig::default());
            streams.mount(&server, "/s", Access::read_only()).expect("the path is free");
            (server, streams)
        });
        let cursors = served.enter(|_, streams| {
            let other = streams.create("b", "application/json").expect("a stream");
            let stream = streams.create("a", "application/json").expect("a stream");
            let first = stream.tail();
            let rest = (0..3).map(|number| stream.append_json(&number).expect("it is open"));
            let ours = std::iter::once(first).chain(rest);
            ours.chain([other.tail()]).map(|cursor| cursor.to_string()).collect()
        });
        (served, cursors)
    });
}

// The first byte picks a cursor that was given out, if any: the rest is changes to it, a position and a byte
// each. Else the rest is the text.
fuzz_target!(|input: &[u8]| {
    let Some((&first, rest)) = input.split_first() else { return };
    SERVED.with(|it| {
        let (served, cursors) = &**it;
        let mut text = match cursors.get(usize::from(first)) {
            None => rest.to_vec(),
            Some(cursor) => {
                let mut text = cursor.clone().into_bytes();
                for change in rest.chunks_exact(2) {
                    let at = usize::from(change[0]) % text.len();
                    text[at] = change[1];
                }
                text
            }
        };
        if first & 128 != 0 {
            text.truncate(300);
        }
        judge(served, cursors, &text);
    });
});

fn judge(served: &Served<Streams>, cursors: &[String], text: &[u8]) {
    let ours = &cursors[..4];
    let position = ours.iter().position(|cursor| cursor.as_bytes() == text);
    let encoded: String = text.iter().map(|byte| format!("%{byte:02x}")).collect();
    if !matches!(text, b"-1" | b"now") {
        let polled = served.ask(get(&format!("/s/a?offset={encoded}"), None));
        assert_answer(&polled, position, cursors);
        if let Some(position) = position {
            let got: Vec<u8> = serde_json::from_slice(&polled.body).expect("a JSON array");
            assert_eq!(got, (position as u8..3).collect::<Vec<_>>());
        }
    }
    // As a header where it can be one.
    let Ok(value) = http::HeaderValue::from_bytes(text) else { return };
    if matches!(value.as_bytes(), b"" | b"-1" | b"now") {
        return;
    }
    let heard = served.ask(get("/s/a", Some(value)));
    assert_eq!(heard.status, 200);
    let body = String::from_utf8_lossy(&heard.body);
    assert_eq!(body.contains("event: gap\n"), position.is_none(), "{body}");
    let last = ours[3].as_str();
    assert!(body.contains(&format!("id: {last}\n")), "it comes to the end: {body}");
}

fn get(target: &str, last: Option<http::HeaderValue>) -> Request<Bytes> {
    let mut request = Request::get(target).header("host", "localhost");
    if let Some(last) = last {
        request = request.header("accept", "text/event-stream").header("last-event-id", last);
    }
    request.body(Bytes::new()).expect("a request")
}

fn assert_answer(answer: &Answer, position: Option<usize>, cursors: &[String]) {
    match position {
        Some(_) => {
            assert_eq!(answer.status, 200);
            assert_eq!(answer.header("stream-next-offset"), Some(cursors[3].as_str()));
        }
        None => {
            assert!(matches!(answer.status.as_u16(), 400 | 410), "{}", answer.status);
            assert_eq!(answer.header("stream-next-offset"), Some(cursors[0].as_str()));
            let body: serde_json::Value = serde_json::from_slice(&answer.body).expect("JSON");
            let reason = if answer.status == 400 { "malformed" } else { "foreign" };
            assert_eq!(body["reason"], reason);
        }
    }
}
