//! Recovery in worlds drawn from a seed: clients lose their connections again and again, noticed or
//! not, also amid what they are sent again, with events on the way or none, and come back soon or
//! late, some with an offset that they never saw. Each gets every event that is kept and was for it
//! exactly once and in order, or is told that it was not recovered, and why; what is not kept
//! (volatile, or asking for an ack) comes once at most. What strangers say in the events, offsets of
//! all kinds, changes nothing.
//!
//! Time is virtual, the server and its connections are real. A failure names its seed;
//! `SOCKEYE_SEED=n SOCKEYE_RECOVERY_WORLDS=1 cargo test -p sockeye-sim --test recovery` plays it
//! alone, `SOCKEYE_RECOVERY_WORLDS=100000` many (`--release` then).

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::time::Duration;

use sockeye::{Ack, Args, Config, Event, Namespace, RecoveryConfig, Server, Socket};
use sockeye_testing::{TestClient, TestServer};
use tokio::time::{Instant, sleep, timeout};

/// A number and what somebody said.
type Said = Args<(u64, String)>;

const NEWS: Event<Said> = Event::new("news");
const NOW: Event<Said> = Event::new("now");
const QUESTION: Event<Said, ()> = Event::new("question");
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

    fn index(&mut self, end: usize) -> usize {
        usize::try_from(self.below(end as u64)).unwrap()
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

/// A client, and what its session was sent.
struct Player {
    client: TestClient,
    rooms: BTreeSet<&'static str>,
    /// Of the events that are kept.
    expected: Vec<u64>,
    received: Vec<u64>,
    /// Of the others, whichever came.
    unkept: BTreeSet<u64>,
    /// When its connection was lost, as long as it is.
    lost: Option<Instant>,
    /// The last offset that came on a session before this one.
    old_offset: Option<String>,
}

/// Whether an event is for a player.
type Reached = Box<dyn Fn(usize, &Player) -> bool>;

/// What happened, to know that worlds are not all alike.
#[derive(Default, Debug)]
struct Tally {
    recovered: u32,
    recovered_without_events: u32,
    /// Having received nothing on this session, but on one before.
    recovered_with_an_old_offset: u32,
    unnoticed: u32,
    cut_before_the_reply: u32,
    cut_amid_the_replay: u32,
    forged: u32,
    failed: BTreeSet<String>,
    events: usize,
    unkept: usize,
}

struct World {
    server: TestServer,
    players: Vec<Player>,
    random: Random,
    log_events_max: usize,
    queued_packets_max: u32,
    next_event: u64,
    /// Events that are kept so far: the number in the newest offset.
    kept: u64,
}

impl World {
    async fn new(seed: u64) -> Self {
        let mut random = Random(seed);
        // In some worlds so little is kept, or may wait for one client, that more is missed.
        let log_events_max = if random.chance(30) { 10 } else { 10_000 };
        let queued_packets_max = if random.chance(20) { 8 } else { 10_000 };
        let recovery = RecoveryConfig {
            max_disconnection: AWAY_MAX,
            log_events_max,
            ..RecoveryConfig::default()
        };
        let mut config = Config { recovery: Some(recovery), ..Config::default() };
        config.engine.queued_packets_max = queued_packets_max;
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
        Self { server, players, random, log_events_max, queued_packets_max, next_event: 0, kept: 0 }
    }

    async fn play(mut self, tally: &mut Tally) {
        for _ in 0..40 + self.random.below(60) {
            let at = self.random.index(self.players.len());
            match self.random.below(14) {
                0..4 => {
                    for _ in 0..=self.random.below(3) {
                        self.send();
                    }
                }
                4 | 5 => self.send_unkept().await,
                6 | 7 => lose(&mut self.players[at], &mut self.random).await,
                8 | 9 => self.come_back(at, tally).await,
                10 => self.cut_amid(at, tally).await,
                11 => self.forge(at, tally).await,
                12 => self.players[at].move_rooms(&mut self.random).await,
                _ => self.wait().await,
            }
        }
        for at in 0..self.players.len() {
            self.come_back(at, tally).await;
            let player = &mut self.players[at];
            player.read().await;
            assert_eq!(player.received, player.expected);
            tally.events += player.received.len();
            tally.unkept += player.unkept.len();
        }
    }

    /// What a stranger says: very often something like an offset.
    fn words(&mut self) -> String {
        let mut offsets = self.players.iter().filter_map(|player| player.client.last_offset());
        let Some((epoch, _)) = offsets.next().and_then(|offset| offset.split_once('.')) else {
            return "nothing".to_owned();
        };
        let number = match self.random.below(4) {
            0 => self.random.below(self.kept + 1),
            1 => self.kept + self.random.below(50),
            2 => self.random.below(u64::MAX),
            _ => return ["", ".", "no offset", "x.1"][self.random.index(4)].to_owned(),
        };
        format!("{epoch}.{number}")
    }

    /// Sends one event that is kept to some of the sessions, and notes for whom it is.
    fn send(&mut self) {
        let said = Args((self.next_event, self.words()));
        let (io, random) = (self.server.server().io(), &mut self.random);
        let room = ROOMS[random.index(3)];
        let other = ROOMS[random.index(3)];
        let at = random.index(self.players.len());
        let is_reached: Reached = match random.below(5) {
            0 => {
                io.emit(NEWS, &said).unwrap();
                Box::new(|_, _| true)
            }
            1 => {
                io.to([room, other]).emit(NEWS, &said).unwrap();
                Box::new(|_, player| player.rooms.contains(room) || player.rooms.contains(other))
            }
            2 => {
                io.except(room).emit(NEWS, &said).unwrap();
                Box::new(|_, player| !player.rooms.contains(room))
            }
            3 => {
                io.to(self.players[at].client.id()).emit(NEWS, &said).unwrap();
                Box::new(move |index, _| index == at)
            }
            // To a socket itself, which is there only while its connection is thought to be.
            _ => match io.socket(self.players[at].client.id()) {
                Some(socket) => {
                    socket.emit(NEWS, &said).unwrap();
                    Box::new(move |index, _| index == at)
                }
                None => return,
            },
        };
        for (index, player) in self.players.iter_mut().enumerate() {
            if is_reached(index, player) {
                player.expected.push(self.next_event);
            }
        }
        self.next_event += 1;
        self.kept += 1;
    }

    /// Sends one event that is not kept.
    async fn send_unkept(&mut self) {
        let said = Args((self.next_event, self.words()));
        self.next_event += 1;
        let io = self.server.server().io();
        let at = self.random.index(self.players.len());
        let socket = io.socket(self.players[at].client.id());
        match (self.random.below(5), socket) {
            (0, _) => io.volatile().emit(NOW, &said).unwrap(),
            (1, _) => io.to(ROOMS[self.random.index(3)]).volatile().emit(NOW, &said).unwrap(),
            (2, Some(socket)) => socket.volatile().emit(NOW, &said).unwrap(),
            (3, Some(socket)) => drop(socket.emit_with_ack(QUESTION, &said)),
            _ => drop(io.emit_with_ack(QUESTION, &said).unwrap()),
        }
        if self.random.chance(50) {
            // So that the next finds an empty queue.
            sleep(Duration::from_millis(1)).await;
        }
    }

    async fn wait(&mut self) {
        let random = &mut self.random;
        let seconds = if random.chance(80) { random.below(20) } else { random.below(300) };
        sleep(Duration::from_secs(seconds)).await;
        for player in &mut self.players {
            player.read().await;
        }
    }

    /// Ends an absence: the client is told that nothing was missed, or begins anew.
    async fn come_back(&mut self, at: usize, tally: &mut Tally) {
        let player = &mut self.players[at];
        let Some(lost) = player.lost else { return };
        player.read().await;
        let had_none = player.client.last_offset().is_none();
        let has_old = !had_none && player.old_offset.as_deref() == player.client.last_offset();
        let missed = player.expected.len() - player.received.len();
        player.client.reconnect().await.unwrap();
        // From the reply on everything counts anew.
        let away = lost.elapsed();
        player.lost = None;
        if player.client.recovered() {
            tally.recovered += 1;
            tally.recovered_without_events += u32::from(had_none);
            tally.recovered_with_an_old_offset += u32::from(has_old);
            tally.unnoticed += u32::from(away < Duration::from_secs(20));
            player.read().await;
            assert_eq!(player.received, player.expected, "missed something");
            return;
        }
        let reason = player.client.recovery_failure().expect("a failed recovery has a reason");
        let is_late = away >= AWAY_MAX;
        let is_short = self.log_events_max < 100 || self.queued_packets_max < 100;
        assert!(is_late || is_short, "{reason} after {away:?}, {missed} missed");
        assert_ne!(reason, "unknown_offset", "it is honest");
        tally.failed.insert(reason.to_owned());
        player.start_anew();
    }

    /// The connection that brings what was missed is lost as well, anywhere.
    async fn cut_amid(&mut self, at: usize, tally: &mut Tally) {
        let bytes = self.random.index(1_500);
        let player = &mut self.players[at];
        if player.lost.is_none() {
            return;
        }
        player.read().await;
        player.client.cut_next_connection_after(bytes);
        match player.client.reconnect().await {
            Err(_) => {
                tally.cut_before_the_reply += 1;
                // Perhaps the server has never heard of it.
                return;
            }
            Ok(()) if !player.client.recovered() => {
                let reason = player.client.recovery_failure().unwrap().to_owned();
                tally.failed.insert(reason);
                player.start_anew();
            }
            Ok(()) => {
                let before = player.received.len();
                player.read().await;
                let is_amid = player.received.len() > before;
                let is_all = player.received.len() == player.expected.len();
                tally.cut_amid_the_replay += u32::from(is_amid && !is_all);
            }
        }
        player.client.wire().cut();
        player.lost = Some(Instant::now());
        sleep(Duration::from_millis(1)).await;
    }

    /// A client claims to have seen what it was never sent. It gets nothing by it.
    async fn forge(&mut self, at: usize, tally: &mut Tally) {
        let (kept, more) = (self.kept, 1 + self.random.below(50));
        let player = &mut self.players[at];
        if player.lost.is_none() {
            return;
        }
        player.read().await;
        let Some(honest) = player.client.last_offset().map(str::to_owned) else { return };
        let (epoch, _) = honest.split_once('.').unwrap();
        let is_away = self.server.server().io().socket(player.client.id()).is_none();
        let mut number = kept + more;
        if is_away {
            // It is away, as everybody knows; what is sent now is not sent to it.
            let said = Args((self.next_event, String::new()));
            self.server.server().io().to("nowhere").emit(NEWS, &said).unwrap();
            self.next_event += 1;
            self.kept += 1;
            number = self.kept;
        }
        let forged = format!("{epoch}.{number}");
        player.client.set_last_offset(Some(&forged));
        player.client.reconnect().await.unwrap();
        assert!(!player.client.recovered(), "{forged} was believed");
        // From now on it is honest: what it saw last is of the session before.
        player.client.set_last_offset(Some(&honest));
        tally.forged += 1;
        tally.failed.insert(player.client.recovery_failure().unwrap().to_owned());
        player.start_anew();
        player.lost = None;
    }
}

/// Breaks a connection: with a notice to both sides, to none, or first slow and then gone.
async fn lose(player: &mut Player, random: &mut Random) {
    if player.lost.is_some() {
        return;
    }
    let wire = player.client.wire().clone();
    match random.below(5) {
        0 => wire.cut(),
        1 => wire.go_half_open(),
        2 => {
            wire.delay(Duration::from_millis(random.below(500)));
            sleep(Duration::from_millis(random.below(500))).await;
            wire.cut();
        }
        // Amid the next event.
        3 => wire.cut_after(random.index(100)),
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
        let (expected, received, unkept) = (Vec::new(), Vec::new(), BTreeSet::new());
        Player {
            client,
            rooms: BTreeSet::new(),
            expected,
            received,
            unkept,
            lost: None,
            old_offset: None,
        }
    }

    /// A new session: nothing of the old one comes any more.
    fn start_anew(&mut self) {
        self.rooms.clear();
        self.expected.clear();
        self.received.clear();
        self.old_offset = self.client.last_offset().map(str::to_owned);
    }

    /// Takes in what has arrived.
    async fn read(&mut self) {
        while let Ok(Some(event)) = timeout(MOMENT, self.client.next_event()).await {
            let Args((number, _)) = event.args.decode::<Said>().unwrap();
            match event.name.as_str() {
                "news" => self.received.push(number),
                name => assert!(self.unkept.insert(number), "{name} {number} came twice"),
            }
        }
        let expected = &self.expected[..self.received.len().min(self.expected.len())];
        assert_eq!(self.received, expected, "out of order, repeated, or not for this client");
    }

    /// Joins or leaves a room, on a connection on which nothing is under way.
    async fn move_rooms(&mut self, random: &mut Random) {
        if self.lost.is_some() {
            return;
        }
        self.read().await;
        let room = ROOMS[random.index(3)];
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

fn run(future: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(future);
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

#[test]
fn every_event_comes_once_and_in_order_or_the_client_is_told_why_not() {
    let mut tally = Tally::default();
    let worlds = number("SOCKEYE_RECOVERY_WORLDS").unwrap_or(WORLDS);
    let first = number("SOCKEYE_SEED").unwrap_or(0);
    for seed in first..first + worlds {
        let played = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            run(async { World::new(seed).await.play(&mut tally).await });
        }));
        assert!(played.is_ok(), "SOCKEYE_SEED={seed} SOCKEYE_RECOVERY_WORLDS=1 plays it again");
    }
    if worlds < WORLDS {
        return;
    }
    // The worlds are not all alike: otherwise this would show nothing.
    assert!(tally.recovered > 100, "{tally:?}");
    assert!(tally.recovered_without_events > 5, "{tally:?}");
    assert!(tally.recovered_with_an_old_offset > 5, "{tally:?}");
    assert!(tally.unnoticed > 20, "{tally:?}");
    assert!(tally.cut_before_the_reply > 10, "{tally:?}");
    assert!(tally.cut_amid_the_replay > 10, "{tally:?}");
    assert!(tally.forged > 20, "{tally:?}");
    assert!(tally.events > 1_000, "{tally:?}");
    assert!(tally.unkept > 200, "{tally:?}");
    for reason in ["unknown_session", "log_truncated", "unknown_offset"] {
        assert!(tally.failed.contains(reason), "{tally:?}");
    }
}

/// Somebody returns again and again while others are away, many times more often than there may be
/// absent sessions, and nobody loses anything by it.
#[test]
fn so_many_returns_push_nobody_out() {
    let returns = number("SOCKEYE_RECOVERY_RETURNS").unwrap_or(RETURNS);
    run(async move {
        let recovery = RecoveryConfig { sessions_max: 100, ..RecoveryConfig::default() };
        let config = Config { recovery: Some(recovery), ..Config::default() };
        let server = TestServer::new(Server::builder().config(config).build().unwrap());
        let io = server.server().io();
        let mut absent = Vec::new();
        for _ in 0..99 {
            let client = server.connect().await;
            client.wire().cut();
            absent.push(client);
        }
        let mut busy = server.connect().await;
        let mut expected = Vec::new();
        for number in 0..returns {
            busy.wire().cut();
            sleep(Duration::from_millis(1)).await;
            if number % 100 == 0 {
                io.emit(NEWS, &Args((number, String::new()))).unwrap();
                expected.push(number);
            }
            busy.reconnect().await.unwrap();
            assert!(busy.recovered(), "{:?} in round {number}", busy.recovery_failure());
            if number % 100 == 0 {
                assert_eq!(busy.expect_event(NEWS).await.0.0, number);
            }
        }
        for client in &mut absent {
            client.reconnect().await.unwrap();
            assert!(client.recovered(), "{:?}", client.recovery_failure());
            for number in &expected {
                assert_eq!(client.expect_event(NEWS).await.0.0, *number);
            }
        }
    });
}

/// Unless `SOCKEYE_RECOVERY_WORLDS` says another number.
const WORLDS: u64 = 200;
/// Unless `SOCKEYE_RECOVERY_RETURNS` says another number.
const RETURNS: u64 = 2_000;
