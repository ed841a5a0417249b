//! Several servers as one, in worlds drawn from a seed: over a bus that delays, loses, doubles and reorders what it carries,
//! that is cut between any two of them, with servers that die in the middle of a question and come back under their
//! name, with clocks that jump, and with messages of versions that nobody here knows.
//!
//! Promises that are checked in every world:
//!
//! - no question outlives its time-out, whoever dies meanwhile;
//! - an answer without an error has every socket of each server that the asker knew in the namespace, that could hear it
//!   and that it did not take for gone meanwhile, each once; one with an error names servers that it knew;
//! - acks are counted: a collection that says it is complete has the answer of every client of those servers;
//! - no client hears an event twice that the bus did not double, and where the bus keeps the order, those of one server come
//!   in their order; where it loses nothing, all of them come;
//! - when the faults have ended, servers know each other again within the heartbeat's time-out, every count is right, and
//!   everybody who is present is so on every server, once for each connection.
//!
//! Time is virtual. A failure names its seed; `SOCKEYE_SEED=n SOCKEYE_CLUSTER_WORLDS=1 cargo test -p sockeye-sim --test
//! cluster` plays it alone.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bus;
mod world;

use std::panic::AssertUnwindSafe;

use tokio::runtime::Builder;

#[test]
fn servers_over_a_bus_that_fails() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse().unwrap());
    let first: u64 = number("SOCKEYE_SEED").unwrap_or(1);
    let worlds: u64 = number("SOCKEYE_CLUSTER_WORLDS").unwrap_or(200);
    let mut seen = world::Seen::default();
    for seed in first..first + worlds {
        let runtime = Builder::new_current_thread().enable_all().start_paused(true).build();
        let played = AssertUnwindSafe(|| runtime.unwrap().block_on(world::play(seed)));
        match std::panic::catch_unwind(played) {
            Ok(world) => seen.add(&world),
            Err(failure) => {
                eprintln!("world {seed} failed: SOCKEYE_SEED={seed} SOCKEYE_CLUSTER_WORLDS=1");
                std::panic::resume_unwind(failure);
            }
        }
        if seed % 10_000 == 0 {
            eprintln!("{seed} worlds: {seen:?}");
        }
    }
    eprintln!("{seen:?}");
    // What is never seen is not tested.
    if worlds >= 200 {
        assert!(seen.complete > 0 && seen.partial > 0 && seen.deaths > 0, "{seen:?}");
        assert!(seen.cuts > 0 && seen.doubled > 0 && seen.lost > 0, "{seen:?}");
    }
}
