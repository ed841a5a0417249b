//! `--rounds`, `--hogs` and `--cores`: the same tests several times on a machine that is busy or small.
//! A test that only passes on a quiet machine is found here.

use std::io::{self, Read};
use std::process::{Child, Command, Stdio};
use std::thread;

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::account::Account;
use crate::serve::become_program;
use crate::tally::Tally;

/// How often, and on what.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Rounds {
    /// Run everything so many times, green or not.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Beside so many programs that do nothing but use a core.
    #[arg(long, value_name = "N", default_value_t = 0)]
    hogs: u32,
    /// On so many cores, hogs included; Linux, with `taskset`.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    cores: Option<u32>,
}

impl Default for Rounds {
    fn default() -> Self {
        Self { rounds: 1, hogs: 0, cores: None }
    }
}

impl Rounds {
    /// Runs `round` as often as was asked for.
    pub(crate) fn run(self, mut round: impl FnMut() -> Result<Account>) -> Result<()> {
        if let Some(cores) = self.cores
            && thread::available_parallelism().context("count the cores")?.get() > cores as usize
        {
            return become_program(on_cores(cores)?);
        }
        let _hogs = Hogs::start(self.hogs)?;
        if self.rounds == 1 {
            return round()?.verdict();
        }
        let mut total = Tally::default();
        let mut lines = Vec::new();
        let mut green = 0;
        for number in 1..=self.rounds {
            println!("\n━━━━ round {number} of {}", self.rounds);
            let account = round()?;
            total += account.total();
            let verdict = match account.verdict() {
                Ok(()) => {
                    green += 1;
                    "green".to_owned()
                }
                Err(error) => format!("{error:#}"),
            };
            lines.push(format!("round {number}: {}; {verdict}", account.total()));
        }
        println!("\n{}\n{total}", lines.join("\n"));
        if green < self.rounds {
            bail!("{} of {} rounds failed", self.rounds - green, self.rounds);
        }
        Ok(())
    }
}

/// This very command on the first cores that it may run on. There it finds that it has no more.
fn on_cores(cores: u32) -> Result<Command> {
    let status = std::fs::read_to_string("/proc/self/status").context("`--cores` needs Linux")?;
    let allowed = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
    let list = first_cores(allowed.context("no list of cores")?, cores);
    let mut command = Command::new("taskset");
    command.args(["--cpu-list", &list]).args(std::env::args_os());
    Ok(command)
}

/// The first of a list such as `0-3,6`.
fn first_cores(allowed: &str, count: u32) -> String {
    let cores = allowed.trim().split(',').flat_map(|range| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        first.parse::<u32>().unwrap_or(0)..=last.parse().unwrap_or(0)
    });
    let cores: Vec<_> = cores.take(count as usize).map(|core| core.to_string()).collect();
    cores.join(",")
}

/// Programs that use a core each until this is dropped.
#[derive(Debug)]
struct Hogs(Vec<Child>);

impl Hogs {
    fn start(count: u32) -> Result<Self> {
        let mut hogs = Self(Vec::new());
        for _ in 0..count {
            let mut command = Command::new(std::env::current_exe()?);
            // Its input ends with us, however we end, and it ends with its input.
            command.arg("hog").stdin(Stdio::piped());
            hogs.0.push(command.spawn().context("start a hog")?);
        }
        Ok(hogs)
    }
}

impl Drop for Hogs {
    fn drop(&mut self) {
        for hog in &mut self.0 {
            drop(hog.stdin.take());
            // Nothing depends on how it ended.
            let _ = hog.wait();
        }
    }
}

/// Uses a core until its input ends.
pub(crate) fn hog() -> Result<()> {
    thread::spawn(|| {
        let mut number = 1_u64;
        loop {
            number = std::hint::black_box(number.wrapping_mul(6_364_136_223_846_793_005) | 1);
        }
    });
    io::stdin().read_to_end(&mut Vec::new()).context("wait for the end of the input")?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Plan, Step, Task};

    fn round(script: &str) -> Result<Account> {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        let mut plan = Plan::default();
        plan.push(Step::new("s").task(Task::check("sh", command)));
        plan.run()
    }

    #[test]
    fn every_round_runs_and_all_have_to_be_green() {
        let mut scripts = ["true", "false", "true"].into_iter();
        let rounds = Rounds { rounds: 3, ..Rounds::default() };
        let error = rounds.run(|| round(scripts.next().unwrap())).unwrap_err();
        assert_eq!(error.to_string(), "1 of 3 rounds failed");
        assert_eq!(scripts.next(), None);
        rounds.run(|| round("true")).unwrap();
        assert_eq!(Rounds::default().run(|| round("false")).unwrap_err().to_string(), "failed: s");
    }

    #[test]
    fn the_first_cores_of_those_allowed() {
        assert_eq!(first_cores("\t0-3", 2), "0,1");
        assert_eq!(first_cores("1,4-5", 2), "1,4");
        assert_eq!(first_cores("7", 1), "7");
    }
}
