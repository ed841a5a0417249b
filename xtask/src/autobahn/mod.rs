//! The WebSocket conformance suite: the cases of Autobahn, run by `kosoku`, against our server and
//! our client, group by group.

mod peers;
mod report;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::plan::{Step, Task};
use crate::tally::Tally;
use crate::workspace::Workspace;

/// The groups of the suite with their numbers of cases, 517 in all.
const GROUPS: [Group; 11] = [
    Group { number: 1, cases: 16, about: "framing", quick: true },
    Group { number: 2, cases: 11, about: "pings and pongs", quick: true },
    Group { number: 3, cases: 7, about: "reserved bits", quick: true },
    Group { number: 4, cases: 10, about: "opcodes", quick: true },
    Group { number: 5, cases: 20, about: "fragmentation", quick: true },
    Group { number: 6, cases: 145, about: "UTF-8", quick: true },
    Group { number: 7, cases: 37, about: "close handling", quick: true },
    Group { number: 9, cases: 54, about: "limits and performance", quick: false },
    Group { number: 10, cases: 1, about: "auto-fragmentation", quick: true },
    Group { number: 12, cases: 90, about: "compression, message sizes", quick: false },
    Group { number: 13, cases: 126, about: "compression, parameters", quick: false },
];

/// The version of the suite, and what pip installs with it.
const REQUIREMENTS: &str = "interop/requirements.txt";

/// What to run.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Only the groups that take seconds.
    #[arg(long)]
    quick: bool,
    /// Only these groups, by number.
    groups: Vec<u32>,
}

/// Cases that belong together.
#[derive(Clone, Copy, Debug)]
struct Group {
    number: u32,
    cases: u64,
    about: &'static str,
    quick: bool,
}

/// Which side of the connection is ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Server,
    Client,
}

impl Side {
    const fn name(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Client => "client",
        }
    }
}

/// Installs the suite and runs it; the programs of the workspace are there already.
pub(crate) fn step(workspace: &Workspace, python: &Path, quick: bool) -> Result<Step> {
    let environment = environment(workspace);
    let requirements = workspace.path(REQUIREMENTS);
    let mut wanted = fs::read_to_string(&requirements)
        .with_context(|| format!("read {}", requirements.display()))?;
    // Its programs name their folder: moved elsewhere they do not start.
    wanted += &format!("# in {}\n", environment.display());
    let stamp = environment.join("installed-for");

    let mut create = Command::new(python);
    create.args(["-m", "venv", "--clear"]).arg(&environment);
    let mut install = Command::new(program(&environment, "python"));
    install.args(["-m", "pip", "install", "--disable-pip-version-check", "--only-binary=:all:"]);
    install.arg("--requirement").arg(&requirements);
    let mut run = workspace.xtask();
    run.arg("autobahn").args(quick.then_some("--quick"));

    // The environment is made anew for other requirements or another folder, and removes its stamp with the rest.
    Ok(Step::new("Autobahn")
        .task(
            Task::preparation("python3 -m venv", create).with_stamp(stamp.clone(), wanted.clone()),
        )
        .task(
            Task::preparation("pip install", install)
                .with_stamp(environment.join("packages-installed-for"), wanted),
        )
        .task(Task::runner("cargo xtask autobahn", run)))
}

/// Runs the groups, and prints the counts in the last line.
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    let suite = program(&environment(workspace), "kosoku");
    if !suite.exists() {
        bail!("the suite is not installed; `cargo xtask test --only autobahn` does that");
    }
    let wanted = |group: &&Group| {
        (!arguments.quick || group.quick)
            && (arguments.groups.is_empty() || arguments.groups.contains(&group.number))
    };
    let peers = peers::Peers { suite, stand_in: program_of(workspace, "stand-in") };
    let reports = workspace.target_dir().join("autobahn");
    let mut total = Tally::default();
    for side in [Side::Server, Side::Client] {
        for group in GROUPS.iter().filter(wanted) {
            total += peers.run(side, *group, &reports)?;
        }
    }
    println!("reports are in {}", reports.display());
    println!("{total}");
    if total.failed > 0 {
        bail!("{} cases failed", total.failed);
    }
    Ok(())
}

/// Where the suite is installed.
fn environment(workspace: &Workspace) -> PathBuf {
    workspace.target_dir().join("xtask/python")
}

/// A program of a Python environment.
fn program(environment: &Path, name: &str) -> PathBuf {
    if cfg!(windows) {
        environment.join("Scripts").join(name).with_extension("exe")
    } else {
        environment.join("bin").join(name)
    }
}

fn program_of(workspace: &Workspace, name: &str) -> PathBuf {
    workspace.target_dir().join("debug").join(name).with_extension(std::env::consts::EXE_EXTENSION)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_suite_has_517_cases() {
        assert_eq!(GROUPS.iter().map(|group| group.cases).sum::<u64>(), 517);
    }
}
