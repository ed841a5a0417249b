//! Clients whose server is gone go on at another: id, rooms and data are there, and every event comes once and in order.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/recovering.rs"]
mod recovering;
mod support;

use sockeye_cluster_proto::StoredSession;

use self::recovering::{Seat, TICK, User, join, member, sessions, written_rooms};
use self::support::{Redis, until};

#[tokio::test]
async fn a_client_goes_on_at_another_server_and_comes_back() {
    let redis = Redis::start();
    let red = member(&redis, "red", 10_000).await;
    let blue = member(&redis, "blue", 10_000).await;
    let mut ann = red.connect("ann").await;
    let id = ann.id().to_owned();
    join(&mut ann, "a").await;
    red.tick("a", 1);
    assert_eq!(ann.expect_event(TICK).await, 1);

    let mut number = 1;
    for (from, to) in [(&red, &blue), (&blue, &red), (&red, &red), (&red, &blue)] {
        ann.wire().cut();
        for _ in 0..250 {
            number += 1;
            from.tick("a", number);
            to.tick("elsewhere", 0);
        }
        ann.reconnect_to(&to.server).await.unwrap();
        assert!(ann.recovered(), "{:?}", ann.recovery_failure());
        assert_eq!(ann.id(), id);
        number += 1;
        to.tick("a", number);
        for expected in number - 250..=number {
            assert_eq!(ann.expect_event(TICK).await, expected);
        }
        let socket = to.io().to("a").sockets().pop().unwrap();
        assert_eq!(socket.get::<User>().as_deref(), Some(&User { name: "ann".into() }));
    }
    ann.expect_no_event().await;
    until("the servers before to forget it", async || !red.has("a")).await;
}

#[tokio::test]
async fn a_client_that_has_received_nothing_goes_on_where_it_began() {
    let redis = Redis::start();
    let red = member(&redis, "red", 10_000).await;
    let blue = member(&redis, "blue", 10_000).await;
    let mut ann = red.connect("ann").await;
    join(&mut ann, "a").await;
    until("the join to be written", async || {
        sessions(&redis).iter().any(|pid| written_rooms(&redis, pid).contains("a"))
    })
    .await;
    red.kill(std::slice::from_ref(&ann));
    blue.tick("a", 1);
    blue.tick("b", 2);
    blue.tick("a", 3);
    ann.reconnect_to(&blue.server).await.unwrap();
    assert!(ann.recovered(), "{:?}", ann.recovery_failure());
    assert_eq!(ann.expect_event(TICK).await, 1);
    assert_eq!(ann.expect_event(TICK).await, 3);
    ann.expect_no_event().await;
}

#[tokio::test]
async fn volatile_and_local_events_do_not_keep_a_client_from_going_on() {
    let redis = Redis::start();
    let red = member(&redis, "red", 10_000).await;
    let blue = member(&redis, "blue", 10_000).await;
    let mut ann = red.connect("ann").await;
    join(&mut ann, "a").await;
    red.io().local().emit(TICK, &1).unwrap();
    assert_eq!(ann.expect_event(TICK).await, 1);
    red.tick("a", 2);
    assert_eq!(ann.expect_event(TICK).await, 2);
    let after = ann.last_offset().unwrap().to_owned();
    red.io().volatile().emit(TICK, &3).unwrap();
    assert_eq!(ann.expect_event(TICK).await, 3);
    assert_eq!(ann.last_offset(), Some(&*after), "it has the offset of the last that is kept");
    red.kill(std::slice::from_ref(&ann));
    blue.tick("a", 4);
    ann.reconnect_to(&blue.server).await.unwrap();
    assert!(ann.recovered(), "{:?}", ann.recovery_failure());
    assert_eq!(ann.expect_event(TICK).await, 4);
    ann.expect_no_event().await;
}

#[tokio::test]
async fn who_cannot_go_on_hears_why() {
    let redis = Redis::start();
    let red = member(&redis, "red", 100).await;
    let blue = member(&redis, "blue", 100).await;
    let mut ann = red.connect("ann").await;
    join(&mut ann, "a").await;
    red.tick("a", 1);
    assert_eq!(ann.expect_event(TICK).await, 1);
    let offset = ann.last_offset().unwrap().to_owned();

    // An offset that no stream has.
    ann.wire().cut();
    ann.set_last_offset(Some("99999999999999-0"));
    ann.reconnect_to(&blue.server).await.unwrap();
    assert_eq!(ann.recovery_failure(), Some("unknown_offset"));

    // More was missed than is kept.
    let mut bob = red.connect("bob").await;
    join(&mut bob, "a").await;
    red.tick("a", 2);
    assert_eq!(bob.expect_event(TICK).await, 2);
    bob.wire().cut();
    for number in 0..1_000 {
        red.tick("b", number);
    }
    until("the stream to be trimmed", async || {
        !redis.run(&["XRANGE", "socket.io", "-", "+", "COUNT", "1"]).contains(&offset)
    })
    .await;
    bob.reconnect_to(&blue.server).await.unwrap();
    assert_eq!(bob.recovery_failure(), Some("log_truncated"));

    // Nobody has it.
    let mut cyd = red.connect("cyd").await;
    join(&mut cyd, "of cyd").await;
    let is_written =
        async || sessions(&redis).iter().any(|pid| written_rooms(&redis, pid).contains("of cyd"));
    until("the session to be written", is_written).await;
    cyd.disconnect();
    until("the session to be deleted", async || !is_written().await).await;
    cyd.reconnect_to(&blue.server).await.unwrap();
    assert_eq!(cyd.recovery_failure(), Some("unknown_session"));

    // Redis is away.
    let mut dan = red.connect("dan").await;
    blue.way.sever();
    dan.wire().cut();
    until("that Redis is missed", async || blue.cluster.server_count("/").await.is_none()).await;
    dan.reconnect_to(&blue.server).await.unwrap();
    assert_eq!(dan.recovery_failure(), Some("unavailable"));
}

/// One entry more than are looked through.
#[tokio::test]
async fn a_client_that_missed_too_much_begins_anew() {
    let redis = Redis::start();
    let red = member(&redis, "red", 1_000_000).await;
    let blue = member(&redis, "blue", 1_000_000).await;
    for (missed, failure) in [(9_999, None), (10_000, Some("log_truncated"))] {
        let mut ann = red.connect("ann").await;
        join(&mut ann, "a").await;
        red.tick("a", 1);
        assert_eq!(ann.expect_event(TICK).await, 1);
        ann.wire().cut();
        let length = || redis.run(&["XLEN", "socket.io"]).trim().parse::<u32>().unwrap();
        let before = length();
        (0..missed).for_each(|number| red.tick("b", number));
        until("all to be kept", async || length() == before + missed).await;
        ann.reconnect_to(&blue.server).await.unwrap();
        assert_eq!(ann.recovery_failure(), failure, "{missed} missed");
        ann.disconnect();
    }
}

/// What Node's adapter has written, which names neither its server nor where the session began.
#[tokio::test]
async fn a_session_of_node_goes_on() {
    let redis = Redis::start();
    let red = member(&redis, "red", 10_000).await;
    let mut ann = red.connect("ann").await;
    join(&mut ann, "a").await;
    red.tick("a", 1);
    assert_eq!(ann.expect_event(TICK).await, 1);
    until("the join to be written", async || {
        sessions(&redis).iter().any(|pid| written_rooms(&redis, pid).contains("a"))
    })
    .await;
    let pid = sessions(&redis).pop().unwrap();
    red.kill(std::slice::from_ref(&ann));
    let stored = StoredSession {
        sid: ann.id().into(),
        pid: pid.as_str().into(),
        rooms: vec![ann.id().into(), "b".into()],
        data: r#"{"user":{"name":"of node"},"seat":7,"other":1}"#.into(),
        ..StoredSession::default()
    };
    redis.run(&["SET", &format!("sio:session:{pid}"), &stored.encode()]);
    let blue = member(&redis, "blue", 10_000).await;
    blue.tick("a", 2);
    blue.tick("b", 3);
    ann.reconnect_to(&blue.server).await.unwrap();
    assert!(ann.recovered(), "{:?}", ann.recovery_failure());
    assert_eq!(ann.expect_event(TICK).await, 3);
    let socket = blue.io().to("b").sockets().pop().unwrap();
    assert_eq!(socket.get::<Seat>().as_deref(), Some(&Seat(7)));
    let user = socket.get::<User>();
    assert_eq!(user.as_deref(), Some(&User { name: "ann".into() }), "what `on_connect` sets stays");
}

#[tokio::test]
async fn a_session_is_restored_once() {
    let redis = Redis::start();
    let red = member(&redis, "red", 10_000).await;
    let blue = member(&redis, "blue", 10_000).await;
    let green = member(&redis, "green", 10_000).await;
    for _ in 0..20 {
        let ann = red.connect("ann").await;
        let mut claims = Vec::new();
        ann.wire().cut();
        for to in [&blue, &green] {
            let mut twin = ann.twin();
            let server = to.server.clone();
            claims.push(tokio::spawn(async move {
                twin.reconnect_to(&server).await.unwrap();
                twin
            }));
        }
        let mut recovered = 0;
        for claim in claims {
            recovered += u32::from(claim.await.unwrap().recovered());
        }
        assert!(recovered <= 1, "{recovered}");
    }
}
