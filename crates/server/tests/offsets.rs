//! Offsets: which events carry one, and what a client recovers with it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use common::recovering::{Returning, Setup, cut, events};
use common::{Client, Received, listen, until, with_sync};
use sockeye::engine::{self, Hooks, Message, Observer, OverflowPolicy, Packet};
use sockeye::{Args, Binary, Config, Io, Namespace, RecoveryConfig, Server, Socket};
use sockeye_testing::{TestCluster, TestServer};
use tokio::time::sleep;

fn recovering() -> Config {
    Config { recovery: Some(RecoveryConfig::default()), ..Config::default() }
}

async fn start() -> Setup {
    Setup::new(recovering(), [with_sync(Namespace::new("/"))]).await
}

/// The number of the next event's offset, of whatever event.
async fn number(client: &mut Returning) -> u64 {
    loop {
        if let Received::Text(text) = client.client.receive().await {
            let (_, offset) = cut(&text);
            client.offset = Some(offset.clone());
            return offset.split_once('.').unwrap().1.parse().unwrap();
        }
    }
}

/// The offset with another number.
fn renumbered(offset: &str, number: u64) -> String {
    format!("{}.{number}", offset.split_once('.').unwrap().0)
}

fn with_offset(client: &Returning, offset: &str) -> String {
    format!(r#"{{"pid":"{}","offset":"{offset}"}}"#, client.pid)
}

#[tokio::test]
async fn offsets_are_on_every_event_without_ack() {
    let setup = start().await;
    let (mut client, _) = setup.connect("").await;
    let (io, socket) = (setup.io(), setup.io().sockets().pop().unwrap());
    let binary = || Args(("b", Binary(vec![8].into())));
    // Before the first event that is kept, too.
    socket.volatile().emit("volatile", "text").unwrap();
    assert_eq!(number(&mut client).await, 0);
    let mut newest = 0;
    for round in 0..3 {
        socket.emit("direct", &()).unwrap();
        socket.compress(false).emit("direct", "text").unwrap();
        socket.send("text").unwrap();
        io.emit("all", &binary()).unwrap();
        io.to(client.sid.as_str()).emit("room", &Args(("a", "b"))).unwrap();
        io.except("nowhere").local().emit("all", &[1]).unwrap();
        for _ in 0..6 {
            newest += 1;
            assert_eq!(number(&mut client).await, newest, "in round {round}");
        }
        let volatile = [
            socket.volatile(),
            io.volatile(),
            io.to(client.sid.as_str()).volatile(),
            io.except("nowhere").local().volatile().compress(false),
        ];
        for broadcast in volatile {
            until(|| socket.session().is_writable()).await;
            broadcast.clone().emit("volatile", "an.offset").unwrap();
            assert_eq!(number(&mut client).await, newest, "{broadcast:?}");
            until(|| socket.session().is_writable()).await;
            broadcast.clone().emit("volatile", &()).unwrap();
            assert_eq!(number(&mut client).await, newest, "{broadcast:?}");
            until(|| socket.session().is_writable()).await;
            broadcast.emit("volatile", &binary()).unwrap();
            assert_eq!(number(&mut client).await, newest, "binary");
        }
    }
    // The client appends its function to what asks for an ack.
    drop(socket.emit_with_ack::<_, ()>("question", "text"));
    drop(io.emit_with_ack::<_, ()>("question", "text").unwrap());
    let mut questions = client.arrived().await;
    // The last volatile event's attachment is before them.
    questions.retain(|text| text.starts_with("42"));
    let question = |id: u8| format!(r#"42{id}["question","text"]"#);
    assert_eq!(questions, [question(0), question(1)]);
}

#[tokio::test]
async fn without_recovery_nothing_is_added() {
    let setup = Setup::new(Config::default(), [with_sync(Namespace::new("/"))]).await;
    let (mut client, _) = setup.connect("").await;
    let socket = setup.io().sockets().pop().unwrap();
    until(|| socket.session().is_writable()).await;
    socket.volatile().emit("volatile", "12345678901234567890.7").unwrap();
    client.client.expect(r#"42["volatile","12345678901234567890.7"]"#).await;
    socket.emit("kept", "12345678901234567890.7").unwrap();
    client.client.expect(r#"42["kept","12345678901234567890.7"]"#).await;
    assert_eq!(client.pid, "");
}

/// What an application relays from strangers is text that they choose.
#[tokio::test]
async fn a_text_that_looks_like_an_offset_is_worth_nothing() {
    let setup = start().await;
    let (mut victim, _) = setup.connect("").await;
    let io = setup.io();
    io.emit("n", &0).unwrap();
    number(&mut victim).await;
    let socket = io.socket(&victim.sid).unwrap();
    let later = renumbered(victim.offset.as_ref().unwrap(), 50);
    for text in [later.as_str(), "anything", ""] {
        until(|| socket.session().is_writable()).await;
        io.volatile().emit("relayed", text).unwrap();
        // The official client takes the last argument, whatever it is.
        let text = victim.client.text().await;
        victim.offset = Some(cut(&text).1);
    }
    drop(socket);
    let auth = victim.auth("");
    setup.lose(victim).await;
    for n in 1..=100 {
        io.emit("n", &n).unwrap();
    }
    let (victim, missed) = setup.connect(&auth).await;
    assert_eq!(victim.failure, "");
    let expected: Vec<_> = (1..=100).map(|n| format!(r#"42["n",{n}]"#)).collect();
    assert_eq!(events(&missed), expected);
}

#[tokio::test]
async fn only_offsets_that_were_sent_to_a_session_count() {
    let other = Namespace::new("/other");
    let setup = Setup::new(recovering(), [with_sync(Namespace::new("/")), other]).await;
    let (mut client, _) = setup.connect("").await;
    let (mut neighbour, _) = setup.connect("").await;
    let io = setup.io();
    for n in 1..=10 {
        io.to(client.sid.as_str()).emit("n", &n).unwrap();
        assert_eq!(number(&mut client).await, n);
    }
    for n in 11..=20 {
        io.to(neighbour.sid.as_str()).emit("n", &n).unwrap();
        assert_eq!(number(&mut neighbour).await, n);
    }
    let last = client.offset.clone().unwrap();
    let auth = |offset: &str| with_offset(&client, offset);
    let forged: Vec<_> = [11, 20, 21, 30, 31, 1_000_000, u64::MAX]
        .map(|number| auth(&renumbered(&last, number)))
        .into_iter()
        .chain(["", "-1", "x"].map(|number| auth(&last.replace(".10", &format!(".{number}")))))
        .collect();
    let honest = auth(&last);
    // While its connection is there, and after its end.
    for auth in &forged {
        assert_eq!(setup.connect(auth).await.0.failure, "unknown_offset", "{auth}");
    }
    let sid = client.sid.clone();
    drop(client);
    until(|| io.socket(&sid).is_none()).await;
    for n in 21..=30 {
        io.emit("n", &n).unwrap();
    }
    for auth in &forged {
        assert_eq!(setup.connect(auth).await.0.failure, "unknown_offset", "{auth}");
    }
    let (client, missed) = setup.connect(&honest).await;
    assert_eq!((client.failure.as_str(), &client.sid), ("", &sid), "no forger has spoilt it");
    let expected: Vec<_> = (21..=30).map(|n| format!(r#"42["n",{n}]"#)).collect();
    assert_eq!(events(&missed), expected);
}

#[tokio::test]
async fn an_offset_that_came_with_a_volatile_event_counts() {
    let setup = start().await;
    let (mut client, _) = setup.connect("").await;
    let io = setup.io();
    // Not for it; but the volatile event behind them is.
    for n in 1..=5 {
        io.to("elsewhere").emit("n", &n).unwrap();
    }
    let socket = io.socket(&client.sid).unwrap();
    until(|| socket.session().is_writable()).await;
    io.volatile().emit("now", &()).unwrap();
    assert_eq!(number(&mut client).await, 5);
    io.to("elsewhere").emit("n", &6).unwrap();
    io.emit("n", &7).unwrap();
    for is_noticed in [false, true] {
        let auth = client.auth("");
        if is_noticed {
            setup.lose(client).await;
        }
        let later = auth.replace(".5\"", ".6\"");
        if is_noticed {
            let (_, missed) = setup.connect(&later).await;
            assert!(missed.is_empty(), "it was not sent 6");
        }
        let (again, missed) = setup.connect(&auth).await;
        assert_eq!(again.failure, "");
        assert_eq!(events(&missed), [r#"42["n",7]"#]);
        client = Returning { offset: Some(auth_offset(&auth)), ..again };
    }
}

fn auth_offset(auth: &str) -> String {
    let auth: serde_json::Value = serde_json::from_str(auth).unwrap();
    auth["offset"].as_str().unwrap().to_owned()
}

/// What the connect handler sends carries offsets as well, and a connection that is lost amid it
/// is continued there.
#[tokio::test]
async fn what_is_sent_in_the_connect_handler_is_recovered_too() {
    async fn admit(socket: Socket) {
        let io = socket.io();
        socket.emit("early", &1).unwrap();
        socket.join("own");
        io.to("own").emit("early", &2).unwrap();
        io.to("elsewhere").emit("early", &0).unwrap();
        tokio::task::yield_now().await;
        io.emit("early", &0).unwrap();
        socket.compress(false).emit("early", &3).unwrap();
    }
    let root = with_sync(Namespace::new("/").on_connect(admit));
    let setup = Setup::new(recovering(), [root]).await;
    let (client, all) = setup.connect("").await;
    let early = |numbers: std::ops::RangeInclusive<u8>| -> Vec<String> {
        numbers.map(|n| format!(r#"42["early",{n}]"#)).collect()
    };
    assert_eq!(events(&all), early(1..=3));
    // Of each round the client claims to have seen so many; the handler runs again for each return.
    let pid = client.pid.clone();
    setup.lose(client).await;
    for seen in (0..3).rev() {
        let auth = match seen {
            0 => format!(r#"{{"pid":"{pid}"}}"#),
            _ => format!(r#"{{"pid":"{pid}","offset":"{}"}}"#, cut(&all[seen - 1]).1),
        };
        let (client, missed) = setup.connect(&auth).await;
        assert_eq!(client.failure, "");
        let mut expected = early(u8::try_from(seen).unwrap() + 1..=3);
        for _ in seen..3 {
            // And of the returns before, and of this one; there it is among everybody.
            let of_return = |n| format!(r#"42["early",{n}]"#);
            expected.extend([1, 2, 0, 3].map(of_return));
        }
        assert_eq!(events(&missed), expected, "{seen} seen");
        setup.lose(client).await;
    }
}

/// In the connect handler the id is still a claim: no event for the claimant is sent to the socket
/// with that id.
#[tokio::test]
async fn what_a_thief_is_sent_while_it_claims_an_id_is_not_sent_to_the_victim() {
    let admit = async |socket: Socket, auth: serde_json::Value| {
        let user = auth["user"].as_str().unwrap_or_default().to_owned();
        socket.emit("for", &user).unwrap();
        socket.compress(false).emit("for", &user).unwrap();
        socket.volatile().emit("for", &user).unwrap();
        socket.set(user);
    };
    let root = Namespace::new("/").on_connect(admit).same_user(|a: &String, b: &String| a == b);
    let setup = Setup::new(recovering(), [with_sync(root)]).await;
    let (mut victim, mine) = setup.connect(r#"{"user":"ada"}"#).await;
    assert_eq!(events(&mine), [r#"42["for","ada"]"#, r#"42["for","ada"]"#]);
    victim.offset = Some(cut(&mine[1]).1);
    let (thief, stolen) = setup.connect(&victim.auth("eve")).await;
    assert_eq!(thief.failure, "other_user");
    assert_eq!(events(&stolen), [r#"42["for","eve"]"#, r#"42["for","eve"]"#]);
    assert!(victim.arrived().await.is_empty());
    let auth = victim.auth("ada");
    drop((victim, thief));
    setup.gone().await;
    let (_, missed) = setup.connect(&auth).await;
    assert_eq!(events(&missed), [r#"42["for","ada"]"#, r#"42["for","ada"]"#], "of this time");
}

/// Where events that do not fit are dropped, a later offset does not prove earlier ones received.
#[tokio::test(start_paused = true)]
async fn who_lost_an_event_on_the_way_is_not_recovered() {
    let mut config = recovering();
    config.engine.overflow = OverflowPolicy::DropNewest;
    config.engine.queued_packets_max = 3;
    let server = TestServer::new(Server::builder().config(config).build().unwrap());
    let io = server.server().io();
    for is_dropped in [false, true] {
        let mut client = server.connect().await;
        if is_dropped {
            client.wire().stall();
            let session = io.socket(client.id()).unwrap().session().clone();
            let news = "x".repeat(100_000);
            while !session.has_dropped() {
                io.emit("news", &news).unwrap();
                sleep(Duration::from_millis(1)).await;
            }
            client.wire().restore();
            while !session.is_writable() {
                assert_eq!(client.expect_event::<String>("news").await, news);
            }
        }
        io.emit("last", &1).unwrap();
        while client.next_event().await.unwrap().name != "last" {}
        client.wire().cut();
        sleep(Duration::from_millis(1)).await;
        client.reconnect().await.unwrap();
        let expected = is_dropped.then_some("log_truncated");
        assert_eq!(client.recovery_failure(), expected);
    }
}

/// Whatever is sent at the same time: offsets only grow in every queue, and before an offset comes
/// everything that was for the client.
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn stored_and_volatile_events_of_many_threads_are_in_order() {
    const EVENTS: u64 = 2_000;
    let setup = start().await;
    let mut clients = Vec::new();
    for _ in 0..20 {
        let (client, _) = setup.connect("").await;
        clients.push(client);
    }
    let io = setup.io();
    let socket = io.socket(&clients[0].sid).unwrap();
    let (rounds, is_done) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let volatile = std::thread::spawn({
        let (io, rounds, is_done) = (io.clone(), Arc::clone(&rounds), Arc::clone(&is_done));
        move || {
            while !is_done.load(Ordering::Acquire) {
                // Checked before: on one core no other thread writes between these lines.
                let finds_an_empty_queue = socket.session().is_writable();
                if rounds.load(Ordering::Relaxed) < EVENTS {
                    io.volatile().emit("volatile", &1).unwrap();
                    socket.volatile().emit("volatile", &2).unwrap();
                }
                if finds_an_empty_queue {
                    rounds.fetch_add(1, Ordering::Release);
                }
                std::thread::yield_now();
            }
        }
    });
    let stored = std::thread::spawn(move || {
        for n in 1..=EVENTS {
            io.emit("stored", &n).unwrap();
            // Now and then a volatile event finds an empty queue.
            let seen = rounds.load(Ordering::Acquire);
            while n % 50 == 0 && rounds.load(Ordering::Acquire) < seen + 2 {
                std::thread::yield_now();
            }
        }
        is_done.store(true, Ordering::Release);
    });
    let mut stamped = 0;
    for client in &mut clients {
        let mut last = 0;
        while last < EVENTS {
            let text = client.client.text().await;
            let (event, offset) = cut(&text);
            let number: u64 = offset.split_once('.').unwrap().1.parse().unwrap();
            if event.starts_with(r#"42["stored""#) {
                assert_eq!((event, number), (format!(r#"42["stored",{}]"#, last + 1), last + 1));
                last = number;
            } else {
                assert_eq!(number, last, "a stamp says what came before it");
                stamped += 1;
            }
        }
    }
    stored.join().unwrap();
    volatile.join().unwrap();
    assert!(stamped > 0);
}

/// A handle of the earlier socket, as in a handler that still runs, still reaches the client.
#[tokio::test]
async fn what_is_sent_to_a_socket_that_has_ended_is_for_the_client_that_comes_back() {
    let setup = start().await;
    let (client, _) = setup.connect("").await;
    let socket = setup.io().socket(&client.sid).unwrap();
    let auth = client.auth("");
    setup.lose(client).await;
    until(|| socket.is_disconnected()).await;
    socket.emit("n", &1).unwrap();
    let (mut client, missed) = setup.connect(&auth).await;
    assert_eq!(events(&missed), [r#"42["n",1]"#]);
    socket.emit("n", &2).unwrap();
    assert_eq!(client.event().await, r#"42["n",2]"#);
    // Not after an end that allows no recovery.
    setup.io().socket(&client.sid).unwrap().disconnect();
    socket.emit("n", &3).unwrap();
    client.client.expect("41").await;
    client.client.send("40").await;
    let reply = client.client.text().await;
    assert!(!reply.contains(&client.sid), "{reply}");
    client.client.expect_nothing().await;
}

/// An observer that sends from where it is called with packets.
struct Echo(Arc<OnceLock<Io>>);

impl Observer for Echo {
    fn packet_create(&self, _: &engine::Session, packet: &Packet<'_>) {
        let (Some(io), Packet::Message(Message::Text(text))) = (self.0.get(), packet) else {
            return;
        };
        if text.starts_with(r#"2["n""#) {
            io.emit("echo", &()).unwrap();
            io.volatile().emit("echo now", &()).unwrap();
            io.sockets()[0].emit("echo to one", &()).unwrap();
        }
    }
}

/// What an observer sends arrives after the event it was called with, at every client.
#[tokio::test]
async fn an_observer_may_send_amid_a_delivery() {
    let io = Arc::new(OnceLock::new());
    let mut config = recovering();
    config.engine.hooks = Hooks::new().observer(Echo(Arc::clone(&io)));
    let setup = Setup::new(config, [with_sync(Namespace::new("/"))]).await;
    let (mut client, _) = setup.connect("").await;
    io.set(setup.io()).unwrap();
    for n in 1..=3 {
        // On a thread of its own, so that waiting for itself fails the test and does not hang it.
        let io = setup.io();
        let sending = std::thread::spawn(move || io.emit("n", &n).unwrap());
        until(|| sending.is_finished()).await;
        sending.join().unwrap();
        let arrived = client.arrived().await;
        let kept: Vec<_> = arrived.iter().filter(|text| !text.contains("now")).cloned().collect();
        let expected = [&format!(r#"42["n",{n}]"#), r#"42["echo"]"#, r#"42["echo to one"]"#];
        assert_eq!(events(&kept), expected);
        let numbers: Vec<u64> = arrived
            .iter()
            .map(|text| cut(text).1.split_once('.').unwrap().1.parse().unwrap())
            .collect();
        assert!(numbers.is_sorted(), "{numbers:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_warning_of_an_expiry_has_an_offset() {
    let root = Namespace::new("/").on_connected(|socket: Socket| {
        socket.set_expiry(Some(sockeye::Expiry::after(Duration::from_secs(60))));
        std::future::ready(())
    });
    let server = Server::builder().config(recovering()).namespace(root).build().unwrap();
    let memory = TestServer::new(server);
    let mut client = Client::connect(&memory).await;
    let text = client.text().await;
    assert!(text.starts_with(r#"42["expiring",30,""#), "{text}");
}

/// A server of a cluster that gives events their offsets.
async fn of_cluster(cluster: &TestCluster, name: &str) -> Setup {
    let builder = Server::builder().config(recovering()).namespace(with_sync(Namespace::new("/")));
    let server = builder.cluster(cluster.member(name)).build().unwrap();
    let address = listen(&server).await;
    Setup { server, address }
}

#[tokio::test]
async fn offsets_that_the_cluster_gives_bring_a_client_back() {
    let cluster = TestCluster::new(1).with_offsets();
    let (red, blue) = (of_cluster(&cluster, "red").await, of_cluster(&cluster, "blue").await);
    let (mut client, _) = red.connect("").await;
    for (number, io) in [(1, blue.io()), (2, red.io()), (3, blue.io())] {
        io.emit("e", &number).unwrap();
        assert_eq!(client.event().await, format!(r#"42["e",{number}]"#));
        assert_eq!(client.offset.as_deref(), Some(&*format!("{number}-0")));
    }
    // An event that is not kept carries the newest offset.
    let socket = red.io().sockets().pop().unwrap();
    until(|| socket.session().is_writable()).await;
    socket.volatile().emit("v", &()).unwrap();
    assert_eq!(client.event().await, r#"42["v"]"#);
    assert_eq!(client.offset.as_deref(), Some("3-0"));
    let (auth, sid) = (client.auth(""), client.sid.clone());
    red.lose(client).await;
    blue.io().emit("e", &4).unwrap();
    red.io().to("elsewhere").emit("e", &5).unwrap();
    red.io().to(sid.as_str()).emit("e", &6).unwrap();
    cluster.all_arrived().await;
    let (back, missed) = red.connect(&auth).await;
    assert_eq!((back.sid, back.failure), (sid, String::new()));
    assert_eq!(missed, [r#"42["e",4,"4-0"]"#, r#"42["e",6,"6-0"]"#]);
}

#[tokio::test]
async fn an_offset_of_the_cluster_that_was_not_sent_to_a_client_is_unknown() {
    let cluster = TestCluster::new(1).with_offsets();
    let red = of_cluster(&cluster, "red").await;
    let (mut client, _) = red.connect("").await;
    red.io().emit("e", &1).unwrap();
    client.event().await;
    let offset = with_offset(&client, "2-0");
    red.lose(client).await;
    red.io().emit("e", &2).unwrap();
    cluster.all_arrived().await;
    let (back, missed) = red.connect(&offset).await;
    assert_eq!((&*back.failure, missed), ("unknown_offset", Vec::new()));
}
