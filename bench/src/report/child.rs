//! A server started for one measurement: pinned, ready, and stopped again.

use std::io::{self, BufRead, BufReader};
use std::net::{SocketAddr, ToSocketAddrs};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context;

use crate::process;

/// The cores that servers and load generator are bound to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cores {
    pub(crate) server: usize,
    pub(crate) load: usize,
}

impl Cores {
    /// The first two this process may use.
    pub(crate) fn choose() -> anyhow::Result<Self> {
        match process::allowed_cores()?[..] {
            [server, load, ..] => Ok(Self { server, load }),
            _ => anyhow::bail!("measuring needs two cores: one for the server, one for the load"),
        }
    }
}

/// A running server. Killed when dropped without [`stop`](Self::stop).
#[derive(Debug)]
pub(crate) struct ServerProcess {
    child: Child,
    address: SocketAddr,
    /// Held open: a server that cannot write its log might stop.
    _stdout: BufReader<ChildStdout>,
}

impl ServerProcess {
    /// Starts `command` on `core` and waits for its ready line (`listening on SCHEME://HOST:PORT`).
    pub(crate) fn start(mut command: Command, core: usize) -> anyhow::Result<Self> {
        let program = command.get_program().to_string_lossy().into_owned();
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = spawn_on(core, &mut command).with_context(|| format!("start {program}"))?;
        let stdout = child.stdout.take().context("the child has no output")?;
        let mut stdout = BufReader::new(stdout);
        match ready_line(&mut stdout) {
            Ok(address) => Ok(Self { child, address, _stdout: stdout }),
            Err(error) => {
                end(&mut child);
                Err(error.context(format!("{program} did not get ready")))
            }
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to end and waits until it has.
    pub(crate) fn stop(mut self) -> anyhow::Result<ExitStatus> {
        const PATIENCE: Duration = Duration::from_secs(15);
        process::terminate(self.child.id())?;
        let asked = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            anyhow::ensure!(
                asked.elapsed() < PATIENCE,
                "the server still runs {PATIENCE:?} after SIGTERM"
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

/// Runs `command` on `core` to its end and returns what it printed.
pub(crate) fn output_on(core: usize, command: &mut Command) -> anyhow::Result<String> {
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let output = spawn_on(core, command)?.wait_with_output()?;
    anyhow::ensure!(output.status.success(), "the load generator ended with {}", output.status);
    Ok(String::from_utf8(output.stdout)?)
}

/// Children inherit the cores of the thread that starts them, before their first thread runs.
pub(crate) fn spawn_on(core: usize, command: &mut Command) -> io::Result<Child> {
    let own = process::allowed_cores()?;
    process::pin(core)?;
    let child = command.spawn();
    process::pin_to(&own)?;
    child
}

fn ready_line(stdout: &mut impl BufRead) -> anyhow::Result<SocketAddr> {
    let mut line = String::new();
    loop {
        line.clear();
        anyhow::ensure!(stdout.read_line(&mut line)? > 0, "it ended");
        let Some((_, rest)) = line.split_once("listening on ") else {
            continue;
        };
        let (_, address) = rest.split_once("://").context("a ready line without an address")?;
        let address = address.trim().trim_end_matches('/');
        let mut addresses = address.to_socket_addrs()?;
        return addresses.find(SocketAddr::is_ipv4).context("it does not listen on IPv4");
    }
}

fn end(child: &mut Child) {
    // An error means that it has ended already.
    drop(child.kill());
    drop(child.wait());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ready_line_is_found_behind_other_lines() {
        let mut output = &b"starting\nlistening on http://localhost:4321\n"[..];
        assert_eq!(ready_line(&mut output).unwrap(), "127.0.0.1:4321".parse().unwrap());
        assert!(ready_line(&mut &b"starting\n"[..]).is_err());
    }

    #[test]
    fn a_server_is_started_on_its_core_and_stopped() {
        let core = process::allowed_cores().unwrap()[0];
        let mut command = Command::new("sh");
        command.args(["-c", "echo listening on tcp://127.0.0.1:1; exec sleep 60"]);
        let server = ServerProcess::start(command, core).unwrap();
        let status = std::fs::read_to_string(format!("/proc/{}/status", server.id())).unwrap();
        assert!(status.contains(&format!("Cpus_allowed_list:\t{core}\n")), "{status}");
        assert!(!server.stop().unwrap().success(), "a signal ends it");
    }
}
