//! Coming back after a lost connection: what is kept, what is sent again, and when it is not.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::recovering::{Setup, events};
use common::{Client, listen, until};
use serde::Deserialize;
use sockeye::{
    Args, Binary, Config, DisconnectReason, Namespace, Recovery, RecoveryConfig, RecoveryFailure,
    Server, Socket,
};

struct User(String);

#[derive(Deserialize)]
struct Auth {
    #[serde(default)]
    user: String,
}

type Log = Arc<Mutex<Vec<String>>>;

fn namespace(log: &Log) -> Namespace {
    let (begun, ended) = (Arc::clone(log), Arc::clone(log));
    Namespace::new("/")
        .on_connect(async |socket: Socket, auth: Auth| socket.set(User(auth.user)))
        .on_connected(move |socket: Socket| {
            begun.lock().unwrap().push(format!("{:?}", socket.recovery()));
            async {}
        })
        .on("join", async |socket: Socket, room: String| socket.join(room))
        .on("sync", async || {})
        .on_disconnect(move |reason: DisconnectReason| {
            ended.lock().unwrap().push(reason.to_string());
            async {}
        })
        .same_user(|old: &User, new: &User| old.0 == new.0)
}

struct Logging {
    setup: Setup,
    log: Log,
}

impl Logging {
    async fn new(recovery: RecoveryConfig) -> Self {
        let log = Log::default();
        let config = Config { recovery: Some(recovery), ..Config::default() };
        Self { setup: Setup::new(config, [namespace(&log)]).await, log }
    }

    fn logged(&self) -> Vec<String> {
        std::mem::take(&mut *self.log.lock().unwrap())
    }
}

impl std::ops::Deref for Logging {
    type Target = Setup;

    fn deref(&self) -> &Setup {
        &self.setup
    }
}

#[tokio::test]
async fn what_was_missed_comes_right_behind_the_reply() {
    let setup = Logging::new(RecoveryConfig::default()).await;
    let (mut a, _) = setup.connect("").await;
    assert_eq!(a.pid.len(), 20);
    a.client.send(r#"421["join","room"]"#).await;
    a.client.expect("431[]").await;
    setup.io().emit("e", &1).unwrap();
    assert_eq!(a.event().await, r#"42["e",1]"#);
    let (other, _) = setup.connect("").await;
    let other_id = other.sid.clone();
    let auth = a.auth("");
    let sid = a.sid.clone();
    drop(a);
    until(|| setup.server.sessions() == 1).await;
    let io = setup.io();
    io.emit("e", &2).unwrap();
    io.to("room").emit("e", &3).unwrap();
    io.to("elsewhere").emit("e", &4).unwrap();
    io.except("room").emit("e", &5).unwrap();
    io.to(other_id.as_str()).emit("e", &6).unwrap();
    io.volatile().emit("e", &7).unwrap();
    io.to("room").emit("e", &Args((8, Binary(vec![8].into())))).unwrap();
    let (b, missed) = setup.connect(&auth).await;
    assert_eq!(b.sid, sid);
    assert_eq!(events(&missed[..2]), [r#"42["e",2]"#, r#"42["e",3]"#]);
    assert!(missed[2].starts_with(r#"451-["e",8,{"_placeholder":true,"num":0},""#));
    assert_eq!(missed[3..], ["[8]"]);
    let socket = io.socket(&sid).unwrap();
    assert!(socket.recovered());
    assert_eq!(socket.rooms().len(), 2, "it is in its room again");
    assert_eq!(setup.logged(), ["New", "New", "transport close", "Recovered"]);
}

#[tokio::test]
async fn a_client_that_received_nothing_recovers_too_and_any_number_of_times() {
    let setup = Logging::new(RecoveryConfig::default()).await;
    let (mut client, _) = setup.connect("").await;
    let (sid, pid) = (client.sid.clone(), client.pid.clone());
    for round in 0..5 {
        let auth = client.auth("");
        drop(client);
        setup.gone().await;
        setup.io().emit("round", &round).unwrap();
        let (returned, missed) = setup.connect(&auth).await;
        client = returned;
        assert_eq!((&client.sid, &client.pid), (&sid, &pid));
        let all: Vec<_> = (0..=round).map(|n| format!(r#"42["round",{n}]"#)).collect();
        assert_eq!(events(&missed), all, "it never said an offset");
    }
    assert!(client.failure.is_empty());
}

#[tokio::test]
async fn a_connection_nobody_noticed_to_be_dead_is_taken_over() {
    let setup = Logging::new(RecoveryConfig::default()).await;
    let (mut old, _) = setup.connect("").await;
    setup.io().emit("e", &1).unwrap();
    old.event().await;
    setup.io().emit("e", &2).unwrap();
    let (new, missed) = setup.connect(&old.auth("")).await;
    assert_eq!((events(&missed), &new.sid), (vec![r#"42["e",2]"#.to_owned()], &old.sid));
    old.event().await;
    old.client.expect_closed().await;
    drop(old);
    until(|| setup.server.sessions() == 1).await;
    assert_eq!(setup.io().sockets().len(), 1);
    let mut logged = setup.logged();
    logged.sort();
    assert_eq!(logged, ["New", "Recovered", "transport close"]);
}

#[tokio::test]
async fn what_cannot_be_recovered_is_a_new_session_that_says_why() {
    let setup =
        Logging::new(RecoveryConfig { log_events_max: 2, ..RecoveryConfig::default() }).await;
    let (mut client, _) = setup.connect("").await;
    setup.io().emit("e", &0).unwrap();
    client.event().await;
    let expect = async |auth: &str, failure: &str| {
        let (new, missed) = setup.connect(auth).await;
        assert!(missed.is_empty());
        assert_eq!(new.failure, failure, "{auth}");
        new
    };
    for pid in ["", "short", "12345678901234567890", "ééééééééééé"] {
        let new = expect(&format!(r#"{{"pid":"{pid}","offset":"x"}}"#), "unknown_session").await;
        assert_ne!(new.sid, client.sid);
    }
    let seen = client.offset.clone().unwrap();
    for unseen in ["2", "99", "-1", "", "1.1"] {
        let offset = seen.replace(".1", &format!(".{unseen}"));
        let auth = format!(r#"{{"pid":"{}","offset":"{offset}"}}"#, client.pid);
        expect(&auth, "unknown_offset").await;
    }
    expect(r#"{"pid":1,"offset":"x"}"#, "").await;
    let auth = client.auth("");
    for n in 1..4 {
        setup.io().emit("e", &n).unwrap();
    }
    expect(&auth, "log_truncated").await;
    client.client.send("41").await;
    client.event().await;
    client.event().await;
    let auth = client.auth("");
    drop(client);
    setup.gone().await;
    expect(&auth, "unknown_session").await;
}

#[tokio::test]
async fn an_absence_that_is_too_long_is_not_recovered_and_nothing_is_kept() {
    let max_disconnection = Duration::from_millis(20);
    let setup =
        Logging::new(RecoveryConfig { max_disconnection, ..RecoveryConfig::default() }).await;
    let (client, _) = setup.connect("").await;
    let auth = client.auth("");
    drop(client);
    setup.gone().await;
    let mut failure = String::new();
    // Each attempt that comes in time starts the time anew, so the last one waits.
    while failure.is_empty() {
        tokio::time::timeout(max_disconnection, std::future::pending::<()>()).await.unwrap_err();
        let (client, _) = setup.connect(&auth).await;
        failure = client.failure.clone();
        drop(client);
        setup.gone().await;
    }
    assert_eq!(failure, "unknown_session");
}

#[tokio::test]
async fn a_stolen_private_id_does_not_recover_and_harms_nobody() {
    let setup = Logging::new(RecoveryConfig::default()).await;
    let (mut victim, _) = setup.connect(r#"{"user":"ada"}"#).await;
    let (thief, missed) = setup.connect(&victim.auth("eve")).await;
    assert_eq!((thief.failure.as_str(), missed.len()), ("other_user", 0));
    assert_ne!(thief.sid, victim.sid);
    let socket = setup.io().socket(&thief.sid).unwrap();
    assert_eq!(socket.recovery(), Recovery::Failed(RecoveryFailure::OtherUser));
    setup.io().to(victim.sid.as_str()).emit("e", &1).unwrap();
    assert_eq!(victim.event().await, r#"42["e",1]"#);
    let auth = victim.auth("eve");
    drop(victim);
    until(|| setup.server.sessions() == 1).await;
    let (thief, _) = setup.connect(&auth).await;
    assert_eq!(thief.failure, "other_user", "away or not");
}

/// A returning client enters its rooms in the connect handler, as new ones do: what is sent to them
/// until it is admitted is held for it, and is among what it missed as well.
#[tokio::test]
async fn what_is_sent_while_a_client_comes_back_arrives_once_and_in_order() {
    let gate = Arc::new(tokio::sync::Semaphore::new(1));
    let (entered, let_in) = (Arc::clone(&gate), Arc::clone(&gate));
    let admit = move |socket: Socket| {
        socket.join("own");
        let entered = Arc::clone(&entered);
        async move { entered.acquire().await.unwrap().forget() }
    };
    let config = Config { recovery: Some(RecoveryConfig::default()), ..Config::default() };
    let namespace = Namespace::new("/").on_connect(admit).on("sync", async || {});
    let server = Server::builder().config(config).namespace(namespace).build().unwrap();
    let address = listen(&server).await;
    let mut first = Client::open(address).await;
    first.send("40").await;
    let reply = first.text().await;
    let pid = reply.split("\"pid\":\"").nth(1).unwrap()[..20].to_owned();
    drop(first);
    until(|| server.io().sockets().is_empty()).await;
    server.io().to("own").emit("n", &1).unwrap();
    let mut second = Client::open(address).await;
    second.send(&format!(r#"40{{"pid":"{pid}"}}"#)).await;
    until(|| !server.io().to("own").sockets().is_empty()).await;
    server.io().to("own").emit("n", &2).unwrap();
    server.io().emit("n", &3).unwrap();
    server.io().to("own").emit("n", &4).unwrap();
    let_in.add_permits(1);
    assert_eq!(second.text().await, reply, "the same ids");
    for n in 1..=4 {
        let text = second.text().await;
        assert!(text.starts_with(&format!("42[\"n\",{n},")), "{text}");
    }
    second.expect_nothing().await;
}

/// An event is for those who were in the room when it was sent, not for those who came later or
/// had left.
#[tokio::test]
async fn rooms_joined_and_left_meanwhile_are_considered() {
    let setup = Logging::new(RecoveryConfig::default()).await;
    let (mut first, _) = setup.connect("").await;
    let io = setup.io();
    let socket = io.socket(&first.sid).unwrap();
    io.to("late").emit("n", &1).unwrap();
    socket.join("late");
    io.to("late").emit("n", &2).unwrap();
    socket.leave("late");
    io.to("late").emit("n", &3).unwrap();
    io.except("late").emit("n", &4).unwrap();
    // It has received none of them, as far as it says.
    for n in [2, 4] {
        let text = first.client.text().await;
        assert!(text.starts_with(&format!("42[\"n\",{n},")), "{text}");
    }
    let (again, missed) = setup.connect(&format!(r#"{{"pid":"{}"}}"#, first.pid)).await;
    assert_eq!(again.sid, first.sid);
    let numbers: Vec<_> = missed.iter().map(|text| &text[7..8]).collect();
    assert_eq!(numbers, ["2", "4"], "{missed:?}");
}

/// The official client keeps the last offset it saw when it gets a new session. As long as it
/// receives nothing there, it shows that one.
#[tokio::test]
async fn an_offset_from_before_the_session_says_that_nothing_of_it_was_received() {
    let restarted = Logging::new(RecoveryConfig::default()).await;
    let (mut client, _) = restarted.connect("").await;
    restarted.io().emit("n", &0).unwrap();
    client.event().await;
    let of_before_the_restart = client.offset.take().unwrap();
    let setup =
        Logging::new(RecoveryConfig { log_events_max: 5, ..RecoveryConfig::default() }).await;
    let (mut before, _) = setup.connect("").await;
    setup.io().emit("n", &0).unwrap();
    before.event().await;
    let of_the_session_before = before.offset.take().unwrap();
    before.client.send("41").await;
    for offset in [&of_before_the_restart, &of_the_session_before, "1764400000000-0", "text", ""] {
        let (mut client, _) = setup.connect("").await;
        client.offset = Some(offset.to_owned());
        let pid = client.pid.clone();
        for _ in 0..2 {
            let auth = client.auth("");
            drop(client);
            until(|| setup.server.sessions() == 1).await;
            setup.io().emit("n", &1).unwrap();
            let (again, missed) = setup.connect(&auth).await;
            assert_eq!((again.failure.as_str(), &again.pid), ("", &pid), "{offset}");
            assert_eq!(events(&missed[..1]), [r#"42["n",1]"#], "{offset}");
            client = again;
            client.offset = Some(offset.to_owned());
        }
        // The log does not reach back to its start any more.
        for n in 0..5 {
            setup.io().emit("n", &n).unwrap();
        }
        let (refused, _) = setup.connect(&client.auth("")).await;
        assert_eq!(refused.failure, "log_truncated", "{offset}");
        drop((client, refused));
        until(|| setup.server.sessions() == 1).await;
    }
}
