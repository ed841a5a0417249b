//! What a compiler or a formatter can say about the workspace without running it.

use std::process::Command;

use crate::check::published;
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
    let mut doc = cargo(workspace, &["doc", "--workspace", "--no-deps"]);
    doc.env("RUSTDOCFLAGS", "-D warnings");
    let docs = Step::new("docs").task(Task::check("cargo doc", doc));
    vec![clippy, features(workspace), weight(workspace), packages(workspace), docs]
}

/// Each published crate without features and with each alone: in the rest of the workspace all are on.
fn features(workspace: &Workspace) -> Step {
    let mut step = Step::new("features");
    for package in published(workspace) {
        let names = package.features.keys().map(String::as_str).filter(|name| *name != "default");
        for feature in std::iter::once("").chain(names) {
            let mut check = cargo(workspace, &["check", "--package", &package.name]);
            check.args(["--no-default-features", "--features", feature]);
            step = step.task(Task::check(format!("{}, only {feature:?}", package.name), check));
        }
    }
    step
}

/// What a program takes on that depends on us.
fn weight(workspace: &Workspace) -> Step {
    let mut count = workspace.xtask();
    count.arg("crates");
    Step::new("crates").task(Task::check("cargo xtask crates", count))
}

/// Whether each crate can be packed: every file it includes is in it, every dependency has a version.
fn packages(workspace: &Workspace) -> Step {
    // What is not committed yet is packed as well, so that it is seen before.
    let all = ["package", "--workspace", "--no-verify", "--allow-dirty", "--quiet"];
    Step::new("packages").task(Task::check("cargo package", cargo(workspace, &all)))
}

fn cargo(workspace: &Workspace, arguments: &[&str]) -> Command {
    let mut command = coloured(workspace);
    command.args(arguments);
    command
}
