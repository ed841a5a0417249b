//! Measures what a cluster over Redis costs, ours beside Node's. `cargo xtask bench cluster` calls this.

#![forbid(unsafe_code)]

use std::io::{self, Write};
use std::path::Path;

use anyhow::Context;
use clap::Parser;
use sockeye_bench::cluster::{self, Options};
use sockeye_bench::process;

#[derive(Parser)]
#[command(about, version)]
struct Arguments {
    /// One round, short windows, fewer clients.
    #[arg(long)]
    quick: bool,
    /// How often everything is measured [default: 5, with --quick 1].
    #[arg(long)]
    rounds: Option<usize>,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    anyhow::ensure!(!cfg!(debug_assertions), "measure with --release");
    process::raise_open_files()?;
    let own = std::env::current_exe()?;
    let programs = own.parent().context("a program lies in a folder")?;
    let table = cluster::run(&Options {
        programs: programs.to_path_buf(),
        peers: Path::new(env!("CARGO_MANIFEST_DIR")).join("peers"),
        rounds: arguments.rounds.unwrap_or(if arguments.quick { 1 } else { 5 }),
        quick: arguments.quick,
    })?;
    writeln!(io::stdout(), "{table}")?;
    Ok(())
}
