//! The table has everything that there is: what the contracts tell, and what the program routes.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::table::{
    ENDPOINTS, LOCAL, NOTES_EVENTS, OTHER_EVENTS, PUBLIC, ROOM_EVENTS, TOLD, TOLD_IN_TIME,
};

/// The Rust files of the program but those of the lab, which is a demonstration without people.
fn sources(below: &Path, into: &mut Vec<(PathBuf, String)>) {
    for entry in fs::read_dir(below).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() {
            if name != "lab" {
                sources(&path, into);
            }
        } else if name.ends_with(".rs") && name != "lab.rs" {
            let text = fs::read_to_string(&path).unwrap();
            into.push((path, text));
        }
    }
}

fn all() -> Vec<(PathBuf, String)> {
    let mut all = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut all);
    all
}

/// What stands between quotes after each `start`.
fn quoted<'a>(text: &'a str, start: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
    text.split(start).skip(1).filter_map(|rest| {
        let (word, rest) = rest.trim_start().strip_prefix('"')?.split_once('"')?;
        Some((word, rest))
    })
}

#[test]
fn every_event_of_the_contracts_is_in_the_table() {
    let known: BTreeSet<_> = ROOM_EVENTS
        .iter()
        .map(|event| event.name)
        .chain(OTHER_EVENTS.iter().map(|(_, name, ..)| *name))
        .chain(NOTES_EVENTS.iter().copied())
        .chain(TOLD.iter().copied())
        .chain(TOLD_IN_TIME.iter().copied())
        .collect();
    let sources = all();
    let contracts = sources.iter().filter(|(path, _)| path.ends_with("contract.rs"));
    let mut found = BTreeSet::new();
    for (_, text) in contracts {
        found.extend(quoted(text, "= Event::new(").map(|(name, _)| name));
    }
    assert!(found.len() > 20, "{found:?}");
    assert_eq!(found, known, "the contracts have the left ones, the table the right ones");
    // An event that a namespace listens to is one of a contract.
    for (path, text) in &sources {
        let own = quoted(text, ".on(").next();
        assert_eq!(own, None, "{}: an event that is not of a contract", path.display());
    }
}

#[test]
fn every_request_of_the_router_is_in_the_table() {
    let known: BTreeSet<_> = ENDPOINTS
        .iter()
        .map(|endpoint| (endpoint.method.to_owned(), endpoint.path.to_owned()))
        .chain(PUBLIC.iter().chain(LOCAL).map(|path| ("GET".to_owned(), (*path).to_owned())))
        .collect();
    let mut found = BTreeSet::new();
    for (path, text) in all() {
        // What the tests within a file route is no part of the program.
        let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
        for (route, rest) in quoted(text, ".route(") {
            let end = rest.find("\n        .").or(rest.find(";")).unwrap_or(rest.len());
            for method in ["get", "post", "put", "delete", "patch", "any"] {
                if rest[..end].contains(&format!("{method}(")) {
                    found.insert((method.to_uppercase(), route.to_owned()));
                }
            }
            assert!(found.iter().any(|(_, known)| known == route), "{}: {route}", path.display());
        }
        if let Some((_, pages)) = text.split_once("const PAGES: [&str;") {
            let pages = pages.split_once(';').unwrap().0;
            found.extend(
                pages.split('"').skip(1).step_by(2).map(|page| ("GET".to_owned(), page.to_owned())),
            );
        }
    }
    let missing: Vec<_> = found.difference(&known).collect();
    let unknown: Vec<_> = known.difference(&found).collect();
    assert!(
        missing.is_empty() && unknown.is_empty(),
        "not in the table: {missing:?}; not in the program: {unknown:?}"
    );
}

#[test]
fn every_request_of_the_contracts_is_in_the_table() {
    let known: BTreeSet<_> = ENDPOINTS
        .iter()
        .map(|endpoint| format!("{} /api{}", endpoint.method, endpoint.path))
        .collect();
    let mut found = BTreeSet::new();
    for (path, text) in all().iter().filter(|(path, _)| path.ends_with("contract.rs")) {
        let below = if path.ends_with("admin/contract.rs") { "/api/admin/" } else { "" };
        for row in text.lines().filter_map(|line| line.strip_prefix("//! | `")) {
            let words = row.split(" | ").next().unwrap();
            found.extend(requests(words, below));
        }
    }
    assert!(found.len() > 30, "{found:?}");
    assert_eq!(found, known, "the contracts have the left ones, the table the right ones");
}

/// The requests of a row such as ``PUT`, `DELETE /api/blocks/{person}` ``.
fn requests(words: &str, below: &str) -> Vec<String> {
    let mut methods = Vec::new();
    let mut found = Vec::new();
    let mut last = String::new();
    for word in words.split([' ', '`', ',']).filter(|word| !word.is_empty()) {
        if ["GET", "POST", "PUT", "DELETE"].contains(&word) {
            if !found.is_empty() && !last.is_empty() {
                methods.clear();
                last.clear();
            }
            methods.push(word);
        } else if let Some(rest) = word.strip_prefix("…") {
            let start = last.rsplit_once('/').unwrap().0.to_owned();
            found.extend(methods.iter().map(|method| format!("{method} {start}{rest}")));
        } else if !methods.is_empty() {
            last = format!("{below}{}", word.split('?').next().unwrap());
            found.extend(methods.iter().map(|method| format!("{method} {last}")));
        }
    }
    found
}
