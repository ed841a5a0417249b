//! The account of a run: a line for each step, what failed, and the sum in the last line.

use std::fmt;
use std::time::Duration;

use anyhow::{Result, bail};

use crate::failures::Failures;
use crate::flaky::FLAKY_MAX;
use crate::plan::{LeftOut, Ran};
use crate::tally::Tally;

/// What came of a plan.
#[derive(Debug, Default)]
pub(crate) struct Account {
    lines: Vec<Line>,
    failures: Failures,
    flaky: Vec<String>,
    left_out: Vec<LeftOut>,
    took: Duration,
}

#[derive(Debug)]
struct Line {
    name: &'static str,
    tally: Tally,
    flaky: usize,
    took: Duration,
}

impl Account {
    /// Without any step yet.
    pub(crate) fn new(left_out: Vec<LeftOut>) -> Self {
        Self { left_out, ..Self::default() }
    }

    /// Adds what came of the next step.
    pub(crate) fn add(&mut self, name: &'static str, ran: Ran, took: Duration) {
        self.lines.push(Line { name, tally: ran.tally, flaky: ran.flaky.len(), took });
        self.failures.add(name, ran.failures);
        self.flaky.extend(ran.flaky);
    }

    /// Whether the step of this name did.
    pub(crate) fn has_failed(&self, name: &str) -> bool {
        self.lines.iter().any(|line| line.name == name && line.tally.failed > 0)
    }

    /// There was no further step.
    pub(crate) fn close(&mut self, took: Duration) {
        self.took = took;
    }

    /// Tests that passed only when they were run again.
    pub(crate) fn flaky(&self) -> &[String] {
        &self.flaky
    }

    /// The sum of all steps. More flaky tests than there may be count as failed.
    pub(crate) fn total(&self) -> Tally {
        let mut total = Tally::default();
        for line in &self.lines {
            total += line.tally;
        }
        total.skipped +=
            self.left_out.iter().map(|left_out| u64::from(left_out.counted)).sum::<u64>();
        if self.flaky.len() > FLAKY_MAX {
            let flaky = self.flaky.len() as u64;
            total.passed = total.passed.saturating_sub(flaky);
            total.failed += flaky;
        }
        total
    }

    /// An error if anything failed, too much was flaky, or no test ran at all.
    pub(crate) fn verdict(&self) -> Result<()> {
        let failed: Vec<_> =
            self.lines.iter().filter(|line| line.tally.failed > 0).map(|line| line.name).collect();
        if !failed.is_empty() {
            bail!("failed: {}", failed.join(", "));
        }
        if self.flaky.len() > FLAKY_MAX {
            bail!("{} tests are flaky; {FLAKY_MAX} may be", self.flaky.len());
        }
        if self.total().passed == 0 {
            bail!("no test ran");
        }
        Ok(())
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [passed, failed, skipped] = ["passed", "failed", "skipped"];
        writeln!(
            f,
            "\n{:<24}{passed:>8}{failed:>8}{skipped:>9}{:>7}{:>9}",
            "step", "flaky", "minutes"
        )?;
        for Line { name, tally, flaky, took } in &self.lines {
            let Tally { passed, failed, skipped } = tally;
            let minutes = took.as_secs_f64() / 60.0;
            writeln!(f, "{name:<24}{passed:>8}{failed:>8}{skipped:>9}{flaky:>7}{minutes:>9.1}")?;
        }
        for LeftOut { what, why, .. } in &self.left_out {
            writeln!(f, "left out: {what}: {why}")?;
        }
        for name in self.flaky() {
            writeln!(f, "FLAKY: {name}")?;
        }
        write!(f, "{}", self.failures)?;
        writeln!(f, "\n{:.1} minutes in all", self.took.as_secs_f64() / 60.0)?;
        writeln!(f, "{}", self.total())
    }
}
