//! `cargo deny`: the licences of the dependencies, those that are banned, where they come from
//! (`deny.toml`). Where it is installed; it is a program of its own, and large.

use std::process::{Command, Stdio};

use crate::plan::{Plan, Step, Task};
use crate::workspace::Workspace;

const NOT_INSTALLED: &str = "it is not installed: `cargo install cargo-deny --locked`";
const NOT_FETCHED: &str = "not all crates are here, and a check needs no network: `cargo fetch`";
/// Advisories are not among them: their database would have to be fetched.
const CHECKS: [&str; 3] = ["licenses", "bans", "sources"];

/// Adds the step, or says why there is none.
pub(crate) fn add(workspace: &Workspace, plan: &mut Plan) {
    let version = cargo(workspace, &["deny", "--version"]);
    let metadata = cargo(workspace, &["metadata", "--locked", "--offline", "--format-version=1"]);
    if !succeeds(version) {
        return plan.not_asked_for("cargo deny", NOT_INSTALLED);
    }
    if !succeeds(metadata) {
        return plan.not_asked_for("cargo deny", NOT_FETCHED);
    }
    let mut command = cargo(workspace, &["deny", "--locked", "--offline", "check"]);
    command.arg("--hide-inclusion-graph").args(CHECKS);
    plan.push(Step::new("dependencies").task(Task::check("cargo deny", command)));
}

fn cargo(workspace: &Workspace, arguments: &[&str]) -> Command {
    let mut command = workspace.cargo();
    command.args(arguments);
    command
}

fn succeeds(mut probe: Command) -> bool {
    probe.stdout(Stdio::null()).stderr(Stdio::null());
    probe.status().is_ok_and(|status| status.success())
}
