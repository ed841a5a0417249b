//! `cargo xtask bench`, which hands over to another program, as does `cargo xtask bench chat`; `cargo xtask bench weight`
//! does not.

use std::process::Command;

use anyhow::{Result, bail};
use clap::Args;

use crate::node;
use crate::serve::{become_program, build_ui};
use crate::weight;
use crate::workspace::Workspace;

/// Arguments of the report.
#[derive(Debug, Args)]
pub(crate) struct BenchArguments {
    /// Passed on to `bench_report`; `--help` shows its own. `weight` measures something else: what it
    /// takes to compile a program that depends on `sockeye`; `chat` what the chat costs: its memory, its list of
    /// rooms, the weight of its page, and the page under 200 messages a second; `cluster` what a cluster over Redis costs,
    /// beside Node's.
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
    if let Some((first, rest)) = arguments.arguments.split_first()
        && first == "chat"
    {
        return chat(workspace, rest);
    }
    let (program, rest) = match arguments.arguments.split_first() {
        Some((first, rest)) if first == "cluster" => ("bench_cluster", rest),
        _ => ("bench_report", &*arguments.arguments),
    };
    let mut build = workspace.cargo();
    build.args(["build", "--release", "--package", "sockeye-bench", "--bins"]);
    if !build.status()?.success() {
        bail!("the bench crate does not build");
    }
    let mut command = workspace.cargo();
    command.args(["run", "--release", "--package", "sockeye-bench", "--bin", program, "--"]);
    command.args(rest);
    become_program(command)
}

/// Builds the chat as it is used, and measures it from outside.
fn chat(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    node::require()?;
    build_ui(workspace)?;
    let mut build = workspace.cargo();
    build.args(["build", "--release", "--package", "sockeye-chat", "--bin", "sockeye"]);
    if !build.status()?.success() {
        bail!("the chat does not build");
    }
    let mut build = workspace.cargo();
    build.args(["build", "--release", "--package", "sockeye-bench", "--no-default-features"]);
    if !build.args(["--bin", "bench_crowd"]).status()?.success() {
        bail!("the crowd for the chat does not build");
    }
    let interop = workspace.path("interop");
    node::install(&interop)?.run()?;
    let mut command = Command::new("node");
    command.arg("measure/chat.mjs").args(arguments).current_dir(&interop);
    command.env("SOCKEYE_BIN_DIR", workspace.target_dir().join("release"));
    become_program(command)
}
