//! One attack from its beginning to its verdict.

use std::fmt;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::attacker::Attacker;
use crate::attacks::Attack;
use crate::honest::{self, Delays, Honest, Talk};
use crate::server::Server;

/// Nobody honest may wait longer. What they wait otherwise is only told: this machine runs attacker
/// and server both, and a debug build of it.
const DELAY_MAX: Duration = Duration::from_secs(2);
/// How long honest people talk before, so that the memory of ordinary service is there.
const WARM_UP: Duration = Duration::from_millis(1_500);

pub(crate) fn print_head() {
    println!(
        "{:<20}{:>7}{:>7}{:>7}{:>7}{:>6}{:>15}{:>15}  what the attacker reached",
        "memory in MB", "before", "peak", "after", "limit", "open", "echo p99/max", "newcomer, ms"
    );
}

/// What is measured of a server.
#[derive(Clone, Copy, Debug)]
struct State {
    memory: u64,
    open_files: u64,
    /// Bytes that wait for its clients, where it tells.
    queued: u64,
}

impl State {
    fn of(server: &Server, talk: Talk) -> Result<Self> {
        let queued = if talk == Talk::Echo { honest::queued_bytes(server.address)? } else { 0 };
        Ok(Self { memory: server.memory()?, open_files: server.open_files()?, queued })
    }
}

/// Starts its server, attacks it, waits until the memory is what it may be, and judges.
pub(crate) fn attack(attack: &Attack, binaries: &Path) -> Result<Problems> {
    let (program, arguments, talk) = attack.target.program();
    let server = Server::start(binaries, program, arguments)?;
    let honest = Honest::start(server.address, talk);
    thread::sleep(WARM_UP);
    let before = State::of(&server, talk)?;
    let watch = server.watch();
    // Held until the memory was looked at: the attacker stays.
    let (attacker, report) = Attacker::attack(attack, &server)?;
    let (after, settled) =
        settle(attack, &server, talk, before).context("the server tells no more")?;
    let delays = honest.stop();
    let peak = watch.peak();
    println!(
        "{:<20}{:>7}{:>7}{:>7}{:>7}{:>6}{:>15}{:>15}  {}",
        attack.name,
        mb(before.memory),
        mb(peak),
        mb(after.memory),
        mb(memory_max(attack, before)),
        after.open_files,
        shown(&delays[0]),
        shown(&delays[1]),
        report.as_ref().map_or("", |reached| reached.as_str()),
    );
    drop(attacker);
    let mut problems = Problems::default();
    problems.broken.extend(report.err().map(|promise| format!("{promise:#}")));
    let seconds = settled.as_secs();
    let memory_max = memory_max(attack, before);
    if after.memory > memory_max {
        let (held, allowed) = (mb(after.memory), mb(memory_max));
        problems
            .broken
            .push(format!("{held} MB are held after {seconds} s, {allowed} are allowed"));
    }
    let peak_max = before.memory + attack.peak_mb_max * MB;
    if peak > peak_max {
        let (peak, allowed) = (mb(peak), mb(peak_max));
        problems.broken.push(format!("{peak} MB at the highest, {allowed} are allowed"));
    }
    if after.open_files > open_max(attack, before) {
        let more = after.open_files - before.open_files;
        problems.broken.push(format!("{more} connections more are held after {seconds} s"));
    }
    if after.queued > QUEUED_MAX {
        problems.broken.push(format!("{} bytes are queued after {seconds} s", after.queued));
    }
    delays.iter().for_each(|delays| problems.judge(delays));
    Ok(problems)
}

/// What went wrong in an attack.
#[derive(Debug, Default)]
pub(crate) struct Problems {
    broken: Vec<String>,
    /// Honest people waited too long.
    delays: Vec<String>,
}

impl Problems {
    pub(crate) fn is_empty(&self) -> bool {
        self.broken.is_empty() && self.delays.is_empty()
    }

    /// Whether nothing else went wrong than that somebody waited.
    pub(crate) fn are_delays(&self) -> bool {
        self.broken.is_empty() && !self.delays.is_empty()
    }

    fn judge(&mut self, delays: &Result<Delays>) {
        match delays {
            Err(error) => self.broken.push(format!("{error:#}")),
            Ok(Delays { max, .. }) if *max > DELAY_MAX => {
                self.delays.push(format!("somebody honest waited for {} ms", max.as_millis()));
            }
            Ok(_) => {}
        }
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all: Vec<_> = self.broken.iter().chain(&self.delays).map(String::as_str).collect();
        f.write_str(&all.join("; "))
    }
}

/// Waits until the server is as it has to be, or the time for that is over.
fn settle(
    attack: &Attack,
    server: &Server,
    talk: Talk,
    before: State,
) -> Result<(State, Duration)> {
    let begun = Instant::now();
    loop {
        let state = State::of(server, talk)?;
        let is_settled = state.memory <= memory_max(attack, before)
            && state.open_files <= open_max(attack, before)
            && state.queued <= QUEUED_MAX;
        if is_settled || begun.elapsed() > attack.settles_in {
            return Ok((state, begun.elapsed()));
        }
        thread::sleep(Duration::from_millis(100));
    }
}

fn memory_max(attack: &Attack, before: State) -> u64 {
    before.memory + attack.after_mb_max * MB
}

fn open_max(attack: &Attack, before: State) -> u64 {
    attack.open_after_max.map_or(u64::MAX, |more| before.open_files + more)
}

/// What may wait at any moment for the honest ones, who read.
const QUEUED_MAX: u64 = 4_096;

const MB: u64 = 1_000_000;

fn mb(bytes: u64) -> u64 {
    bytes.div_ceil(MB)
}

fn shown(delays: &Result<Delays>) -> String {
    match delays {
        Ok(Delays { p99, max, .. }) => format!("{}/{}", p99.as_millis(), max.as_millis()),
        Err(_) => "failed".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_delays_are_tried_again() {
        let mut problems = Problems::default();
        assert!(problems.is_empty() && !problems.are_delays());
        let delays =
            |millis| Ok(Delays { p99: Duration::ZERO, max: Duration::from_millis(millis) });
        problems.judge(&delays(2_000));
        assert!(problems.is_empty());
        problems.judge(&delays(2_001));
        assert!(!problems.is_empty() && problems.are_delays());
        problems.judge(&Err(anyhow::anyhow!("503")));
        assert!(!problems.are_delays());
        assert_eq!(problems.to_string(), "503; somebody honest waited for 2001 ms");
    }
}
