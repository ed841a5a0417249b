//! What the documents point at is there: tests by their names, numbers by theirs. (Links: `book.rs`.)

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The texts between single backquotes of one line.
fn code_spans(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

/// A file in the repository; `crates/` may be left out.
fn file(name: &str) -> Option<String> {
    ["", "crates/"].iter().find_map(|at| fs::read_to_string(root().join(at).join(name)).ok())
}

fn names_a_test(span: &str) -> Option<(&str, &str)> {
    let (file, test) = span.split_once(' ')?;
    let is_source = file.contains('/') && (file.ends_with(".rs") || file.ends_with(".mjs"));
    is_source.then_some((file, test))
}

#[test]
fn the_tests_that_are_named_exist() {
    let mut named = 0;
    for page in ["docs/limits.md", "docs/compatibility.md"] {
        let text = file(page).unwrap();
        for (number, line) in text.lines().enumerate() {
            for (path, test) in code_spans(line).filter_map(names_a_test) {
                let place = format!("{page}:{}: {path} {test}", number + 1);
                let source = file(path).unwrap_or_else(|| panic!("{place}: no such file"));
                let wanted = match path.ends_with(".rs") {
                    true => format!("fn {test}("),
                    false => test.to_owned(),
                };
                assert!(source.contains(&wanted), "{place}: no such test");
                named += 1;
            }
        }
    }
    assert!(named > 100, "only {named} were found: has the way of naming them changed?");
}

/// Every number that the crates count, by their sources.
fn counted() -> Vec<String> {
    let mut names = Vec::new();
    for source in
        ["net", "websocket", "engine", "feeds"].map(|at| format!("crates/{at}/src/metrics.rs"))
    {
        let text = file(&source).unwrap();
        let strings = text.lines().filter(|line| line.starts_with("pub const"));
        names.extend(strings.filter_map(|line| line.split('"').nth(1)).map(str::to_owned));
    }
    assert!(names.len() > 10, "only {names:?}: has the way of naming them changed?");
    names.extend(sockeye::metrics::ALL.iter().map(|metric| metric.name.to_owned()));
    names.sort_unstable();
    names
}

#[test]
fn the_table_of_numbers_is_that_of_the_code() {
    let page = file("docs/operations.md").unwrap();
    let rows: Vec<_> = page.lines().filter(|line| line.starts_with("| `sockeye_")).collect();
    let mut named: Vec<_> = rows.iter().map(|row| code_spans(row).next().unwrap()).collect();
    named.sort_unstable();
    assert_eq!(named, counted());
    for metric in sockeye::metrics::ALL {
        let kind = format!("{:?}", metric.kind).to_lowercase();
        let unit = match metric.unit {
            metrics::Unit::Count => String::new(),
            unit => format!(", {}", unit.as_str()),
        };
        let labels: Vec<_> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
        let (name, labels) = (metric.name, labels.join(", "));
        let row = format!("| `{name}` | {kind}{unit} | {labels} | {} |", metric.description);
        assert!(rows.contains(&row.as_str()), "{row}");
    }
}
