//! How far the members of one room have read, and what of it is not told yet.

use std::collections::BTreeMap;

use tokio::time::Instant;

use super::INTERVAL;
use super::contract::{Behind, Reading};
use super::store::Pointers;

/// How far the members of a room have read.
#[derive(Debug, Default)]
pub(super) struct Followed {
    /// Of what was told last.
    turn: u64,
    told_at: Option<Instant>,
    /// As it was told: pointers with how many have them.
    told: BTreeMap<i64, u32>,
    /// What has changed since.
    moved: BTreeMap<i64, i32>,
    /// Members whose pointers may be before messages of their own.
    behind: BTreeMap<String, i64>,
    is_behind_told: bool,
    /// Somebody came or went: it is to be read from the store again.
    pub(super) is_stale: bool,
}

impl Followed {
    /// As the store has it; nobody was told anything yet.
    pub(super) fn new(turn: u64, pointers: Pointers) -> Self {
        Followed {
            turn,
            told: pointers.pointers.into_iter().collect(),
            behind: by_person(pointers.behind),
            is_behind_told: true,
            ..Followed::default()
        }
    }

    /// As the store has it now: what differs from what was told is to be told.
    pub(super) fn loaded(&mut self, pointers: Pointers) {
        self.is_stale = false;
        self.moved = self.told.iter().map(|(&id, &count)| (id, -signed(count))).collect();
        for (id, count) in pointers.pointers {
            add(&mut self.moved, id, signed(count));
        }
        let behind = by_person(pointers.behind);
        if behind != self.behind {
            self.is_behind_told = false;
        }
        self.behind = behind;
        self.check();
    }

    pub(super) fn move_pointer(&mut self, person: &str, from: i64, to: i64, own: i64) {
        if from != to {
            add(&mut self.moved, from, -1);
            add(&mut self.moved, to, 1);
        }
        let before = self.behind.remove(person);
        let after = (to < own).then_some(to);
        if let Some(read) = after {
            self.behind.insert(person.to_owned(), read);
        }
        if before != after {
            self.is_behind_told = false;
        }
        if !self.is_stale {
            self.check();
        }
    }

    pub(super) fn has_told(&self) -> bool {
        self.moved.is_empty() && self.is_behind_told
    }

    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.told_at.is_none_or(|at| now - at >= INTERVAL)
    }

    /// What has changed, which counts as told from now on.
    pub(super) fn take(&mut self, turn: u64, now: Instant) -> Vec<(i64, i32)> {
        let moved: Vec<_> = std::mem::take(&mut self.moved).into_iter().collect();
        for &(id, difference) in &moved {
            let count = self.told.entry(id).or_default();
            *count = count.saturating_add_signed(difference);
            if *count == 0 {
                self.told.remove(&id);
            }
        }
        self.turn = turn;
        self.told_at = Some(now);
        self.is_behind_told = true;
        moved
    }

    pub(super) fn as_told(&self) -> Reading {
        let pointers = self.told.iter().map(|(&id, &count)| (id, count)).collect();
        Reading { turn: self.turn, pointers, behind: self.behind_told() }
    }

    pub(super) fn behind_told(&self) -> Vec<Behind> {
        let behind = |(person, &read): (&String, &i64)| Behind { person: person.clone(), read };
        self.behind.iter().map(behind).collect()
    }

    /// Nobody is taken away from where nobody is. While it is stale, somebody may have come whom it does not know.
    fn check(&self) {
        if cfg!(debug_assertions) {
            for (id, &difference) in &self.moved {
                let count = self.told.get(id).copied().unwrap_or_default();
                assert!(difference != 0 && signed(count) + difference >= 0, "{id}: {self:?}");
            }
        }
    }
}

fn by_person(behind: Vec<Behind>) -> BTreeMap<String, i64> {
    behind.into_iter().map(|Behind { person, read }| (person, read)).collect()
}

fn add(moved: &mut BTreeMap<i64, i32>, id: i64, difference: i32) {
    let sum = moved.entry(id).or_default();
    *sum += difference;
    if *sum == 0 {
        moved.remove(&id);
    }
}

fn signed(count: u32) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}
