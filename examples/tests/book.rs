//! The book and every other document hang together: links lead somewhere, and the index, the book's
//! table of contents and the folder name the same chapters.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

/// How pages of the book name a file that lies beside it, and a folder: the book has no such pages.
const FILE: &str = "https://github.com/sockeye-rs/sockeye/blob/main/";
const FOLDER: &str = "https://github.com/sockeye-rs/sockeye/tree/main/";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

/// Every document of the repository, by its path from the root.
fn documents() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let (path, name) = (entry.path(), entry.file_name().into_string().unwrap());
            let is_ours =
                !name.starts_with('.') && !["target", "node_modules", "data"].contains(&&*name);
            // What a link leads to is found where it lies.
            if !is_ours || entry.file_type().unwrap().is_symlink() {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else if name.ends_with(".md") {
                found.push(path.strip_prefix(root()).unwrap().to_path_buf());
            }
        }
    }
    found.sort();
    found
}

/// The lines of a document outside of code.
fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut is_code = false;
    text.lines().filter(move |line| {
        let is_fence = line.trim_start().starts_with("```");
        is_code ^= is_fence;
        !is_code && !is_fence
    })
}

/// The targets of a document's links and pictures.
fn links(text: &str) -> Vec<&str> {
    let lines = prose(text).flat_map(|line| line.split("](").skip(1));
    lines.filter_map(|rest| rest.split_once(')')).map(|(target, _)| target).collect()
}

/// What a code host and mdBook call the headings of a document in an address.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut seen = HashMap::new();
    let headings = prose(text).filter(|line| line.starts_with('#'));
    let anchors = headings.map(|heading| {
        let text = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = text.chars().filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c));
        let anchor: String = kept.map(|c| if c == ' ' { '-' } else { c }).collect();
        let times = seen.entry(anchor.clone()).and_modify(|times| *times += 1).or_insert(0);
        if *times == 0 { anchor } else { format!("{anchor}-{times}") }
    });
    anchors.collect()
}

/// What is wrong with a link of the document at `from`.
fn fault(from: &Path, link: &str) -> Option<String> {
    let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
    let elsewhere = [FILE, FOLDER].iter().find_map(|prefix| path.strip_prefix(prefix));
    let target = match elsewhere {
        Some(path) => root().join(path),
        None if path.contains("://") || path.starts_with("mailto:") => return None,
        None if path.is_empty() => root().join(from),
        None => root().join(from.parent().unwrap()).join(path),
    };
    let Ok(target) = target.canonicalize() else {
        return Some("no such file".to_owned());
    };
    let book = root().canonicalize().unwrap().join("docs");
    if from.starts_with("docs") && elsewhere.is_none() && !target.starts_with(&book) {
        return Some(format!("leaves the book; write it as {FILE}… or {FOLDER}…"));
    }
    if anchor.is_empty() {
        return None;
    }
    let anchors = anchors(&fs::read_to_string(target).unwrap());
    (!anchors.contains(anchor)).then(|| format!("no such heading, but {anchors:?}"))
}

#[test]
fn links_lead_somewhere() {
    let mut faults = Vec::new();
    let mut links_count = 0;
    for document in documents() {
        let text = fs::read_to_string(root().join(&document)).unwrap();
        for link in links(&text) {
            links_count += 1;
            if let Some(fault) = fault(&document, link) {
                faults.push(format!("{}: {link}: {fault}", document.display()));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(
        links_count > 150,
        "only {links_count} were found: has the way of writing them changed?"
    );
}

#[test]
fn what_is_wrong_with_a_link_is_found() {
    let page = Path::new("docs/guide/rooms.md");
    for right in ["presence.md", "../limits.md#websocket", "#in-and-out", "https://example.org/x"] {
        assert_eq!(fault(page, right), None, "{right}");
    }
    for (wrong, words) in [
        ("nowhere.md", "no such file"),
        ("../limits.md#nowhere", "no such heading"),
        ("../../README.md", "leaves the book"),
        ("https://github.com/sockeye-rs/sockeye/blob/main/nowhere.md", "no such file"),
    ] {
        assert!(fault(page, wrong).unwrap().contains(words), "{wrong}");
    }
    assert_eq!(anchors("# A `b`-c_d!\n```\n# e\n```\n## A\n## A"), {
        ["a-b-c_d", "a", "a-1"].map(str::to_owned).into()
    });
}

/// The pages of the book that a document of `docs/` links to, each once, in its order.
fn pages(name: &str) -> Vec<String> {
    let text = fs::read_to_string(root().join("docs").join(name)).unwrap();
    let mut pages: Vec<String> = Vec::new();
    for link in links(&text).iter().filter(|link| link.ends_with(".md") && !link.contains("://")) {
        if *link != "README.md" && !pages.contains(&(*link).to_owned()) {
            pages.push((*link).to_owned());
        }
    }
    pages
}

#[test]
fn the_index_and_the_table_of_contents_name_every_page_in_one_order() {
    let index = pages("README.md");
    assert_eq!(index, pages("SUMMARY.md"), "docs/README.md and docs/SUMMARY.md");
    let folder = documents().into_iter().filter_map(|document| {
        let page = document.strip_prefix("docs").ok()?.to_str().unwrap().to_owned();
        (!["README.md", "SUMMARY.md"].contains(&&*page)).then_some(page)
    });
    let (index, folder): (BTreeSet<_>, BTreeSet<_>) =
        (index.into_iter().collect(), folder.collect());
    assert_eq!(index, folder, "docs/README.md and the folder docs");
}

/// The blocks of code in a document, without the line that names a file.
fn code<'a>(text: &'a str, language: &str) -> Vec<&'a str> {
    let opening = format!("\n```{language}");
    let blocks = text.split(&opening).skip(1).map(|rest| rest.split("\n```").next().unwrap());
    blocks.map(|block| block.splitn(3, '\n').last().unwrap()).collect()
}

#[test]
fn the_tutorial_ends_with_the_program_that_is_tested() {
    let read = |name: &str| fs::read_to_string(root().join("docs/tutorial").join(name)).unwrap();
    let (last, program, page) = (read("4-lost-lines.md"), read("main.rs"), read("page.html"));
    let program: Vec<&str> = program
        .lines()
        .filter(|line| !["//!", "#[allow("].iter().any(|start| line.starts_with(start)))
        .collect();
    assert_eq!(code(&last, "rust").join("\n\n"), program.join("\n").trim());
    assert_eq!(code(&last, "html"), [page.trim_end()]);
}

/// The documents that are documentation of a crate, whose Rust is compiled therefore.
fn compiled() -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    let crates = fs::read_dir(root().join("crates")).unwrap().map(|entry| entry.unwrap().path());
    for source in crates.map(|at| at.join("src")) {
        let text = fs::read_to_string(source.join("lib.rs")).unwrap();
        let included =
            text.split("include_str!(\"").skip(1).filter_map(|rest| rest.split('"').next());
        found.extend(included.map(|path| source.join(path).canonicalize().unwrap()));
    }
    let listed = fs::read_to_string(root().join("examples/src/guide.rs")).unwrap();
    let listed = listed.split('"').filter(|path| path.ends_with(".md"));
    found.extend(listed.map(|path| root().join(path).canonicalize().unwrap()));
    found
}

#[test]
fn every_page_with_rust_is_compiled() {
    let compiled = compiled();
    for document in documents().iter().filter(|path| path.starts_with("docs")) {
        let path = root().join(document).canonicalize().unwrap();
        let text = fs::read_to_string(&path).unwrap();
        let has_rust = text.lines().any(|line| line.starts_with("```rust"));
        let place = document.display();
        assert!(
            compiled.contains(&path) || !has_rust,
            "{place} has Rust in it, and neither the `guide` of a crate nor examples/src/guide.rs includes it"
        );
    }
}
