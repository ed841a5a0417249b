//! The real driver under clients that misbehave: worlds made from a seed, on tokio's paused clock,
//! with connections in memory.
//!
//! Each client plays a script drawn from the world's seed: it polls and posts, gives requests up
//! half way, sends them twice, upgrades or does not finish upgrading, reads slowly, writes byte by
//! byte, falls silent with its connection open. Promises that are checked in every world:
//!
//! - what arrives, on either side, is what was sent, in order, nothing twice and nothing left out
//!   in between;
//! - a client that keeps to the rules gets everything, also through the upgrade;
//! - whatever a client did, its session is gone by its deadline, with its tasks;
//! - nothing panics.
//!
//! `SOCKEYE_WORLDS=100000 cargo test --release -p sockeye-sim --test driver` plays more of them;
//! `SOCKEYE_SEED=…` begins with that seed. A failure names its seed, which plays it again.

#![forbid(unsafe_code)]

use std::cell::Cell;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use sockeye_sim::Random;
use sockeye_sim::driver::{Client, Host};

thread_local! {
    static SEED: Cell<Option<u64>> = const { Cell::new(None) };
}

/// What came of a world.
#[derive(Debug, Default, PartialEq, Eq)]
struct Report {
    messages: u64,
    upgraded: u64,
    orderly: u64,
    ends: BTreeMap<&'static str, u64>,
}

#[test]
fn worlds_keep_their_promises() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let worlds = number("SOCKEYE_WORLDS");
    let first = number("SOCKEYE_SEED").unwrap_or(1);
    abort_on_panic();
    let start = Instant::now();
    let mut total = Report::default();
    let mut played = 0;
    for seed in first.. {
        let done = match worlds {
            Some(worlds) => played >= worlds,
            None => played >= WORLDS_MIN && start.elapsed() >= TIME,
        };
        if done {
            break;
        }
        played += 1;
        let report = play(seed);
        total.messages += report.messages;
        total.upgraded += report.upgraded;
        total.orderly += report.orderly;
        for (reason, count) in report.ends {
            *total.ends.entry(reason).or_default() += count;
        }
    }
    if worlds.is_some() {
        eprint(&format!("{played} worlds from seed {first} in {:?}: {total:?}", start.elapsed()));
    }
    // The worlds are not all alike: otherwise this would show nothing.
    if played >= WORLDS_MIN {
        assert!(total.upgraded > WORLDS_MIN / 5, "{total:?}");
        assert!(total.orderly > WORLDS_MIN / 5, "{total:?}");
        assert!(total.messages > WORLDS_MIN * 3, "{total:?}");
        for reason in ["poll_aborted", "post_aborted", "silent", "connection_lost", "close_frame"] {
            assert!(total.ends.contains_key(reason), "{reason}: {total:?}");
        }
    }
}

#[test]
fn a_seed_plays_the_same_world_again() {
    for seed in 0..20 {
        assert_eq!(play(seed), play(seed), "seed {seed}");
    }
}

/// Plays one world to its end.
fn play(seed: u64) -> Report {
    SEED.set(Some(seed));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
    let report = runtime.block_on(world(seed));
    SEED.set(None);
    report
}

async fn world(seed: u64) -> Report {
    let mut random = Random::new(seed);
    let jumps = random.chance(20);
    let host = Host::memory(&mut random);
    let clients = 1 + random.below(4);
    let mut playing = Vec::new();
    for number in 0..clients {
        let client = Client::new(host.clone(), number, Random::new(random.number()));
        playing.push(tokio::spawn(client.play()));
    }
    if jumps {
        for _ in 0..random.below(4) {
            tokio::time::sleep(Duration::from_millis(random.below(30_000))).await;
            // Everything that is due in between is late, all at once.
            tokio::time::advance(Duration::from_millis(random.below(100_000))).await;
        }
    }
    let mut report = Report::default();
    let mut held = Vec::new();
    for client in playing {
        let outcome = client.await.expect("a panic ends the process");
        report.upgraded += u64::from(outcome.upgraded);
        report.messages += u64::from(outcome.received);
        report.orderly += u64::from(outcome.orderly && !jumps);
        if outcome.orderly && !jumps {
            host.assert_complete(&outcome);
        }
        held.push(outcome.held);
    }
    // Connections that are only silent are still open: the deadlines have to do it.
    tokio::time::sleep(DEADLINE).await;
    assert_eq!(host.engine.sessions(), 0, "sessions outlive their deadline");
    assert_eq!(host.handlers(), 0, "handlers outlive their session");
    drop(held);
    host.quiet(0).await;
    report.ends = host.ends();
    report
}

/// What a panic means: a promise was broken, by whomever. Tokio would catch it in its task.
fn abort_on_panic() {
    let print = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        print(panic);
        if let Some(seed) = SEED.get() {
            eprint(&format!("SOCKEYE_SEED={seed} SOCKEYE_WORLDS=1 plays it again"));
            std::process::exit(101);
        }
    }));
}

#[allow(clippy::print_stderr)]
fn eprint(text: &str) {
    eprintln!("{text}");
}

/// The longest that a session can outlive its client: a pong's deadline put off once, and closing.
const DEADLINE: Duration = Duration::from_secs(25 + 20 + 20 + 30 + 5);
const WORLDS_MIN: u64 = 200;
/// In CI.
const TIME: Duration = Duration::from_secs(10);
