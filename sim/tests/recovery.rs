//! Recovery in worlds drawn from a seed: clients lose their connections again and again, noticed or
//! not, with events on the way or none, and come back soon or late. Each gets every event that was
//! for it exactly once and in order, or is told that it was not recovered, and why.
//!
//! Time is virtual, the server and its connections are real. A failure names its seed;
//! `SEED=n cargo test -p sockeye-sim --test recovery` plays it alone.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{collections::BTreeSet, time::Duration};

use sockeye::{Ack, Config, Event, Namespace, RecoveryConfig, Server, Socket};
use sockeye_testing::{TestClient, TestServer};
use tokio::time::{Instant, sleep, timeout};

const NEWS: Event<u64> = Event::new("news");
const JOIN: Event<String, ()> = Event::new("join");
const LEAVE: Event<String, ()> = Event::new("leave");
const ROOMS: [&str; 3] = ["a", "b", "c"];
/// How long a client may stay away.
const AWAY_MAX: Duration = Duration::from_secs(120);

/// SplitMix64, as in the simulator.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

/// A client, and what its session was sent.
struct Player {
    client: TestClient,
    rooms: BTreeSet<&'static str>,
    expected: Vec<u64>,
    received: Vec<u64>,
    /// When its connection was lost, as long as it is.
    lost: Option<Instant>,
}

/// What happened, to know that worlds are not all alike.
#[derive(Default, Debug)]
struct Tally {
    recovered: u32,
    recovered_without_events: u32,
    unnoticed: u32,
    failed: BTreeSet<String>,
    events: usize,
}

async fn world(seed: u64, tally: &mut Tally) {
    let mut random = Random(seed);
    // In some worlds so little is kept that more is missed.
    let log_events_max = if random.chance(30) { 10 } else { 10_000 };
    let recovery =
        RecoveryConfig { max_disconnection: AWAY_MAX, log_events_max, ..RecoveryConfig::default() };
    let config = Config { recovery: Some(recovery), ..Config::default() };
    let namespace = Namespace::new("/")
        .on(JOIN, async |socket: Socket, room: String| {
            socket.join(room);
            Ack(())
        })
        .on(LEAVE, async |socket: Socket, room: String| {
            socket.leave(room);
            Ack(())
        });
    let server = Server::builder().config(config).namespace(namespace).build().unwrap();
    let server = TestServer::new(server);
    let mut players = Vec::new();
    for _ in 0..=random.below(3) {
        players.push(Player::new(server.connect().await));
    }
    let mut next_event = 0;
    for _ in 0..40 + random.below(60) {
        let at = usize::try_from(random.below(players.len() as u64)).unwrap();
        match random.below(10) {
            0..4 => {
                for _ in 0..=random.below(3) {
                    send(&server, &mut players, &mut random, next_event);
                    next_event += 1;
                }
            }
            4 | 5 => lose(&mut players[at], &mut random).await,
            6 | 7 => players[at].come_back(log_events_max, tally).await,
            8 => players[at].move_rooms(&mut random).await,
            _ => {
                let seconds = if random.chance(80) { random.below(20) } else { random.below(300) };
                sleep(Duration::from_secs(seconds)).await;
                for player in &mut players {
                    player.read().await;
                }
            }
        }
    }
    for player in &mut players {
        player.come_back(log_events_max, tally).await;
        player.read().await;
        assert_eq!(player.received, player.expected);
        tally.events += player.received.len();
    }
}

/// Sends one event, with an ack or without, to some of the sessions, and notes for whom it is.
fn send(server: &TestServer, players: &mut [Player], random: &mut Random, event: u64) {
    let io = server.server().io();
    let room = ROOMS[usize::try_from(random.below(3)).unwrap()];
    let other = ROOMS[usize::try_from(random.below(3)).unwrap()];
    match random.below(5) {
        0 => {
            io.emit(NEWS, &event).unwrap();
            players.iter_mut().for_each(|player| player.expected.push(event));
        }
        1 => {
            io.to([room, other]).emit(NEWS, &event).unwrap();
            let reached =
                |player: &&mut Player| player.rooms.contains(room) || player.rooms.contains(other);
            players.iter_mut().filter(reached).for_each(|player| player.expected.push(event));
        }
        2 => {
            io.except(room).emit(NEWS, &event).unwrap();
            let reached = |player: &&mut Player| !player.rooms.contains(room);
            players.iter_mut().filter(reached).for_each(|player| player.expected.push(event));
        }
        3 => {
            let at = usize::try_from(random.below(players.len() as u64)).unwrap();
            let player = &mut players[at];
            io.to(player.client.id()).emit(NEWS, &event).unwrap();
            player.expected.push(event);
        }
        // To a socket itself, which is there only while its connection is thought to be.
        _ => {
            let at = usize::try_from(random.below(players.len() as u64)).unwrap();
            if let Some(socket) = io.socket(players[at].client.id()) {
                socket.emit(NEWS, &event).unwrap();
                players[at].expected.push(event);
            }
        }
    }
}

/// Breaks a connection: with a notice to both sides, to none, or first slow and then gone.
async fn lose(player: &mut Player, random: &mut Random) {
    if player.lost.is_some() {
        return;
    }
    let wire = player.client.wire().clone();
    match random.below(4) {
        0 => wire.cut(),
        1 => wire.go_half_open(),
        2 => {
            wire.delay(Duration::from_millis(random.below(500)));
            sleep(Duration::from_millis(random.below(500))).await;
            wire.cut();
        }
        _ => {
            wire.stall();
            sleep(Duration::from_secs(random.below(10))).await;
            wire.cut();
        }
    }
    player.lost = Some(Instant::now());
}

impl Player {
    fn new(client: TestClient) -> Self {
        let (expected, received) = (Vec::new(), Vec::new());
        Player { client, rooms: BTreeSet::new(), expected, received, lost: None }
    }

    /// Takes in what has arrived.
    async fn read(&mut self) {
        while let Ok(Some(event)) = timeout(MOMENT, self.client.next_event()).await {
            assert_eq!(event.name, "news");
            self.received.push(event.args.decode().unwrap());
        }
        let expected = &self.expected[..self.received.len().min(self.expected.len())];
        assert_eq!(self.received, expected, "out of order, repeated, or not for this client");
    }

    async fn come_back(&mut self, log_events_max: usize, tally: &mut Tally) {
        let Some(lost) = self.lost else { return };
        self.read().await;
        let had_none = self.received.is_empty();
        let missed = self.expected.len() - self.received.len();
        let is_unnoticed = lost.elapsed() < Duration::from_secs(20);
        let away = lost.elapsed();
        self.client.reconnect().await.unwrap();
        self.lost = None;
        if self.client.recovered() {
            tally.recovered += 1;
            tally.recovered_without_events += u32::from(had_none);
            tally.unnoticed += u32::from(is_unnoticed);
            self.read().await;
            assert_eq!(self.received, self.expected, "missed something");
            return;
        }
        let reason = self.client.recovery_failure().expect("a failed recovery has a reason");
        let is_late = away >= AWAY_MAX;
        let is_short = log_events_max < 100;
        assert!(is_late || is_short, "{reason} after {away:?}, {missed} missed");
        tally.failed.insert(reason.to_owned());
        // A new session: nothing of the old one comes any more.
        self.rooms.clear();
        self.expected.clear();
        self.received.clear();
    }

    /// Joins or leaves a room, on a connection on which nothing is under way.
    async fn move_rooms(&mut self, random: &mut Random) {
        if self.lost.is_some() {
            return;
        }
        self.read().await;
        let room = ROOMS[usize::try_from(random.below(3)).unwrap()];
        if self.rooms.remove(room) {
            self.client.emit_with_ack(LEAVE, room).await.unwrap();
        } else {
            self.client.emit_with_ack(JOIN, room).await.unwrap();
            self.rooms.insert(room);
        }
    }
}

/// Virtual: everything that is under way arrives before it is over.
const MOMENT: Duration = Duration::from_millis(600);

fn play(seed: u64, tally: &mut Tally) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(world(seed, tally));
}

#[test]
fn every_event_comes_once_and_in_order_or_the_client_is_told_why_not() {
    let mut tally = Tally::default();
    if let Some(seed) = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()) {
        return play(seed, &mut tally);
    }
    for seed in 0..WORLDS {
        let played = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            play(seed, &mut tally);
        }));
        assert!(played.is_ok(), "SEED={seed}");
    }
    // The worlds are not all alike: otherwise this would show nothing.
    assert!(tally.recovered > 100, "{tally:?}");
    assert!(tally.recovered_without_events > 5, "{tally:?}");
    assert!(tally.unnoticed > 20, "{tally:?}");
    assert!(tally.events > 1_000, "{tally:?}");
    for reason in ["unknown_session", "log_truncated"] {
        assert!(tally.failed.contains(reason), "{tally:?}");
    }
}

const WORLDS: u64 = 200;
