//! Running a program while showing its output and reading its test counts.

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::failures::{Failure, Reader};
use crate::tally::Tally;

/// How a program ended and what its test runner reported.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// It exited with 0.
    pub(crate) success: bool,
    /// The sum of the closing lines found in its output.
    pub(crate) tally: Tally,
    /// What failed, with its own words; empty if nothing did.
    pub(crate) failures: Vec<Failure>,
}

/// Which lines of a program are shown as they come.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum Shown {
    /// All of them.
    #[default]
    All,
    /// Those that begin so; the others only when it fails, as far as they say why.
    Prefix(&'static str),
}

/// Runs `command` to its end, copying both of its streams line by line. Without output for
/// [`QUIET_MAX`] a line says that it is still running; without output for [`SILENCE_MAX`] it is
/// ended, and has failed.
pub(crate) fn stream(label: &str, command: &mut Command, shown: Shown) -> Result<Outcome> {
    stream_within(SILENCE_MAX, label, command, shown)
}

fn stream_within(
    silence_max: Duration,
    label: &str,
    command: &mut Command,
    shown: Shown,
) -> Result<Outcome> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("start {}", command.get_program().to_string_lossy()))?;
    let (lines, received) = mpsc::channel();
    if let Some(stdout) = child.stdout.take() {
        forward(stdout, lines.clone());
    }
    if let Some(stderr) = child.stderr.take() {
        forward(stderr, lines.clone());
    }
    drop(lines);

    let started = Instant::now();
    let mut heard = started;
    let mut is_ended = false;
    let mut tally = Tally::default();
    let mut reader = Reader::default();
    loop {
        match received.recv_timeout(QUIET_MAX.min(silence_max)) {
            Ok(line) => {
                heard = Instant::now();
                tally.read_line(&line);
                reader.read_line(&line);
                if shown.includes(&line) {
                    println!("{line}");
                }
            }
            Err(RecvTimeoutError::Timeout) if heard.elapsed() >= silence_max => {
                // What it started may live on and hold its streams open: they are not waited for.
                child.kill().with_context(|| format!("end {label}"))?;
                is_ended = true;
                break;
            }
            Err(RecvTimeoutError::Timeout) => {
                println!("… {label}: running for {} s", started.elapsed().as_secs());
            }
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    let status = child.wait().with_context(|| format!("wait for {label}"))?;
    let success = status.success();
    let mut failures = reader.finish(label, success);
    if is_ended {
        let silence = silence_max.as_secs();
        failures.push(Failure::of(format!("{label}: ended after {silence} s without output")));
    } else if !success && status.code() != Some(1) && status.code() != Some(101) {
        // Not the way in which a test runner says that a test failed.
        failures.push(Failure::of(format!("{label}: {status}")));
    }
    Ok(Outcome { success, tally, failures })
}

impl Shown {
    fn includes(self, line: &str) -> bool {
        match self {
            Self::All => true,
            Self::Prefix(prefix) => line.starts_with(prefix),
        }
    }
}

/// A program that says nothing for this long gets a line of ours.
const QUIET_MAX: Duration = Duration::from_secs(20);
/// A program that says nothing for this long hangs: no build and no test is silent for half of it.
const SILENCE_MAX: Duration = Duration::from_secs(30 * 60);

fn forward(stream: impl Read + Send + 'static, lines: Sender<String>) {
    thread::spawn(move || {
        let mut reader = BufReader::new(stream);
        let mut line = Vec::new();
        loop {
            line.clear();
            match reader.read_until(b'\n', &mut line) {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
            let text = String::from_utf8_lossy(&line);
            if lines.send(text.trim_end_matches(['\r', '\n']).to_owned()).is_err() {
                return;
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failures::Failures;

    fn shell(script: &str) -> Outcome {
        stream("sh", Command::new("sh").args(["-c", script]), Shown::All).unwrap()
    }

    #[test]
    fn counts_come_from_both_streams() {
        let outcome = shell("echo '2 passed, 0 failed'; echo '1 passed, 3 failed' >&2");
        assert!(outcome.success);
        assert_eq!(outcome.tally, Tally { passed: 3, failed: 3, skipped: 0 });
    }

    #[test]
    fn a_bad_exit_code_is_seen() {
        let outcome = shell("echo why; exit 3");
        assert!(!outcome.success);
        let mut all = Failures::default();
        all.add("step", outcome.failures);
        let report = all.to_string();
        assert_eq!(report, "\n✗ step: sh\n    why\n\n✗ step: sh: exit status: 3\n");
    }

    #[test]
    fn a_program_that_hangs_is_ended() {
        let mut command = Command::new("sh");
        // The second one holds the streams open when the first one is ended.
        command.args(["-c", "echo begun; sleep 5 & exec sleep 1000"]);
        let silence = Duration::from_millis(200);
        let outcome = stream_within(silence, "sh", &mut command, Shown::All).unwrap();
        assert!(!outcome.success);
        let mut all = Failures::default();
        all.add("step", outcome.failures);
        assert!(all.to_string().contains("sh: ended after 0 s without output"), "{all}");
    }

    #[test]
    fn only_some_lines_are_shown() {
        let shown = Shown::Prefix("stat::runs");
        assert!(shown.includes("stat::runs: 7"));
        assert!(!shown.includes("Done 7 stat::runs"));
        assert!(Shown::All.includes("Done 7 runs"));
    }

    #[test]
    fn a_missing_program_is_an_error() {
        let error = stream("x", &mut Command::new("/nonexistent/program"), Shown::All).unwrap_err();
        assert!(error.to_string().contains("/nonexistent/program"), "{error}");
    }
}
