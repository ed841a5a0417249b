//! `cargo xtask serve`: the UI if its sources changed, then the server in place of this program.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::node;
use crate::plan::Task;
use crate::workspace::Workspace;

/// Arguments of `sockeye serve`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Passed on to `sockeye serve`.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) arguments: Vec<String>,
}

/// Builds and becomes the server: signals sent to this process reach it.
pub(crate) fn serve(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    build_ui(workspace)?;
    let mut command = workspace.cargo();
    command.args([
        "run",
        "--release",
        "--package",
        "sockeye-chat",
        "--bin",
        "sockeye",
        "--",
        "serve",
    ]);
    command.args(&arguments.arguments);
    become_program(command)
}

/// Builds `apps/chat/web` unless that was done for the same sources.
fn build_ui(workspace: &Workspace) -> Result<()> {
    let inputs = ["apps/chat/web", "clients/js/src"].map(|folder| workspace.path(folder));
    let sources = node::fingerprint(&inputs)?;
    let stamp = workspace.target_dir().join("xtask/chat-ui");
    let web = workspace.path("apps/chat/web");
    if !web.join("dist/index.html").exists() && stamp.exists() {
        fs::remove_file(&stamp)?;
    }
    if fs::read_to_string(&stamp).is_ok_and(|built| built == sources) {
        return Ok(());
    }
    node::require()?;
    let build = Task::preparation("build the chat UI", node::script(&web, "build"));
    for mut task in [node::install(&web)?, build.with_stamp(stamp, sources)] {
        if !task.run()?.success {
            bail!("{} failed", task.label());
        }
    }
    Ok(())
}

/// Replaces this process where the system can, so that process ids and signals stay simple.
#[cfg(unix)]
pub(crate) fn become_program(mut command: Command) -> Result<()> {
    use std::os::unix::process::CommandExt;
    Err(command.exec()).with_context(|| format!("start {}", command.get_program().display()))
}

/// Runs it as a child where a process cannot be replaced.
#[cfg(not(unix))]
pub(crate) fn become_program(mut command: Command) -> Result<()> {
    let status = command.status()?;
    std::process::exit(status.code().unwrap_or(1))
}
