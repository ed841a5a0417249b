//! The abuse list of the people who attack servers like this. After each the process is alive, others are
//! served, and the session is gone with a reason, or goes on as it should.

#![allow(clippy::unwrap_used)]

mod common;

use std::time::Duration;

use common::{Host, any_origin, chunk, open_doors};
use sockeye_engine::{CloseReason, Config as EngineConfig};
use sockeye_sockjs::Config;
use sockeye_testing::raw::{self, Opcode, Received, frame};
use tokio::time::Instant;

/// A bystander, to be asked after every abuse.
async fn bystander(host: &Host) {
    assert_eq!(host.poll("bystander").await, "o\n");
    assert_served(host).await;
}

async fn assert_served(host: &Host) {
    assert_eq!(host.send("bystander", "[\"well?\"]").await.status, 204);
    assert_eq!(host.poll("bystander").await, "a[\"well?\"]\n");
}

/// Until no session but the bystander's is left.
async fn assert_alone(host: &Host) {
    while host.sockjs.engine().sessions() > 1 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_served(host).await;
}

fn detail(host: &Host) -> Option<&'static str> {
    host.app.session().close_detail().map(|it| it.as_str())
}

#[tokio::test(start_paused = true)]
async fn a_body_a_byte_at_a_time_has_a_deadline() {
    let limits = EngineConfig { body_timeout: Duration::from_secs(3), ..any_origin() };
    // A session that nobody asks for ends sooner than its body comes.
    let config = Config { disconnect_delay: Duration::from_secs(60), ..open_doors() };
    let host = Host::memory(config, limits);
    bystander(&host).await;
    assert_eq!(host.poll("slow").await, "o\n");
    let begin = Instant::now();
    let mut slow = host.connect().await;
    let lie = [("content-length", "1000")];
    slow.send(raw::request("POST", "/echo/000/slow/xhr_send", &lie, "[\"")).await;
    // Whoever comes next waits behind it and is answered as well.
    let mut next = host.connect().await;
    next.send(raw::request("POST", "/echo/000/slow/xhr_send", &[], "[\"x\"]")).await;
    let answer = slow.response().await.unwrap();
    assert_eq!((answer.status, answer.header("connection")), (408, Some("close")));
    assert!(begin.elapsed() < Duration::from_secs(4), "{:?}", begin.elapsed());
    assert_eq!(next.response().await.unwrap().status, 404);
    assert_eq!(host.app.closed().await, CloseReason::TransportError);
    assert_eq!(detail(&host), Some("body_timeout"));
    assert_alone(&host).await;

    // A poll's body is nobody's: it opens nothing, and it ends.
    for action in ["xhr", "xhr_streaming"] {
        let mut poll = host.connect().await;
        poll.send(raw::request("POST", &format!("/echo/000/never/{action}"), &lie, "x")).await;
        let answer = poll.response().await.unwrap();
        assert_eq!((answer.status, answer.header("connection")), (408, Some("close")), "{action}");
        assert_eq!(answer.text(), "The body took too long.");
    }
    assert_eq!(host.app.opened(), 2);
}

#[tokio::test]
async fn bodies_over_their_limits() {
    let limits = EngineConfig { payload_bytes_max: 1000, body_chunks_max: 50, ..any_origin() };
    let host = Host::tcp(open_doors(), limits).await;
    bystander(&host).await;
    let chunked = [("transfer-encoding", "chunked")];
    let large = "x".repeat(1001);
    let in_chunks = format!("3e9\r\n{large}\r\n0\r\n\r\n");
    let in_pieces = format!("{}0\r\n\r\n", "1\r\nx\r\n".repeat(51));
    for (headers, body, expected) in [
        (&[][..], &large, Some("payload_too_large")),
        (&chunked, &in_chunks, Some("payload_too_large")),
        (&chunked, &in_pieces, Some("body_chunks")),
    ] {
        for (key, path) in [("a", "/echo/000/a/xhr_send"), ("b", "/echo/000/b/jsonp_send")] {
            assert_eq!(host.poll(key).await, "o\n");
            assert_eq!(host.request("POST", path, headers, body).await.status, 413);
            assert_alone(&host).await;
            assert_eq!(detail(&host), expected, "{path}");
        }
        // What nobody waits for is as little worth.
        for path in ["/echo/000/c/xhr", "/echo/000/c/xhr_streaming"] {
            assert_eq!(host.request("POST", path, headers, body).await.status, 413, "{path}");
        }
    }
    // Exactly as much as there may be, and as many pieces.
    assert_eq!(host.poll("a").await, "o\n");
    let most = format!("[\"{}\"]", "x".repeat(996));
    assert_eq!(host.send("a", &most).await.status, 204);
    let pieces: String = "[\"x\"]".chars().map(|it| format!("1\r\n{it}\r\n")).collect();
    let body = format!("{pieces}0\r\n\r\n");
    let sent = host.request("POST", "/echo/000/a/xhr_send", &chunked, &body).await;
    assert_eq!(sent.status, 204);
    assert_served(&host).await;
}

#[tokio::test]
async fn ten_thousand_messages_at_once() {
    let host = Host::tcp(open_doors(), any_origin()).await;
    bystander(&host).await;
    let many = format!("[{}]", vec!["\"\""; 10_000].join(","));
    // One message of a WebSocket is read without a pause: so many end it, and it is told why.
    let mut websocket = host.websocket("/echo/000/a/websocket").await;
    assert_eq!(websocket.text().await, "o");
    websocket.send(&many).await;
    let mut echoes = 0;
    let close = loop {
        match websocket.receive().await {
            Received::Text(text) if text == "a[\"\"]" => echoes += 1,
            other => break other,
        }
    };
    assert_eq!(close, Received::Close(3000, "Broken framing.".to_owned()));
    assert!(echoes <= 1024, "{echoes}");
    assert_alone(&host).await;
    // A POST is read piece by piece, as the application takes it: each of them arrives.
    assert_eq!(host.poll("b").await, "o\n");
    let before = host.app.texts().len();
    assert_eq!(host.send("b", &many).await.status, 204);
    assert_eq!(host.app.texts().len() - before, 10_000);
    assert_served(&host).await;
}

#[tokio::test]
async fn an_address_has_as_many_keys_as_it_may_have_sessions() {
    let limits = EngineConfig { sessions_per_address_max: Some(8), ..any_origin() };
    let host = Host::tcp(open_doors(), limits).await;
    bystander(&host).await;
    for key in 0..7 {
        assert_eq!(host.poll(&key.to_string()).await, "o\n");
    }
    assert_eq!(host.sockjs.engine().sessions(), 8);
    for key in 0..100 {
        let refused = host.post(&format!("/echo/000/more{key}/xhr"), "").await;
        assert!([403, 503].contains(&refused.status), "{refused:?}");
        let mut stream = host.connect().await;
        stream.get(&format!("/echo/000/more{key}/eventsource")).await;
        assert!([403, 503].contains(&stream.response_head().await.unwrap().status));
        assert_eq!(host.send(&format!("more{key}"), "[\"x\"]").await.status, 404);
    }
    assert_eq!(host.sockjs.engine().sessions(), 8);
    assert_served(&host).await;
}

#[tokio::test]
async fn keys_are_what_they_are() {
    let host = Host::tcp(open_doors(), any_origin()).await;
    bystander(&host).await;
    let long = "x".repeat(257);
    for path in [
        "/echo/000/../xhr",
        "/echo/000/a.b/xhr",
        "/echo//a/xhr",
        "/echo/000//xhr",
        "/echo/000/a/xhr/",
        "/echo/000/a/__proto__",
        "/echo/000/a/XHR",
        "/echo/%30/xhr",
        "/echox/000/a/xhr",
        &format!("/echo/000/{long}/xhr"),
        &format!("/echo/{long}/a/xhr"),
    ] {
        assert_eq!(host.post(path, "").await.status, 404, "{path}");
    }
    for key in ["__proto__", "constructor", "%00", "%2e%2e%2f", "a;b", "'\"", "[]", "toString"] {
        assert_eq!(host.poll(key).await, "o\n", "{key}");
        assert_eq!(host.send(key, "[\"x\"]").await.status, 204);
        assert_eq!(host.poll(key).await, "a[\"x\"]\n");
    }
    let huge = host.get(&format!("/echo/000/a/jsonp?c={}", "y".repeat(1 << 20))).await;
    assert!((400..600).contains(&huge.status));
    assert_served(&host).await;
}

#[tokio::test]
async fn what_stands_in_a_script_cannot_leave_it() {
    let host = Host::tcp(open_doors(), any_origin()).await;
    bystander(&host).await;
    for callback in [
        "a(b",
        "%3C/script%3E",
        "a%0d%0ab",
        "a%00",
        "%ED%95%9C",
        "a%E2%80%A8b",
        "a/*",
        "a;b",
        "a=b",
        "a%5Bb%5D",
        "a%60b",
        "a%2Cb",
        "%ff",
        "%22",
        "%5C",
        "&c=a",
        "a+b",
    ] {
        for action in ["jsonp", "htmlfile"] {
            let refused = host.get(&format!("/echo/000/x/{action}?c={callback}")).await;
            assert_eq!(refused.status, 500, "{callback}");
            assert!(
                refused.text().ends_with("parameter required")
                    || refused.text().starts_with("invalid")
            );
            assert_eq!(refused.header("content-type"), Some("text/plain; charset=UTF-8"));
        }
    }
    assert_eq!(host.app.opened(), 1);
    // Nor can a message.
    assert_eq!(host.get("/echo/000/x/jsonp?c=f").await.text(), "/**/f(\"o\");\r\n");
    let evil = "</script><script>alert(1)//\u{2028}\u{2029}\\\"\n\r\0<!--";
    let body = serde_json::to_string(&[evil]).unwrap();
    assert_eq!(host.send("x", &body).await.status, 204);
    let script = host.get("/echo/000/x/jsonp?c=f").await;
    let inside = script.text().strip_prefix("/**/f(").unwrap().strip_suffix(");\r\n").unwrap();
    assert!(!inside.contains(['<', '\n', '\r', '\0', '\u{2028}', '\u{2029}']), "{inside}");
    let frame: String = serde_json::from_str(inside).unwrap();
    let messages: Vec<String> = serde_json::from_str(frame.strip_prefix('a').unwrap()).unwrap();
    assert_eq!(messages, [evil]);
    // On an event stream it can begin no event of its own.
    let mut events = host.connect().await;
    events.get("/echo/000/e/eventsource").await;
    events.response_head().await.unwrap();
    assert_eq!(chunk(&mut events).await.unwrap(), "\r\n");
    assert_eq!(chunk(&mut events).await.unwrap(), "data: o\r\n\r\n");
    let body = serde_json::to_string(&["\n\ndata: c[1,\"\"]\r\n\r\n"]).unwrap();
    assert_eq!(host.send("e", &body).await.status, 204);
    let event = chunk(&mut events).await.unwrap();
    assert_eq!(event.matches(['\r', '\n']).count(), 4, "{event:?}");
    assert_served(&host).await;
}

#[tokio::test]
async fn what_is_said_again_in_a_header_stays_in_it() {
    let config = Config { cookie_needed: true, ..open_doors() };
    let host = Host::tcp(config, any_origin()).await;
    bystander(&host).await;
    // The cookie of the client alone, never an attribute of its choice.
    for (cookie, expected) in [
        ("JSESSIONID=a; domain=evil.example", "JSESSIONID=a; path=/"),
        ("JSESSIONID=a%0d%0aset-cookie: x=y", "JSESSIONID=a%0d%0aset-cookie: x=y; path=/"),
        ("xJSESSIONID=b", "JSESSIONID=dummy; path=/"),
        ("JSESSIONID=\u{e9}", "JSESSIONID=dummy; path=/"),
    ] {
        let answer = host.request("POST", "/echo/000/a/xhr_send", &[("cookie", cookie)], "").await;
        assert_eq!(answer.headers("set-cookie").collect::<Vec<_>>(), [expected]);
    }
    // A line break within a header is the end of that header, or of the connection.
    for name in ["origin", "cookie", "access-control-request-headers"] {
        for break_ in ["\r\n", "\n", "\r", "\0"] {
            let value = format!("JSESSIONID=a{break_}x-injected: yes");
            let mut peer = host.connect().await;
            let request = raw::request("OPTIONS", "/echo/000/a/xhr", &[(name, &value)], "");
            peer.send(request).await;
            if let Ok(answer) = peer.response().await {
                assert_eq!(answer.header("x-injected"), None, "{name} {answer:?}");
            }
        }
    }
    // 2,000 headers, and more than one of what there is one of.
    let many: Vec<(String, &str)> = (0..2000).map(|it| (format!("x-{it}"), "x")).collect();
    let many: Vec<(&str, &str)> =
        many.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    let answer = host.request("POST", "/echo/000/a/xhr", &many, "").await;
    assert!((400..500).contains(&answer.status), "{}", answer.status);
    for name in ["origin", "host", "cookie", "upgrade"] {
        let twice = [(name, "a.example"), (name, "b.example")];
        let answer = host.request("GET", "/echo/info", &twice, "").await;
        assert!(answer.headers("access-control-allow-origin").count() <= 1, "{answer:?}");
    }
    assert_served(&host).await;
}

/// A request for an upgrade where there is none ended the process of others (CVE-2020-7693).
#[tokio::test]
async fn any_header_on_any_route_is_harmless() {
    let host = Host::tcp(open_doors(), any_origin()).await;
    bystander(&host).await;
    let key = raw::KEY;
    let mut count = 0;
    let headers: [&[(&str, &str)]; 6] = [
        &[("upgrade", "websocket")],
        &[("connection", "upgrade"), ("upgrade", "websocket")],
        &[
            ("connection", "upgrade"),
            ("upgrade", "websocket"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", key),
        ],
        &[
            ("connection", "upgrade"),
            ("upgrade", "h2c"),
            ("http2-settings", "AAMAAABkAAQAoAAAAAIAAAAA"),
        ],
        &[
            ("connection", "upgrade"),
            ("upgrade", "\u{e9}\u{fe}"),
            ("sec-websocket-version", "99999999999"),
        ],
        &[
            ("expect", "200-maybe"),
            ("content-type", "\u{7f}"),
            ("te", "trailers, x"),
            ("range", "bytes=9-1"),
        ],
    ];
    for path in [
        "/echo",
        "/echo/",
        "/echo/info",
        "/echo/iframe.html",
        "/echo/websocket",
        "/echo/nothing",
        "/echo/000/KEY/xhr",
        "/echo/000/KEY/xhr_send",
        "/echo/000/KEY/xhr_streaming",
        "/echo/000/KEY/eventsource",
        "/echo/000/KEY/htmlfile?c=x",
        "/echo/000/KEY/jsonp?c=x",
        "/echo/000/KEY/jsonp_send",
        "/echo/000/KEY/websocket",
        "/elsewhere",
    ] {
        for headers in headers {
            for method in ["GET", "POST", "HEAD", "OPTIONS", "PUT", "TRACE", "X"] {
                // A session for each: a poll of one that is there would wait.
                count += 1;
                let path = path.replace("KEY", &count.to_string());
                let mut peer = host.connect().await;
                peer.send(raw::request(method, &path, headers, "")).await;
                let head = peer.response_head().await;
                let is_websocket = path.ends_with("/websocket") && method == "GET";
                if let Ok(head) = head {
                    assert!(head.status != 101 || is_websocket, "{method} {path}: {head:?}");
                }
            }
        }
    }
    assert_served(&host).await;
}

#[tokio::test]
async fn deep_json_and_what_is_no_text() {
    let host = Host::tcp(open_doors(), any_origin()).await;
    bystander(&host).await;
    assert_eq!(host.poll("a").await, "o\n");
    let mut bodies: Vec<Vec<u8>> = Vec::new();
    for (open, close) in [("[", "]"), ("{\"a\":", "}"), ("[\"", "\"]")] {
        bodies.push(open.repeat(100_000).into_bytes());
        bodies.push([open.repeat(100_000), close.repeat(100_000)].concat().into_bytes());
    }
    bodies.extend(
        [&b"[\"\xff\"]"[..], b"[\"\xed\xa0\x80\"]", b"\xef\xbb\xbf[\"x\"]", b"[\"x\"]\0"]
            .map(<[u8]>::to_vec),
    );
    bodies.push(["[1", &"0".repeat(100_000), "]"].concat().into_bytes());
    for body in &bodies {
        let mut peer = host.connect().await;
        peer.send(raw::request("POST", "/echo/000/a/xhr_send", &[], body)).await;
        assert_eq!(peer.response().await.unwrap().status, 500);
        let mut websocket = host.websocket("/echo/000/w/websocket").await;
        assert_eq!(websocket.text().await, "o");
        websocket.peer.send(frame(Opcode::Text, body)).await;
        // Who broke a rule is not told before that all is well.
        match websocket.receive().await {
            Received::Close(code, _) => assert!([1007, 3000].contains(&code), "{code}"),
            other => panic!("{other:?}"),
        }
    }
    // The form of a JSONP client, with what is no UTF-8 in it.
    let form = [("content-type", "application/x-www-form-urlencoded")];
    for body in ["d=%ff", "d=", "x=1", "d=%5B%22%ff%22%5D%5D", "d[]=x", "&&&=", "%"] {
        let answer = host.request("POST", "/echo/000/a/jsonp_send", &form, body).await;
        assert_eq!(answer.status, 500, "{body}");
    }
    // None of it became a message, and the session goes on.
    assert_eq!(host.app.texts(), ["well?"]);
    assert_eq!(host.send("a", "[\"x\"]").await.status, 204);
    assert_eq!(host.poll("a").await, "a[\"x\"]\n");
    assert_served(&host).await;
}

#[tokio::test(start_paused = true)]
async fn a_crowd_at_one_session_is_turned_away() {
    let host = Host::memory(open_doors(), any_origin());
    bystander(&host).await;
    let mut first = host.connect().await;
    first.send(raw::request("POST", "/echo/000/a/xhr_streaming", &[], "")).await;
    first.response_head().await.unwrap();
    chunk(&mut first).await;
    assert_eq!(chunk(&mut first).await.unwrap(), "o\n");
    let mut crowd = Vec::new();
    for number in 0..100 {
        let mut peer = host.connect().await;
        let (method, action) =
            [("POST", "xhr"), ("POST", "xhr_streaming"), ("GET", "eventsource")][number % 3];
        peer.send(raw::request(method, &format!("/echo/000/a/{action}"), &[], "")).await;
        crowd.push(peer);
    }
    for mut peer in crowd {
        let answer = peer.response().await.unwrap();
        let told = "c[2010,\"Another connection still open\"]";
        assert!(answer.text().contains(told), "{answer:?}");
    }
    // POSTs at once: each is answered, most of them only that there are too many.
    let mut posts = Vec::new();
    for number in 0..100 {
        let mut peer = host.connect().await;
        let body = format!("[\"{number}\"]");
        peer.send(raw::request("POST", "/echo/000/a/xhr_send", &[], body)).await;
        posts.push(peer);
    }
    let mut accepted = 0;
    for mut peer in posts {
        let status = peer.response().await.unwrap().status;
        assert!([204, 429].contains(&status), "{status}");
        accepted += usize::from(status == 204);
    }
    assert!(accepted >= 16, "{accepted}");
    assert_eq!(host.app.texts().len(), 1 + accepted);
    // The first one is still the first one.
    assert!(chunk(&mut first).await.unwrap().starts_with("a[\""));
    assert_served(&host).await;
}

/// Who is turned away has no say in the session of the one who is there.
#[tokio::test(start_paused = true)]
async fn an_intruder_who_leaves_takes_nobody_along() {
    let host = Host::memory(open_doors(), any_origin());
    let mut first = host.connect().await;
    first.send(raw::request("POST", "/echo/000/a/xhr_streaming", &[], "")).await;
    first.response_head().await.unwrap();
    chunk(&mut first).await;
    assert_eq!(chunk(&mut first).await.unwrap(), "o\n");
    for action in ["xhr", "xhr_streaming"] {
        let mut intruder = host.connect().await;
        intruder.send(raw::request("POST", &format!("/echo/000/a/{action}"), &[], "")).await;
        if action == "xhr_streaming" {
            intruder.response_head().await.unwrap();
        }
        drop(intruder);
        assert_eq!(host.send("a", "[\"x\"]").await.status, 204, "{action}");
        assert_eq!(chunk(&mut first).await.unwrap(), "a[\"x\"]\n");
    }
    assert_eq!(host.app.opened(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_never_reads_is_let_go() {
    let limits = EngineConfig {
        write_timeout: Duration::from_secs(3),
        queued_bytes_max: 100_000,
        ..any_origin()
    };
    let config = Config { response_bytes_max: 1 << 30, ..open_doors() };
    let host = Host::memory(config, limits);
    bystander(&host).await;
    for (method, target) in [
        ("POST", "/echo/000/a/xhr_streaming"),
        ("GET", "/echo/000/a/eventsource"),
        ("GET", "/echo/000/a/htmlfile?c=x"),
    ] {
        let mut stream = host.connect().await;
        stream.send(raw::request(method, target, &[], "")).await;
        stream.response_head().await.unwrap();
        let session = host.app.session();
        // More and more, of which nothing is taken.
        let begin = Instant::now();
        while !session.is_closed() {
            session.send(&"x".repeat(50_000), &[]);
            tokio::time::sleep(Duration::from_millis(500)).await;
            assert!(begin.elapsed() < Duration::from_secs(20), "{target} is held for ever");
        }
        let why = session.close_detail().map(|it| it.as_str());
        assert!(why.is_some(), "{target}");
        assert_alone(&host).await;
        drop(stream);
    }
}
