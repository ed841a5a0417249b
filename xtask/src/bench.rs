//! `cargo xtask bench`, which hands over to another program, and `cargo xtask bench weight`, which does not.

use anyhow::{Result, bail};
use clap::Args;

use crate::serve::become_program;
use crate::weight;
use crate::workspace::Workspace;

/// Arguments of the report.
#[derive(Debug, Args)]
pub(crate) struct BenchArguments {
    /// Passed on to `bench_report`; `--help` shows its own. `weight` measures something else: what it
    /// takes to compile a program that depends on `sockeye`.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

/// Builds every binary of the bench crate, since the report starts its siblings, then runs it.
pub(crate) fn bench(workspace: &Workspace, arguments: &BenchArguments) -> Result<()> {
    if let Some((first, rest)) = arguments.arguments.split_first()
        && first == "weight"
    {
        return weight::bench(workspace, rest);
    }
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
