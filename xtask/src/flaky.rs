//! A browser is a busy program of others; a test in it may fail by chance. Such a test is run once
//! more, alone: if it passes then it is flaky, which is told and counted, and only so many may be.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::failures::Failure;
use crate::run::{self, Outcome, Shown};

/// So many tests of a run may be flaky; one more, and they all are failures.
pub(crate) const FLAKY_MAX: usize = 2;
/// So many do not fail by chance: none of them is run again.
const RERUNS_MAX: usize = 10;

/// A test of `node --test`, as its closing list names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NodeTest<'a> {
    /// Below the folder that the runner was started in.
    pub(crate) file: &'a str,
    pub(crate) name: &'a str,
}

/// Runs each failed test of `outcome` once more, alone. What passes then leaves the failures of the
/// outcome; the names of these are returned.
pub(crate) fn rerun(command: &Command, outcome: &mut Outcome) -> Result<Vec<String>> {
    let count = outcome.failures.iter().filter(|failure| failure.node_test().is_some()).count();
    if count > RERUNS_MAX {
        println!("── {count} tests failed, which is no chance: none is run again");
        return Ok(Vec::new());
    }
    let mut flaky = Vec::new();
    let mut failures = Vec::new();
    for failure in outcome.failures.drain(..) {
        match failure.node_test() {
            Some(test) if passes_alone(command, test)? => {
                let name = format!("{}: {}", test.file, test.name);
                println!("FLAKY: {name}");
                flaky.push(name);
            }
            _ => failures.push(failure),
        }
    }
    let passed = u64::try_from(flaky.len())?;
    outcome.tally.failed = outcome.tally.failed.saturating_sub(passed);
    outcome.tally.passed += passed;
    outcome.success = failures.is_empty() && outcome.tally.failed == 0;
    outcome.failures = failures;
    Ok(flaky)
}

fn passes_alone(command: &Command, test: NodeTest<'_>) -> Result<bool> {
    println!("── once more, alone: {}, {}", test.file, test.name);
    let again = run::stream(test.name, &mut alone(command, test), Shown::All)?;
    // A name that selects nothing passes nothing either.
    Ok(again.success && again.tally.failed == 0 && again.tally.passed > 0)
}

/// The same runner with the same options, for one test.
fn alone(command: &Command, test: NodeTest<'_>) -> Command {
    let mut again = Command::new(command.get_program());
    if let Some(folder) = command.get_current_dir() {
        again.current_dir(folder);
    }
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => again.env(name, value),
            None => again.env_remove(name),
        };
    }
    let selects = |argument: &str| argument.starts_with(PATTERN) || argument.ends_with(TESTS);
    again.args(command.get_args().filter(|argument| !selects(&argument.to_string_lossy())));
    // A file that broke before its tests could run is named as one test.
    if !Path::new(test.name).ends_with(test.file) {
        // The runner looks for the pattern in the names of the groups and the test, one after the
        // other, so that only their end is sure.
        again.arg(format!("{PATTERN}{}$", literal(test.name)));
    }
    again.arg(test.file);
    again
}

/// The option that selects tests by their names.
pub(crate) const PATTERN: &str = "--test-name-pattern=";
/// The end of the names of files with tests.
pub(crate) const TESTS: &str = ".test.mjs";

/// The text as a regular expression that matches just that text.
pub(crate) fn literal(text: &str) -> String {
    let mut expression = String::new();
    for character in text.chars() {
        if r"\^$.|?*+()[]{}/".contains(character) {
            expression.push('\\');
        }
        expression.push(character);
    }
    expression
}

impl Failure {
    /// Which test it is, if the closing list of `node --test` named it:
    ///
    /// ```text
    /// test at tests/own.e2e.test.mjs:156:1
    /// ✖ a reload (17258.3ms)
    /// ```
    fn node_test(&self) -> Option<NodeTest<'_>> {
        let place = self.name().strip_prefix("test at ")?;
        let (file, _column) = place.rsplit_once(':')?;
        let (file, _line) = file.rsplit_once(':')?;
        let named = self.first_line()?.strip_prefix("✖ ")?;
        let (name, _took) = named.rsplit_once(" (")?;
        Some(NodeTest { file, name })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Plan, Step, Task};
    use crate::tally::Tally;

    /// A runner whose tests `SOMETIMES` pass when they are run alone, if they are called so.
    const RUNNER: &str = r#"
        fails() {
            echo "✖ failing tests:"
            for name in "$@"; do
                echo; echo "test at tests/chat.e2e.test.mjs:1:1"
                echo "✖ $name (17258.3ms)"; echo "  Error: waited"
            done
        }
        # `sh -c RUNNER sh NAMES FILES`: one run of everything, or `--test-name-pattern=` and a file.
        case "$2" in
        --test-name-pattern=sometimes*) echo "ℹ pass 1"; echo "ℹ fail 0" ;;
        --test-name-pattern=nowhere*) echo "ℹ pass 0"; echo "ℹ fail 0" ;;
        --test-name-pattern=*) echo "ℹ pass 0"; echo "ℹ fail 1"; fails "$2"; exit 1 ;;
        *)
            echo "ℹ pass 5"; echo "ℹ fail $(echo "$1" | wc -w)"
            fails $1; exit 1 ;;
        esac"#;

    fn runner(failing: &str) -> Task {
        let mut command = Command::new("sh");
        command.args([
            "-c",
            RUNNER,
            "sh",
            failing,
            "tests/a.e2e.test.mjs",
            "tests/chat.e2e.test.mjs",
        ]);
        Task::runner("node --test", command).rerunning()
    }

    fn account_of(failing: &str) -> (Tally, usize, Result<()>) {
        let mut plan = Plan::default();
        plan.push(Step::new("browser").task(runner(failing)));
        let account = plan.run().unwrap();
        (account.total(), account.flaky().len(), account.verdict())
    }

    #[test]
    fn what_passes_alone_is_flaky_and_no_failure() {
        let (total, flaky, verdict) = account_of("sometimes-1");
        assert_eq!(total, Tally { passed: 6, failed: 0, skipped: 0 });
        assert_eq!(flaky, 1);
        verdict.unwrap();
    }

    #[test]
    fn what_fails_twice_or_cannot_be_found_again_is_a_failure() {
        for name in ["always", "nowhere"] {
            let (total, flaky, verdict) = account_of(&format!("{name} sometimes-1"));
            assert_eq!(total, Tally { passed: 6, failed: 1, skipped: 0 }, "{name}");
            assert_eq!(flaky, 1);
            assert_eq!(verdict.unwrap_err().to_string(), "failed: browser");
        }
    }

    #[test]
    fn so_many_may_be_flaky_and_no_more() {
        let (total, flaky, verdict) = account_of("sometimes-1 sometimes-2");
        assert_eq!((total.failed, flaky), (0, FLAKY_MAX));
        verdict.unwrap();
        let (total, flaky, verdict) = account_of("sometimes-1 sometimes-2 sometimes-3");
        assert_eq!(total, Tally { passed: 5, failed: 3, skipped: 0 });
        assert_eq!(flaky, FLAKY_MAX + 1);
        let error = verdict.unwrap_err().to_string();
        assert_eq!(error, "3 tests are flaky; 2 may be");
    }

    #[test]
    fn so_many_failures_are_no_chance() {
        let names = |count| (0..count).map(|n| format!("sometimes-{n} ")).collect::<String>();
        assert_eq!(account_of(&names(RERUNS_MAX)).1, RERUNS_MAX);
        let (total, flaky, _) = account_of(&names(RERUNS_MAX + 1));
        assert_eq!((total.failed, flaky), (11, 0));
    }

    #[test]
    fn alone_means_its_file_and_its_name() {
        let mut command = Command::new("node");
        command.current_dir("interop").env("CHROMIUM", "x");
        command.args([
            "--test",
            "--test-name-pattern=other",
            "tests/a.test.mjs",
            "tests/b.test.mjs",
        ]);
        let test = NodeTest { file: "tests/b.test.mjs", name: "a.b (c)" };
        let again = alone(&command, test);
        let arguments: Vec<_> = again.get_args().map(|text| text.to_string_lossy()).collect();
        let expected = ["--test", r"--test-name-pattern=a\.b \(c\)$", "tests/b.test.mjs"];
        assert_eq!(arguments, expected);
        assert_eq!(again.get_current_dir(), Some(Path::new("interop")));
        assert_eq!(again.get_envs().count(), 1);
        // A file that does not load.
        let test = NodeTest { file: "tests/b.test.mjs", name: "/x/tests/b.test.mjs" };
        let again = alone(&command, test);
        let arguments: Vec<_> = again.get_args().map(|text| text.to_string_lossy()).collect();
        assert_eq!(arguments, ["--test", "tests/b.test.mjs"]);
    }

    #[test]
    fn a_filter_is_taken_literally() {
        assert_eq!(literal("a.b (c)"), r"a\.b \(c\)");
    }
}
