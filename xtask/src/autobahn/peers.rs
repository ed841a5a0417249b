//! The two programs of a run: the suite, and ours.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::report::{self, Verdicts};
use super::{Group, Side};
use crate::tally::Tally;

/// How many cases run at once where the suite is the client. Many of them wait.
const PARALLEL: &str = "4";

/// How often a case may fail. The suite gives up on an answer after one second in most cases, which a
/// busy machine may take; what breaks the protocol fails each time.
const ATTEMPTS: u32 = 3;

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
    /// Runs one group, with new processes, and counts what its reports say.
    pub(super) fn run(&self, side: Side, group: Group, reports: &Path) -> Result<Tally> {
        let Group { number, cases, about, .. } = group;
        println!("── {} group {number}: {about}, {cases} cases", side.name());
        let started = Instant::now();
        let reports = reports.join(side.name());
        let tally = attempt(group, |cases, attempt| {
            let folder = match attempt {
                1 => reports.join(number.to_string()),
                _ => reports.join(format!("{number}-attempt-{attempt}")),
            };
            if folder.exists() {
                fs::remove_dir_all(&folder).context("remove the previous report")?;
            }
            // Alone, what was too slow before has the machine for itself.
            let parallel = if attempt == 1 { PARALLEL } else { "1" };
            match side {
                Side::Server => self.test_server(cases, parallel, &folder)?,
                Side::Client => self.test_client(number, cases, &folder)?,
            }
            report::read(&folder)
        });
        let Tally { passed, failed, .. } = tally;
        let seconds = started.elapsed().as_secs_f64();
        // Not in the form that is counted: the sum will be.
        println!("   passed {passed}, failed {failed} in {seconds:.1} s");
        Ok(tally)
    }

    /// The suite is the client. It exits with 1 when a case failed; the report says which.
    fn test_server(&self, cases: &[String], parallel: &str, folder: &Path) -> Result<()> {
        let mut command = Command::new(&self.stand_in);
        command.args(["websocket", "--port", "0"]);
        let mut server = Running::start(&mut command, Ready::OnStdout)?;
        let address = server.address("http://")?;
        let mut suite = self.suite("fuzzingclient", &address, cases, folder);
        suite.args(["--parallelism", parallel]).stdout(Stdio::null()).stderr(Stdio::null());
        suite.status().context("run the suite")?;
        if let Some(status) = server.child.try_wait().context("look at the server")? {
            bail!("the server ended before the suite: {status}");
        }
        Ok(())
    }

    /// The suite is the server, and ends after our client asked for the reports.
    fn test_client(&self, group: u32, cases: &[String], folder: &Path) -> Result<()> {
        let mut command = self.suite("fuzzingserver", "127.0.0.1:0", cases, folder);
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

    fn suite(&self, mode: &str, address: &str, cases: &[String], folder: &Path) -> Command {
        let mut command = Command::new(&self.suite);
        command.args(["--mode", mode]);
        for case in cases {
            command.args(["--include", case]);
        }
        command.arg("--outdir").arg(folder).arg(address).stdin(Stdio::null());
        command
    }
}

/// Runs the cases of a group, and those that failed again: `run` gets the cases, and which attempt it
/// is.
fn attempt(group: Group, mut run: impl FnMut(&[String], u32) -> Result<Verdicts>) -> Tally {
    let mut tally = Tally { failed: group.cases, ..Tally::default() };
    let mut cases = vec![format!("{}.*", group.number)];
    for attempt in 1..=ATTEMPTS {
        if attempt > 1 {
            println!("   attempt {attempt}: {}", cases.join(" "));
        }
        let verdicts = match run(&cases, attempt) {
            Ok(verdicts) => verdicts,
            Err(error) => {
                println!("   {error:#}");
                continue;
            }
        };
        let reported = verdicts.passed + verdicts.failed.len() as u64;
        if reported != tally.failed {
            println!("   {reported} of {} cases reported", tally.failed);
            continue;
        }
        tally.passed += verdicts.passed;
        tally.failed -= verdicts.passed;
        if tally.failed == 0 {
            break;
        }
        cases = verdicts.failed;
    }
    tally
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
    use anyhow::anyhow;

    use super::*;

    fn verdicts(passed: u64, failed: &[&str]) -> Result<Verdicts> {
        Ok(Verdicts { passed, failed: failed.iter().map(|case| (*case).to_owned()).collect() })
    }

    /// Which cases each attempt ran, and the sum.
    fn attempted(outcomes: Vec<Result<Verdicts>>) -> (Vec<String>, (u64, u64)) {
        let group = Group { number: 7, cases: 5, about: "", quick: true };
        let mut outcomes = outcomes.into_iter();
        let mut asked = Vec::new();
        let tally = attempt(group, |cases, attempt| {
            asked.push(format!("{attempt}: {}", cases.join(" ")));
            outcomes.next().unwrap()
        });
        assert!(outcomes.next().is_none());
        (asked, (tally.passed, tally.failed))
    }

    #[test]
    fn only_what_failed_is_tried_again() {
        let (asked, counts) = attempted(vec![verdicts(5, &[])]);
        assert_eq!((asked, counts), (vec!["1: 7.*".to_owned()], (5, 0)));
        let (asked, counts) = attempted(vec![verdicts(3, &["7.1", "7.2"]), verdicts(2, &[])]);
        assert_eq!(asked, ["1: 7.*", "2: 7.1 7.2"]);
        assert_eq!(counts, (5, 0));
    }

    #[test]
    fn what_fails_each_time_has_failed() {
        let always = || verdicts(0, &["7.2"]);
        let first = verdicts(3, &["7.1", "7.2"]);
        let (asked, counts) = attempted(vec![first, verdicts(1, &["7.2"]), always()]);
        assert_eq!(asked, ["1: 7.*", "2: 7.1 7.2", "3: 7.2"]);
        assert_eq!(counts, (4, 1));
        // So have cases of which nothing is reported.
        let (_, counts) = attempted(vec![verdicts(4, &[]), Err(anyhow!("broken")), always()]);
        assert_eq!(counts, (0, 5));
    }

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
