//! A plan: named steps that run one after another.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

use anyhow::Result;

use crate::account::Account;
use crate::failures::Failure;
use crate::flaky;
use crate::run::{self, Outcome, Shown};
use crate::tally::Tally;

/// Steps in the order they run.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    steps: Vec<Step>,
    left_out: Vec<LeftOut>,
    environment: Vec<(&'static str, u64)>,
}

/// Something to do, shown as one line of the account.
#[derive(Debug)]
pub(crate) struct Step {
    name: &'static str,
    needs: Option<&'static str>,
    tasks: Vec<Task>,
}

/// One program of a step.
#[derive(Debug)]
pub(crate) struct Task {
    label: String,
    command: Command,
    counted: Counted,
    shown: Shown,
    stamp: Option<(PathBuf, String)>,
    is_rerunning: bool,
}

/// What the end of a program says about tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Counted {
    /// Nothing: it prepares for the next tasks of its step, which need its success.
    Preparation,
    /// Its exit code is one test.
    Check,
    /// It is a test runner and says the numbers itself.
    Runner,
}

/// What came of a step.
#[derive(Debug, Default)]
pub(crate) struct Ran {
    pub(crate) tally: Tally,
    pub(crate) failures: Vec<Failure>,
    /// Names of tests that failed and passed when they were run again; they count as passed.
    pub(crate) flaky: Vec<String>,
}

/// Tests that are not run.
#[derive(Debug)]
pub(crate) struct LeftOut {
    pub(crate) what: &'static str,
    pub(crate) why: String,
    /// As one skipped test.
    pub(crate) counted: bool,
}

impl Task {
    /// The tasks after it in the same step run only if it succeeds.
    pub(crate) fn preparation(label: impl Into<String>, command: Command) -> Self {
        Self::new(label.into(), command, Counted::Preparation)
    }

    /// Counts as one test.
    pub(crate) fn check(label: impl Into<String>, command: Command) -> Self {
        Self::new(label.into(), command, Counted::Check)
    }

    /// Its output says how many tests it ran.
    pub(crate) fn runner(label: impl Into<String>, command: Command) -> Self {
        Self::new(label.into(), command, Counted::Runner)
    }

    fn new(label: String, command: Command, counted: Counted) -> Self {
        Self { label, command, counted, shown: Shown::All, stamp: None, is_rerunning: false }
    }

    /// Shows only those lines of its output that begin so, unless it fails.
    pub(crate) fn showing(mut self, prefix: &'static str) -> Self {
        self.shown = Shown::Prefix(prefix);
        self
    }

    /// What fails is run once more, alone; for `node --test`.
    pub(crate) fn rerunning(mut self) -> Self {
        self.is_rerunning = true;
        self
    }

    /// Not run if `file` holds this text; success writes it there.
    pub(crate) fn with_stamp(mut self, file: PathBuf, text: String) -> Self {
        self.stamp = Some((file, text));
        self
    }

    /// Runs it unless its stamp says that this was done already.
    pub(crate) fn run(&mut self) -> Result<Outcome> {
        if self.is_done() {
            let (tally, failures) = Default::default();
            return Ok(Outcome { success: true, tally, failures });
        }
        println!("── {}", self.label);
        let outcome = run::stream(&self.label, &mut self.command, self.shown)?;
        if outcome.success
            && let Some((file, text)) = &self.stamp
        {
            if let Some(folder) = file.parent() {
                fs::create_dir_all(folder)?;
            }
            fs::write(file, text)?;
        }
        Ok(outcome)
    }

    /// What it is called in messages.
    pub(crate) fn label(&self) -> &str {
        &self.label
    }

    fn is_done(&self) -> bool {
        let Some((file, text)) = &self.stamp else {
            return false;
        };
        fs::read_to_string(file).is_ok_and(|found| found == *text)
    }
}

impl Step {
    pub(crate) fn new(name: &'static str) -> Self {
        Self { name, needs: None, tasks: Vec::new() }
    }

    /// Runs only if the step called `name` did not fail.
    pub(crate) fn after(mut self, name: &'static str) -> Self {
        self.needs = Some(name);
        self
    }

    pub(crate) fn task(mut self, task: Task) -> Self {
        self.tasks.push(task);
        self
    }

    /// Runs the tasks; what failed outside a runner's own count is one failed test.
    fn run(&mut self) -> Result<Ran> {
        let mut ran = Ran::default();
        for task in &mut self.tasks {
            let mut outcome = task.run()?;
            if task.is_rerunning && !outcome.success {
                ran.flaky.extend(flaky::rerun(&task.command, &mut outcome)?);
            }
            ran.failures.extend(outcome.failures);
            match task.counted {
                Counted::Runner => {
                    ran.tally += outcome.tally;
                    ran.tally.failed += u64::from(!outcome.success && outcome.tally.failed == 0);
                }
                Counted::Check if outcome.success => ran.tally.passed += 1,
                Counted::Preparation if outcome.success => {}
                Counted::Check | Counted::Preparation => {
                    ran.tally.failed += 1;
                    println!("── {} failed", task.label);
                    if task.counted == Counted::Preparation {
                        break;
                    }
                }
            }
        }
        Ok(ran)
    }
}

impl Plan {
    /// One whose programs all have these variables.
    pub(crate) fn with_environment(variables: impl Iterator<Item = (&'static str, u64)>) -> Self {
        Self { environment: variables.collect(), ..Self::default() }
    }

    pub(crate) fn push(&mut self, mut step: Step) {
        for task in &mut step.tasks {
            let variables = self.environment.iter();
            task.command.envs(variables.map(|(name, value)| (name, value.to_string())));
        }
        self.steps.push(step);
    }

    /// Tests that this machine cannot run; counted as one skipped test.
    pub(crate) fn leave_out(&mut self, what: &'static str, why: impl Into<String>) {
        self.left_out.push(LeftOut { what, why: why.into(), counted: true });
    }

    /// Tests that were not asked for; told at the end.
    pub(crate) fn not_asked_for(&mut self, what: &'static str, why: impl Into<String>) {
        self.left_out.push(LeftOut { what, why: why.into(), counted: false });
    }

    /// Runs every step even after a failure, and prints the account and what failed.
    pub(crate) fn run(mut self) -> Result<Account> {
        let count = self.steps.len();
        let started = Instant::now();
        let mut account = Account::new(self.left_out);
        for (index, step) in self.steps.iter_mut().enumerate() {
            println!(
                "\n━━ step {} of {count}: {} ({} s so far)",
                index + 1,
                step.name,
                started.elapsed().as_secs()
            );
            let step_started = Instant::now();
            let ran = if step.needs.is_some_and(|name| account.has_failed(name)) {
                println!("── not run: {} failed", step.needs.unwrap_or_default());
                Ran { tally: Tally { skipped: 1, ..Tally::default() }, ..Ran::default() }
            } else {
                step.run()?
            };
            let took = step_started.elapsed();
            println!("── {}: {} in {:.1} s.", step.name, ran.tally, took.as_secs_f64());
            account.add(step.name, ran, took);
        }
        account.close(started.elapsed());
        print!("{account}");
        Ok(account)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failures::Failures;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn a_failed_preparation_stops_its_step_and_those_that_need_it() {
        let dir = std::env::temp_dir().join(format!("xtask-plan-{}", std::process::id()));
        let mark = format!("touch {}", dir.display());
        let mut plan = Plan::default();
        plan.push(
            Step::new("build")
                .task(Task::preparation("fails", shell("exit 1")))
                .task(Task::check("must not run", shell(&mark))),
        );
        plan.push(Step::new("tests").after("build").task(Task::check("neither", shell(&mark))));
        plan.push(Step::new("other").task(Task::check("runs", shell("true"))));
        let error = plan.run().unwrap().verdict().unwrap_err();
        assert_eq!(error.to_string(), "failed: build");
        assert!(!dir.exists());
    }

    #[test]
    fn a_check_that_fails_does_not_hide_the_next() {
        let mut step = Step::new("s")
            .task(Task::check("bad", shell("false")))
            .task(Task::runner("runner", shell("echo 2 passed, 0 failed")))
            .task(Task::runner("broken runner", shell("exit 2")));
        let Ran { tally, failures, .. } = step.run().unwrap();
        assert_eq!(tally, Tally { passed: 2, failed: 2, skipped: 0 });
        let mut all = Failures::default();
        all.add("s", failures);
        let report = all.to_string();
        assert!(
            report.contains("✗ s: bad\n") && report.contains("✗ s: broken runner\n"),
            "{report}"
        );
    }

    #[test]
    fn nothing_run_is_a_failure() {
        let mut plan = Plan::default();
        plan.leave_out("browser", "no browser");
        plan.push(Step::new("s").task(Task::runner("empty", shell("true"))));
        assert_eq!(plan.run().unwrap().verdict().unwrap_err().to_string(), "no test ran");
    }

    #[test]
    fn a_stamp_is_written_after_success_and_saves_the_next_run() {
        let file = std::env::temp_dir().join(format!("xtask-stamp-{}", std::process::id()));
        let stamped =
            |script| Task::preparation("t", shell(script)).with_stamp(file.clone(), "x".into());
        Step::new("bad").task(stamped("false")).run().unwrap();
        assert!(!file.exists());
        Step::new("good").task(stamped("true")).run().unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "x");
        let again = Step::new("again").task(stamped("false")).run().unwrap();
        assert_eq!(again.tally, Tally::default());
        fs::remove_file(file).unwrap();
    }
}
