//! A few thousand worlds; `cargo run -p sockeye-sim` plays more.

use sockeye_engine_proto::CloseReason;

use crate::plan::{Fault, Plan};
use crate::random::Random;
use crate::run;

/// Unless `SOCKEYE_SESSION_WORLDS` says another number.
const WORLDS: u64 = 3000;

#[test]
fn worlds_keep_their_promises() {
    let mut ends = std::collections::BTreeSet::new();
    let (mut upgraded, mut messages) = (0, 0);
    let worlds = std::env::var("SOCKEYE_SESSION_WORLDS").ok().and_then(|text| text.parse().ok());
    for seed in 0..worlds.unwrap_or(WORLDS) {
        match run(seed) {
            Ok(report) => {
                upgraded += u32::from(report.upgraded);
                messages += report.to_client + report.to_server;
                ends.insert(report.server_closed.as_str());
            }
            Err(failure) => panic!("{failure}"),
        }
    }
    // The worlds are not all alike: otherwise this would show nothing.
    assert!(upgraded > 1000, "{upgraded}");
    assert!(messages > 50_000, "{messages}");
    for reason in [
        CloseReason::ForcedClose,
        CloseReason::PingTimeout,
        CloseReason::TransportClose,
        CloseReason::TransportError,
    ] {
        assert!(ends.contains(reason.as_str()), "{ends:?}");
    }
}

#[test]
fn a_seed_plays_the_same_world_again() {
    for seed in 0..50 {
        assert_eq!(run(seed).unwrap(), run(seed).unwrap());
    }
    assert_ne!(run(1).unwrap().digest, run(2).unwrap().digest);
}

#[test]
fn every_fault_is_planned() {
    let plans: Vec<_> = (0..1000).map(|seed| Plan::draw(&mut Random::new(seed))).collect();
    for fault in [
        Fault::CutPoll,
        Fault::CutPost,
        Fault::CutWebSocket,
        Fault::DeafProbe,
        Fault::SilentClient,
        Fault::Blackout,
        Fault::SecondProbe,
    ] {
        assert!(plans.iter().any(|plan| plan.fault.is_some_and(|(kind, _)| kind == fault)));
    }
}
