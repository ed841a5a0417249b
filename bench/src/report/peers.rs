//! Other servers to stand beside ours: small scripts in `bench/peers`, on packages from npm.

use std::path::Path;
use std::process::{Command, Stdio};

use super::Subject;

/// Installs their packages from the lock file when there are none yet, which needs `npm`.
///
/// # Errors
/// When `npm` is missing or fails.
pub(crate) fn install(folder: &Path) -> anyhow::Result<()> {
    // The last that was added.
    if !folder.join("node_modules/@socket.io/redis-streams-adapter").is_dir() {
        let status = Command::new("npm")
            .args(["ci", "--no-audit", "--no-fund"])
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .status()?;
        anyhow::ensure!(status.success(), "npm ci ended with {status}");
    }
    Ok(())
}

/// Those that can be run here, once their packages are installed.
///
/// # Errors
/// When `npm` is missing or fails.
pub(crate) fn installed(folder: &Path) -> anyhow::Result<Vec<Subject>> {
    install(folder)?;
    let all = [
        Subject::NodeWs,
        Subject::BunWebsocket,
        Subject::NodeEngineIo,
        Subject::NodeSocketIo,
        Subject::BunSocketIo,
    ];
    let runs = |&subject: &Subject| {
        let version = command(folder, subject).map(|command| {
            let mut probe = Command::new(command.get_program());
            probe.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
            probe.status().is_ok_and(|status| status.success())
        });
        version.unwrap_or(false)
    };
    Ok(all.into_iter().filter(runs).collect())
}

/// How a peer is started. It takes any free port and prints the same ready line as ours.
pub(crate) fn command(folder: &Path, subject: Subject) -> anyhow::Result<Command> {
    let bun = folder.join("node_modules/.bin/bun");
    let (program, script) = match subject {
        Subject::NodeWs => ("node".into(), "websocket-node.mjs"),
        Subject::BunWebsocket => (bun, "websocket-bun.mjs"),
        Subject::NodeEngineIo => ("node".into(), "engine-io-node.mjs"),
        Subject::NodeSocketIo => ("node".into(), "socket-io-node.mjs"),
        Subject::BunSocketIo => (bun, "socket-io-bun.mjs"),
        Subject::Bare | Subject::Sockeye => anyhow::bail!("{subject} is no peer"),
    };
    let mut command = Command::new(program);
    command.arg(folder.join(script)).env("NODE_ENV", "production");
    Ok(command)
}
