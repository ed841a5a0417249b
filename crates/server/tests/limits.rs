//! Limits of the server at their edges, see `docs/limits.md`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use common::{Client, listen, until};
use sockeye::{Ack, Config, Event, Namespace, RecoveryConfig, Refuse, Server, Socket};
use sockeye_testing::TestServer;
use tokio::sync::Semaphore;
use tokio::time::sleep;

const NEWS: Event<String> = Event::new("news");

#[tokio::test]
async fn a_session_is_in_so_many_namespaces_at_once() {
    let config = Config { namespaces_per_session_max: 2, ..Config::default() };
    let names = Namespace::new("/n-{number}");
    let server = Server::builder().config(config).namespace(names).build().unwrap();
    let address = listen(&server).await;
    let mut client = Client::open(address).await;
    client.join("40/n-1,").await;
    client.join("40/n-2,").await;
    client.send("40/n-3,").await;
    client.expect(r#"44/n-3,{"message":"Too many namespaces"}"#).await;
    assert!(server.of("/n-3").is_none());
    client.send("41/n-1,").await;
    client.join("40/n-3,").await;
}

/// A server that makes namespaces for names, whose events are answered there.
fn on_demand(limits: impl FnOnce(&mut Config)) -> TestServer {
    let mut config = Config::default();
    limits(&mut config);
    let names = Namespace::new("/n-{name}").on("who", async |socket: Socket| {
        socket.io().emit("who", socket.namespace()).unwrap();
    });
    let refusing = Namespace::new("/no-{name}").on_connect(async || Err(Refuse::new("no")));
    let server = Server::builder().config(config).namespace(names).namespace(refusing);
    TestServer::new(server.build().unwrap())
}

/// The names of all namespaces that were made.
fn made(server: &TestServer) -> Vec<String> {
    let all = server.server().namespaces().into_iter().map(|io| io.namespace().to_owned());
    let mut all: Vec<_> = all.filter(|name| name != "/").collect();
    all.sort();
    all
}

async fn enter_and_leave(client: &mut Client, name: &str) {
    client.join(&format!("40{name},")).await;
    client.send(&format!("41{name},")).await;
}

/// One session made 100,000 namespaces, which stayed for ever and took 442 MB.
#[tokio::test(start_paused = true)]
async fn a_session_leaves_so_many_namespaces_behind() {
    let server = on_demand(|config| config.child_namespaces_per_session_max = 3);
    let mut client = Client::open(&server).await;
    for n in 1..=3 {
        enter_and_leave(&mut client, &format!("/n-{n}")).await;
    }
    client.join("40/n-1,").await;
    assert_eq!(made(&server), ["/n-1", "/n-2", "/n-3"], "at the limit they stay, as officially");
    client.send("40/no-4,").await;
    client.expect(r#"44/no-4,{"message":"no"}"#).await;
    assert_eq!(made(&server), ["/n-1", "/n-3", "/no-4"], "the oldest empty one made room");
    // Those of another session count separately, and a namespace with its socket is kept.
    let mut other = Client::open(&server).await;
    other.join("40/n-3,").await;
    other.join("40/n-9,").await;
    client.join("40/n-5,").await;
    assert_eq!(made(&server), ["/n-1", "/n-3", "/n-5", "/n-9"]);
    client.send("40/n-6,").await;
    client.expect(r#"44/n-6,{"message":"Too many namespaces"}"#).await;
    assert_eq!(made(&server).len(), 4);
    client.join("40/n-9,").await;
    client.send("41/n-1,").await;
    client.join("40/n-6,").await;
    assert_eq!(made(&server), ["/n-3", "/n-5", "/n-6", "/n-9"]);
}

#[tokio::test(start_paused = true)]
async fn an_address_has_so_many_namespaces() {
    let server = on_demand(|config| config.child_namespaces_per_address_max = 3);
    let enter = async |address: [u8; 4], name: &str| {
        let address = std::net::SocketAddr::from((address, 1));
        server.client().namespace(name).address(address).connect().await
    };
    let victim = enter([1; 4], "/n-victim").await.unwrap();
    drop(victim);
    let mut inside = Vec::new();
    for n in 1..=3 {
        inside.push(enter([6; 4], &format!("/n-{n}")).await.unwrap());
    }
    let error = enter([6; 4], "/n-4").await.unwrap_err();
    assert!(error.to_string().contains("Too many namespaces for this address"), "{error}");
    inside.remove(1).disconnect();
    until(|| server.server().of("/n-2").unwrap().sockets().is_empty()).await;
    inside.push(enter([6; 4], "/n-4").await.unwrap());
    assert_eq!(made(&server), ["/n-1", "/n-3", "/n-4", "/n-victim"]);
    enter([7; 4], "/n-5").await.unwrap();
}

/// Mounted where no addresses are reported, sessions do not count as those of one address.
#[tokio::test(start_paused = true)]
async fn sessions_of_no_known_address_are_not_one_address() {
    use tower_service::Service;
    let config = Config { child_namespaces_per_address_max: 1, ..Config::default() };
    let server = Server::builder().config(config).namespace(Namespace::new("/n-{name}"));
    let server = server.build().unwrap();
    let ask = async |method: &str, query: &str, body: &str| {
        let uri = format!("/socket.io/?EIO=4&transport=polling{query}");
        let request = http::Request::builder().method(method).uri(uri).header("host", "localhost");
        let request = request.body(axum::body::Body::from(body.to_owned())).unwrap();
        let answer = server.clone().into_service().call(request).await.unwrap();
        let body = axum::body::Body::new(answer.into_body());
        let bytes = axum::body::to_bytes(body, 100_000).await.unwrap();
        String::from_utf8(bytes.to_vec()).unwrap()
    };
    for name in ["/n-1", "/n-2", "/n-3"] {
        let opened = ask("GET", "", "").await;
        let sid = opened.split("\"sid\":\"").nth(1).unwrap().split('"').next().unwrap();
        let session = format!("&sid={sid}");
        assert_eq!(ask("POST", &session, &format!("40{name},")).await, "ok");
        let answer = ask("GET", &session, "").await;
        assert!(answer.starts_with(&format!("40{name},{{\"sid\":")), "{answer}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_has_so_many_namespaces_made_for_names() {
    let server = on_demand(|config| config.child_namespaces_max = 6);
    let enter = async |address: [u8; 4], name: &str| {
        let address = std::net::SocketAddr::from((address, 1));
        server.client().namespace(name).address(address).connect().await
    };
    for victim in 1..=2 {
        drop(enter([1; 4], &format!("/n-victim-{victim}")).await.unwrap());
    }
    // Each time with a session of its own.
    for n in 0..20 {
        drop(enter([6; 4], &format!("/n-{n:02}")).await.unwrap());
        until(|| server.server().sessions() == 0).await;
    }
    let left = ["/n-16", "/n-17", "/n-18", "/n-19", "/n-victim-1", "/n-victim-2"];
    assert_eq!(made(&server), left, "whoever left the most made room");
    let mut inside = Vec::new();
    for name in left {
        inside.push(enter([6; 4], name).await.unwrap());
    }
    let error = enter([2; 4], "/n-more").await.unwrap_err();
    assert!(error.to_string().contains("Too many namespaces on this server"), "{error}");
    // Declared namespaces, and existing ones, are not refused.
    enter([2; 4], "/").await.unwrap();
    enter([2; 4], "/n-16").await.unwrap();
}

/// A handle that an application kept reaches the sockets of the namespace of its name.
#[tokio::test(start_paused = true)]
async fn a_kept_handle_of_a_namespace_that_made_room_reaches_who_comes_later() {
    for cleanup_empty_child_namespaces in [false, true] {
        let server = on_demand(|config| {
            config.child_namespaces_per_session_max = 1;
            config.cleanup_empty_child_namespaces = cleanup_empty_child_namespaces;
        });
        let mut client = Client::open(&server).await;
        client.join("40/n-1,").await;
        let kept = server.server().of("/n-1").unwrap();
        let family = server.server().parent_namespace("/n-{name}").unwrap();
        let operator = kept.to("room");
        let socket = kept.sockets().pop().unwrap();
        client.send("41/n-1,").await;
        enter_and_leave(&mut client, "/n-2").await;
        until(|| server.server().of("/n-1").is_none()).await;
        assert!(kept.sockets().is_empty());
        kept.emit("nobody", &()).unwrap();
        client.join("40/n-1,").await;
        client.send(r#"42/n-1,["who"]"#).await;
        client.expect(r#"42/n-1,["who","/n-1"]"#).await;
        kept.join("room");
        kept.emit("kept", &()).unwrap();
        operator.emit("operator", &()).unwrap();
        family.emit("family", &()).unwrap();
        socket.broadcast().emit("socket", &()).unwrap();
        for name in ["kept", "operator", "family", "socket"] {
            client.expect(&format!(r#"42/n-1,["{name}"]"#)).await;
        }
        assert_eq!(kept.sockets().len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn events_that_wait_are_bounded_by_their_bytes() {
    let (gate, read) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicUsize::new(0)));
    let (waits, counts) = (Arc::clone(&gate), Arc::clone(&read));
    let namespace = Namespace::new("/")
        .concurrent_handlers_max(NonZeroU32::MIN)
        .on_any(move |_, _| {
            counts.fetch_add(1, Ordering::Relaxed);
        })
        .on("work", move |_: String| {
            let gate = Arc::clone(&waits);
            async move { gate.acquire().await.unwrap().forget() }
        })
        .on("last", async || Ack("last"));
    let config = Config { waiting_event_bytes_max: 10_000, ..Config::default() };
    let server = Server::builder().config(config).namespace(namespace).build().unwrap();
    let server = TestServer::new(server);
    let mut client = server.connect().await;
    // One runs, nine of a thousand bytes wait; the tenth reaches the limit.
    let work = "x".repeat(1_000 - r#""work""#.len());
    for sent in 1..=30 {
        client.emit("work", &work);
        sleep(Duration::from_millis(1)).await;
        assert_eq!(read.load(Ordering::Relaxed), sent.min(11), "{sent} were sent");
    }
    gate.add_permits(1);
    sleep(Duration::from_millis(1)).await;
    assert_eq!(read.load(Ordering::Relaxed), 12, "one is done, so one is read");
    gate.add_permits(29);
    assert_eq!(client.emit_with_ack::<_, String>("last", &()).await.unwrap(), "last");
    assert_eq!(read.load(Ordering::Relaxed), 31, "none was lost");
}

/// What arrived while it was full is read at once when it no longer is, not at the next ping.
#[tokio::test(start_paused = true)]
async fn a_session_that_was_full_is_read_again_at_once() {
    let gate = Arc::new(Semaphore::new(0));
    let waits = Arc::clone(&gate);
    let namespace = Namespace::new("/")
        .concurrent_handlers_max(NonZeroU32::MIN)
        .on("work", move || {
            let gate = Arc::clone(&waits);
            async move { gate.acquire().await.unwrap().forget() }
        })
        .on("last", async || Ack("last"));
    let config = Config { waiting_events_max: 1, ..Config::default() };
    let server = Server::builder().config(config).namespace(namespace).build().unwrap();
    let server = TestServer::new(server);
    let mut client = Client::connect(&server).await;
    for packet in ["42[\"work\"]", "42[\"work\"]", "420[\"last\"]"] {
        client.send(packet).await;
        sleep(Duration::from_millis(1)).await;
    }
    let begun = tokio::time::Instant::now();
    // Both are done in one poll of the session's task.
    gate.add_permits(2);
    client.expect("430[\"last\"]").await;
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
}

/// A client that connects, sends an event, and leaves, again and again, on one session.
#[tokio::test(start_paused = true)]
async fn handlers_of_sockets_that_have_ended_are_bounded() {
    for what in ["event", "connected", "disconnect"] {
        let (gate, started) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicUsize::new(0)));
        let work = {
            let (gate, started) = (Arc::clone(&gate), Arc::clone(&started));
            move || {
                let gate = Arc::clone(&gate);
                started.fetch_add(1, Ordering::Relaxed);
                async move { gate.acquire().await.unwrap().forget() }
            }
        };
        let namespace = Namespace::new("/");
        let namespace = match what {
            "event" => namespace.on("event", work),
            "connected" => namespace.on_connected(work).on("event", async || {}),
            _ => namespace.on_disconnect(work).on("event", async || {}),
        };
        let config = Config { waiting_events_max: 10, ..Config::default() };
        let server = Server::builder().config(config).namespace(namespace).build().unwrap();
        let server = TestServer::new(server);
        let mut client = Client::open(&server).await;
        for sent in 1..=30 {
            client.send("40").await;
            client.send("42[\"event\"]").await;
            client.send("41").await;
            sleep(Duration::from_millis(1)).await;
            assert_eq!(started.load(Ordering::Relaxed), sent.min(10), "{what}, {sent} were sent");
        }
        gate.add_permits(30);
        sleep(Duration::from_millis(1)).await;
        assert_eq!(started.load(Ordering::Relaxed), 30, "{what}: none was lost");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_sent_before_the_connection_is_bounded() {
    let mut config = Config::default();
    config.engine.queued_packets_max = 3;
    let namespace = Namespace::new("/").on_connect(async |socket: Socket| {
        for n in 0..5 {
            // What does not fit is dropped, and logged: the client is not connected yet.
            socket.emit("n", &n).unwrap();
        }
    });
    let server = Server::builder().config(config).namespace(namespace).build().unwrap();
    let server = TestServer::new(server);
    let mut client = server.connect().await;
    for n in 0..3 {
        assert_eq!(client.expect_event::<u32>("n").await, n);
    }
    client.expect_no_event().await;
}

fn recovering(recovery: RecoveryConfig) -> TestServer {
    let config = Config { recovery: Some(recovery), ..Config::default() };
    TestServer::new(Server::builder().config(config).build().unwrap())
}

#[tokio::test(start_paused = true)]
async fn the_log_of_recovery_is_bounded_by_its_bytes() {
    let limits = RecoveryConfig { log_bytes_max: 40_000, ..RecoveryConfig::default() };
    let server = recovering(limits);
    let news = "x".repeat(4_000);
    for (events, recovers) in [(4, true), (5, false)] {
        let mut client = server.connect().await;
        client.wire().cut();
        sleep(Duration::from_millis(1)).await;
        for _ in 0..events {
            server.server().io().emit(NEWS, &news).unwrap();
        }
        client.reconnect().await.unwrap();
        assert_eq!(client.recovered(), recovers, "{events} events");
        if recovers {
            for _ in 0..events {
                assert_eq!(client.expect_event(NEWS).await, news);
            }
        } else {
            assert_eq!(client.recovery_failure(), Some("log_truncated"));
        }
        client.expect_no_event().await;
    }
}

#[tokio::test(start_paused = true)]
async fn so_many_absent_clients_are_remembered() {
    let server = recovering(RecoveryConfig { sessions_max: 2, ..RecoveryConfig::default() });
    let mut clients = Vec::new();
    for _ in 0..3 {
        clients.push(server.connect().await);
    }
    for client in &clients {
        client.wire().cut();
        sleep(Duration::from_millis(1)).await;
    }
    let mut recovered = Vec::new();
    for client in &mut clients {
        client.reconnect().await.unwrap();
        recovered.push(client.recovered());
    }
    assert_eq!(recovered, [false, true, true], "the first to leave made room");
    assert_eq!(clients[0].recovery_failure(), Some("unknown_session"));
}
