//! The two programs of a run: the suite, and ours.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::{Group, Side, report};
use crate::tally::Tally;

/// How many cases run at once where the suite is the client. Many of them wait.
const PARALLEL: &str = "4";

/// The group in which our client compresses with earlier messages in mind. In the other one with
/// compression it has to offer not to.
const CONTEXT_TAKEOVER: u32 = 12;

/// How long the suite may take for its reports after the last case.
const REPORTS_TIMEOUT: Duration = Duration::from_secs(60);

/// Where the programs are.
#[derive(Debug)]
pub(super) struct Peers {
    pub(super) suite: PathBuf,
    pub(super) stand_in: PathBuf,
}

impl Peers {
    /// Runs one group, with new processes, and counts what its report says.
    pub(super) fn run(&self, side: Side, group: Group, reports: &Path) -> Result<Tally> {
        let Group { number, cases, about, .. } = group;
        println!("── {} group {number}: {about}, {cases} cases", side.name());
        let started = Instant::now();
        let folder = reports.join(side.name()).join(number.to_string());
        if folder.exists() {
            fs::remove_dir_all(&folder).context("remove the previous report")?;
        }
        let done = match side {
            Side::Server => self.test_server(number, &folder),
            Side::Client => self.test_client(number, &folder),
        };
        let tally = match done.and_then(|()| report::read(&folder, group)) {
            Ok(tally) => tally,
            Err(error) => {
                println!("   {error:#}");
                Tally { failed: cases, ..Tally::default() }
            }
        };
        let Tally { passed, failed, .. } = tally;
        let seconds = started.elapsed().as_secs_f64();
        // Not in the form that is counted: the sum will be.
        println!("   passed {passed}, failed {failed} in {seconds:.1} s");
        Ok(tally)
    }

    /// The suite is the client. It exits with 1 when a case failed; the report says which.
    fn test_server(&self, group: u32, folder: &Path) -> Result<()> {
        let mut command = Command::new(&self.stand_in);
        command.args(["websocket", "--port", "0"]);
        let mut server = Running::start(&mut command, Ready::OnStdout)?;
        let address = server.address("http://")?;
        let mut suite = self.suite("fuzzingclient", &address, group, folder);
        suite.args(["--parallelism", PARALLEL]).stdout(Stdio::null()).stderr(Stdio::null());
        suite.status().context("run the suite")?;
        if let Some(status) = server.child.try_wait().context("look at the server")? {
            bail!("the server ended before the suite: {status}");
        }
        Ok(())
    }

    /// The suite is the server, and ends after our client asked for the reports.
    fn test_client(&self, group: u32, folder: &Path) -> Result<()> {
        let mut command = self.suite("fuzzingserver", "127.0.0.1:0", group, folder);
        let mut suite = Running::start(&mut command, Ready::OnStderr)?;
        let address = suite.address("ws://")?;
        let mut client = Command::new(&self.stand_in);
        client.args(["websocket-client", "--url", &format!("ws://{address}")]);
        client.args((group == CONTEXT_TAKEOVER).then_some("--context-takeover"));
        let client = client.stdout(Stdio::null()).status().context("run the client")?;
        if !client.success() {
            bail!("the client ended with {client}");
        }
        suite.wait(REPORTS_TIMEOUT)
    }

    fn suite(&self, mode: &str, address: &str, group: u32, folder: &Path) -> Command {
        let mut command = Command::new(&self.suite);
        command.args(["--mode", mode, "--include", &format!("{group}.*"), "--outdir"]);
        command.arg(folder).arg(address).stdin(Stdio::null());
        command
    }
}

/// Where a server says that it listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ready {
    OnStdout,
    OnStderr,
}

/// A server that is killed at the end.
#[derive(Debug)]
struct Running {
    child: Child,
    ready_line: String,
}

impl Running {
    /// Starts it and waits for its ready line, or its end.
    fn start(command: &mut Command, ready: Ready) -> Result<Self> {
        let name = command.get_program().display().to_string();
        let (stdout, stderr) = match ready {
            Ready::OnStdout => (Stdio::piped(), Stdio::inherit()),
            Ready::OnStderr => (Stdio::null(), Stdio::piped()),
        };
        let command = command.stdin(Stdio::null()).stdout(stdout).stderr(stderr);
        let mut child = command.spawn().with_context(|| format!("start {name}"))?;
        let stream: Option<Box<dyn Read + Send>> = match ready {
            Ready::OnStdout => child.stdout.take().map(|stream| Box::new(stream) as _),
            Ready::OnStderr => child.stderr.take().map(|stream| Box::new(stream) as _),
        };
        let mut ready_line = String::new();
        if let Some(stream) = stream {
            let mut reader = BufReader::new(stream);
            let read = reader.read_line(&mut ready_line);
            // Nobody waits for the rest, but a full pipe would stop the program.
            thread::spawn(move || std::io::copy(&mut reader, &mut std::io::sink()));
            read.with_context(|| format!("read the first line of {name}"))?;
        }
        Ok(Self { child, ready_line })
    }

    /// `HOST:PORT` of the URL that the ready line ends with.
    fn address(&self, scheme: &str) -> Result<String> {
        match self.ready_line.trim_end().rsplit_once(scheme) {
            Some((_, address)) => Ok(address.to_owned()),
            None => bail!("no {scheme} URL in {:?}", self.ready_line),
        }
    }

    fn wait(&mut self, limit: Duration) -> Result<()> {
        let started = Instant::now();
        while self.child.try_wait().context("wait for the suite")?.is_none() {
            if started.elapsed() > limit {
                bail!("the suite did not end");
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // An error means that it ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, ready: Ready) -> Result<Running> {
        Running::start(Command::new("sh").args(["-c", script]), ready)
    }

    #[test]
    fn the_address_comes_from_the_ready_line() {
        let running = shell("echo listening on ws://127.0.0.1:5 >&2", Ready::OnStderr).unwrap();
        assert_eq!(running.address("ws://").unwrap(), "127.0.0.1:5");
        assert!(running.address("http://").is_err());
    }

    #[test]
    fn a_program_that_ends_early_has_no_address() {
        let mut running = shell("exit 3", Ready::OnStdout).unwrap();
        assert!(running.address("http://").is_err());
        running.wait(Duration::from_secs(60)).unwrap();
    }

    #[test]
    fn waiting_has_a_limit() {
        let mut running = shell("echo x; exec sleep 60", Ready::OnStdout).unwrap();
        assert!(running.wait(Duration::ZERO).is_err());
    }
}
