//! Servers and Redis that die, and what their clients have of it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/recovering.rs"]
mod recovering;
mod support;

use std::time::Duration;

use tokio::time::timeout;

use self::recovering::{JOIN, Setup, TICK, join, member, sessions, written_rooms};
use self::support::{Redis, until};

/// The moment a client hears something of a room, its server dies: then the join is written, and the client is in the room
/// where it goes on.
#[tokio::test]
async fn what_a_room_sends_reaches_a_client_only_when_its_join_is_written() {
    let redis = Redis::start();
    let blue = member(&redis, "blue", 10_000).await;
    for round in 0..20 {
        let red = member(&redis, "red", 10_000).await;
        let mut ann = red.connect("ann").await;
        join(&mut ann, &format!("first-{round}")).await;
        until("the session to be written", async || {
            let first = format!("first-{round}");
            sessions(&redis).iter().any(|pid| written_rooms(&redis, pid).contains(&first))
        })
        .await;
        let room = format!("room-{round}");
        ann.emit(JOIN, &room);
        let mut number = 0;
        let hearing = async {
            while !red.has(&room) {
                tokio::task::yield_now().await;
            }
            loop {
                number += 1;
                blue.tick(&room, number);
                let heard = timeout(Duration::from_millis(1), ann.next_event()).await;
                if let Ok(event) = heard {
                    red.way.sever();
                    return event.unwrap();
                }
            }
        };
        timeout(Duration::from_secs(20), hearing).await.unwrap();
        ann.wire().cut();
        ann.reconnect_to(&blue.server).await.unwrap();
        assert!(ann.recovered(), "round {round}: {:?}", ann.recovery_failure());
        assert!(blue.has(&room), "round {round}: it has heard of a room that it is not in");
        ann.disconnect();
    }
}

/// Redis has forgotten everything: sessions are written again, and who has heard something since then can go on.
#[tokio::test]
async fn redis_forgets_all_and_learns_it_again() {
    let mut redis = Redis::start();
    let red = member(&redis, "red", 10_000).await;
    let blue = member(&redis, "blue", 10_000).await;
    let mut ann = red.connect("ann").await;
    join(&mut ann, "a").await;
    red.tick("a", 1);
    assert_eq!(ann.expect_event(TICK).await, 1);
    redis.kill();
    red.tick("a", 2);
    assert_eq!(ann.expect_event(TICK).await, 2);
    redis.start_again();
    until("the session to be written again", async || {
        sessions(&redis).iter().any(|pid| written_rooms(&redis, pid).contains("a"))
    })
    .await;
    red.cluster.ready().await;
    let mut number = 2;
    until("an event to be kept again", async || {
        redis.run(&["EXISTS", "socket.io"]).trim() == "1" || {
            red.tick("b", 0);
            false
        }
    })
    .await;
    number += 1;
    red.tick("a", number);
    assert_eq!(ann.expect_event(TICK).await, number);
    red.kill(std::slice::from_ref(&ann));
    until("the other server to be there again", async || {
        blue.cluster.server_count("/").await.is_some()
    })
    .await;
    ann.reconnect_to(&blue.server).await.unwrap();
    assert!(ann.recovered(), "{:?}", ann.recovery_failure());
    assert!(blue.has("a"));
}

/// A change that Redis does not take: what it has of the session is deleted, so that nobody goes on without a room.
#[tokio::test]
async fn a_session_that_cannot_be_written_is_deleted() {
    let redis = Redis::with(&["--maxmemory-policy", "noeviction"]);
    let red = member(&redis, "red", 10_000).await;
    let blue = member(&redis, "blue", 10_000).await;
    let mut ann = red.connect("ann").await;
    join(&mut ann, "a").await;
    red.tick("a", 1);
    assert_eq!(ann.expect_event(TICK).await, 1);
    until("the session to be written", async || sessions(&redis).len() == 1).await;
    redis.run(&["CONFIG", "SET", "maxmemory", "1"]);
    join(&mut ann, "b").await;
    until("the session to be deleted", async || sessions(&redis).is_empty()).await;
    red.tick("b", 2);
    assert_eq!(ann.expect_event(TICK).await, 2, "local delivery goes on");
    red.kill(std::slice::from_ref(&ann));
    ann.reconnect_to(&blue.server).await.unwrap();
    assert_eq!(ann.recovery_failure(), Some("unknown_session"));
}

/// A session is written again before it expires, as long as its client is connected.
#[tokio::test]
async fn a_session_lasts_as_long_as_its_client_is_connected() {
    let redis = Redis::start();
    let mut red = Setup::new("red");
    red.max_disconnection = Duration::from_millis(300);
    let red = red.start(&redis).await;
    let ann = red.connect("ann").await;
    until("the session to be written", async || sessions(&redis).len() == 1).await;
    let pid = sessions(&redis).pop().unwrap();
    let key = format!("sio:session:{pid}");
    let left = || redis.run(&["PTTL", &key]).trim().parse::<i64>().unwrap();
    for _ in 0..5 {
        let before = left();
        assert!((300..=600).contains(&before), "{before} ms are left");
        until("it to be written again", async || left() > before).await;
    }
    ann.wire().cut();
    until("it to expire", async || sessions(&redis).is_empty()).await;
}

/// A server is killed while numbered events go to the rooms of its clients, who join more rooms meanwhile.
async fn a_server_is_killed(clients: usize, seed: u32) {
    let redis = Redis::start();
    let red = member(&redis, "red", 1_000_000).await;
    let blue = member(&redis, "blue", 1_000_000).await;
    let mut all = Vec::new();
    for at in 0..clients {
        let mut client = red.connect("ann").await;
        join(&mut client, &format!("room-{}", at % 10)).await;
        all.push(client);
    }
    let mut number = 0;
    let mut burst = async |times: u32| {
        for _ in 0..times {
            number += 1;
            for room in 0..10 {
                blue.tick(&format!("room-{room}"), number);
            }
            tokio::task::yield_now().await;
        }
        number
    };
    burst(40 + seed).await;
    // Some have got all of it, some a part, some nothing.
    let mut heard = vec![0; clients];
    for (at, client) in all.iter_mut().enumerate() {
        for _ in 0..at % 40 {
            heard[at] += 1;
            assert_eq!(client.expect_event(TICK).await, heard[at]);
        }
        if at % 3 == 0 {
            client.emit(JOIN, &format!("late-{at}"));
        }
    }
    burst(seed % 7).await;
    red.kill(&all);
    burst(20).await;
    let mut waiting = Vec::new();
    let mut failures = Vec::new();
    for (at, mut client) in all.into_iter().enumerate() {
        client.reconnect_to(&blue.server).await.unwrap();
        match client.recovery_failure() {
            None => waiting.push((at, client)),
            Some(failure) => failures.push(failure.to_owned()),
        }
    }
    let last = burst(5).await;
    for (at, mut client) in waiting {
        assert!(client.recovered());
        // What had arrived before and nobody had looked at is gone with the connection, and counts as seen.
        let mut expected = client.expect_event(TICK).await;
        assert!(expected > heard[at], "client {at} heard {expected} twice, seed {seed}");
        while expected < last {
            expected += 1;
            assert_eq!(client.expect_event(TICK).await, expected, "client {at}, seed {seed}");
        }
        client.expect_no_event_for(Duration::ZERO).await;
    }
    assert!(failures.len() * 100 <= clients, "of {clients} clients {failures:?}, seed {seed}");
}

#[tokio::test]
async fn clients_of_a_killed_server_go_on_exactly_once_and_in_order() {
    let kills = std::env::var("SOCKEYE_KILLED_SERVERS").map_or(2, |count| count.parse().unwrap());
    for seed in 0..kills {
        a_server_is_killed(200, seed).await;
    }
}
