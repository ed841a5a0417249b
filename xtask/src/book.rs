//! `cargo xtask book`: the book from `docs/`, and a look at every link of its pages. Where mdBook is
//! installed; the documents themselves are checked without it (`examples/tests/book.rs`).

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use crate::plan::{Plan, Step, Task};
use crate::workspace::Workspace;

const NOT_INSTALLED: &str = "mdbook is not installed: `cargo install mdbook --locked`";
/// Made for printing: one page of all chapters, whose links are those of the pages.
const PRINTED: &str = "print.html";
/// Shown for any address that is not there, so its links begin at the root of the site.
const NOT_FOUND: &str = "404.html";

/// Adds the step, or says why there is none.
pub(crate) fn add(workspace: &Workspace, plan: &mut Plan) {
    if !is_installed() {
        println!("book: skipped: mdbook is not installed");
        return plan.not_asked_for("the book", NOT_INSTALLED);
    }
    let mut command = workspace.xtask();
    command.arg("book");
    plan.push(Step::new("book").task(Task::check("cargo xtask book", command)));
}

/// Builds the book, and looks at every link of its pages.
pub(crate) fn book(workspace: &Workspace) -> Result<()> {
    if !is_installed() {
        bail!("{NOT_INSTALLED}");
    }
    let folder = workspace.target_dir().join("book");
    let mut build = Command::new("mdbook");
    build.current_dir(workspace.root()).arg("build").arg("--dest-dir").arg(&folder);
    ensure!(build.status().context("start mdbook")?.success(), "mdbook build failed");
    let pages = pages(&folder)?;
    let faults = faults(&folder, &pages);
    for fault in &faults {
        println!("{fault}");
    }
    ensure!(faults.is_empty(), "{} links of the book lead nowhere", faults.len());
    println!("{} pages in {}, every link leads somewhere", pages.len(), folder.display());
    Ok(())
}

fn is_installed() -> bool {
    let mut probe = Command::new("mdbook");
    probe.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
    probe.status().is_ok_and(|status| status.success())
}

/// What a page leads to, and where it can be entered.
#[derive(Debug, Default)]
struct Page {
    links: Vec<String>,
    ids: BTreeSet<String>,
}

impl Page {
    fn new(html: &str) -> Self {
        let links = ["href", "src"].iter().flat_map(|name| values(html, name));
        Self { links: links.collect(), ids: values(html, "id").collect() }
    }
}

/// The values of an attribute, in tags only: a `<` of a program that is shown is written `&lt;`.
fn values(html: &str, name: &str) -> impl Iterator<Item = String> {
    let opening = format!(" {name}=\"");
    let tags = html.split('<').filter_map(|tag| tag.split('>').next());
    tags.filter_map(move |tag| {
        let (value, _) = tag.split_once(&opening)?.1.split_once('"')?;
        Some(value.replace("&amp;", "&"))
    })
}

/// Every page below a folder, by its path from there.
fn pages(folder: &Path) -> Result<BTreeMap<PathBuf, Page>> {
    let mut pages = BTreeMap::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(inside) = folders.pop() {
        for entry in fs::read_dir(&inside).with_context(|| format!("list {}", inside.display()))? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension() == Some(OsStr::new("html"))
                && ![PRINTED, NOT_FOUND].iter().any(|name| path.ends_with(name))
            {
                let html = fs::read_to_string(&path)?;
                pages.insert(path.strip_prefix(folder)?.to_path_buf(), Page::new(&html));
            }
        }
    }
    Ok(pages)
}

/// The links that lead nowhere, a line each.
fn faults(folder: &Path, pages: &BTreeMap<PathBuf, Page>) -> Vec<String> {
    let mut faults = Vec::new();
    for (from, page) in pages {
        for link in page.links.iter().filter(|link| !leaves_the_book(link)) {
            let (path, id) = link.split_once('#').unwrap_or((link, ""));
            let target = match path {
                "" => from.clone(),
                path => flattened(&from.parent().unwrap_or(Path::new("")).join(path)),
            };
            let fault = match pages.get(&target) {
                Some(page) if id.is_empty() || page.ids.contains(id) => continue,
                Some(_) => "no such heading",
                None if target.ends_with(PRINTED) || folder.join(&target).is_file() => continue,
                None => "no such file",
            };
            faults.push(format!("{}: {link}: {fault}", from.display()));
        }
    }
    faults
}

/// To another site, or to the root of whichever serves the page: the tutorial's page asks its own server.
fn leaves_the_book(link: &str) -> bool {
    ["/", "http:", "https:", "mailto:", "data:", "javascript:"]
        .iter()
        .any(|start| link.starts_with(start))
}

/// The path without its `..`.
fn flattened(path: &Path) -> PathBuf {
    let mut flat = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => drop(flat.pop()),
            Component::CurDir => {}
            other => flat.push(other),
        }
    }
    flat
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults_of(pages: &[(&str, &str)]) -> Vec<String> {
        let pages = pages.iter().map(|(path, html)| (PathBuf::from(path), Page::new(html)));
        faults(Path::new("/nowhere"), &pages.collect())
    }

    #[test]
    fn a_link_that_leads_nowhere_is_named() {
        let entered = ("guide/b.html", r#"<h2 id="x">X</h2>"#);
        let right = r##"<a href="guide/b.html#x"><a href="#y" id="y"><a href="https://a.example/">
            <script src="/e.js"></script><code>&lt;script src="f.js">&lt;/script></code>"##;
        assert_eq!(faults_of(&[("a.html", right), entered]), [""; 0]);
        let wrong =
            r##"<a href="../c.html"><img src="d.png"><a href="b.html#z"><a href="b.html#x">"##;
        let found = faults_of(&[("guide/a.html", wrong), entered]);
        let expected =
            ["../c.html: no such file", "b.html#z: no such heading", "d.png: no such file"];
        assert_eq!(found, expected.map(|fault| format!("guide/a.html: {fault}")));
    }
}
