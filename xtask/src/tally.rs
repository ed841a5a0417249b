//! Test counts, read from the closing lines of the runners used here.

use std::fmt;
use std::ops::AddAssign;

/// How many tests ran and how they ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Ended well.
    pub(crate) passed: u64,
    /// Ended badly.
    pub(crate) failed: u64,
    /// Not run: ignored, skipped, to do, or a whole group that was left out.
    pub(crate) skipped: u64,
}

impl Tally {
    /// Adds what `line` says if it is a closing line of cargo test, `node --test`, Vitest, or the
    /// plain form that [`Display`](fmt::Display) writes.
    pub(crate) fn read_line(&mut self, line: &str) {
        let line = without_colours(line);
        let line = line.trim();
        if let Some(counts) = line.strip_prefix("test result: ") {
            // `ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.1s`
            let counts = counts.split_once(". ").map_or(counts, |(_, counts)| counts);
            self.read_counts(counts.split(';'));
        } else if let Some(counts) = line.strip_prefix("Tests ") {
            // Vitest: `Tests  1 failed | 12 passed | 2 skipped (15)`
            let counts = counts.rsplit_once('(').map_or(counts, |(counts, _)| counts);
            self.read_counts(counts.split('|'));
        } else if let Some(count) = line.strip_prefix("# ").or(line.strip_prefix("ℹ ")) {
            // node --test, once per kind: `# pass 3` (TAP) or `ℹ pass 3` (spec)
            if let Some((word, number)) = count.split_once(' ') {
                self.read_count(word, number);
            }
        } else if is_plain(line) {
            self.read_counts(line.split(','));
        }
    }

    fn read_counts<'a>(&mut self, counts: impl Iterator<Item = &'a str>) {
        for count in counts {
            if let Some((number, word)) = count.trim().split_once(' ') {
                self.read_count(word, number);
            }
        }
    }

    fn read_count(&mut self, word: &str, number: &str) {
        let Ok(number) = number.trim().parse::<u64>() else {
            return;
        };
        match word.trim() {
            "passed" | "pass" => self.passed += number,
            "failed" | "fail" | "cancelled" => self.failed += number,
            "ignored" | "skipped" | "todo" => self.skipped += number,
            _ => {}
        }
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped)
    }
}

/// `N passed, N failed` with an optional `, N skipped`, and nothing else.
fn is_plain(line: &str) -> bool {
    let words: Vec<&str> = line
        .split(", ")
        .map_while(|part| part.split_once(' '))
        .filter(|(number, _)| number.bytes().all(|byte| byte.is_ascii_digit()))
        .map(|(_, word)| word)
        .collect();
    let complete = line.matches(", ").count() + 1 == words.len();
    complete && matches!(words[..], ["passed", "failed"] | ["passed", "failed", "skipped"])
}

/// Removes escape sequences of the form `ESC [ … letter`.
pub(crate) fn without_colours(line: &str) -> String {
    let mut plain = String::with_capacity(line.len());
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        if character != '\u{1b}' {
            plain.push(character);
        } else if characters.next() == Some('[') {
            // The sequence ends with its first letter.
            characters.by_ref().find(char::is_ascii_alphabetic);
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (u64, u64, u64) {
        let mut tally = Tally::default();
        text.lines().for_each(|line| tally.read_line(line));
        (tally.passed, tally.failed, tally.skipped)
    }

    #[test]
    fn closing_lines_of_each_runner() {
        let cases = [
            (
                "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 9 filtered out; \
                 finished in 0.00s",
                (3, 0, 1),
            ),
            ("test result: FAILED. 2 passed; 4 failed; 0 ignored; 0 measured", (2, 4, 0)),
            ("# tests 9\n# suites 2\n# pass 5\n# fail 1\n# cancelled 1\n# skipped 2", (5, 2, 2)),
            ("ℹ tests 5\nℹ pass 5\nℹ fail 0\nℹ todo 1\nℹ duration_ms 12.5", (5, 0, 1)),
            (
                " Test Files  1 passed (1)\n      Tests  1 failed | 12 passed | 2 skipped (15)",
                (12, 1, 2),
            ),
            (
                "\u{1b}[2m      Tests \u{1b}[22m \u{1b}[1m\u{1b}[32m7 passed\u{1b}[39m (7)",
                (7, 0, 0),
            ),
            ("7 passed, 2 failed, 1 skipped", (7, 2, 1)),
            ("7 passed, 2 failed", (7, 2, 0)),
        ];
        for (text, expected) in cases {
            assert_eq!(read(text), expected, "{text}");
        }
    }

    #[test]
    fn other_lines_count_nothing() {
        let cases = [
            "test frames::masks ... ok",
            "# Subtest: pass 3 stones",
            "I said 7 passed, 2 failed",
            "7 passed, 2 failed, 1 skipped, 4 eaten",
            "7 passed",
            "Tests are nice",
        ];
        for text in cases {
            assert_eq!(read(text), (0, 0, 0), "{text}");
        }
    }

    #[test]
    fn the_sum_reads_back() {
        let mut tally = Tally { passed: 1, failed: 2, skipped: 3 };
        tally += Tally { passed: 10, failed: 0, skipped: 0 };
        assert_eq!(tally.to_string(), "11 passed, 2 failed, 3 skipped");
        assert_eq!(read(&tally.to_string()), (11, 2, 3));
    }
}
