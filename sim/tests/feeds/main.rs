//! Feeds in worlds drawn from a seed: readers follow one feed each, on a random road of six, change the road
//! in mid-journey, are cut off at any byte of an answer, read slowly or not at all, and come back with the
//! cursor that they have; now and then with one that is malformed, another feed's, or of a server before a
//! restart. Meanwhile all kinds of events are sent, so many in some worlds that feeds forget.
//!
//! Promises that are checked in every world:
//!
//! - each event that is kept comes exactly once and in order, on whichever roads, or a gap says what was
//!   lost, and it goes on from there exactly;
//! - volatile events come once at most, and between the same kept ones as they were sent;
//! - nothing of another room comes, nor what asks for an ack;
//! - whoever waits has everything that there is;
//! - no more is held than may be; when everybody has left nothing is left of them, no place and no task.
//!
//! Time is virtual, the server is real, with connections in memory. A failure names its seed;
//! `SOCKEYE_SEED=n SOCKEYE_FEED_WORLDS=1 cargo test -p sockeye-sim --test feeds` plays it alone.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod answer;
mod connect;
mod journal;
mod reader;
mod send;
mod tally;
mod world;

use std::sync::atomic::{AtomicUsize, Ordering};

use answer::{Cut, Road};
use sockeye_sim::Random;
use tally::Tally;
use tokio::runtime::Builder;
use world::World;

fn play(seed: u64) -> Tally {
    let runtime = Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let mut tally = Tally::default();
    runtime.block_on(async {
        World::new(Random::new(seed)).await.play(&mut tally).await;
    });
    tally
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

#[test]
fn every_event_comes_once_and_in_order_or_a_gap_says_what_was_lost() {
    count_panics();
    let mut all = Tally::default();
    let worlds = number("SOCKEYE_FEED_WORLDS").unwrap_or(WORLDS);
    let first = number("SOCKEYE_SEED").unwrap_or(0);
    for seed in first..first + worlds {
        let played = std::panic::catch_unwind(|| play(seed)).ok();
        // Also those of a task, which tokio catches.
        let has_panicked = PANICS.load(Ordering::Relaxed) > 0;
        match played.filter(|_| !has_panicked) {
            Some(tally) => all.add(tally),
            None => panic!("SOCKEYE_SEED={seed} SOCKEYE_FEED_WORLDS=1 plays it again"),
        }
    }
    say(&format!("{worlds} worlds from seed {first}: {all:?}"));
    if worlds < WORLDS {
        return;
    }
    // The worlds are not all alike: otherwise this would show nothing.
    assert_eq!(all.roads.len(), Road::ALL.len(), "{all:?}");
    assert!(all.changes > 200, "{all:?}");
    for cut in [Cut::BeforeTheHead, Cut::InTheHead, Cut::WithinAnEvent, Cut::BehindAnEvent] {
        assert!(all.cuts.get(&cut).is_some_and(|count| *count > 10), "{cut:?}: {all:?}");
    }
    for reason in ["too_old", "foreign", "malformed", "overload", "too slow"] {
        assert!(all.gaps.contains(reason), "{reason}: {all:?}");
    }
    assert!(all.events > 5_000, "{all:?}");
    assert!(all.volatile > 100, "{all:?}");
    assert!(all.restarts > 5 && all.later > 5, "{all:?}");
}

#[test]
fn a_seed_plays_the_same_world_again() {
    for seed in 0..5 {
        assert_eq!(play(seed), play(seed), "seed {seed}");
    }
}

static PANICS: AtomicUsize = AtomicUsize::new(0);

fn count_panics() {
    let print = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        PANICS.fetch_add(1, Ordering::Relaxed);
        print(panic);
    }));
}

#[allow(clippy::print_stderr)]
fn say(text: &str) {
    eprintln!("{text}");
}

/// Unless `SOCKEYE_FEED_WORLDS` says another number.
const WORLDS: u64 = 150;
