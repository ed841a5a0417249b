//! `sockeye tail` as its user sees it, against servers that play what a test says.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

use std::process::Stdio;

use common::{PATIENCE, command};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, ChildStderr, ChildStdout, Command};
use tokio::time::timeout;

/// A server that answers what the test says.
struct Script {
    listener: TcpListener,
    /// The address of a feed there.
    url: String,
}

/// A request that waits for its answer; dropped, its connection is cut.
struct Asked {
    head: String,
    stream: TcpStream,
}

impl Script {
    async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/socket.io/feeds/news/sport", listener.local_addr().unwrap());
        Script { listener, url }
    }

    async fn asked(&self) -> Asked {
        let asked = async {
            let (mut stream, _) = self.listener.accept().await.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                assert_ne!(stream.read_buf(&mut head).await.unwrap(), 0, "a cut request");
            }
            Asked { head: String::from_utf8(head).unwrap(), stream }
        };
        timeout(PATIENCE, asked).await.expect("it asks")
    }
}

impl Asked {
    async fn write(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).await.unwrap();
    }

    /// The head of an answer that goes on, in chunks.
    async fn open(&mut self, media_type: &str) {
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: {media_type}\r\nstream-next-offset: 0a\r\n\
             transfer-encoding: chunked\r\n\r\n"
        );
        self.write(&head).await;
    }

    async fn chunk(&mut self, text: &str) {
        self.write(&format!("{:x}\r\n{text}\r\n", text.len())).await;
    }

    /// A whole answer.
    async fn answer(mut self, status: &str, headers: &str, body: &str) {
        let length = body.len();
        self.write(&format!(
            "HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\n\r\n{body}"
        ))
        .await;
    }

    /// A page of a feed, behind which the cursor is `next`.
    async fn page(self, next: &str, body: &str) {
        let headers = format!(
            "content-type: application/json\r\nstream-next-offset: {next}\r\nstream-up-to-date: true\r\n"
        );
        self.answer("200 OK", &headers, body).await;
    }

    /// Waits until the other end has closed the connection.
    async fn closed(mut self) {
        let mut rest = Vec::new();
        // A reset is an end too.
        let _ = timeout(PATIENCE, self.stream.read_to_end(&mut rest)).await.expect("it closes");
    }

    fn has(&self, header: &str) -> bool {
        self.head.contains(&format!("\r\n{header}\r\n"))
    }

    fn target(&self) -> &str {
        self.head.split(' ').nth(1).unwrap()
    }
}

/// A running `sockeye tail`.
struct Tail {
    child: Child,
    output: Option<Lines<BufReader<ChildStdout>>>,
    errors: ChildStderr,
}

impl Tail {
    fn start(command: &mut Command) -> Self {
        let mut child = command.spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap()).lines();
        let errors = child.stderr.take().unwrap();
        Tail { child, output: Some(output), errors }
    }

    fn of(script: &Script, args: &[&str]) -> Self {
        Tail::start(&mut command(&[&["tail", &script.url], args].concat()))
    }

    async fn line(&mut self) -> String {
        let line = self.output.as_mut().unwrap().next_line();
        let line = timeout(PATIENCE, line).await.expect("it prints").unwrap();
        line.expect("it goes on")
    }

    async fn signal(&self, name: &str) {
        let id = self.child.id().expect("it is running").to_string();
        assert!(Command::new("kill").args([name, &id]).status().await.unwrap().success());
    }

    /// Its status, what it had not printed yet, and what it said on standard error.
    async fn ended(mut self) -> (i32, String, String) {
        let mut rest = String::new();
        let mut errors = String::new();
        let read = async {
            if let Some(output) = &mut self.output {
                while let Some(line) = output.next_line().await.unwrap() {
                    rest += &line;
                    rest.push('\n');
                }
            }
            self.errors.read_to_string(&mut errors).await.unwrap();
            self.child.wait().await.unwrap()
        };
        let status = timeout(PATIENCE, read).await.expect("it ends");
        (status.code().unwrap(), rest, errors)
    }
}

const STREAM: &str = "text/event-stream";

#[tokio::test]
async fn an_event_stream_is_continued_where_it_was_cut() {
    let script = Script::new().await;
    let mut tail = Tail::of(&script, &[]);
    let asked = script.asked().await;
    assert_eq!(asked.target(), "/socket.io/feeds/news/sport?offset=now");
    asked.page("0a", "[]").await;
    let mut asked = script.asked().await;
    assert_eq!(asked.target(), "/socket.io/feeds/news/sport");
    assert!(asked.has("accept: text/event-stream, application/x-ndjson;q=0.9"), "{}", asked.head);
    assert!(asked.has("last-event-id: 0a"), "{}", asked.head);
    asked.open(STREAM).await;
    asked.chunk(":\nretry: 100\nid: 0a\n\n").await;
    asked.chunk("id: 0b\nevent: tick\ndata: [1]\n\nid: 0c\nevent: tick\ndata: [2").await;
    assert_eq!(tail.line().await, r#"{"id":"0b","event":"tick","data":[1]}"#);
    drop(asked);
    let mut asked = script.asked().await;
    assert!(asked.has("last-event-id: 0b"), "{}", asked.head);
    asked.open(STREAM).await;
    asked.chunk("id: 0c\nevent: tick\ndata: [2]\n\n").await;
    assert_eq!(tail.line().await, r#"{"id":"0c","event":"tick","data":[2]}"#);
    tail.signal("-TERM").await;
    let (status, rest, errors) = tail.ended().await;
    assert_eq!((status, rest.as_str()), (0, ""));
    let lines: Vec<_> = errors.lines().collect();
    assert!(
        lines[0].starts_with("sockeye: the connection broke (") && lines[0].ends_with("from 0b")
    );
    assert_eq!(lines[1..], ["sockeye: connected again"]);
}

#[tokio::test]
async fn a_cut_in_the_head_is_one_too() {
    let script = Script::new().await;
    let tail = Tail::of(&script, &["--road", "sse", "--since", "00", "--max-events", "1"]);
    let mut asked = script.asked().await;
    asked.open(STREAM).await;
    asked.chunk("retry: 100\n\n").await;
    drop(asked);
    for part in ["", "HTTP/1.1 200 OK\r\ncontent-t"] {
        let mut asked = script.asked().await;
        assert!(asked.has("last-event-id: 00"), "{}", asked.head);
        asked.write(part).await;
    }
    let mut asked = script.asked().await;
    asked.open(STREAM).await;
    asked.chunk("id: 01\ndata: 1\n\n").await;
    let (status, rest, _) = tail.ended().await;
    assert_eq!((status, rest.as_str()), (0, "{\"id\":\"01\",\"data\":1}\n"));
    asked.closed().await;
}

#[tokio::test]
async fn ndjson_begins_where_the_head_says() {
    let script = Script::new().await;
    let mut tail = Tail::of(&script, &["--road", "ndjson"]);
    let mut asked = script.asked().await;
    assert!(asked.has("accept: application/x-ndjson"), "{}", asked.head);
    asked.open("application/x-ndjson").await;
    asked.chunk("\n").await;
    drop(asked);
    let mut asked = script.asked().await;
    assert!(asked.has("last-event-id: 0a"), "{}", asked.head);
    asked.open("application/x-ndjson").await;
    asked
        .chunk("\n{\"id\":\"0b\",\"event\":\"tick\",\"data\":[1]}\n{\"event\":\"volatile\",")
        .await;
    asked.chunk("\"data\":[]}\n").await;
    assert_eq!(tail.line().await, r#"{"id":"0b","event":"tick","data":[1]}"#);
    assert_eq!(tail.line().await, r#"{"event":"volatile","data":[]}"#);
    tail.signal("-INT").await;
    assert_eq!(tail.ended().await.0, 0);
}

#[tokio::test]
async fn a_page_counts_when_it_is_whole_and_a_gap_is_told() {
    let script = Script::new().await;
    let mut tail = Tail::of(&script, &["--road", "long-poll", "--interval", "0.01"]);
    let asked = script.asked().await;
    assert_eq!(asked.target(), "/socket.io/feeds/news/sport?offset=now");
    asked.page("0a", "[]").await;
    let mut asked = script.asked().await;
    assert_eq!(asked.target(), "/socket.io/feeds/news/sport?offset=0a&wait=25");
    asked
        .write("HTTP/1.1 200 OK\r\nstream-next-offset: 0b\r\ncontent-type: application/json\r\n")
        .await;
    asked.write("content-length: 3\r\n\r\n[1").await;
    drop(asked);
    let asked = script.asked().await;
    assert_eq!(asked.target(), "/socket.io/feeds/news/sport?offset=0a&wait=25");
    asked.page("0c", r#"[1,{"event":"tick","data":[2]}]"#).await;
    assert_eq!(tail.line().await, r#"{"data":1}"#);
    assert_eq!(tail.line().await, r#"{"id":"0c","event":"tick","data":[2]}"#);
    let gap = r#"{"error":{"code":"too_old","message":"m"},"reason":"too_old","oldest":"0m","newest":"0z"}"#;
    let asked = script.asked().await;
    asked.answer("410 Gone", "stream-next-offset: 0m\r\n", gap).await;
    let line =
        r#"{"id":"0m","event":"gap","data":{"reason":"too_old","oldest":"0m","newest":"0z"}}"#;
    assert_eq!(tail.line().await, line);
    assert_eq!(script.asked().await.target(), "/socket.io/feeds/news/sport?offset=0m&wait=25");
}

#[tokio::test]
async fn behind_something_that_makes_pages_of_streams_it_polls() {
    let script = Script::new().await;
    let tail = Tail::of(&script, &["--since", "0a", "--max-events", "1"]);
    let asked = script.asked().await;
    assert!(asked.has("last-event-id: 0a"), "{}", asked.head);
    asked.page("0b", "[1]").await;
    let asked = script.asked().await;
    assert_eq!(asked.target(), "/socket.io/feeds/news/sport?offset=0a&wait=25");
    asked.page("0b", "[1]").await;
    let (status, rest, errors) = tail.ended().await;
    assert_eq!((status, rest.as_str()), (0, "{\"id\":\"0b\",\"data\":1}\n"));
    assert_eq!(
        errors,
        "sockeye: what answers is no stream (application/json); long polling instead\n"
    );
}

#[tokio::test]
async fn the_roads_of_durable_streams() {
    let script = Script::new().await;
    let mut tail = Tail::of(&script, &["--road", "durable-sse", "--since", "beginning"]);
    let mut asked = script.asked().await;
    assert_eq!(asked.target(), "/socket.io/feeds/news/sport?offset=-1&live=sse");
    asked.open(STREAM).await;
    asked.chunk("event: data\ndata:[1,2]\n\n").await;
    asked
        .chunk("event: control\ndata:{\"streamNextOffset\":\"0b\",\"streamClosed\":true}\n\n")
        .await;
    assert_eq!(tail.line().await, r#"{"data":1}"#);
    assert_eq!(tail.line().await, r#"{"id":"0b","data":2}"#);
    let (status, _, errors) = tail.ended().await;
    assert_eq!(
        (status, errors.as_str()),
        (0, "sockeye: the stream is closed, nothing will follow\n")
    );

    let mut tail = Tail::of(&script, &["--road", "durable-long-poll", "--since", "0a"]);
    let asked = script.asked().await;
    assert_eq!(asked.target(), "/socket.io/feeds/news/sport?offset=0a&live=long-poll");
    let headers = "content-type: text/plain\r\nstream-next-offset: 0b\r\nstream-cursor: 9\r\n";
    asked.answer("200 OK", headers, "text").await;
    assert_eq!(tail.line().await, r#"{"id":"0b","data":"text"}"#);
    let target = "/socket.io/feeds/news/sport?offset=0b&live=long-poll&cursor=9";
    assert_eq!(script.asked().await.target(), target);
}

#[tokio::test]
async fn once_prints_what_is_there() {
    let script = Script::new().await;
    let tail = Tail::of(&script, &["--once"]);
    let asked = script.asked().await;
    assert_eq!(asked.target(), "/socket.io/feeds/news/sport?offset=-1");
    let headers = "content-type: application/json\r\nstream-next-offset: 0b\r\n";
    asked.answer("200 OK", headers, "[1]").await;
    let asked = script.asked().await;
    assert_eq!(asked.target(), "/socket.io/feeds/news/sport?offset=0b");
    asked.page("0c", "[2]").await;
    let (status, rest, errors) = tail.ended().await;
    assert_eq!(status, 0, "{errors}");
    assert_eq!(rest, "{\"id\":\"0b\",\"data\":1}\n{\"id\":\"0c\",\"data\":2}\n");
}

#[tokio::test]
async fn who_stops_reading_ends_it_though_nothing_comes() {
    let script = Script::new().await;
    let mut tail = Tail::of(&script, &[]);
    let mut asked = script.asked().await;
    asked.open(STREAM).await;
    asked.chunk(":\n\ndata: 1\n\n").await;
    assert_eq!(tail.line().await, r#"{"data":1}"#);
    tail.output = None;
    let (status, _, errors) = tail.ended().await;
    assert_eq!((status, errors.as_str()), (0, ""));
    asked.closed().await;
}

#[tokio::test]
async fn it_ends_by_signal_while_nobody_reads_what_it_prints() {
    let script = Script::new().await;
    let tail = Tail::of(&script, &[]);
    let mut asked = script.asked().await;
    asked.open(STREAM).await;
    let event = format!("data: {}\n\n", "7".repeat(64 * 1024));
    // More than the pipe takes, until the program reads no further.
    while let Ok(()) = {
        let chunk = format!("{:x}\r\n{event}\r\n", event.len());
        let written =
            timeout(std::time::Duration::from_secs(1), asked.stream.write_all(chunk.as_bytes()));
        written.await.map(|written| written.unwrap())
    } {}
    tail.signal("-TERM").await;
    asked.closed().await;
    assert_eq!(tail.ended().await.0, 0);
}

#[tokio::test]
async fn each_way_to_fail_has_its_status_and_its_words() {
    let script = Script::new().await;
    let said = r#"{"error":{"code":"refused","message":"not you"}}"#;
    let html = "content-type: text/html\r\n";
    for (answer, headers, args, status, words) in [
        (
            "401 Unauthorized",
            "",
            "",
            3,
            "error: refused: 401 refused: not you. No key was given: set SOCKEYE_KEY",
        ),
        ("403 Forbidden", "", "--road poll --since 0a", 3, "error: refused: 403 refused: not you"),
        (
            "404 Not Found",
            "",
            "",
            1,
            "error: there is no such feed or stream: 404 refused: not you",
        ),
        ("405 Method Not Allowed", "", "", 1, "error: the server answers 405 refused: not you"),
        ("302 Found", "location: /x\r\n", "", 1, "error: the server redirects (302 Found)"),
        (
            "200 OK",
            html,
            "--road sse",
            1,
            "error: this is no feed and no stream that can be read by server-sent",
        ),
        ("200 OK", html, "--road poll", 1, "the answer is text/html, without Stream-Next-Offset"),
        (
            "410 Gone",
            "stream-next-offset: 0m\r\n",
            "--road poll --fail-on-gap",
            5,
            "error: events were lost: too_old",
        ),
    ] {
        let args: Vec<_> = args.split(' ').filter(|arg| !arg.is_empty()).collect();
        let tail = Tail::of(&script, &args);
        script.asked().await.answer(answer, headers, said).await;
        let (ended, _, errors) = tail.ended().await;
        assert_eq!(ended, status, "{answer}: {errors}");
        assert!(errors.contains(words), "{answer}: {errors}");
        assert_eq!(errors.lines().count(), 1, "{answer}: {errors}");
    }
    let url = script.url.clone();
    drop(script);
    let (ended, _, errors) = Tail::start(&mut command(&["tail", &url])).ended().await;
    assert_eq!(ended, 4, "{errors}");
    assert!(errors.starts_with("error: cannot connect to the server: "), "{errors}");
    for (args, words) in [
        (["http://localhost:3000", "-s"], "http://localhost:3000/socket.io/feeds/~"),
        (["localhost:3000/x", "-s"], "http://localhost:3000/x ?"),
        ([&url, "--since"], "--since <CURSOR>"),
    ] {
        let (ended, _, errors) = Tail::start(command(&["tail"]).args(args)).ended().await;
        assert_eq!(ended, 2, "{errors}");
        assert!(errors.contains(words), "{errors}");
    }
    let (ended, _, errors) =
        Tail::start(&mut command(&["tail", &url, "--once", "--road", "sse"])).ended().await;
    assert_eq!(ended, 2, "{errors}");
    assert!(errors.starts_with("error: --once needs a road"), "{errors}");
    let (ended, _, errors) =
        Tail::start(&mut command(&["tail", &url, "--key-file", "/nowhere/key"])).ended().await;
    assert_eq!(ended, 2, "{errors}");
    assert!(errors.starts_with("error: cannot read the key in /nowhere/key: "), "{errors}");
}

#[tokio::test]
async fn a_server_without_place_is_asked_again_when_it_says() {
    let script = Script::new().await;
    let tail = Tail::of(&script, &["--once", "--silent"]);
    script.asked().await.answer("503 Service Unavailable", "retry-after: 0\r\n", "").await;
    script.asked().await.page("0a", "[1]").await;
    let (status, rest, errors) = tail.ended().await;
    assert_eq!((status, rest.as_str(), errors.as_str()), (0, "{\"id\":\"0a\",\"data\":1}\n", ""));
}

#[tokio::test]
async fn time_is_given_by_the_user() {
    // Long enough for a busy machine to bring the one event first.
    let script = Script::new().await;
    for (args, status, words) in [
        (&["--timeout", "2"] as &[&str], 0, ""),
        (
            &["--timeout", "2", "--max-events", "2"],
            1,
            "error: the time is over after 1 of 2 events\n",
        ),
    ] {
        let mut tail = Tail::of(&script, args);
        let mut asked = script.asked().await;
        asked.open(STREAM).await;
        asked.chunk("data: 1\n\n").await;
        assert_eq!(tail.line().await, r#"{"data":1}"#);
        let (ended, _, errors) = tail.ended().await;
        assert_eq!((ended, errors.as_str()), (status, words));
    }
    let tail = Tail::of(&script, &["--timeout", "0.1"]);
    let _asked = script.asked().await;
    let (ended, _, errors) = tail.ended().await;
    assert_eq!(ended, 4, "{errors}");
}

#[tokio::test]
async fn a_key_comes_from_the_environment_or_a_file_and_is_never_shown() {
    let script = Script::new().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key");
    std::fs::write(&file, "from-file\n").unwrap();
    let file = file.to_str().unwrap();
    for (args, key) in [(vec![], "from-environment"), (vec!["--key-file", file], "from-file")] {
        let args = [vec!["tail", &script.url, "-v", "-H", "x-mine: 1", "--max-events", "1"], args]
            .concat();
        let tail =
            Tail::start(command(&args).env("SOCKEYE_KEY", "from-environment").stdin(Stdio::null()));
        let mut asked = script.asked().await;
        assert!(asked.has(&format!("authorization: Bearer {key}")), "{}", asked.head);
        assert!(asked.has("x-mine: 1"), "{}", asked.head);
        asked.open(STREAM).await;
        asked.chunk("data: 1\n\n").await;
        let (status, _, errors) = tail.ended().await;
        assert_eq!(status, 0, "{errors}");
        assert!(
            errors.contains(
                "> GET /socket.io/feeds/news/sport?offset=now HTTP/1.1\n> host: 127.0.0.1:"
            ),
            "{errors}"
        );
        assert!(errors.contains("> authorization: Bearer ***\n"), "{errors}");
        assert!(
            errors.contains("< HTTP/1.1 200 OK\n< content-type: text/event-stream\n"),
            "{errors}"
        );
        assert!(!errors.contains("from-"), "{errors}");
    }
}

#[tokio::test]
async fn an_event_that_is_too_large_is_said() {
    let script = Script::new().await;
    let tail = Tail::of(&script, &[]);
    let mut asked = script.asked().await;
    asked.open(STREAM).await;
    let part = "x".repeat(1024 * 1024);
    asked.chunk("data: ").await;
    for _ in 0..16 {
        asked.chunk(&part).await;
    }
    let (status, rest, errors) = tail.ended().await;
    assert_eq!((status, rest.as_str()), (1, ""));
    assert!(
        errors.starts_with("error: an event or a line has more than 16777216 bytes"),
        "{errors}"
    );
}

#[tokio::test]
async fn the_help_has_the_statuses() {
    let (status, help, _) = Tail::start(&mut command(&["tail", "--help"])).ended().await;
    assert_eq!(status, 0);
    for words in ["Exit status:", "5  loss", "--road <ROAD>", "durable-long-poll", "SOCKEYE_KEY"] {
        assert!(help.contains(words), "{words}: {help}");
    }
}
