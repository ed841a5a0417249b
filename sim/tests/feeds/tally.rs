//! What happened, to know that worlds are not all alike.

use std::collections::{BTreeMap, BTreeSet};

use crate::answer::{Cut, Road};

#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) roads: BTreeSet<Road>,
    /// Readers came back on another road.
    pub(crate) changes: u32,
    pub(crate) cuts: BTreeMap<Cut, u32>,
    pub(crate) gaps: BTreeSet<String>,
    /// Answers that say to come back later.
    pub(crate) later: u32,
    pub(crate) events: usize,
    pub(crate) volatile: u32,
    pub(crate) restarts: u32,
}

impl Tally {
    pub(crate) fn add(&mut self, other: Self) {
        self.roads.extend(other.roads);
        self.gaps.extend(other.gaps);
        for (cut, count) in other.cuts {
            *self.cuts.entry(cut).or_default() += count;
        }
        self.changes += other.changes;
        self.later += other.later;
        self.events += other.events;
        self.volatile += other.volatile;
        self.restarts += other.restarts;
    }

    pub(crate) fn note_cut(&mut self, cut: Cut) {
        *self.cuts.entry(cut).or_default() += 1;
    }
}
