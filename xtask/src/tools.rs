//! Commands that hand over to another program: `bench` and `fuzz`.

use std::process::{Command, Stdio};

use anyhow::{Result, bail};
use clap::Args;

use crate::serve::become_program;
use crate::workspace::Workspace;

/// Arguments of the report.
#[derive(Debug, Args)]
pub(crate) struct BenchArguments {
    /// Passed on to `bench_report`; `--help` shows its own.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

/// What to fuzz.
#[derive(Debug, Args)]
pub(crate) struct FuzzArguments {
    /// A target of `fuzz/`; without one they are listed.
    target: Option<String>,
    /// How long, in seconds.
    #[arg(default_value_t = 60)]
    seconds: u32,
}

/// Builds every binary of the bench crate, since the report starts its siblings, then runs it.
pub(crate) fn bench(workspace: &Workspace, arguments: &BenchArguments) -> Result<()> {
    let mut build = workspace.cargo();
    build.args(["build", "--release", "--package", "sockeye-bench", "--bins"]);
    if !build.status()?.success() {
        bail!("the bench crate does not build");
    }
    let mut command = workspace.cargo();
    command.args(["run", "--release", "--package", "sockeye-bench", "--bin", "bench_report", "--"]);
    command.args(&arguments.arguments);
    become_program(command)
}

/// Runs cargo-fuzz, or says how to get it.
pub(crate) fn fuzz(workspace: &Workspace, arguments: &FuzzArguments) -> Result<()> {
    let probe = Command::new("cargo").args(["fuzz", "--version"]).stderr(Stdio::null()).output()?;
    if !probe.status.success() {
        bail!("cargo-fuzz is not installed; run `cargo install cargo-fuzz --locked`");
    }
    let mut command = workspace.cargo();
    // libFuzzer's instrumentation is behind unstable compiler flags, which the pinned stable
    // compiler accepts with this variable.
    command.env("RUSTC_BOOTSTRAP", "1").arg("fuzz");
    match &arguments.target {
        None => {
            command.arg("list");
        }
        Some(target) => {
            command.args(["run", "--features", "fuzzing", target, "--"]);
            command.arg(format!("-max_total_time={}", arguments.seconds));
        }
    }
    become_program(command)
}
