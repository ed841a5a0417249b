//! Features: the tables of the documentation name those there are, and which are in the default.
//!
//! `docs/guide/features.md` has a section for each published crate with features, each README a table. A row is
//! ``| `feature` | yes | … |``.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use anyhow::{Context, Result};
use cargo_metadata::Package;

use super::Violation;
use super::packages::published;
use crate::workspace::Workspace;

const PAGE: &str = "docs/guide/features.md";

/// The features of a crate, and whether each is in the default.
type Features = BTreeMap<String, bool>;

pub(super) fn check(workspace: &Workspace) -> Result<Vec<Violation>> {
    let page = workspace.path(PAGE);
    let page = fs::read_to_string(&page).with_context(|| format!("read {}", page.display()))?;
    let mut found = Vec::new();
    for package in published(workspace) {
        let expected = features(package);
        let name = &**package.name;
        let section = section(&page, &format!("## `{name}`"));
        found.extend(violations(&format!("{PAGE}, `{name}`"), section, &expected));
        let folder = package.manifest_path.parent().context("a manifest has a folder")?;
        // That there is one is the rule of packages.
        let readme = fs::read_to_string(folder.join("README.md")).unwrap_or_default();
        found.extend(violations(
            &format!("README.md of {name}"),
            self::section(&readme, "## Features"),
            &expected,
        ));
    }
    Ok(found)
}

fn features(package: &Package) -> Features {
    let default: BTreeSet<&str> =
        package.features.get("default").into_iter().flatten().map(String::as_str).collect();
    let names = package.features.keys().filter(|name| *name != "default");
    names.map(|name| (name.clone(), default.contains(name.as_str()))).collect()
}

/// What stands below a heading, up to the next one of its level.
fn section<'a>(text: &'a str, heading: &str) -> &'a str {
    let mut lines = text.split_inclusive('\n');
    let mut at = 0;
    for line in lines.by_ref() {
        at += line.len();
        if line.trim_end() == heading {
            let len: usize = lines.take_while(|line| !line.starts_with("## ")).map(str::len).sum();
            return &text[at..at + len];
        }
    }
    ""
}

/// The rows of a table of features.
fn rows(section: &str) -> Features {
    let rows = section.lines().filter_map(|line| {
        let mut cells = line.strip_prefix('|')?.split('|').map(str::trim);
        let name = cells.next()?.strip_prefix('`')?.strip_suffix('`')?;
        Some((name.to_owned(), cells.next()? == "yes"))
    });
    rows.collect()
}

fn violations(place: &str, section: &str, expected: &Features) -> Vec<Violation> {
    let told = rows(section);
    let missing = expected.iter().filter(|(name, _)| !told.contains_key(*name));
    let missing = missing.map(|(name, _)| format!("the feature `{name}` has no row"));
    let gone = told.keys().filter(|name| !expected.contains_key(*name));
    let gone = gone.map(|name| format!("there is no feature `{name}`"));
    let wrong = expected.iter().filter_map(|(name, is_default)| {
        let told = told.get(name)?;
        let is = if *is_default { "is" } else { "is not" };
        (told != is_default).then(|| format!("the feature `{name}` {is} in the default"))
    });
    missing.chain(gone).chain(wrong).map(|what| Violation::new(place, what)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "# Features\n\n## `x`\n\n| feature | default | |\n|---|---|---|\n\
                        | `a` | yes | one |\n| `b` | | two |\n\n## `y`\n\n| `c` | | three |\n";

    fn of(page: &str) -> Vec<String> {
        let expected = [("a".to_owned(), true), ("b".to_owned(), false)].into();
        violations("x", section(page, "## `x`"), &expected)
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn a_page_that_tells_all_is_fine() {
        assert_eq!(of(PAGE), [""; 0]);
        assert_eq!(rows(section(PAGE, "## `y`")), [("c".to_owned(), false)].into());
        assert_eq!(section(PAGE, "## `z`"), "");
    }

    #[test]
    fn a_row_too_few_too_many_or_wrong_is_found() {
        for (from, to, what) in [
            ("| `b` | | two |\n", "", "`b` has no row"),
            ("| `b` |", "| `b` | | |\n| `d` |", "no feature `d`"),
            ("| `a` | yes |", "| `a` | |", "`a` is in the default"),
            ("| `b` | |", "| `b` | yes |", "`b` is not in the default"),
        ] {
            let found = of(&PAGE.replace(from, to));
            assert!(matches!(&found[..], [one] if one.contains(what)), "{what}: {found:?}");
        }
    }
}
