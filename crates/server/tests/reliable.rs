//! Events of a client's outbox are handled once, whatever happens to the connection: the wire form
//! of `docs/reliable.md`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use common::{Client, serve, until, with_sync};
use sockeye::{
    Ack, AckError, Acker, Args, Binary, Deferred, EventError, Namespace, RawArgs, RawEvent,
    Reliable, Server, Socket,
};
use sockeye_testing::TestServer;
use tokio::sync::Semaphore;
use tokio::time::sleep;

const ID: &str = "S9m2fQw7Rk1Zt0yPp3Lh";
const OTHER_ID: &str = "another-outbox-of-20-";

/// How often handlers have run, and permits for those that wait.
#[derive(Clone)]
struct Handled {
    count: Arc<AtomicUsize>,
    gate: Arc<Semaphore>,
}

impl Handled {
    fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    fn add(&self) -> usize {
        self.count.fetch_add(1, Ordering::Relaxed) + 1
    }
}

fn namespace(handled: &Handled) -> Namespace {
    let [echo, count, wait, blob, fail, panic] = std::array::from_fn(|_| handled.clone());
    let [later, lose] = std::array::from_fn(|_| handled.clone());
    with_sync(Namespace::new("/"))
        .before(async |event: RawEvent| {
            let is_forbidden = event.args.json() == "\"forbidden\"";
            if is_forbidden { Err(EventError::new("forbidden", "no")) } else { Ok(()) }
        })
        .on("echo", move |args: RawArgs| {
            echo.add();
            std::future::ready(Ack(args))
        })
        .on("count", move || std::future::ready(Ack(count.add())))
        .on("wait", move || {
            let handled = wait.clone();
            async move {
                handled.gate.acquire().await.unwrap().forget();
                Ack(handled.add())
            }
        })
        .on("blob", move |Args((data, _)): Args<(Binary, u32)>| {
            blob.add();
            std::future::ready(Ack(data))
        })
        .on("fail", move || {
            let message = format!("attempt {}", fail.add());
            std::future::ready(Err::<(), _>(EventError::new("failed", message)))
        })
        .on("panic", move || {
            panic.add();
            async {
                tokio::task::yield_now().await;
                if true {
                    panic!("as asked")
                }
            }
        })
        .on("later", move |acker: Acker<usize>| {
            let (deferred, count): (Deferred<usize>, _) = (acker.defer(), later.add());
            tokio::spawn(async move { acker.answer(&count) });
            std::future::ready(deferred)
        })
        .on("lose", move |acker: Acker<usize>| {
            lose.add();
            let deferred: Deferred<usize> = acker.defer();
            drop(acker);
            std::future::ready(deferred)
        })
}

async fn start(rules: Reliable) -> (Server, SocketAddr, Handled) {
    let handled =
        Handled { count: Arc::new(AtomicUsize::new(0)), gate: Arc::new(Semaphore::new(0)) };
    let (server, address) = serve([namespace(&handled).reliable(rules)]).await;
    (server, address, handled)
}

/// Connects with an outbox; the server's answer to the offer.
async fn connect(address: SocketAddr, id: &str) -> (Client, String) {
    let mut client = Client::open(address).await;
    client.send(&format!(r#"40{{"_outbox":{{"v":1,"id":"{id}"}}}}"#)).await;
    let reply = client.text().await;
    let (_, outbox) = reply.split_once(r#","_outbox":"#).unwrap_or_else(|| panic!("{reply}"));
    (client, outbox.strip_suffix('}').unwrap().to_owned())
}

#[tokio::test]
async fn an_event_that_comes_twice_is_handled_once() {
    let (_server, address, handled) = start(Reliable::default()).await;
    let (mut first, reply) = connect(address, ID).await;
    assert_eq!(reply, r#"{"v":1,"window":1000,"age":600,"last":0}"#);
    first.send(r#"420["echo","text",[1],{"_outbox":[1,1]}]"#).await;
    first.expect(r#"430["text",[1]]"#).await;
    first.send(r#"421["count",{"_outbox":[2,1]}]"#).await;
    first.expect("431[2]").await;
    first.send(r#"451-2["blob",{"_placeholder":true,"num":0},7,{"_outbox":[3,1]}]"#).await;
    first.send_binary(&[1, 2, 3]).await;
    first.expect(r#"461-2[{"_placeholder":true,"num":0}]"#).await;
    first.expect_binary(&[1, 2, 3]).await;
    // The same connection, and another one: other ack ids, the first answers.
    first.send(r#"423["count",{"_outbox":[2,1]}]"#).await;
    first.expect("433[2]").await;
    drop(first);
    let (mut second, reply) = connect(address, ID).await;
    assert_eq!(reply, r#"{"v":1,"window":1000,"age":600,"last":3}"#);
    second.send(r#"4210["count",{"_outbox":[2,1]}]"#).await;
    second.expect("4310[2]").await;
    second.send(r#"451-11["blob",{"_placeholder":true,"num":0},7,{"_outbox":[3,1]}]"#).await;
    second.send_binary(&[1, 2, 3]).await;
    second.expect(r#"461-11[{"_placeholder":true,"num":0}]"#).await;
    second.expect_binary(&[1, 2, 3]).await;
    assert_eq!(handled.count(), 3);
    // A number of its own is handled; without a ticket every event is.
    second.send(r#"4212["count",{"_outbox":[4,4]}]"#).await;
    second.expect("4312[4]").await;
    for id in 13..15 {
        second.send(&format!(r#"42{id}["echo"]"#)).await;
        second.expect(&format!("43{id}[]")).await;
    }
    assert_eq!(handled.count(), 6);
    // Another outbox has numbers of its own.
    let (mut other, reply) = connect(address, OTHER_ID).await;
    assert!(reply.ends_with(r#""last":0}"#));
    other.send(r#"420["count",{"_outbox":[2,1]}]"#).await;
    other.expect("430[7]").await;
}

#[tokio::test]
async fn nobody_else_notices() {
    let (_server, address, _) = start(Reliable::default()).await;
    let ticket = r#"{"_outbox":[1,1]}"#;
    // A client that offers nothing, or what is no offer.
    for auth in ["", "{}", r#"{"_outbox":{"v":2,"id":"S9m2fQw7Rk1Zt0yPp3Lh"}}"#] {
        let mut client = Client::open(address).await;
        client.send(&format!("40{auth}")).await;
        let reply = client.text().await;
        assert_eq!(reply.len(), r#"40{"sid":"12345678901234567890"}"#.len(), "{reply}");
        for _ in 0..2 {
            client.send(&format!(r#"420["echo",1,{ticket}]"#)).await;
            client.expect(&format!("430[1,{ticket}]")).await;
        }
    }
    // A namespace that is not reliable.
    let handled =
        Handled { count: Arc::new(AtomicUsize::new(0)), gate: Arc::new(Semaphore::new(0)) };
    let (_server, address) = serve([namespace(&handled)]).await;
    let mut client = Client::open(address).await;
    client.send(&format!(r#"40{{"_outbox":{{"v":1,"id":"{ID}"}}}}"#)).await;
    assert!(!client.text().await.contains("_outbox"));
    client.send(&format!(r#"420["echo",1,{ticket}]"#)).await;
    client.expect(&format!("430[1,{ticket}]")).await;
    // Without an ack there is nothing to remember, but handlers do not see the ticket either.
    let (_server, address, handled) = start(Reliable::default()).await;
    let (mut client, _) = connect(address, ID).await;
    for _ in 0..2 {
        client.send(&format!(r#"42["count",{ticket}]"#)).await;
    }
    client.expect_nothing().await;
    assert_eq!(handled.count(), 2);
}

#[tokio::test]
async fn an_event_under_way_is_waited_for() {
    let (server, address, handled) = start(Reliable::default()).await;
    let (mut first, _) = connect(address, ID).await;
    first.send(r#"420["wait",{"_outbox":[1,1]}]"#).await;
    first.expect_nothing().await;
    let (mut second, _) = connect(address, ID).await;
    second.send(r#"425["wait",{"_outbox":[1,1]}]"#).await;
    second.expect_nothing().await;
    drop(first);
    until(|| server.io().sockets().len() == 1).await;
    handled.gate.add_permits(1);
    second.expect("435[1]").await;
    second.send(r#"426["wait",{"_outbox":[1,1]}]"#).await;
    second.expect("436[1]").await;
    assert_eq!(handled.count(), 1);
}

#[tokio::test]
async fn a_socket_that_repeats_an_event_under_way_waits_once() {
    let (server, address, handled) = start(Reliable::default()).await;
    let (mut first, _) = connect(address, ID).await;
    let (mut second, _) = connect(address, ID).await;
    first.send(r#"420["wait",{"_outbox":[1,1]}]"#).await;
    first.expect_nothing().await;
    for client in [&mut first, &mut second] {
        for id in 1..100 {
            client.send(&format!(r#"42{id}["wait",{{"_outbox":[1,1]}}]"#)).await;
        }
        client.expect_nothing().await;
    }
    handled.gate.add_permits(1);
    second.expect("4399[1]").await;
    second.expect_nothing().await;
    // The one whose event is handled gets its answer, and that of its newest repetition.
    first.expect("4399[1]").await;
    first.expect("430[1]").await;
    first.expect_nothing().await;
    assert_eq!(handled.count(), 1);
    drop(server);
}

#[tokio::test]
async fn so_many_sockets_wait_for_one_answer() {
    let (server, address, handled) = start(Reliable::default()).await;
    let (mut first, _) = connect(address, ID).await;
    first.send(r#"420["wait",{"_outbox":[1,1]}]"#).await;
    first.expect_nothing().await;
    let mut others = Vec::new();
    for id in 1..=17 {
        let (mut other, _) = connect(address, ID).await;
        other.send(&format!(r#"42{id}["wait",{{"_outbox":[1,1]}}]"#)).await;
        other.expect_nothing().await;
        others.push((id, other));
    }
    // One that is gone does not count: 16 wait, and the first of the 17 is not among them.
    let (_, gone) = others.pop().unwrap();
    drop(gone);
    until(|| server.io().sockets().len() == 17).await;
    let (mut last, _) = connect(address, ID).await;
    last.send(r#"4218["wait",{"_outbox":[1,1]}]"#).await;
    last.expect_nothing().await;
    others.push((18, last));
    handled.gate.add_permits(1);
    first.expect("430[1]").await;
    for (id, other) in &mut others {
        if *id > 1 {
            other.expect(&format!("43{id}[1]")).await;
        }
        other.expect_nothing().await;
    }
    assert_eq!(handled.count(), 1);
}

#[tokio::test]
async fn every_kind_of_answer_is_remembered() {
    let (_server, address, handled) = start(Reliable::default()).await;
    let (mut client, _) = connect(address, ID).await;
    for id in 0..2 {
        client.send(&format!(r#"42{id}["fail",{{"_outbox":[1,1]}}]"#)).await;
        let error = r#"{"error":{"code":"failed","message":"attempt 1"}}"#;
        client.expect(&format!("43{id}[{error}]")).await;
        client.send(&format!(r#"42{id}["echo","forbidden",{{"_outbox":[2,1]}}]"#)).await;
        client
            .expect(&format!(r#"43{id}[{{"error":{{"code":"forbidden","message":"no"}}}}]"#))
            .await;
        client.send(&format!(r#"42{id}["blob","no data",{{"_outbox":[3,1]}}]"#)).await;
        assert!(client.text().await.contains(r#""code":"decode""#));
        client.send(&format!(r#"42{id}["later",{{"_outbox":[4,1]}}]"#)).await;
        client.expect(&format!("43{id}[2]")).await;
    }
    assert_eq!(handled.count(), 2, "fail and later, once each");
    // An event whose `Acker` is dropped counts as not handled.
    for n in 0..2 {
        client.send(r#"429["lose",{"_outbox":[5,1]}]"#).await;
        client.expect_nothing().await;
        assert_eq!(handled.count(), 3 + n);
    }
}

#[tokio::test]
async fn an_event_that_panics_ends_one_session_only() {
    let (_server, address, handled) = start(Reliable::default()).await;
    let (mut first, _) = connect(address, ID).await;
    first.send(r#"420["panic",{"_outbox":[1,1]}]"#).await;
    first.expect_closed().await;
    let (mut second, _) = connect(address, ID).await;
    second.send(r#"420["panic",{"_outbox":[1,1]}]"#).await;
    let error = r#"{"error":{"code":"panic","message":"the handler panicked"}}"#;
    second.expect(&format!("430[{error}]")).await;
    second.expect_nothing().await;
    assert_eq!(handled.count(), 1);
}

#[tokio::test]
async fn what_waits_behind_a_handler_is_handled_once_too() {
    let handled =
        Handled { count: Arc::new(AtomicUsize::new(0)), gate: Arc::new(Semaphore::new(0)) };
    let namespace = namespace(&handled).concurrent_handlers_max(NonZeroU32::MIN);
    let (server, address) = serve([namespace.reliable(Reliable::default())]).await;
    let (mut first, _) = connect(address, ID).await;
    first.send(r#"420["wait",{"_outbox":[1,1]}]"#).await;
    first.send(r#"421["count",{"_outbox":[2,1]}]"#).await;
    until(|| server.io().sockets().len() == 1).await;
    let (mut second, _) = connect(address, ID).await;
    // The first connection ends while its second event waits: it was never started.
    drop(first);
    until(|| server.io().sockets().len() == 1).await;
    second.send(r#"425["wait",{"_outbox":[1,1]}]"#).await;
    second.send(r#"426["count",{"_outbox":[2,1]}]"#).await;
    second.expect("436[1]").await;
    handled.gate.add_permits(1);
    second.expect("435[2]").await;
    assert_eq!(handled.count(), 2);
}

/// The client comes back before its first connection is known to be gone, and sends everything again:
/// what waited there and was never started is handled here.
#[tokio::test]
async fn what_waits_on_a_lost_connection_is_handled_on_the_next() {
    let handled =
        Handled { count: Arc::new(AtomicUsize::new(0)), gate: Arc::new(Semaphore::new(0)) };
    let namespace = namespace(&handled).concurrent_handlers_max(NonZeroU32::MIN);
    let (server, address) = serve([namespace.reliable(Reliable::default())]).await;
    let (mut first, _) = connect(address, ID).await;
    first.send(r#"420["wait",{"_outbox":[1,1]}]"#).await;
    first.send(r#"421["count",{"_outbox":[2,1]}]"#).await;
    let (mut second, _) = connect(address, ID).await;
    second.send(r#"425["wait",{"_outbox":[1,1]}]"#).await;
    second.send(r#"426["count",{"_outbox":[2,1]}]"#).await;
    second.expect("436[1]").await;
    drop(first);
    until(|| server.io().sockets().len() == 1).await;
    handled.gate.add_permits(1);
    second.expect("435[2]").await;
    assert_eq!(handled.count(), 2);
}

/// Sends the event `count` with this ticket; the answer's text.
async fn count(client: &mut Client, number: u64, wanted: u64) -> String {
    client.send(&format!(r#"420["count",{{"_outbox":[{number},{wanted}]}}]"#)).await;
    client.text().await
}

#[tokio::test]
async fn a_window_is_bounded() {
    let (_server, address, handled) = start(Reliable::default().answers_max(2)).await;
    let (mut client, reply) = connect(address, ID).await;
    assert!(reply.contains(r#""window":2,"#));
    for n in 1..=2 {
        assert_eq!(count(&mut client, n, 1).await, format!("430[{n}]"));
    }
    assert_eq!(count(&mut client, 1, 1).await, "430[1]", "at the limit");
    assert_eq!(count(&mut client, 3, 1).await, "430[3]");
    let forgotten = count(&mut client, 1, 1).await;
    assert!(forgotten.contains(r#""code":"forgotten""#), "{forgotten}");
    assert_eq!(count(&mut client, 2, 1).await, "430[2]");
    assert_eq!(handled.count(), 3);
    // What the client does not want any more is forgotten at once.
    assert_eq!(count(&mut client, 4, 4).await, "430[4]");
    assert!(count(&mut client, 3, 1).await.contains("forgotten"));
    // Numbers may be left out, and come late as long as nothing above them is forgotten.
    assert_eq!(count(&mut client, 9, 4).await, "430[5]");
    assert_eq!(count(&mut client, 8, 4).await, "430[6]");
    assert_eq!(count(&mut client, 9, 4).await, "430[5]");
    assert_eq!(handled.count(), 6);
}

#[tokio::test]
async fn a_window_is_bounded_by_its_bytes() {
    let (_server, address, _) = start(Reliable::default().answer_bytes_max(1_000)).await;
    let (mut client, _) = connect(address, ID).await;
    let long = "x".repeat(600);
    for n in 1..=2 {
        client.send(&format!(r#"420["echo","{long}",{{"_outbox":[{n},1]}}]"#)).await;
        client.expect(&format!(r#"430["{long}"]"#)).await;
    }
    assert!(count(&mut client, 1, 1).await.contains("forgotten"));
    client.send(r#"420["echo",{"_outbox":[2,1]}]"#).await;
    client.expect(&format!(r#"430["{long}"]"#)).await;
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_remembered_for_so_long() {
    let handled =
        Handled { count: Arc::new(AtomicUsize::new(0)), gate: Arc::new(Semaphore::new(0)) };
    let rules = Reliable::default().age_max(Duration::from_secs(100));
    let server = Server::builder().namespace(namespace(&handled).reliable(rules)).build().unwrap();
    let server = TestServer::new(server);
    let offer = serde_json::json!({ "_outbox": { "v": 1, "id": ID } });
    let mut client = server.client().auth(&offer).connect().await.unwrap();
    let mut count = async |number: u32| {
        let ticket = serde_json::json!({ "_outbox": [number, 1] });
        client.emit_with_ack::<_, usize>("count", &ticket).await
    };
    assert_eq!(count(1).await.unwrap(), 1);
    sleep(Duration::from_secs(60)).await;
    assert_eq!(count(2).await.unwrap(), 2, "the outbox stays in use");
    sleep(Duration::from_secs(39)).await;
    assert_eq!(count(1).await.unwrap(), 1);
    sleep(Duration::from_secs(2)).await;
    let Err(AckError::Remote(error)) = count(1).await else { panic!("it is too long ago") };
    assert_eq!(error.code, "forgotten");
    assert_eq!(count(2).await.unwrap(), 2);
    // An outbox that was silent for as long is as new.
    sleep(Duration::from_secs(101)).await;
    assert_eq!(count(2).await.unwrap(), 3);
}

/// However long a handler takes, its outbox is in use meanwhile, and the age of its answer counts
/// from the answer, not from the event.
#[tokio::test(start_paused = true)]
async fn an_event_that_is_under_way_for_long_is_handled_once() {
    let handled =
        Handled { count: Arc::new(AtomicUsize::new(0)), gate: Arc::new(Semaphore::new(0)) };
    let rules = Reliable::default().age_max(Duration::from_secs(100));
    let server = Server::builder().namespace(namespace(&handled).reliable(rules)).build().unwrap();
    let server = TestServer::new(server);
    let offer = |id: &str| serde_json::json!({ "_outbox": { "v": 1, "id": id } });
    let mut first = server.client().auth(&offer(ID)).connect().await.unwrap();
    let mut second = server.client().auth(&offer(ID)).connect().await.unwrap();
    let mut other = server.client().auth(&offer(OTHER_ID)).connect().await.unwrap();
    let ticket = serde_json::json!({ "_outbox": [1, 1] });
    let answer = first.emit_with_ack::<_, usize>("wait", &ticket);
    for n in 1..=3 {
        sleep(Duration::from_secs(70)).await;
        // What is silent is forgotten then.
        let ticket = serde_json::json!({ "_outbox": [n, n] });
        assert_eq!(other.emit_with_ack::<_, usize>("count", &ticket).await.unwrap(), n);
    }
    let repeated = second.emit_with_ack::<_, usize>("wait", &ticket);
    sleep(Duration::from_secs(1)).await;
    handled.gate.add_permits(2);
    assert_eq!((answer.await.unwrap(), repeated.await.unwrap()), (4, 4));
    sleep(Duration::from_secs(99)).await;
    assert_eq!(second.emit_with_ack::<_, usize>("wait", &ticket).await.unwrap(), 4);
    sleep(Duration::from_secs(101)).await;
    assert_eq!(second.emit_with_ack::<_, usize>("wait", &ticket).await.unwrap(), 5, "as new");
}

#[tokio::test]
async fn outboxes_are_bounded_and_make_room() {
    for rules in [Reliable::default().outboxes_max(1), Reliable::default().bytes_max(0)] {
        let (_server, address, handled) = start(rules).await;
        let (mut a, _) = connect(address, ID).await;
        let (mut b, _) = connect(address, OTHER_ID).await;
        assert_eq!(count(&mut a, 1, 1).await, "430[1]");
        assert_eq!(count(&mut a, 1, 1).await, "430[1]", "the one in use stays");
        assert_eq!(count(&mut b, 1, 1).await, "430[2]");
        assert_eq!(count(&mut a, 1, 1).await, "430[3]", "forgotten altogether, it is as new");
        assert_eq!(handled.count(), 3);
    }
}

/// Leaves, connects again with an outbox of its own for each number, and sends an event in each.
async fn make_outboxes(client: &mut Client, numbers: std::ops::Range<u32>) {
    for number in numbers {
        let offer = format!(r#"40{{"_outbox":{{"v":1,"id":"one-of-many-{number:010}"}}}}"#);
        client.send_together(&["41", &offer]).await;
        assert!(client.text().await.contains("_outbox"));
        count(client, 1, 1).await;
    }
}

/// One session made 10,001 outboxes within a second, and everybody else's answers were forgotten.
#[tokio::test]
async fn one_session_with_many_outboxes_takes_nothing_from_the_others() {
    let (server, address, handled) = start(Reliable::default().outboxes_max(50)).await;
    let mut victims = Vec::new();
    for victim in 0..10 {
        let id = format!("outbox-of-victim-{victim:03}");
        let (mut client, _) = connect(address, &id).await;
        victims.push((id, count(&mut client, 1, 1).await));
    }
    // They are away, and what they were answered is lost.
    until(|| server.io().sockets().is_empty()).await;
    let (mut maker, _) = connect(address, OTHER_ID).await;
    make_outboxes(&mut maker, 0..200).await;
    let before = handled.count();
    for (id, answer) in &victims {
        let (mut client, reply) = connect(address, id).await;
        assert!(reply.ends_with(r#""last":1}"#), "{reply}");
        assert_eq!(count(&mut client, 1, 1).await, *answer);
    }
    assert_eq!(handled.count(), before, "nothing was handled twice");
    // The maker lost its own oldest ones.
    let (mut again, _) = connect(address, "one-of-many-0000000000").await;
    assert_eq!(count(&mut again, 1, 1).await, format!("430[{}]", before + 1));
}

/// A client that connects from an address of its own.
#[cfg(target_os = "linux")]
struct From(std::net::Ipv4Addr, SocketAddr);

#[cfg(target_os = "linux")]
impl common::Network for From {
    async fn dial(&self) -> Box<dyn common::Stream> {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind((self.0, 0).into()).unwrap();
        Box::new(socket.connect(self.1).await.unwrap())
    }
}

/// The same with a session for each.
#[tokio::test]
#[cfg(target_os = "linux")]
async fn one_address_with_many_sessions_takes_nothing_from_the_others() {
    let (_server, address, handled) = start(Reliable::default().outboxes_max(20)).await;
    let (mut victim, _) = connect(address, ID).await;
    assert_eq!(count(&mut victim, 1, 1).await, "430[1]");
    drop(victim);
    for number in 0..60 {
        let mut client = Client::open(From([127, 0, 0, 2].into(), address)).await;
        client.join("40").await;
        make_outboxes(&mut client, number..number + 1).await;
    }
    let (mut victim, _) = connect(address, ID).await;
    assert_eq!(count(&mut victim, 1, 1).await, "430[1]");
    assert_eq!(handled.count(), 61);
}

/// A user known to the application is one owner, on whichever connection.
#[tokio::test]
async fn one_user_with_many_sessions_takes_nothing_from_the_others() {
    struct User(String);
    let handled =
        Handled { count: Arc::new(AtomicUsize::new(0)), gate: Arc::new(Semaphore::new(0)) };
    let rules = Reliable::default().outboxes_max(20).by_user(|user: &User| user.0.clone());
    let namespace = namespace(&handled).reliable(rules).on_connect(
        async |socket: Socket, auth: serde_json::Value| {
            socket.set(User(auth["user"].as_str().unwrap_or_default().to_owned()));
        },
    );
    let (_server, address) = serve([namespace]).await;
    let connect = async |user: &str, id: &str| {
        let mut client = Client::open(address).await;
        client.join(&format!(r#"40{{"user":"{user}","_outbox":{{"v":1,"id":"{id}"}}}}"#)).await;
        count(&mut client, 1, 1).await
    };
    assert_eq!(connect("ann", ID).await, "430[1]");
    assert_eq!(connect("cid", ID).await, "430[2]");
    for number in 0..60 {
        connect("bob", &format!("one-of-many-{number:010}")).await;
    }
    assert_eq!(connect("ann", ID).await, "430[1]");
    assert_eq!(connect("cid", ID).await, "430[2]");
    assert_eq!(handled.count(), 62);
}

/// However many namespaces clients make, what is remembered for them has one bound; and each has
/// outboxes of its own.
#[tokio::test]
async fn the_namespaces_of_a_declaration_share_their_bounds() {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    let rooms = Namespace::new("/room-{name}")
        .on("count", move || std::future::ready(Ack(counted.fetch_add(1, Ordering::Relaxed) + 1)))
        .reliable(Reliable::default().outboxes_max(3));
    let (_server, address) = serve([rooms]).await;
    let count_in = async |room: u32| {
        let mut client = Client::open(address).await;
        let offer = format!(r#"{{"_outbox":{{"v":1,"id":"{ID}"}}}}"#);
        client.join(&format!("40/room-{room},{offer}")).await;
        client.send(&format!(r#"42/room-{room},0["count",{{"_outbox":[1,1]}}]"#)).await;
        client.text().await
    };
    for _ in 0..2 {
        for room in 0..3 {
            let answer = format!("43/room-{room},0[{}]", room + 1);
            assert_eq!(count_in(room).await, answer, "an outbox of its own, remembered");
        }
    }
    assert_eq!(count_in(3).await, "43/room-3,0[4]");
    assert_eq!(count_in(0).await, "43/room-0,0[5]", "it made room for another namespace's");
}

#[tokio::test]
async fn a_stolen_outbox_id_is_worth_nothing() {
    struct User(String);
    let handled =
        Handled { count: Arc::new(AtomicUsize::new(0)), gate: Arc::new(Semaphore::new(0)) };
    let namespace = namespace(&handled)
        .on_connect(async |socket: Socket, auth: serde_json::Value| {
            if let Some(user) = auth["user"].as_str() {
                socket.set(User(user.to_owned()));
            }
        })
        .reliable(Reliable::default().by_user(|user: &User| user.0.clone()));
    let (_server, address) = serve([namespace]).await;
    let offer = format!(r#""_outbox":{{"v":1,"id":"{ID}"}}"#);
    for (user, expected) in [("ann", 1), ("bob", 2), ("ann", 1)] {
        let mut client = Client::open(address).await;
        client.join(&format!(r#"40{{"user":"{user}",{offer}}}"#)).await;
        assert_eq!(count(&mut client, 1, 1).await, format!("430[{expected}]"), "{user}");
    }
    let mut nobody = Client::open(address).await;
    nobody.send(&format!("40{{{offer}}}")).await;
    assert!(!nobody.text().await.contains("_outbox"), "whose would it be?");
}
