//! `cargo xtask fuzz`, and the brief run of every target that belongs to `test --all`.
//!
//! libFuzzer wants a program that counts its branches. The compiler can do that without a tool of its
//! own: the flags below are all that it takes, and stable Rust has them. (For the address sanitizer
//! there is `RUSTC_BOOTSTRAP=1 cargo fuzz run`, which the `fuzz` folder is laid out for as well.)

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::long::Counts;
use crate::plan::{Step, Task};
use crate::serve::become_program;
use crate::workspace::Workspace;

/// What to fuzz.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// A target of `fuzz/`; without one they are listed.
    target: Option<String>,
    /// How long, in seconds.
    #[arg(default_value_t = 60)]
    seconds: u64,
}

/// Counters on every branch, and what is compared, as libFuzzer reads them.
const COVERAGE: [&str; 8] = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Ccodegen-units=1",
    "-Cdebug-assertions",
    "-Coverflow-checks",
];

/// A brief run begins with the same seed each time, so that what it finds is the fault of a change and
/// not of chance; a long one, and `cargo xtask fuzz`, go where nobody was.
const BRIEF: [&str; 3] = ["-seed=1", "-runs=1000000", "-reload=0"];
/// A single input that takes longer is a find. Real time: a busy machine may take some of it.
const INPUT_SECONDS_MAX: u32 = 30;
/// So is one that needs more memory.
const MEMORY_MIB_MAX: u32 = 1024;

/// Lists the targets, or runs one with what is in its corpus.
pub(crate) fn fuzz(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    let targets = targets(workspace)?;
    let Some(target) = &arguments.target else {
        for target in targets {
            println!("{target}");
        }
        return Ok(());
    };
    if !targets.contains(target) {
        bail!("no target is called {target}; `cargo xtask fuzz` lists them");
    }
    if !build(workspace)?.status().context("run cargo")?.success() {
        bail!("the fuzz targets do not build");
    }
    become_program(run(workspace, target, arguments.seconds)?)
}

/// Builds all targets and runs each for as long as the counts say.
pub(crate) fn step(workspace: &Workspace, counts: &Counts) -> Result<Step> {
    let mut step = Step::new("fuzz").task(Task::preparation("cargo build", build(workspace)?));
    for target in targets(workspace)? {
        let mut run = run(workspace, &target, counts.fuzz_seconds())?;
        if !counts.is_long() {
            run.args(BRIEF);
        }
        // What else it has to say is about its own work.
        step = step.task(Task::check(target, run).showing("stat::number_of_executed_units"));
    }
    Ok(step)
}

fn targets(workspace: &Workspace) -> Result<Vec<String>> {
    let folder = workspace.path("fuzz/fuzz_targets");
    let mut names = Vec::new();
    for entry in fs::read_dir(&folder).with_context(|| format!("list {}", folder.display()))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            names.extend(path.file_stem().map(|name| name.to_string_lossy().into_owned()));
        }
    }
    names.sort();
    Ok(names)
}

/// Everything of it apart from other builds, since all crates have to count their branches. That a
/// target is named keeps build scripts from having to.
fn build(workspace: &Workspace) -> Result<Command> {
    let mut command = workspace.cargo();
    command.args(["build", "--release", "--package", "sockeye-fuzz", "--features", "fuzzing"]);
    command.args(["--bins", "--target", &host()?, "--target-dir"]).arg(target_dir(workspace));
    command.env("CARGO_ENCODED_RUSTFLAGS", COVERAGE.join("\u{1f}"));
    // The time goes into optimising what runs for seconds.
    command.env("CARGO_PROFILE_RELEASE_LTO", "off");
    Ok(command)
}

/// The compiler's own platform.
fn host() -> Result<String> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = Command::new(rustc).arg("-vV").output().context("run rustc")?;
    let version = String::from_utf8_lossy(&version.stdout).into_owned();
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("rustc does not say where it runs")?.to_owned())
}

/// What it finds on the way stays below the target folder; what is worth keeping is copied to
/// `fuzz/corpus` by hand.
fn run(workspace: &Workspace, target: &str, seconds: u64) -> Result<Command> {
    let found = target_dir(workspace).join("found").join(target);
    fs::create_dir_all(&found).with_context(|| format!("make {}", found.display()))?;
    let program = target_dir(workspace).join(host()?).join("release").join(target);
    let mut command = Command::new(program);
    command.arg(format!("-max_total_time={seconds}"));
    command.arg(format!("-timeout={INPUT_SECONDS_MAX}"));
    command.arg(format!("-rss_limit_mb={MEMORY_MIB_MAX}"));
    command.arg(format!("-artifact_prefix={}/", target_dir(workspace).display()));
    // Names of functions that an input reached first are of no use here.
    command.args(["-print_final_stats=1", "-print_funcs=0", "-verbosity=0"]).arg(found);
    command.args(existing(workspace.path("fuzz/corpus").join(target)));
    Ok(command)
}

fn existing(folder: PathBuf) -> Option<PathBuf> {
    folder.is_dir().then_some(folder)
}

fn target_dir(workspace: &Workspace) -> PathBuf {
    workspace.target_dir().join("fuzz")
}
