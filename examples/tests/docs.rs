//! What the documents point at is there: tests by their names, files by their links.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Every document of the book, and those beside it.
fn documents() -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = ["README.md", "ARCHITECTURE.md", "CHANGELOG.md", "SECURITY.md"]
        .map(|name| root().join(name))
        .into();
    for folder in ["docs", "docs/guide", "docs/migrate"] {
        let entries = fs::read_dir(root().join(folder)).unwrap();
        found.extend(entries.map(|entry| entry.unwrap().path()).filter(|path| is_markdown(path)));
    }
    found
}

fn is_markdown(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "md")
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

#[test]
fn links_lead_somewhere() {
    for document in documents() {
        let text = fs::read_to_string(&document).unwrap();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split_once(')')) {
            let (path, heading) = link.0.split_once('#').unwrap_or((link.0, ""));
            if path.contains("://") {
                continue;
            }
            let target = match path {
                "" => document.clone(),
                path => document.parent().unwrap().join(path),
            };
            let place = format!("{}: {}", document.display(), link.0);
            assert!(target.exists(), "{place}: no such file");
            if !heading.is_empty() {
                let text = fs::read_to_string(&target).unwrap();
                let headings: Vec<String> =
                    text.lines().filter(|line| line.starts_with('#')).map(anchor).collect();
                assert!(headings.iter().any(|found| found == heading), "{place}: {headings:?}");
            }
        }
    }
}

/// What a heading is called in an address.
fn anchor(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = text.chars().filter(|c| c.is_alphanumeric() || [' ', '-'].contains(c));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[test]
fn every_chapter_is_in_the_index() {
    let index = file("docs/README.md").unwrap();
    for document in documents().iter().filter(|path| path.parent().unwrap().ends_with("guide")) {
        let name = document.file_name().unwrap().to_str().unwrap();
        assert!(index.contains(&format!("guide/{name}")), "{name} is not in docs/README.md");
        // Its programs are doc tests of the crate it is about.
        let crates = ["client", "engine", "server", "websocket"];
        let mut crates = crates.iter().map(|name| file(&format!("{name}/src/lib.rs")).unwrap());
        let is_compiled = crates.any(|root| root.contains(&format!("docs/guide/{name}")));
        let has_rust = fs::read_to_string(document).unwrap().contains("```rust");
        assert_eq!(is_compiled, has_rust, "{name} and the `guide` of a crate");
    }
}

/// Every number that the crates count, by their sources.
fn counted() -> Vec<String> {
    let mut names = Vec::new();
    for source in ["net", "websocket", "engine"].map(|at| format!("crates/{at}/src/metrics.rs")) {
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
