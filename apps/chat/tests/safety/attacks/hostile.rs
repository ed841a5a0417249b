//! What nobody honest sends: other types, half of it, far too much of it. All of it is refused, and nobody else notices.

use std::fs;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::common::PATIENCE;
use crate::table::{ENDPOINTS, OTHER_EVENTS, ROOM_EVENTS};
use crate::wire::{Request, Socket, code_of};
use crate::world::{Chat, Person, code, done};

/// Values in place of others.
fn hostile() -> Vec<Value> {
    vec![
        Value::Null,
        json!(true),
        json!(-1),
        json!(0),
        json!(1.5),
        json!(1e308),
        json!(u64::MAX),
        json!(i64::MIN),
        json!(""),
        json!("\u{0}"),
        json!("\u{202e}<script>"),
        json!("' OR 1=1 --"),
        json!("x".repeat(20_000)),
        json!([]),
        json!([[]]),
        json!({}),
        json!({ "$ne": null }),
        json!([null, "a", {}]),
    ]
}

/// A payload, and all that comes of it by leaving something out or putting something else in its place.
fn mutants(payload: &Value) -> Vec<Value> {
    let mut all = hostile();
    if let Value::Object(fields) = payload {
        for key in fields.keys() {
            let mut without = fields.clone();
            without.remove(key);
            all.push(Value::Object(without));
            for value in hostile() {
                let mut other = fields.clone();
                other.insert(key.clone(), value);
                all.push(Value::Object(other));
            }
        }
        let mut more = fields.clone();
        more.insert("more".repeat(2_000), json!([{ "a": 1 }]));
        all.push(Value::Object(more));
    }
    all
}

/// The parts of an event that are no JSON of an event.
const BROKEN: &[&str] = &[
    "[]",
    "[1]",
    "[null,{}]",
    "[\"\",{}]",
    "[\"nothing\",{}]",
    "[\"open\"]",
    "[\"open\",{},{},{}]",
    "[{}]",
    "[\"connect\"]",
    "[\"disconnect\"]",
    "[\"__proto__\",{}]",
    "[\"open\",{\"room\":\"a\",\"room\":\"b\"}]",
    "[\"say\",\"\\ud800\"]",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_event_with_what_it_is_not_made_for() {
    let mut chat = Chat::start().await;
    let owner = chat.set_up().await;
    let other = chat.sign_up(&owner, "Other", "member").await;
    let honest = chat.connect(&other).await;
    let socket = chat.connect(&owner).await;
    socket.connect("/").await.unwrap();
    let notes = [
        ("/", "join", r#"{"room":"lobby","name":"a","sender":"s"}"#),
        ("/", "chat", r#"{"name":"a","msg":"x","key":"k"}"#),
    ];
    let rooms = ROOM_EVENTS.iter().map(|event| ("/chat", event.name, event.payload));
    let others =
        OTHER_EVENTS.iter().map(|(namespace, name, payload, _)| (*namespace, *name, *payload));
    let (mut sent, mut refused) = (0, 0);
    for (namespace, event, payload) in rooms.chain(others).chain(notes) {
        let room = done(
            &socket,
            "create",
            &json!({ "title": format!("for {event} {namespace}"), "kind": "invited" }),
        )
        .await;
        let room = room["id"].as_str().unwrap();
        let payload = payload
            .replace("$room", room)
            .replace("$message", "1")
            .replace("$person", &other.id)
            .replace("$banned", &other.id);
        let mutants = mutants(&serde_json::from_str(&payload).unwrap());
        let mut answers = Vec::new();
        for mutant in &mutants {
            answers.push(socket.begin(namespace, &format!("[\"{event}\",{mutant}]")).await);
            sent += 1;
        }
        for (mutant, answer) in mutants.iter().zip(answers) {
            let what = format!("{event} {mutant:.200}");
            let answer =
                timeout(PATIENCE, answer).await.unwrap_or_else(|_| panic!("{what}: no answer"));
            let answer = answer.unwrap_or_else(|_| panic!("{what}: the connection ended"));
            assert!(
                !answer.contains("\"internal\"") && !answer.contains("\"panic\""),
                "{what}: {answer}"
            );
            let json = serde_json::from_str(&answer).unwrap_or(Value::Null);
            refused += usize::from(code_of(&json) != "ok");
        }
    }
    for args in BROKEN {
        for namespace in ["/chat", "/rooms", "/"] {
            let breaker = chat.connect(&owner).await;
            breaker.connect("/").await.unwrap();
            drop(breaker.begin(namespace, args).await);
            // A packet that is none of the protocol ends the connection, and no other.
            if breaker.ask("/rooms", "list", &json!({})).await.is_ok() {
                sent += 1;
            }
        }
    }
    assert!(sent > 1_000 && refused > sent / 2, "{refused} of {sent}");
    assert_eq!(code(&honest, "people", &json!({ "search": "" })).await, "ok");
    calm(&mut chat).await;
}

/// Ends the program, whose log has no word of a handler that failed.
async fn calm(chat: &mut Chat) {
    chat.program.signal("TERM").await;
    let log = chat.program.rest_of_the_log().await;
    for word in ["panicked", "handler failed", "ERROR"] {
        let line = log.lines().find(|line| line.contains(word));
        assert_eq!(line, None, "in the log");
    }
    assert!(log.contains("stopped"), "{log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_request_with_what_it_is_not_made_for() {
    let mut chat = Chat::start().await;
    let owner = chat.set_up().await;
    let mut sent = 0;
    let guests = [chat.guest("Gwen").await, chat.guest("Gustav").await];
    for endpoint in ENDPOINTS.iter().filter(|endpoint| endpoint.body.starts_with('{')) {
        let path =
            format!("/api{}", endpoint.path.replace("{id}", "AAAA").replace("{person}", "AAAA"));
        for mutant in mutants(&serde_json::from_str(endpoint.body).unwrap()) {
            // Who is logged in where that counts; guests go on being guests by it.
            let who = if endpoint.path.starts_with("/admin") { &owner } else { &guests[sent % 2] };
            let who = (!endpoint.ends_session).then_some(who);
            let answer = chat.ask(who, endpoint.method, &path, &mutant).await;
            let is_clear = answer.status < 500
                && (answer.status < 400 || !answer.json()["error"]["message"].is_null());
            assert!(is_clear, "{} {path} {mutant:.200}: {answer:?}", endpoint.method);
            sent += 1;
        }
        for body in ["", "{", "nul", "\u{feff}{}", "{\"code\":", "[1,2", "\"", "{'a':1}"] {
            let request =
                Request::new(endpoint.method, &path).header("content-type", "application/json");
            let request = request.body(body.as_bytes().to_vec()).cookie(Some(&owner.secret));
            let answer = request.send(chat.address).await;
            assert_eq!(answer.code(), "bad_request", "{path} {body:?}: {answer:?}");
            sent += 1;
        }
        let request =
            Request::new(endpoint.method, &path).header("content-type", "application/json");
        let request = request.body(vec![0xFF, 0xFE, b'{', 0xC0]).cookie(Some(&owner.secret));
        assert_eq!(request.send(chat.address).await.code(), "bad_request", "{path}: not UTF-8");
    }
    assert!(sent > 500, "{sent}");
    for path in [
        "/api/%00",
        "/api/me/..",
        "/api//me",
        "/api/sessions/%ff",
        "/api/admin/people?after=%00&search=%ff",
        "/room/%ff",
        "/api/admin/audit?before=x",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/..%5c",
    ] {
        let answer = chat.ask(Some(&owner), "GET", path, &Value::Null).await;
        assert!(answer.status < 500, "{path}: {answer:?}");
        assert!(!answer.body.contains("root:"), "{path}");
    }
    calm(&mut chat).await;
}

fn resident_mib(chat: &Chat) -> u64 {
    let text = fs::read_to_string(format!("/proc/{}/statm", chat.program.id())).unwrap();
    let pages: u64 = text.split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4096 / (1024 * 1024)
}

/// Far too much, in every place where there is one: refused early, and what it took is given back.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn far_too_much_of_everything() {
    let mut chat = Chat::start().await;
    let owner = chat.set_up().await;
    let other = chat.sign_up(&owner, "Other", "member").await;
    let honest = chat.connect(&other).await;
    let room =
        done(&honest, "create", &json!({ "title": "calm", "kind": "open" })).await["id"].clone();
    done(&honest, "open", &json!({ "room": room })).await;
    // Once, so that what is kept for good is there.
    too_much(&chat, &owner, &room).await;
    let base = resident_mib(&chat);
    for round in 0..3 {
        too_much(&chat, &owner, &room).await;
        let say = json!({ "room": room, "text": "still here", "key": round.to_string() });
        done(&honest, "say", &say).await;
    }
    let back = async {
        while resident_mib(&chat) > base + 16 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let is_back = timeout(PATIENCE, back).await.is_ok();
    eprintln!("{base} MiB before, {} MiB after", resident_mib(&chat));
    assert!(is_back, "{base} MiB before, {} MiB after", resident_mib(&chat));
    calm(&mut chat).await;
}

async fn too_much(chat: &Chat, who: &Person, room: &Value) {
    // A message of a million characters, and one that is as long as a packet may be.
    for length in [16_000, 900_000, 1_000_001, 3_000_000] {
        let socket = chat.connect(who).await;
        done(&socket, "open", &json!({ "room": room })).await;
        let say = json!({ "room": room, "text": "x".repeat(length), "key": "long" });
        match socket.ask("/chat", "say", &say).await {
            Ok(answer) => assert!(answer.contains("message_too_long"), "{length}: {answer:.200}"),
            Err(_) => assert!(length > 900_000, "{length}: the connection ended"),
        }
    }
    // Nested so deep that whoever reads it by recursion has no stack left.
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let socket = chat.connect(who).await;
    if let Ok(answer) = socket.ask_raw("/chat", &format!("[\"open\",{deep}]")).await {
        assert_ne!(code_of(&serde_json::from_str(&answer).unwrap()), "ok");
    }
    // Bodies of ten megabytes, told and in chunks, and nested ones.
    let long = format!("{{\"name\":\"{}\"}}", "x".repeat(10 << 20));
    for path in ["/api/guests", "/api/login", "/api/nothing", "/", "/healthz"] {
        let request = Request::new("POST", path).header("content-type", "application/json");
        let answer = sent(chat, request.body(long.clone().into_bytes())).await;
        assert!(answer.is_none_or(|status| (400..500).contains(&status)), "{path}: {answer:?}");
    }
    let request = Request::new("POST", "/api/guests").header("content-type", "application/json");
    let answer = request.body(deep.as_bytes()[..16_000].to_vec()).send(chat.address).await;
    assert_eq!(answer.code(), "bad_request");
    let chunk = format!("{:x}\r\n{}\r\n", 1 << 20, "x".repeat(1 << 20)).repeat(10);
    let chunked = format!(
        "POST /api/guests HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
         transfer-encoding: chunked\r\n\r\n{chunk}0\r\n\r\n"
    );
    raw(chat, chunked.as_bytes()).await;
    // Heads.
    for head in [
        format!("cookie: sockeye={}\r\n", "x".repeat(1 << 20)),
        format!("cookie: {}\r\n", "sockeye=x; ".repeat(5_000)),
        "cookie: sockeye=x\r\n".repeat(5_000),
        format!("user-agent: {}\r\n", "가".repeat(1 << 18)),
        format!("origin: {}\r\n", "x".repeat(1 << 18)),
    ] {
        let request =
            format!("GET /api/me HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{head}\r\n");
        raw(chat, request.as_bytes()).await;
    }
}

/// The status of the answer, unless the server has closed before it could be read.
async fn sent(chat: &Chat, request: Request) -> Option<u16> {
    let mut head = format!(
        "{} {} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n",
        request.method, request.path
    );
    for (name, value) in &request.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str(&format!("content-length: {}\r\n\r\n", request.body.len()));
    let answer = raw(chat, &[head.as_bytes(), &request.body].concat()).await;
    answer.split(' ').nth(1)?.parse().ok()
}

/// Sends bytes, and what comes back before the end.
async fn raw(chat: &Chat, bytes: &[u8]) -> String {
    let talk = async {
        let stream = TcpStream::connect(chat.address).await.unwrap();
        let (mut input, mut output) = stream.into_split();
        let mut answer = Vec::new();
        // The server may answer, and stop reading, in the middle.
        let write = async {
            let _ = output.write_all(bytes).await;
        };
        let read = async {
            let mut buffer = [0; 4_096];
            while let Ok(length @ 1..) = input.read(&mut buffer).await {
                answer.extend_from_slice(&buffer[..length]);
                if answer.windows(4).any(|window| window == b"\r\n\r\n") {
                    break;
                }
            }
        };
        tokio::select! {
            () = async { write.await; std::future::pending().await } => {}
            () = read => {}
        }
        String::from_utf8_lossy(&answer).into_owned()
    };
    timeout(PATIENCE, talk).await.expect("an answer or an end")
}

/// Many sockets of somebody who is not let in, and of somebody who floods: others are answered.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_leaves_others_alone() {
    let mut chat = Chat::start_with(&["--trusted-proxies", "127.0.0.1"]).await;
    let owner = chat.set_up().await;
    let honest = chat.connect(&owner).await;
    let room =
        done(&honest, "create", &json!({ "title": "calm", "kind": "open" })).await["id"].clone();
    done(&honest, "open", &json!({ "room": room })).await;
    let mallory = chat.guest("Mallory").await;
    let flood = chat.connect(&mallory).await;
    done(&flood, "open", &json!({ "room": room })).await;
    let mut answers = Vec::new();
    for n in 0..4_000 {
        let say = json!({ "room": room, "text": "flood", "key": n.to_string() });
        answers.push(flood.begin("/chat", &format!("[\"say\",{say}]")).await);
    }
    let say = json!({ "room": room, "text": "heard all the same", "key": "k" });
    done(&honest, "say", &say).await;
    let mut refused = 0;
    for answer in answers {
        match answer.await {
            Ok(answer) => refused += usize::from(answer.contains("too_fast")),
            // Whoever sends so much that the server cannot keep up is let go.
            Err(_) => refused += 1,
        }
    }
    assert!((500..=2_500).contains(&refused), "{refused}");
    let mut rooms = 0;
    let maker = chat.connect(&chat.sign_up(&owner, "Maker", "member").await).await;
    for n in 0..150 {
        let create = json!({ "title": format!("flood {n}"), "kind": "open" });
        rooms += usize::from(code(&maker, "create", &create).await == "ok");
    }
    assert!(rooms <= 25, "{rooms}");
    let strangers: Vec<Socket> = {
        let mut all = Vec::new();
        for _ in 0..50 {
            all.push(Socket::open(chat.address, &[]).await.unwrap());
        }
        all
    };
    for stranger in &strangers {
        assert!(stranger.connect("/chat").await.is_err());
    }
    assert_eq!(code(&honest, "people", &json!({ "search": "" })).await, "ok");
    calm(&mut chat).await;
}

/// What costs others something has a bound, also where it is not a message.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_what_is_no_message_has_a_bound() {
    let mut chat = Chat::start_with(&["--trusted-proxies", "127.0.0.1"]).await;
    let owner = chat.set_up().await;
    let honest = chat.connect(&owner).await;
    let room =
        done(&honest, "create", &json!({ "title": "calm", "kind": "open" })).await["id"].clone();
    done(&honest, "open", &json!({ "room": room })).await;
    let mallory = chat.guest("Mallory").await;
    let flood = chat.connect(&mallory).await;
    done(&flood, "open", &json!({ "room": room })).await;
    let before = honest.heard().len();
    let mut answers = Vec::new();
    for n in 0..4_000 {
        let typing = json!({ "room": room, "is_typing": n % 2 == 0 });
        answers.push(flood.begin("/chat", &format!("[\"typing\",{typing}]")).await);
    }
    for answer in answers {
        let _ = answer.await;
    }
    code(&honest, "people", &json!({ "search": "" })).await;
    let told = honest.heard()[before..].matches("[\"presence\"").count();
    assert!(told < 400, "{told} heard of 4,000 that were typed");
    for (event, asked) in [
        ("keep", json!({ "room": room, "is_pinned": true })),
        ("leave", json!({ "room": "AAAAAAAAAAAAAAAA" })),
        ("change", json!({ "room": room, "description": "x" })),
        ("members", json!({ "room": room })),
    ] {
        let person = chat.guest(&format!("Mallory {event}")).await;
        let flood = chat.connect(&person).await;
        done(&flood, "open", &json!({ "room": room })).await;
        let mut answers = Vec::new();
        for _ in 0..2_000 {
            answers.push(flood.begin("/chat", &format!("[\"{event}\",{asked}]")).await);
        }
        let say = json!({ "room": room, "text": "heard all the same", "key": event });
        done(&honest, "say", &say).await;
        let mut refused = 0;
        for answer in answers {
            refused += usize::from(answer.await.is_ok_and(|answer| answer.contains("too_fast")));
        }
        assert!(refused > 500, "{event}: {refused} of 2,000 were too fast");
    }
    // Passwords take a core: whoever owns a room does not keep others from logging in by new ones for it.
    let mine =
        done(&honest, "create", &json!({ "title": "mine", "kind": "open" })).await["id"].clone();
    let mut refused = 0;
    for n in 0..60 {
        let change =
            json!({ "room": mine, "kind": "password", "password": format!("password {n}") });
        refused += usize::from(code(&honest, "change", &change).await == "too_many_rooms");
    }
    assert!(refused >= 35, "{refused} of 60 new passwords were too many");
    calm(&mut chat).await;
}

/// What all share is not used up by one who may do little.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_member_does_not_use_up_what_is_for_all() {
    let chat = Chat::start_with(&["--trusted-proxies", "127.0.0.1"]).await;
    let owner = chat.set_up().await;
    let mallory = chat.sign_up(&owner, "Mallory", "member").await;
    let socket = chat.connect(&mallory).await;
    let room = json!({ "title": "theirs", "kind": "invited" });
    let room = done(&socket, "create", &room).await["id"].clone();
    let invite = json!({ "role": "member", "room": room, "seconds": 31_536_000 });
    let mut told = Vec::new();
    for _ in 0..55 {
        told.push(chat.ask(Some(&mallory), "POST", "/api/invitations", &invite).await.code());
    }
    let made = told.iter().filter(|code| *code == "ok").count();
    assert_eq!((made, told.last().unwrap().as_str()), (50, "invitations_full"));
    chat.invitation(&owner, &json!({ "role": "member" })).await;
}

/// Every set of people is a room of its own: whoever makes one after the other fills the lists of all of them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn direct_messages_are_rooms_too() {
    let chat = Chat::start_with(&["--trusted-proxies", "127.0.0.1"]).await;
    let owner = chat.set_up().await;
    let mallory = chat.sign_up(&owner, "Mallory", "member").await;
    let socket = chat.connect(&mallory).await;
    let mut others = vec![owner];
    for n in 0..5 {
        others.push(chat.sign_up(&others[0], &format!("Victim {n}"), "member").await);
    }
    let mut told = Vec::new();
    for set in 1..64_u32 {
        let people: Vec<_> =
            (0..6).filter(|n| set >> n & 1 == 1).map(|n| others[n].id.clone()).collect();
        told.push(code(&socket, "direct", &json!({ "people": people })).await);
    }
    let made = told.iter().filter(|code| *code == "ok").count();
    assert!((15..=25).contains(&made), "{made} rooms for direct messages");
    assert_eq!(told.last().unwrap(), "too_many_rooms");
    // Whatever is there is found again as often as one likes.
    let other = chat.connect(&others[1]).await;
    for _ in 0..40 {
        done(&other, "direct", &json!({ "people": [others[2].id] })).await;
    }
}
