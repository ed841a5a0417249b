//! What failed and why, read from the output of the runners used here, so that it can be repeated
//! at the end: of a long log often only the end is kept.

use std::collections::VecDeque;
use std::fmt;

use crate::tally::without_colours;

/// Something that failed: a test, or a program as a whole.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    name: String,
    text: Excerpt,
}

impl Failure {
    /// One that has nothing more to say.
    pub(crate) fn of(name: String) -> Self {
        Self { name, text: Excerpt::default() }
    }

    /// What it is called.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The first line of what it has to say.
    pub(crate) fn first_line(&self) -> Option<&str> {
        self.text.first.first().map(String::as_str)
    }
}

/// The first and the last lines of a text: what it is about, and how it ended.
#[derive(Debug, Default, PartialEq, Eq)]
struct Excerpt {
    first: Vec<String>,
    left_out: usize,
    last: VecDeque<String>,
}

/// Finds the failures in a program's output, line by line.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    found: Vec<Failure>,
    open: Option<Format>,
    /// The closing list of `node --test` has begun.
    is_listing: bool,
    /// Which test program cargo runs.
    program: Option<String>,
    /// The end of the output, in case that nothing in it is known to be a failure.
    end: Excerpt,
}

/// Whose text a failure is; it says where it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    RustTest,
    /// An error of the compiler or of cargo.
    Rust,
    Node,
    Vitest,
}

/// Lines of a failure that are kept: so many first and last ones. Rust prints the output of a test
/// before its panic, the others the error first.
const FIRST_MAX: usize = 25;
const LAST_MAX: usize = 35;
/// Characters of a line that are kept: an assertion may show a megabyte in one.
const LINE_CHARS_MAX: usize = 400;
/// Lines of all failures that are repeated; those without room for these get only their names.
const LINES_MAX: usize = 250;
/// Fewest lines of a failure that are worth repeating.
const LINES_MIN: usize = 8;
/// Failures that get only their names.
const NAMES_MAX: usize = 60;
/// Failures that are found in the output of one program.
const FOUND_MAX: usize = 500;

impl Reader {
    /// Reads the next line of either stream.
    pub(crate) fn read_line(&mut self, line: &str) {
        let line = without_colours(line);
        let line = line.trim_end();
        self.end.push(line);
        if let Some((format, name)) = self.begins(line) {
            self.open = (self.found.len() < FOUND_MAX).then_some(format);
            if self.open.is_some() {
                self.found.push(Failure::of(name));
            }
            return;
        }
        match self.open {
            Some(format) if format.ends(line) => self.open = None,
            Some(_) => {
                let Some(failure) = self.found.last_mut() else {
                    return;
                };
                failure.text.push(line);
            }
            None => {}
        }
    }

    /// The failures of a program; one that failed without a word known here is one itself, with
    /// the end of its output.
    pub(crate) fn finish(self, label: &str, success: bool) -> Vec<Failure> {
        if success {
            return Vec::new();
        }
        if self.found.is_empty() {
            return vec![Failure { name: label.to_owned(), text: self.end }];
        }
        self.found
    }

    fn begins(&mut self, line: &str) -> Option<(Format, String)> {
        if let Some(program) = line.trim_start().strip_prefix("Running ") {
            self.program = Some(program.split(" (").next().unwrap_or(program).to_owned());
        } else if let Some(package) = line.trim_start().strip_prefix("Doc-tests ") {
            self.program = Some(format!("doc tests of {package}"));
        } else if line == "✖ failing tests:" {
            self.is_listing = true;
        }
        // `---- limits::a_window_is_bounded stdout ----`
        let of_rust = line.strip_prefix("---- ").and_then(|rest| rest.strip_suffix(" stdout ----"));
        if let Some(name) = of_rust {
            let program = self.program.as_deref().unwrap_or("cargo test");
            return Some((Format::RustTest, format!("{name}, {program}")));
        }
        // `test at tests/upgrade.test.mjs:12:1`, and the name of the test below it
        if self.is_listing && line.starts_with("test at ") {
            return Some((Format::Node, line.to_owned()));
        }
        // ` FAIL  src/clock.test.ts > clock > says how long ago it was`
        if let Some(name) = line.trim_start().strip_prefix("FAIL ") {
            return Some((Format::Vitest, name.trim().to_owned()));
        }
        // `   case 7.1.5: FAILED, close OK`: Autobahn, and all there is to say about it
        if let Some(case) = line.strip_prefix("   case ")
            && case.starts_with(|character: char| character.is_ascii_digit())
        {
            self.open = None;
            self.found.push(Failure::of(line.trim().to_owned()));
            return None;
        }
        let is_error = line.starts_with("error: ") || line.starts_with("error[");
        // What a test prints belongs to the test.
        (is_error && self.open.is_none()).then(|| (Format::Rust, line.to_owned()))
    }
}

impl Format {
    fn ends(self, line: &str) -> bool {
        match self {
            Self::RustTest => line == "failures:" || line.starts_with("test result: "),
            Self::Rust => line.is_empty(),
            Self::Node => false,
            Self::Vitest => line.starts_with('⎯') || line.trim_start().starts_with("Test Files "),
        }
    }
}

impl Excerpt {
    fn push(&mut self, line: &str) {
        let end = line.char_indices().nth(LINE_CHARS_MAX).map(|(end, _)| end);
        let line = end.map_or_else(|| line.to_owned(), |end| format!("{}…", &line[..end]));
        if self.first.len() < FIRST_MAX {
            // Nothing begins with empty lines.
            if !(self.first.is_empty() && line.is_empty()) {
                self.first.push(line);
            }
            return;
        }
        self.last.push_back(line);
        if self.last.len() > LAST_MAX {
            self.last.pop_front();
            self.left_out += 1;
        }
    }

    /// At most `max` lines of it, two thirds of them from its end.
    fn lines(&self, max: usize) -> Vec<String> {
        let mut lines: Vec<_> = self.first.iter().chain(&self.last).cloned().collect();
        while lines.last().is_some_and(String::is_empty) {
            lines.pop();
        }
        let mut left_out = self.left_out;
        let mut at = self.first.len();
        if lines.len() > max {
            at = max / 3;
            let end = lines.len() - (max - at);
            left_out += end - at;
            lines.drain(at..end);
        }
        if left_out > 0 {
            lines.insert(at, format!("… {left_out} lines …"));
        }
        lines
    }
}

/// All that failed, by step, in a form that fits into the end of a log.
#[derive(Debug, Default)]
pub(crate) struct Failures {
    of_steps: Vec<(&'static str, Failure)>,
}

impl Failures {
    /// Adds what failed in a step.
    pub(crate) fn add(&mut self, step: &'static str, failures: Vec<Failure>) {
        self.of_steps.extend(failures.into_iter().map(|failure| (step, failure)));
    }
}

impl fmt::Display for Failures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.of_steps.len();
        // The name takes a line, and an empty one is before it.
        let each = (LINES_MAX / count.max(1)).saturating_sub(2);
        let each = each.clamp(LINES_MIN, FIRST_MAX + LAST_MAX);
        let mut left = LINES_MAX;
        let mut names = NAMES_MAX;
        for (index, (step, Failure { name, text })) in self.of_steps.iter().enumerate() {
            if left >= LINES_MIN {
                let lines = text.lines(each);
                writeln!(f, "\n✗ {step}: {name}")?;
                for line in &lines {
                    writeln!(f, "{}", format!("    {line}").trim_end())?;
                }
                left = left.saturating_sub(lines.len() + 2);
            } else if names > 0 {
                writeln!(f, "✗ {step}: {name}")?;
                names -= 1;
            } else {
                return writeln!(f, "… and {} more", count - index);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(output: &str) -> String {
        let mut reader = Reader::default();
        output.lines().for_each(|line| reader.read_line(line));
        let mut failures = Failures::default();
        failures.add("step", reader.finish("program", false));
        failures.to_string()
    }

    #[test]
    fn of_cargo_test() {
        let output = "\
     Running tests/limits.rs (target/debug/deps/limits-1234)
test ok ... ok
test bounded ... FAILED

failures:

---- bounded stdout ----
error: this is what the test printed

thread 'bounded' panicked at crates/server/tests/limits.rs:7:5:
assertion `left == right` failed
  left: 1
 right: 2

---- other stdout ----
thread 'other' panicked at crates/server/tests/limits.rs:9:5:
late

failures:
    bounded
    other

test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out

   Doc-tests sockeye
---- crates/server/src/lib.rs - (line 3) stdout ----
error[E0425]: cannot find value `x`
failures:
error: 2 targets failed:
    `-p sockeye --test limits`
    `-p sockeye --doc`
";
        let expected = "
✗ step: bounded, tests/limits.rs
    error: this is what the test printed

    thread 'bounded' panicked at crates/server/tests/limits.rs:7:5:
    assertion `left == right` failed
      left: 1
     right: 2

✗ step: other, tests/limits.rs
    thread 'other' panicked at crates/server/tests/limits.rs:9:5:
    late

✗ step: crates/server/src/lib.rs - (line 3), doc tests of sockeye
    error[E0425]: cannot find value `x`

✗ step: error: 2 targets failed:
        `-p sockeye --test limits`
        `-p sockeye --doc`
";
        assert_eq!(read(output), expected);
    }

    #[test]
    fn of_node() {
        let output = "\
✖ a reload (17258.3ms)
  Error: waited
ℹ tests 2
ℹ fail 1

✖ failing tests:

test at tests/own.e2e.test.mjs:156:1
✖ a reload (17258.3ms)
  Error: waited 15000 ms for an empty outbox
      at until (waiting.mjs:21:40)

test at tests/own.e2e.test.mjs:200:1
✖ another (1ms)
  'test timed out'
";
        let expected = "
✗ step: test at tests/own.e2e.test.mjs:156:1
    ✖ a reload (17258.3ms)
      Error: waited 15000 ms for an empty outbox
          at until (waiting.mjs:21:40)

✗ step: test at tests/own.e2e.test.mjs:200:1
    ✖ another (1ms)
      'test timed out'
";
        assert_eq!(read(output), expected);
    }

    #[test]
    fn of_vitest() {
        let output = "\
 ❯ src/clock.test.ts (2 tests | 1 failed) 5ms
⎯⎯⎯⎯⎯⎯⎯ Failed Tests 1 ⎯⎯⎯⎯⎯⎯⎯

\u{1b}[41m FAIL \u{1b}[49m src/clock.test.ts > clock > says how long ago
AssertionError: expected 1 to be 2
 ❯ src/clock.test.ts:5:13

⎯⎯⎯⎯⎯⎯⎯⎯⎯⎯⎯⎯⎯⎯⎯⎯⎯⎯⎯⎯⎯⎯⎯⎯[1/1]⎯
 Test Files  1 failed (1)
";
        let expected = "
✗ step: src/clock.test.ts > clock > says how long ago
    AssertionError: expected 1 to be 2
     ❯ src/clock.test.ts:5:13
";
        assert_eq!(read(output), expected);
    }

    #[test]
    fn of_autobahn_and_the_compiler() {
        let output = "\
── our server group 7: close, 37 cases
   case 7.1.5: FAILED, close OK
   case 7.1.6: OK, close WRONG CODE
   passed 35, failed 2 in 1.0 s
35 passed, 2 failed, 0 skipped
error: 2 cases failed
";
        let cases = "
✗ step: case 7.1.5: FAILED, close OK

✗ step: case 7.1.6: OK, close WRONG CODE

✗ step: error: 2 cases failed
";
        assert_eq!(read(output), cases);
        let output =
            "warning: x\n\nerror[E0308]: mismatched types\n --> src/a.rs:1:1\n\nerror: stop";
        let errors = "
✗ step: error[E0308]: mismatched types
     --> src/a.rs:1:1

✗ step: error: stop
";
        assert_eq!(read(output), errors);
    }

    #[test]
    fn of_others_it_is_the_end_of_what_they_said() {
        let mut output = String::from("first\n");
        for number in 1..=100 {
            output += &format!("line {number}\n");
        }
        let text = read(&(output + "==7== ERROR: libFuzzer: timeout\n\n"));
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[..3], ["", "✗ step: program", "    first"]);
        assert_eq!(lines[27], "    … 43 lines …");
        assert_eq!(lines.last(), Some(&"    ==7== ERROR: libFuzzer: timeout"));
    }

    #[test]
    fn long_lines_are_cut() {
        let report = |length| read(&"가".repeat(length));
        assert!(report(LINE_CHARS_MAX).ends_with("가\n"));
        let cut = report(LINE_CHARS_MAX + 1);
        assert!(cut.ends_with("가…\n"));
        assert_eq!(cut.matches('가').count(), LINE_CHARS_MAX);
    }

    #[test]
    fn what_succeeds_has_no_failures() {
        let mut reader = Reader::default();
        reader.read_line("---- shown stdout ----");
        assert_eq!(reader.finish("program", true), []);
    }

    #[test]
    fn many_failures_share_the_room() {
        let report = |count: usize| {
            let mut output = String::new();
            for number in 0..count {
                output += &format!("---- t{number} stdout ----\n");
                (0..50).for_each(|line| output += &format!("line {line}\n"));
            }
            read(&output)
        };
        assert_eq!(report(1).lines().count(), 52);
        for count in [2, 5, 10, 30, 100, FOUND_MAX + 10] {
            let report = report(count);
            let lines = report.lines().count();
            let most = LINES_MAX + NAMES_MAX + 12;
            assert!((100..=most).contains(&lines), "{count}: {lines} lines");
            assert!(report.contains("✗ step: t1,"), "{count}");
        }
        assert!(report(60).contains("✗ step: t59,"));
        assert!(report(500).lines().last().unwrap().ends_with("more"));
    }
}
