//! The chapter `feeds-wire.md` is what a server says: each of its exchanges is performed, in its order.
//!
//! What cannot be the same is learnt: the second half of cursors, which must be one text here for one text
//! there, intervals, and tickets.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use common::Listener;
use sockeye::{Io, Namespace, RawArgs, Server};
use sockeye_feeds::{Access, Feeds, FeedsConfig, History, Streams, StreamsConfig};
use sockeye_testing::TestServer;

/// One example: what happens before, and the code.
struct Example<'a> {
    notes: Vec<&'a str>,
    code: String,
    line: usize,
}

/// The code that has a comment `<!-- test: .. -->` before it.
fn examples(text: &str) -> Vec<Example<'_>> {
    let mut examples = Vec::new();
    let mut notes = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        if let Some(note) = line.strip_prefix("<!-- test:") {
            notes.push(note.trim_end_matches("-->").trim());
        } else if line.starts_with("```") && !notes.is_empty() {
            let code = lines.by_ref().map(|(_, line)| line).take_while(|line| *line != "```");
            let code = code.map(|line| format!("{line}\n")).collect();
            examples.push(Example { notes: std::mem::take(&mut notes), code, line: number + 1 });
        }
    }
    assert!(notes.is_empty(), "there is code behind each note");
    examples
}

/// The cursors of the chapter, and those that this server gave instead.
#[derive(Default)]
struct Learnt(HashMap<String, String>);

const CURSOR: usize = 38;

/// Where the cursors of a text are.
fn cursors(text: &str) -> Vec<usize> {
    let bytes = text.as_bytes();
    let is_cursor = |window: &[u8]| {
        let (digits, code) = window.split_at(16);
        digits.iter().all(|it| matches!(it, b'0'..=b'9' | b'a'..=b'f'))
            && code.iter().all(|it| it.is_ascii_alphanumeric() || matches!(it, b'-' | b'_'))
    };
    let mut found: Vec<usize> = Vec::new();
    for (at, window) in bytes.windows(CURSOR).enumerate() {
        if is_cursor(window) && found.last().is_none_or(|last| last + CURSOR <= at) {
            found.push(at);
        }
    }
    found
}

impl Learnt {
    /// The text with the cursors of this server; those that are new are taken from `actual`.
    fn learn(&mut self, expected: &str, actual: &str) -> String {
        for (ours, theirs) in cursors(expected).into_iter().zip(cursors(actual)) {
            let (ours, theirs) = (&expected[ours..][..CURSOR], &actual[theirs..][..CURSOR]);
            let known = self.0.entry(ours.to_owned()).or_insert_with(|| theirs.to_owned());
            assert_eq!((&**known, &ours[..16]), (theirs, &theirs[..16]), "one for one: {ours}");
        }
        self.here(expected)
    }

    /// The text with the cursors that are known.
    fn here(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, (ours, theirs)| text.replace(ours, theirs))
    }
}

/// A text without what differs each time.
fn masked(text: &str) -> String {
    let mut text = text.to_owned();
    for (before, after) in [("\"streamCursor\":\"", "\""), ("\"ticket\":\"", "\"")] {
        let parts: Vec<&str> = text.split(before).collect();
        let masked = parts.iter().enumerate().map(|(number, part)| match number {
            0 => (*part).to_owned(),
            _ => format!("{before}*{}", &part[part.find(after).unwrap()..]),
        });
        text = masked.collect();
    }
    text
}

fn server() -> TestServer {
    let news = Namespace::new("/news").on_read(async || {});
    let server = Server::builder().namespace(news).build().unwrap();
    let history = History { events_max: 3, ..History::default() };
    let config = FeedsConfig { history, ..FeedsConfig::default() };
    drop(Feeds::builder().offer_all().config(config).mount(&server).unwrap());
    let streams = Streams::new(StreamsConfig::default());
    streams.mount(&server, "/v1/stream", Access::everything()).unwrap();
    TestServer::new(server)
}

/// `emit tick [1]`, `volatile pointer [7]`.
fn send(news: &Io, note: &str) {
    let (verb, rest) = note.split_once(' ').unwrap();
    let (event, args) = rest.split_once(' ').unwrap();
    let args = RawArgs::new(&args[1..args.len() - 1], &[]);
    match verb {
        "emit" => news.emit(event, &args).unwrap(),
        "volatile" => news.volatile().emit(event, &args).unwrap(),
        other => panic!("`{other}` is nothing that a note can ask for"),
    }
}

/// What goes on and on, as much of it as the chapter shows.
async fn compare_stream(listener: &mut Listener, expected: &str, learnt: &mut Learnt, place: &str) {
    let mut actual = String::new();
    while actual.len() < expected.len() {
        actual.push_str(&listener.line().await);
    }
    let expected = learnt.learn(expected, &actual);
    assert_eq!(masked(&actual), masked(&expected), "{place}");
}

fn compare_head(
    response: &sockeye_testing::raw::Response,
    expected: &str,
    learnt: &mut Learnt,
    place: &str,
) {
    let mut lines = expected.lines();
    let status = lines.next().unwrap();
    assert!(response.head.starts_with(status), "{place}: {status}: {}", response.head);
    for line in lines {
        let (name, value) = line.split_once(": ").unwrap();
        let actual = response.header(name).unwrap_or_else(|| panic!("{place}: no {name}"));
        let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        match name {
            "stream-cursor" => assert!(is_number(actual) && is_number(value), "{place}: {actual}"),
            _ => assert_eq!(actual, learnt.learn(value, actual), "{place}: {name}"),
        }
    }
}

/// Performs one exchange.
async fn perform(server: &TestServer, code: &str, body: &str, learnt: &mut Learnt, place: &str) {
    let (asked, answered) = code.split_once("\n\n").unwrap();
    let asked = learnt.here(asked);
    let mut lines = asked.lines();
    let [method, target, _] = lines.next().unwrap().split(' ').collect::<Vec<_>>()[..] else {
        panic!("{place}: no request line");
    };
    let headers: Vec<_> = lines.map(|line| line.split_once(": ").unwrap()).collect();
    let (head, expected) = answered.split_once("\n\n").unwrap();
    let goes_on = head.contains("text/event-stream") || head.contains("x-ndjson");
    if goes_on {
        let mut listener = Listener::open(server, target, &headers).await;
        compare_head(&listener.head, head, learnt, place);
        return compare_stream(&mut listener, expected, learnt, place).await;
    }
    let request = server.request(method, target).body(body);
    let request =
        headers.iter().fold(request, |request, (name, value)| request.header(name, value));
    let response = request.await;
    compare_head(&response, head, learnt, place);
    let expected = learnt.learn(expected.trim_end_matches('\n'), response.text());
    assert_eq!(masked(response.text()), masked(&expected), "{place}");
}

#[tokio::test(start_paused = true)]
async fn every_exchange_is_what_a_server_says() {
    let server = server();
    let news = server.server().of("/news").unwrap();
    let mut learnt = Learnt::default();
    let examples = examples(include_str!("../guide/feeds-wire.md"));
    assert!(examples.len() > 20, "only {}: has the way of writing them changed?", examples.len());
    for Example { notes, code, line } in examples {
        let place = format!("feeds-wire.md:{line}");
        let mut body = "";
        if let Some(from) = notes[0].strip_prefix("from ") {
            let mut notes = from.split(", ");
            let at = learnt.here(notes.next().unwrap());
            let target = format!("/socket.io/feeds/news?offset={at}");
            let mut listener = Listener::open(&server, &target, &[common::SSE]).await;
            listener.block().await;
            notes.for_each(|note| send(&news, note));
            compare_stream(&mut listener, &code, &mut learnt, &place).await;
            continue;
        }
        for note in notes {
            match note.split_once(' ') {
                None => {}
                Some(("body", text)) => body = text,
                Some(_) => send(&news, note),
            }
        }
        perform(&server, &code, body, &mut learnt, &place).await;
    }
}

/// The codes of errors that a source file makes: the text behind a status.
fn codes(source: &str) -> Vec<String> {
    let behind = source.split("StatusCode::").skip(1).filter_map(|rest| {
        let rest = rest.trim_start_matches(|it: char| it.is_ascii_uppercase() || it == '_');
        let rest = rest.strip_prefix(',')?.trim_start().strip_prefix('"')?;
        rest.split('"').next()
    });
    behind.map(str::to_owned).collect()
}

#[test]
fn every_code_is_in_the_table() {
    let text = include_str!("../guide/feeds-wire.md");
    let table = text.split("## Errors").nth(1).unwrap().split("## ").next().unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = 0;
    for name in [
        "feeds/serve.rs",
        "http/answer.rs",
        "http/body.rs",
        "http/read.rs",
        "http/write.rs",
        "streams.rs",
    ] {
        for code in codes(&fs::read_to_string(root.join(name)).unwrap()) {
            assert!(table.contains(&format!("`{code}`")), "{name}: {code}");
            found += 1;
        }
    }
    assert!(found > 20, "only {found}: has the way of writing them changed?");
}
