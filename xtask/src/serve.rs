//! `cargo xtask serve`: the UI if its sources changed, then the server in place of this program.

use std::env;
use std::fs;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::node;
use crate::plan::Task;
use crate::workspace::Workspace;

/// Arguments of `sockeye serve`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Passed on to `sockeye serve`, but for `--quick`, which is ours.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) arguments: Vec<String>,
}

impl Arguments {
    /// How to build, and what the server is told.
    fn split(&self) -> (&'static Build, Vec<&str>) {
        let (ours, theirs): (Vec<_>, Vec<_>) =
            self.arguments.iter().map(String::as_str).partition(|argument| *argument == "--quick");
        (if ours.is_empty() { &RELEASE } else { &QUICK }, theirs)
    }
}

/// A way to build the program.
#[derive(Debug, PartialEq)]
struct Build {
    /// The cargo profile, which is the name of its folder as well.
    profile: &'static str,
    /// What a first build is said to take.
    announcement: &'static str,
}

/// For use: optimized as a whole.
const RELEASE: Build = Build {
    profile: "release",
    announcement: "the first build takes about 10 minutes on two cores, later ones less \
                   (`cargo xtask serve --quick` takes about 3, for a slower program)",
};
/// For a first look.
const QUICK: Build = Build {
    profile: "quick",
    announcement: "the first build takes about 3 minutes on two cores, later ones less \
                   (the program is slower than without --quick)",
};

/// Builds and becomes the server: signals sent to this process reach it.
pub(crate) fn serve(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    let (build, arguments) = arguments.split();
    let program = format!("{}/sockeye{}", build.profile, env::consts::EXE_SUFFIX);
    if !workspace.target_dir().join(program).exists() {
        require_c_compiler("cc")?;
        require("make", "the allocator is built with make")?;
        eprintln!("{}", build.announcement);
    }
    build_ui(workspace)?;
    let mut command = workspace.cargo();
    command.args(["run", "--profile", build.profile]);
    command.args(["--package", "sockeye-chat", "--bin", "sockeye", "--", "serve"]);
    command.args(arguments);
    become_program(command)
}

/// Says that the C compiler is missing before minutes of a build show it. One that the environment
/// names is the build scripts' own business, and on Windows they search for theirs.
fn require_c_compiler(program: &str) -> Result<()> {
    let names_one = |name: &str| name == "CC" || name.starts_with("CC_") || name.ends_with("_CC");
    if env::vars_os().any(|(name, _)| names_one(&name.to_string_lossy())) {
        return Ok(());
    }
    require(program, "SQLite and the allocator are built with a C compiler (or name yours in CC)")
}

/// Says that a program is missing, what it is for, and what to install.
fn require(program: &str, purpose: &str) -> Result<()> {
    let mut command = Command::new(program);
    command.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    if cfg!(windows) || command.status().is_ok_and(|status| status.success()) {
        return Ok(());
    }
    bail!(
        "`{program}` is not there, and {purpose}: install it (Debian, Ubuntu: \
         `apt install build-essential`; Fedora: `dnf install gcc make`; macOS: \
         `xcode-select --install`)"
    )
}

/// Builds `apps/chat/web` unless that was done for the same sources.
pub(crate) fn build_ui(workspace: &Workspace) -> Result<()> {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn split(arguments: &Arguments) -> (&'static str, Vec<&str>) {
        let (build, rest) = arguments.split();
        (build.profile, rest)
    }

    #[test]
    fn quick_may_stand_anywhere_and_is_not_passed_on() {
        for (given, profile, rest) in [
            (&[][..], "release", &[][..]),
            (&["--port", "0"], "release", &["--port", "0"]),
            (&["--quick"], "quick", &[]),
            (&["--quick", "--port", "0"], "quick", &["--port", "0"]),
            (&["--port", "0", "--quick"], "quick", &["--port", "0"]),
        ] {
            let arguments = given.iter().map(|argument| (*argument).to_owned()).collect();
            assert_eq!(split(&Arguments { arguments }), (profile, rest.to_vec()), "{given:?}");
        }
    }

    #[test]
    fn the_profiles_are_those_of_the_manifest() {
        let manifest = format!("{}/../Cargo.toml", env!("CARGO_MANIFEST_DIR"));
        let manifest = fs::read_to_string(manifest).unwrap();
        for build in [&RELEASE, &QUICK] {
            let section = format!("\n[profile.{}]\n", build.profile);
            assert!(manifest.contains(&section), "{build:?}");
        }
    }

    #[test]
    fn a_missing_compiler_is_told_with_what_to_install() {
        // `cargo` answers `--version` as a compiler does.
        require_c_compiler("cargo").unwrap();
        if cfg!(unix) {
            let error = require("cc-that-is-not-there", "it is needed").unwrap_err().to_string();
            let told = "`cc-that-is-not-there` is not there, and it is needed: install it (Debian";
            assert!(error.starts_with(told), "{error}");
        }
    }
}
