//! Every example as its user runs it: started on a free port, spoken to, told to end.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

use common::{Example, hear, next, refusal, soon};
use serde_json::{Value, json};
use sockeye_client::{
    Ack, Args, Binary, Client, ConnectError, ConnectionState, Event, RawArgs, Reconnect,
};
use sockeye_websocket::ws::CloseCode;
use sockeye_websocket::{Message, connect};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::net::TcpStream;

const ADD_TO_ROOM: Event<String, Vec<String>> = Event::new("join");

#[tokio::test]
async fn echo_sends_everything_back() {
    let example = Example::start("echo").await;
    let client = example.client().await;
    let mut echoes = hear::<RawArgs>(&client, "anything");
    for args in ["", r#"1,"둘",{"b":[3],"a":null}"#] {
        client.emit("anything", &RawArgs::new(args, &[])).unwrap();
        assert_eq!(next(&mut echoes).await.json(), args);
    }
    example.stop().await;
}

#[tokio::test]
async fn acks_are_answered_after_a_question_back() {
    let example = Example::start("acks").await;
    let confirms = |yes: bool| {
        Client::builder(&example.url).unwrap().on("confirm", move |question: String| {
            assert_eq!(question, "2 x salmon?");
            async move { Ack(yes) }
        })
    };
    let buyer = soon(confirms(true).connect()).await.unwrap();
    let order = |pieces: u32| json!({ "item": "salmon", "pieces": pieces });
    let price: u32 = soon(buyer.emit_with_ack("order", &order(2))).await.unwrap();
    assert_eq!(price, 6);
    let nothing = soon(buyer.emit_with_ack::<_, u32>("order", &order(0))).await;
    assert_eq!(refusal(nothing), "empty");
    let looker = soon(confirms(false).connect()).await.unwrap();
    let cancelled = soon(looker.emit_with_ack::<_, u32>("order", &order(2))).await;
    assert_eq!(refusal(cancelled), "cancelled");
    example.stop().await;
}

#[tokio::test]
async fn auth_refuses_who_has_no_token() {
    let example = Example::start("auth").await;
    match soon(Client::builder(&example.url).unwrap().connect()).await {
        Err(ConnectError::Refused { message, data }) => {
            assert_eq!((message.as_str(), data), ("unauthorized", Some(json!("log in first"))));
        }
        other => panic!("{other:?}"),
    }
    let auth = json!({ "token": "secret-of-ada" });
    let ada = soon(Client::builder(&example.url).unwrap().auth(&auth).connect()).await.unwrap();
    let name: String = soon(ada.emit_with_ack("who am i", &())).await.unwrap();
    assert_eq!(name, "ada");
    example.stop().await;
}

#[tokio::test]
async fn rooms_hear_it_once() {
    let example = Example::start("rooms").await;
    let (speaker, both, one) =
        (example.client().await, example.client().await, example.client().await);
    for (client, rooms) in [(&both, &["a", "b"][..]), (&one, &["b"])] {
        for room in rooms {
            soon(client.emit_with_ack(ADD_TO_ROOM, *room)).await.unwrap();
        }
    }
    let said: Event<Args<(String, String)>> = Event::new("said");
    let (mut at_both, mut at_one) = (both.subscribe(said), one.subscribe(said));
    let id = speaker.id().unwrap().to_string();
    let say = |rooms: &[&str], except: &[&str], text: &str| {
        let say = json!({ "rooms": rooms, "except": except, "text": text });
        speaker.emit("say", &say).unwrap();
    };
    say(&["a", "b"], &[], "once");
    say(&["b"], &["a"], "only b");
    say(&["a"], &[], "only a");
    assert_eq!(next(&mut at_both).await.0, (id.clone(), "once".to_owned()));
    assert_eq!(next(&mut at_both).await.0, (id.clone(), "only a".to_owned()));
    assert_eq!(next(&mut at_one).await.0.1, "once");
    assert_eq!(next(&mut at_one).await.0.1, "only b");
    example.stop().await;
}

#[tokio::test]
async fn doors_are_the_same_for_sockets_and_readers() {
    let example = Example::start("doors").await;
    let stranger = example.client().await;
    let member = Client::builder(&example.url).unwrap().query("key", "open sesame");
    let member = soon(member.connect()).await.unwrap();
    let join =
        async |client: &Client, room: &str| soon(client.emit_with_ack::<_, ()>("join", room)).await;
    join(&stranger, "hall").await.unwrap();
    assert_eq!(refusal(join(&stranger, "cave").await), "closed");
    for room in ["hall", "cave"] {
        join(&member, room).await.unwrap();
        let say = Args((room, format!("gold in the {room}")));
        soon(member.emit_with_ack::<_, ()>("say", &say)).await.unwrap();
    }
    let sid = member.id().unwrap().to_string();
    for (path, end) in [
        ("/rooms/hall", "\r\n\r\ngold in the hall"),
        ("/rooms/cave", "\r\n\r\nthis door is closed"),
        ("/rooms/cave?key=open%20sesame", "\r\n\r\ngold in the cave"),
        ("/rooms/attic?key=open%20sesame", "\r\n\r\nthis door is closed"),
        (&format!("/rooms/{sid}"), "is not read from outside"),
    ] {
        let answer = example.get(path).await;
        assert!(answer.ends_with(end), "{path}: {answer}");
    }
    example.stop().await;
}

#[tokio::test]
async fn presence_shows_who_is_there() {
    let example = Example::start("presence").await;
    let connect = async |name: &str| {
        let auth = json!({ "name": name });
        soon(Client::builder(&example.url).unwrap().auth(&auth).connect()).await.unwrap()
    };
    let names = |people: &Value| -> Vec<String> {
        let people = people.as_array().unwrap().iter();
        people.map(|person| person["user"].as_str().unwrap().to_owned()).collect()
    };
    let ada = connect("ada").await;
    let mut heard = hear::<Value>(&ada, "presence");
    let list: Value = soon(ada.emit_with_ack("enter", "lobby")).await.unwrap();
    assert_eq!(names(&list), ["ada"]);
    assert_eq!(list[0]["connections"][0]["metadata"], json!({ "typing": false }));
    assert_eq!(names(&next(&mut heard).await["joined"]), ["ada"]);
    let bob = connect("bob").await;
    let list: Value = soon(bob.emit_with_ack("enter", "lobby")).await.unwrap();
    assert_eq!(names(&list), ["ada", "bob"]);
    assert_eq!(names(&next(&mut heard).await["joined"]), ["bob"]);
    soon(bob.emit_with_ack::<_, ()>("typing", &Args(("lobby", true)))).await.unwrap();
    let changed = next(&mut heard).await["changed"].clone();
    assert_eq!(changed[0]["connections"][0]["metadata"], json!({ "typing": true }));
    bob.close().await;
    assert_eq!(names(&next(&mut heard).await["left"]), ["bob"]);
    example.stop().await;
}

#[tokio::test]
async fn binary_reaches_the_others_and_its_size_the_sender() {
    let example = Example::start("binary").await;
    let (sender, other) = (example.client().await, example.client().await);
    let mut pictures = hear::<RawArgs>(&other, "picture");
    let picture = Args((7, Binary(vec![0, 159, 146, 150].into())));
    // Not what the event carries: it is answered with an error and reaches nobody.
    let wrong = soon(sender.emit_with_ack::<_, usize>("upload", &picture)).await;
    assert_eq!(refusal(wrong), "decode");
    #[derive(serde::Serialize)]
    struct Picture {
        name: &'static str,
        data: Binary,
    }
    let picture = Picture { name: "p", data: Binary(vec![0, 159, 146, 150].into()) };
    let bytes: usize = soon(sender.emit_with_ack("upload", &picture)).await.unwrap();
    assert_eq!(bytes, 4);
    let received = next(&mut pictures).await;
    assert_eq!(received.attachments(), [bytes::Bytes::from_static(&[0, 159, 146, 150])]);
    example.stop().await;
}

#[tokio::test]
async fn axum_state_counts_and_speaks_to_sockets() {
    let example = Example::start("axum_state").await;
    let client = example.client().await;
    let mut said = hear::<String>(&client, "said");
    for n in 1..=2 {
        assert_eq!(soon(client.emit_with_ack::<_, u64>("count", &())).await.unwrap(), n);
    }
    assert!(example.get("/counted").await.ends_with("\r\n\r\n2"));
    assert!(example.get("/say/hello").await.ends_with("said to 1 sockets\n"));
    assert_eq!(next(&mut said).await, "hello");
    example.stop().await;
}

#[tokio::test]
async fn hyper_plain_answers_beside_sockets() {
    let example = Example::start("hyper_plain").await;
    assert!(example.get("/health").await.ends_with("\r\n\r\nfine\n"));
    let client = example.client().await;
    let mut echoes = hear::<String>(&client, "echo");
    client.emit("echo", "text").unwrap();
    assert_eq!(next(&mut echoes).await, "text");
    example.stop().await;
}

#[tokio::test]
async fn http_session_is_the_sockets_too() {
    let example = Example::start("http_session").await;
    let login = example.request("POST", "/login/ada", "", "").await;
    let (_, cookie) = login.split_once("set-cookie: ").expect(&login);
    let cookie = format!("Cookie: {}\r\n", cookie.split(';').next().unwrap());
    // By polling, which shows what each request carries.
    let open = async |headers: &str| {
        let opened = example.request("GET", POLLING, headers, "").await;
        let (_, sid) = opened.split_once(r#""sid":""#).expect(&opened);
        let session = format!("{POLLING}&sid={}", &sid[..20]);
        example.request("POST", &session, "", "40").await;
        session
    };
    let stranger = open("").await;
    let refused = example.request("GET", &stranger, "", "").await;
    assert!(refused.ends_with(r#"44{"message":"log in first"}"#), "{refused}");
    let ada = open(&cookie).await;
    assert!(example.request("GET", &ada, "", "").await.contains(r#"40{"sid":""#));
    example.request("POST", &ada, "", r#"420["who am i"]"#).await;
    assert!(example.request("GET", &ada, "", "").await.ends_with(r#"430["ada"]"#));
    assert!(example.request("POST", "/logout", &cookie, "").await.ends_with("logged out\n"));
    let end = example.request("GET", &ada, "", "").await;
    assert!(end.contains("\r\n\r\n41"), "the socket is logged out too: {end}");
    let late = open(&cookie).await;
    assert!(example.request("GET", &late, "", "").await.contains("log in first"));
    example.stop().await;
}

#[tokio::test]
async fn axum_app_ticks_for_who_is_logged_in_and_is_drained() {
    let example = Example::start("axum_app").await;
    let url = format!("{}/chat", example.url);
    let stranger = soon(Client::builder(&url).unwrap().connect()).await;
    assert!(
        matches!(&stranger, Err(ConnectError::Refused { message, .. }) if message == "log in first"),
        "{stranger:?}"
    );
    let login = example.request("POST", "/login/ada", "", "").await;
    assert!(login.contains("set-cookie: sid=of-ada; "), "{login}");
    let ada = Client::builder(&url).unwrap().header("cookie", "sid=of-ada");
    let ada = soon(ada.reconnect(Reconnect::Never).connect()).await.unwrap();
    let mut ticks = hear::<u64>(&ada, "tick");
    let first = next(&mut ticks).await;
    assert_eq!(next(&mut ticks).await, first + 1);
    assert_eq!(soon(ada.emit_with_ack::<_, usize>("say", "hello")).await.unwrap(), 1);
    let lines = example.get("/lines").await;
    assert!(lines.ends_with(r#"[{"from":"ada","text":"hello"}]"#), "{lines}");
    let mut state = ada.state();
    let closed = |state: &ConnectionState| *state == ConnectionState::Closed;
    example.signal().await;
    soon(state.wait_for(closed)).await.unwrap();
    example.ended().await;
}

#[tokio::test]
async fn port_private_messaging_lets_its_page_in() {
    let example = Example::start("port_private_messaging").await;
    let page = "Origin: http://localhost:8080\r\n";
    let opened = example.request("GET", POLLING, page, "").await;
    let allowed = "access-control-allow-origin: http://localhost:8080\r\n";
    assert!(opened.to_lowercase().contains(allowed), "{opened}");
    let elsewhere = "Origin: http://localhost:8081\r\n";
    let refused = example.request("GET", POLLING, elsewhere, "").await;
    assert!(refused.starts_with("HTTP/1.1 403"), "{refused}");
    let auth = json!({ "username": "ada" });
    let client = Client::builder(&example.url).unwrap().auth(&auth).connect();
    soon(client).await.unwrap().close().await;
    example.stop().await;
}

#[tokio::test]
async fn port_tutorial_serves_its_page() {
    let example = Example::start("port_tutorial").await;
    assert!(example.get("/").await.contains("socket.auth.serverOffset = serverOffset"));
    let (ada, bob) = (example.client().await, example.client().await);
    let mut said = hear::<Args<(String, u64)>>(&bob, "chat message");
    let message = Args(("hello".to_owned(), "key".to_owned()));
    soon(ada.emit_with_ack::<_, ()>("chat message", &message)).await.unwrap();
    assert_eq!(next(&mut said).await.0, ("hello".to_owned(), 1));
    // Like its original, it ends without a farewell: here by being dropped.
}

#[tokio::test]
async fn a_contract_is_kept_by_both_ends() {
    let server = Example::start("contract_server").await;
    let mut client =
        Example::start_with("contract_client", &[&server.url, "feed the otters"]).await;
    for line in
        [r#"card 1 says "feed the otters""#, r#"asked about "feed the otters""#, "removed: true"]
    {
        assert_eq!(client.line().await, line);
    }
    client.ended().await;
    server.stop().await;
}

const POLLING: &str = "/socket.io/?EIO=4&transport=polling";

#[tokio::test]
async fn client_joins_speaks_and_prints() {
    let rooms = Example::start("rooms").await;
    let listener = rooms.client().await;
    let mut said = hear::<Args<(String, String)>>(&listener, "said");
    soon(listener.emit_with_ack(ADD_TO_ROOM, "lobby")).await.unwrap();
    let mut client = Example::start_with("client", &[&rooms.url]).await;
    let Args((id, text)) = next(&mut said).await;
    assert_eq!(text, "hello");
    assert_eq!(client.line().await, format!("in {id}, lobby"));
    listener.emit("say", &json!({ "rooms": ["lobby"], "text": "welcome" })).unwrap();
    assert_eq!(client.line().await, format!("{}: welcome", listener.id().unwrap()));
    client.stop().await;

    let mut client = Example::start_with("client", &[&rooms.url]).await;
    next(&mut said).await;
    client.line().await;
    rooms.signal().await;
    assert_eq!(client.line().await, "gone: transport close");
    client.stop().await;
    rooms.ended().await;
}

#[tokio::test]
async fn raw_websocket_echoes_and_tells_everybody() {
    let example = Example::start("raw_websocket").await;
    assert!(example.get("/").await.contains("new WebSocket("));
    let url = format!("{}/echo", example.url.replace("http", "ws"));
    let mut a = soon(connect(&url)).await.unwrap();
    let mut b = soon(connect(&url)).await.unwrap();
    a.send("hello").await.unwrap();
    assert_eq!(soon(a.recv()).await.unwrap(), Some(Message::Text("hello".to_owned())));
    b.send(&[1u8, 2][..]).await.unwrap();
    assert_eq!(soon(b.recv()).await.unwrap().unwrap().as_bytes(), [1, 2]);
    a.send("all: hear").await.unwrap();
    for socket in [&mut a, &mut b] {
        assert_eq!(soon(socket.recv()).await.unwrap().unwrap().as_text(), Some("all: hear"));
    }
    example.signal().await;
    for socket in [&mut a, &mut b] {
        assert_eq!(soon(socket.recv()).await.unwrap(), None);
        assert_eq!(socket.closed().unwrap().code, CloseCode::GOING_AWAY);
    }
    example.ended().await;
}

#[tokio::test]
async fn recovery_brings_what_was_missed() {
    let example = Example::start("recovery").await;
    let url = format!("{}/socket.io/?EIO=4&transport=websocket", example.url.replace("http", "ws"));
    let join = async |auth: &str| {
        let mut socket = soon(connect(&url)).await.unwrap();
        socket.send(&*format!("40{auth}")).await.unwrap();
        loop {
            let message = soon(socket.recv()).await.unwrap().unwrap();
            if let Some(reply) = message.as_text().unwrap().strip_prefix("40") {
                return (socket, serde_json::from_str::<Value>(reply).unwrap());
            }
        }
    };
    let (socket, first) = join("").await;
    let speaker = example.client().await;
    drop(socket);
    speaker.emit("tell", "while you were away").unwrap();
    soon(speaker.emit_with_ack::<_, u32>("visits", &())).await.unwrap();
    let (mut socket, second) = join(&format!(r#"{{"pid":{}}}"#, first["pid"])).await;
    let ids = |reply: &Value| (reply["sid"].clone(), reply["pid"].clone());
    assert_eq!(ids(&second), ids(&first), "{second}");
    let missed = soon(socket.recv()).await.unwrap().unwrap();
    let missed = missed.as_text().unwrap();
    assert!(missed.starts_with(r#"42["told","while you were away","#), "{missed}");
    socket.send(r#"421["visits"]"#).await.unwrap();
    assert_eq!(soon(socket.recv()).await.unwrap().unwrap().as_text(), Some("431[2]"));
    drop(socket);
    example.stop().await;
}

#[tokio::test]
async fn dynamic_namespaces_are_apart() {
    let example = Example::start("dynamic").await;
    let join = async |name: &str| {
        soon(Client::builder(&format!("{}{name}", example.url)).unwrap().connect()).await
    };
    let (writer, reader) = (join("/doc-7").await.unwrap(), join("/doc-7").await.unwrap());
    let elsewhere = join("/doc-8").await.unwrap();
    let mut edited = hear::<String>(&reader, "edited");
    let mut other = hear::<String>(&elsewhere, "edited");
    assert_eq!(soon(reader.emit_with_ack::<_, u32>("number", &())).await.unwrap(), 7);
    assert_eq!(soon(reader.emit_with_ack::<_, usize>("readers", &())).await.unwrap(), 2);
    writer.emit("edit", "text").unwrap();
    assert_eq!(next(&mut edited).await, "text");
    let beside = join("/doc-8").await.unwrap();
    beside.emit("edit", "another").unwrap();
    assert_eq!(next(&mut other).await, "another", "and not what was said in /doc-7");
    let team = join("/team").await.unwrap();
    assert_eq!(soon(team.emit_with_ack::<_, usize>("readers", &())).await.unwrap(), 1);
    for name in ["/teams", "/doc-", "/doc"] {
        match join(name).await {
            Err(ConnectError::Refused { message, .. }) => assert_eq!(message, "Invalid namespace"),
            other => panic!("{name}: {other:?}"),
        }
    }
    example.stop().await;
}

#[tokio::test]
async fn notes_chat_is_what_the_notes_show() {
    let mut example = Example::start("notes_chat").await;
    assert!(example.get("/").await.contains(r#"<a href="room">"#));
    assert!(example.get("/room").await.contains("/socket.io/socket.io.js"));
    assert!(example.get("/socket.io/socket.io.js").await.starts_with("HTTP/1.1 200"));
    let first = example.client().await;
    assert_eq!(example.line().await, "Socket Connected");
    let mut joins = hear::<String>(&first, "join");
    let mut leaves = hear::<String>(&first, "leave");
    let mut chats = hear::<Value>(&first, "chat");
    first.emit("join", "하나").unwrap();
    assert_eq!(next(&mut joins).await, "하나", "io.emit reaches the sender too");
    let second = example.client().await;
    assert_eq!(example.line().await, "Socket Connected");
    second.emit("join", "둘").unwrap();
    assert_eq!(next(&mut joins).await, "둘");
    let message = json!({ "name": "둘", "msg": "안녕" });
    second.emit("chat", &message).unwrap();
    assert_eq!(next(&mut chats).await, message);
    second.emit("leave", "둘").unwrap();
    assert_eq!(next(&mut leaves).await, "둘");
    assert_eq!(example.line().await, "Socket Disconnected");
    let mut state = second.state();
    let closed = |state: &ConnectionState| *state == ConnectionState::Closed;
    soon(state.wait_for(closed)).await.unwrap();
    example.stop().await;
}

#[tokio::test]
async fn notes_message_says_who_came_and_went() {
    let example = Example::start("notes_message").await;
    assert!(example.get("/").await.contains("socket.io.esm.min.js"));
    let first = example.client().await;
    let mut messages = hear::<String>(&first, "message");
    let second = example.client().await;
    let id = second.id().unwrap();
    assert_eq!(next(&mut messages).await, format!("{id} 님이 연결되었습니다."));
    second.emit("message", "안녕").unwrap();
    assert_eq!(next(&mut messages).await, format!("{id}: 안녕"));
    second.close().await;
    assert_eq!(next(&mut messages).await, format!("{id} 님의 연결이 끊어졌습니다."));
    example.stop().await;
}

#[tokio::test]
async fn notes_tutorial_sends_every_message_to_everybody() {
    let example = Example::start("notes_tutorial").await;
    let page = example.get("/").await;
    assert!(page.contains("/socket.io/socket.io.js") && !page.contains("https://"), "{page}");
    let (first, second) = (example.client().await, example.client().await);
    let mut heard = [hear::<String>(&first, "chat message"), hear(&second, "chat message")];
    second.emit("chat message", "안녕").unwrap();
    for heard in &mut heard {
        assert_eq!(next(heard).await, "안녕");
    }
    example.stop().await;
}

#[tokio::test]
async fn notes_hello_greets_and_tells_its_console() {
    let mut example = Example::start("notes_hello").await;
    let client = example.client().await;
    let id = client.id().unwrap();
    assert_eq!(example.line().await, format!("Client connected [id={id}]"));
    client.close().await;
    assert_eq!(example.line().await, format!("Client gone [id={id}]"));
    example.stop().await;
}

/// An answer that goes on and on, by line.
async fn listen(example: &Example, path: &str, headers: &str) -> Lines<BufReader<TcpStream>> {
    let address = example.url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut lines = BufReader::new(stream).lines();
    let status = soon(lines.next_line()).await.unwrap().unwrap();
    assert_eq!(status, "HTTP/1.1 200 OK");
    lines
}

/// What is behind the next line that begins so.
async fn behind(lines: &mut Lines<BufReader<TcpStream>>, begin: &str) -> String {
    loop {
        let line = soon(lines.next_line()).await.unwrap().expect("it goes on");
        if let Some(rest) = line.strip_prefix(begin) {
            return rest.to_owned();
        }
    }
}

#[tokio::test]
async fn the_ticker_ticks_for_event_source_and_goes_on_where_it_was() {
    let example = Example::start("ticker").await;
    assert!(example.get("/").await.contains("new EventSource("));
    let accept = "Accept: text/event-stream\r\n";
    let mut all = listen(&example, "/socket.io/feeds/stocks?offset=-1", accept).await;
    assert_eq!(behind(&mut all, "event: ").await, "price");
    let price: Value = serde_json::from_str(&behind(&mut all, "data: ").await).unwrap();
    assert!(price[0]["cents"].as_i64().unwrap() > 9_000, "{price}");
    let id = behind(&mut all, "id: ").await;
    drop(all);
    let last = format!("{accept}Last-Event-ID: {id}\r\n");
    let mut again = listen(&example, "/socket.io/feeds/stocks?offset=-1", &last).await;
    assert_eq!(behind(&mut again, "id: ").await, id, "from there and not from the beginning");
    assert!(behind(&mut again, "id: ").await > id);
    // One share alone.
    let mut tea = listen(&example, "/socket.io/feeds/stocks/TEA?offset=-1", accept).await;
    for _ in 0..2 {
        let price: Value = serde_json::from_str(&behind(&mut tea, "data: ").await).unwrap();
        assert_eq!(price[0]["symbol"], "TEA");
    }
    example.stop().await;
}

#[tokio::test]
async fn four_roads_lead_to_one_board() {
    let example = Example::start("four_roads").await;
    let page = example.get("/").await;
    let script = page.split("<script>").nth(1).unwrap().split("</script>").next().unwrap();
    let lines = script.lines().filter(|line| !line.is_empty()).count();
    assert!(lines <= 40, "{lines} lines of script");
    const FEED: &str = "/socket.io/feeds/board";
    let accept = |media_type: &str| format!("Accept: {media_type}\r\n");
    let mut sse = listen(&example, FEED, &accept("text/event-stream")).await;
    let mut ndjson = listen(&example, FEED, &accept("application/x-ndjson")).await;
    let wait = format!("{FEED}?wait=25");
    let waiting = example.get(&wait);
    let saying = example.request("POST", "/say", "Content-Type: text/plain\r\n", "hello");
    let (waited, said) = tokio::join!(waiting, saying);
    assert!(said.starts_with("HTTP/1.1 204"), "{said}");
    let event = r#"[{"event":"said","data":["hello"]}]"#;
    assert!(waited.ends_with(event), "{waited}");
    assert!(example.get(FEED).await.ends_with(event));
    assert_eq!(behind(&mut sse, "data: ").await, r#"["hello"]"#);
    let line = format!("{{{}", behind(&mut ndjson, "{").await);
    let line: Value = serde_json::from_str(&line).unwrap();
    assert_eq!((&line["event"], &line["data"]), (&json!("said"), &json!(["hello"])));
    for text in ["", &"x".repeat(501)] {
        let refused = example.request("POST", "/say", "", text).await;
        assert!(refused.starts_with("HTTP/1.1 400"), "{refused}");
    }
    example.stop().await;
}

#[tokio::test]
async fn game_moves_a_fish_as_it_is_told_and_has_eight() {
    let example = Example::start("game").await;
    let mut clients = vec![example.client().await];
    let mut states = hear::<Value>(&clients[0], "state");
    let before = next(&mut states).await;
    let refused: Result<(), _> =
        soon(clients[0].emit_with_ack("input", &json!({"number": 1, "x": 2, "y": 0}))).await;
    assert_eq!(refusal(refused), "bad_input");
    clients[0].emit("input", &json!({"number": 1, "x": 0, "y": 1})).unwrap();
    let moved = loop {
        let state = next(&mut states).await;
        if state["fish"][0]["seen"] == 1 {
            break state;
        }
    };
    let y = |state: &Value| state["fish"][0]["y"].as_f64().unwrap();
    assert_eq!(y(&moved), (y(&before) + 13.0).min(1_000.0));
    assert!(moved["tick"].as_u64() > before["tick"].as_u64());
    while clients.len() < 8 {
        clients.push(example.client().await);
    }
    while next(&mut states).await["fish"].as_array().unwrap().len() < 8 {}
    match soon(Client::builder(&example.url).unwrap().connect()).await {
        Err(ConnectError::Refused { message, .. }) => assert_eq!(message, "the pond is full"),
        other => panic!("{other:?}"),
    }
    example.stop().await;
}
