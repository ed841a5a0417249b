//! Attacks servers of ours, each attack a fresh one, and says what it cost: the server's resident
//! memory before, at its highest, and afterwards while the attacker stays, and how long honest people
//! waited meanwhile. `cargo xtask test --only abuse` runs it.
//!
//! It ends with one line: `N passed, N failed, N skipped`.
#![forbid(unsafe_code)]
// A command line tool talks to its user on the standard streams.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod attacker;
mod attacks;
mod honest;
mod run;
mod server;
mod wire;

use std::env;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::attacks::{ATTACKS, Attack};

/// Attacks servers of ours and says what it cost.
#[derive(Debug, Parser)]
struct Cli {
    /// Folder of the servers [default: that of this program]
    #[arg(long, env = "SOCKEYE_BIN_DIR")]
    binaries: Option<PathBuf>,
    /// Only say which attacks there are.
    #[arg(long)]
    list: bool,
    /// Only attacks whose name contains this.
    filter: Option<String>,
    #[command(flatten)]
    orders: Option<attacker::Orders>,
}

fn main() -> ExitCode {
    match run(&Cli::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Whether every attack was withstood.
fn run(cli: &Cli) -> Result<bool> {
    if let Some(orders) = &cli.orders {
        return attacker::carry_out(orders);
    }
    let wanted =
        |name: &str| cli.filter.as_ref().is_none_or(|filter| name.contains(filter.as_str()));
    if cli.list {
        ATTACKS.iter().for_each(|attack| println!("{:<24}{}", attack.name, attack.about));
        return Ok(true);
    }
    // Attackers hold thousands of connections; the servers that we start may hold as many.
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).context("limit of open files")?;
    if soft < hard {
        setrlimit(Resource::RLIMIT_NOFILE, hard, hard).context("raise the limit of open files")?;
    }
    let own = env::current_exe().context("where this program is")?;
    let binaries = cli.binaries.clone().or(own.parent().map(PathBuf::from)).context("no folder")?;
    let (mut passed, mut failed) = (0, 0);
    run::print_head();
    for attack in ATTACKS.iter().filter(|attack| wanted(attack.name)) {
        match withstands(attack, &binaries) {
            Ok(()) => passed += 1,
            Err(error) => {
                failed += 1;
                println!("   {} FAILED: {error:#}", attack.name);
            }
        }
    }
    println!("{passed} passed, {failed} failed, 0 skipped");
    Ok(failed == 0)
}

/// Attacks once, and once more if all that went wrong was that somebody waited: on a busy machine
/// people wait as well, but hardly twice in a row.
fn withstands(attack: &Attack, binaries: &Path) -> Result<()> {
    let mut problems = run::attack(attack, binaries)?;
    if problems.are_delays() {
        println!("   {}, once more: {problems}", attack.name);
        problems = run::attack(attack, binaries)?;
    }
    ensure!(problems.is_empty(), "{problems}");
    Ok(())
}
