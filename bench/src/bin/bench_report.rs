//! Runs `bench_server`, the bare TCP loops and, if asked, other servers side by side, and prints
//! what each costs. `cargo xtask bench` calls this.

#![forbid(unsafe_code)]

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;
use clap::Parser;
use sockeye_bench::report::{self, Options};

#[derive(Parser)]
#[command(about, version)]
struct Arguments {
    /// One round, short windows, fewer points: below a minute.
    #[arg(long)]
    quick: bool,
    /// How often everything is measured [default: 5, with --quick 1].
    #[arg(long)]
    rounds: Option<usize>,
    /// Only points and contenders whose names contain this word (may be repeated: all of them).
    #[arg(long)]
    only: Vec<String>,
    /// Also measure the servers of bench/peers (npm packages, installed when missing).
    #[arg(long)]
    peers: bool,
    /// Where to write all figures as JSON [default: bench-report.json in the target folder].
    #[arg(long)]
    json: Option<PathBuf>,
    /// Take the programs as they are, without building them first.
    #[arg(long)]
    no_build: bool,
    /// Further arguments for `bench_server`.
    #[arg(last = true)]
    server_arguments: Vec<String>,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    anyhow::ensure!(!cfg!(debug_assertions), "measure with --release");
    let own = std::env::current_exe()?;
    let programs = own.parent().context("a program lies in a folder")?;
    if !arguments.no_build {
        build()?;
    }
    let report = report::run(&Options {
        programs: programs.to_path_buf(),
        rounds: arguments.rounds.unwrap_or(if arguments.quick { 1 } else { 5 }),
        quick: arguments.quick,
        only: arguments.only,
        peers: arguments.peers.then(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("peers")),
        server_arguments: arguments.server_arguments,
    })?;
    let json = arguments.json.unwrap_or_else(|| programs.join("bench-report.json"));
    fs::write(&json, serde_json::to_vec_pretty(&report)?)?;
    let mut out = io::stdout().lock();
    writeln!(out, "{}\nAll figures: {}", report.to_markdown(), json.display())?;
    Ok(())
}

fn build() -> anyhow::Result<()> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args(["build", "--release", "--package", "sockeye-bench", "--bins"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status()?;
    anyhow::ensure!(status.success(), "the programs could not be built");
    Ok(())
}
