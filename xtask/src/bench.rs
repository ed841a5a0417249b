//! `cargo xtask bench`, which hands over to another program.

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
