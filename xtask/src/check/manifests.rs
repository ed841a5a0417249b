//! Manifests of members: versions and package facts come from the root manifest.

use std::fs;

use anyhow::{Context, Result};
use toml::{Table, Value};

use super::Violation;
use crate::workspace::Workspace;

/// Facts of `[package]` that every member takes from `[workspace.package]`.
const INHERITED: [&str; 5] = ["version", "edition", "rust-version", "license", "repository"];

/// Sections that hold dependencies, alone or below `[target.…]`.
const SECTIONS: [&str; 3] = ["dependencies", "dev-dependencies", "build-dependencies"];

pub(super) fn check(workspace: &Workspace) -> Result<Vec<Violation>> {
    let mut found = Vec::new();
    for package in &workspace.metadata().packages {
        let manifest = package.manifest_path.as_std_path();
        let text =
            fs::read_to_string(manifest).with_context(|| format!("read {}", manifest.display()))?;
        let table = text.parse().with_context(|| format!("parse {}", manifest.display()))?;
        found.extend(violations(&package.name, &table));
    }
    Ok(found)
}

fn violations(name: &str, manifest: &Table) -> Vec<Violation> {
    let package = manifest.get("package").and_then(Value::as_table);
    let facts = INHERITED
        .iter()
        .filter(|key| !package.and_then(|package| package.get(**key)).is_some_and(is_inherited))
        .map(|key| Violation::new(name, format!("Cargo.toml needs `{key}.workspace = true`")));
    let lints = (!manifest.get("lints").is_some_and(is_inherited))
        .then(|| Violation::new(name, "Cargo.toml needs `[lints] workspace = true`"));
    let own = dependencies(manifest).filter(|(section, _, dependency)| {
        !is_inherited(dependency) && !is_circle(section, dependency)
    });
    let versions = own.map(|(_, dependency, _)| {
        let what = format!(
            "Cargo.toml: `{dependency}` needs `workspace = true`; its version \
                                belongs in [workspace.dependencies]"
        );
        Violation::new(name, what)
    });
    facts.chain(lints).chain(versions).collect()
}

/// Whether tests use another member by its path alone: of a published crate with a version it would have to be
/// published first, and some use each other.
fn is_circle(section: &str, dependency: &Value) -> bool {
    let has = |key| dependency.get(key).is_some();
    section == "dev-dependencies" && has("path") && !has("version") && !has("git")
}

/// Every dependency of every section with the section's name, `[target.'cfg(…)'.dependencies]` included.
fn dependencies(manifest: &Table) -> impl Iterator<Item = (&'static str, &String, &Value)> {
    let targets = manifest.get("target").and_then(Value::as_table);
    let targets =
        targets.into_iter().flat_map(|targets| targets.values()).filter_map(Value::as_table);
    std::iter::once(manifest)
        .chain(targets)
        .flat_map(|table| {
            SECTIONS.iter().filter_map(|section| Some((*section, table.get(*section)?)))
        })
        .filter_map(|(section, value)| Some((section, value.as_table()?)))
        .flat_map(|(section, table)| table.iter().map(move |(name, value)| (section, name, value)))
}

fn is_inherited(value: &Value) -> bool {
    value.get("workspace").and_then(Value::as_bool) == Some(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
        [package]
        name = "x"
        version.workspace = true
        edition.workspace = true
        rust-version.workspace = true
        license.workspace = true
        repository.workspace = true
        [lints]
        workspace = true
        [dependencies]
        bytes.workspace = true
        tokio = { workspace = true, features = ["net"] }
    "#;

    fn of(text: &str) -> Vec<String> {
        violations("x", &text.parse().unwrap()).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn an_inheriting_manifest_is_fine() {
        assert_eq!(of(GOOD), [""; 0]);
    }

    #[test]
    fn a_version_in_a_member_is_found_in_every_section() {
        for section in [
            "[dev-dependencies]\nrand = \"0.9\"",
            "[build-dependencies]\nrand = { version = \"0.9\" }",
            "[target.'cfg(unix)'.dependencies]\nrand = { path = \"../rand\" }",
            "[dev-dependencies.rand]\ngit = \"somewhere\"",
        ] {
            let found = of(&format!("{GOOD}\n{section}"));
            assert!(matches!(&found[..], [one] if one.contains("`rand`")), "{section}: {found:?}");
        }
    }

    #[test]
    fn tests_may_use_a_member_by_its_path() {
        let with =
            |section: &str, dependency: &str| of(&format!("{GOOD}\n[{section}]\n{dependency}"));
        assert_eq!(with("dev-dependencies", "y = { path = \"../y\" }"), [""; 0]);
        assert_eq!(with("dev-dependencies", "y = { path = \"../y\", version = \"0.1\" }").len(), 1);
        assert_eq!(with("build-dependencies", "y = { path = \"../y\" }").len(), 1);
    }

    #[test]
    fn own_package_facts_and_lints_are_found() {
        let own = GOOD.replace("edition.workspace = true", "edition = \"2021\"");
        assert!(matches!(&of(&own)[..], [one] if one.contains("edition")));
        let own = GOOD.replace("[lints]\n        workspace = true", "");
        assert!(matches!(&of(&own)[..], [one] if one.contains("lints")));
    }
}
