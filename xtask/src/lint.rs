//! What a compiler or a formatter can say about the workspace without running it.

use std::process::Command;

use crate::plan::{Step, Task};
use crate::test::coloured;
use crate::workspace::Workspace;

/// What compiles nothing of the workspace: the form of the sources, and the rules of the workspace.
pub(crate) fn quick_steps(workspace: &Workspace) -> Vec<Step> {
    let format = cargo(workspace, &["fmt", "--all", "--", "--check", "-l"]);
    let mut rules = workspace.xtask();
    rules.arg("check");
    vec![
        Step::new("format").task(Task::check("cargo fmt", format)),
        Step::new("workspace rules").task(Task::check("cargo xtask check", rules)),
    ]
}

/// What compiles; the chat carries its UI, which has to be built before.
pub(crate) fn steps(workspace: &Workspace) -> Vec<Step> {
    let all = ["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"];
    let clippy = Step::new("clippy").task(Task::check("cargo clippy", cargo(workspace, &all)));
    let features = ["", "tls", "axum"].into_iter().fold(
        // Everything else of the workspace has them all on.
        Step::new("features"),
        |step, features| {
            let package = ["clippy", "--package", "sockeye-websocket", "--all-targets"];
            let mut check = cargo(workspace, &package);
            check.args(["--no-default-features", "--features", features]);
            check.args(["--", "-D", "warnings"]);
            step.task(Task::check(format!("only {features:?}"), check))
        },
    );
    let mut doc = cargo(workspace, &["doc", "--workspace", "--no-deps"]);
    doc.env("RUSTDOCFLAGS", "-D warnings");
    vec![clippy, features, Step::new("docs").task(Task::check("cargo doc", doc))]
}

fn cargo(workspace: &Workspace, arguments: &[&str]) -> Command {
    let mut command = coloured(workspace);
    command.args(arguments);
    command
}
