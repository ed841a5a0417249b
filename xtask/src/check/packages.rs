//! Packages: what crates.io and docs.rs show of a crate, and what has to lie in it.
//!
//! A package is published unless it says `publish = false`. Those that are have the facts that people
//! find a crate by, a README of their own, both licences, and features that docs.rs shows. Their tests may
//! use each other in a circle, which cannot be published: such a dependency says no version, and cargo
//! leaves it out of the package.

use std::fs;

use anyhow::{Context, Result};
use cargo_metadata::{DependencyKind, Package};
use serde_json::{Value, json};

use super::Violation;
use crate::workspace::Workspace;

/// What lies in every package beside its sources.
const FILES: [&str; 3] = ["README.md", "LICENSE-MIT", "LICENSE-APACHE"];
/// crates.io takes no more of either.
const KEYWORDS_MAX: usize = 5;
const CATEGORIES_MAX: usize = 5;

pub(super) fn check(workspace: &Workspace) -> Result<Vec<Violation>> {
    let mut found = Vec::new();
    for package in published(workspace) {
        found.extend(violations(package));
        let folder = package.manifest_path.parent().context("a manifest has a folder")?;
        for name in FILES {
            // Symbolic links become files in the package, if they lead somewhere.
            if fs::read(folder.join(name)).map_or(true, |text| text.is_empty()) {
                found.push(Violation::new(&**package.name, format!("there is no {name} in it")));
            }
        }
    }
    Ok(found)
}

/// The packages that are meant for crates.io.
pub(crate) fn published(workspace: &Workspace) -> impl Iterator<Item = &Package> {
    let packages = workspace.metadata().packages.iter();
    packages.filter(|package| package.publish.as_ref().is_none_or(|to| !to.is_empty()))
}

fn violations(package: &Package) -> Vec<Violation> {
    let name = &**package.name;
    let is_missing = |fact: &Option<String>| fact.as_deref().is_none_or(str::is_empty);
    let facts = [
        ("description", is_missing(&package.description)),
        ("documentation", is_missing(&package.documentation)),
        ("homepage", is_missing(&package.homepage)),
        ("keywords", !(1..=KEYWORDS_MAX).contains(&package.keywords.len())),
        ("categories", !(1..=CATEGORIES_MAX).contains(&package.categories.len())),
        ("readme", package.readme.as_ref().is_none_or(|path| path != "README.md")),
        ("[package.metadata.docs.rs]", package.metadata.pointer("/docs/rs") != Some(&docs_rs())),
    ];
    let facts = facts.into_iter().filter(|(_, is_missing)| *is_missing).map(|(fact, _)| {
        Violation::new(name, format!("Cargo.toml has no `{fact}` as a published crate needs it"))
    });
    let circles = package.dependencies.iter().filter(|dependency| {
        dependency.kind == DependencyKind::Development
            && dependency.path.is_some()
            && dependency.req.to_string() != "*"
    });
    let circles = circles.map(|dependency| {
        let what = format!(
            "Cargo.toml: the dev-dependency `{}` says a version; give its path alone, so that it is left \
             out of the package",
            dependency.name
        );
        Violation::new(name, what)
    });
    facts.chain(circles).collect()
}

/// docs.rs shows everything, and which feature it takes.
fn docs_rs() -> Value {
    json!({ "all-features": true, "rustdoc-args": ["--cfg", "docsrs"] })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(change: impl FnOnce(&mut Value)) -> Package {
        let mut package = json!({
            "name": "x", "version": "0.1.0", "id": "path+file:///x#0.1.0", "targets": [], "features": {},
            "manifest_path": "/x/Cargo.toml", "edition": "2024", "description": "X", "readme": "README.md",
            "documentation": "https://docs.rs/x", "homepage": "https://x", "keywords": ["x"],
            "categories": ["asynchronous"], "metadata": { "docs": { "rs": docs_rs() } },
            "dependencies": [dependency("^0.1.0", null(), "/elsewhere"), dependency("*", json!("dev"), "/y")],
        });
        change(&mut package);
        serde_json::from_value(package).unwrap()
    }

    fn null() -> Value {
        Value::Null
    }

    fn dependency(req: &str, kind: Value, path: &str) -> Value {
        json!({
            "name": "y", "req": req, "kind": kind, "path": path, "optional": false, "features": [],
            "uses_default_features": true, "target": null, "registry": null, "source": null,
        })
    }

    fn of(change: impl FnOnce(&mut Value)) -> Vec<String> {
        violations(&package(change)).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_package_with_all_of_it_is_fine() {
        assert_eq!(of(|_| {}), [""; 0]);
    }

    #[test]
    fn each_fact_is_missed() {
        for fact in ["description", "documentation", "homepage", "readme"] {
            let found = of(|package| package[fact] = Value::Null);
            assert!(matches!(&found[..], [one] if one.contains(fact)), "{fact}: {found:?}");
        }
        for (fact, value) in [
            ("keywords", json!([])),
            ("keywords", json!(["1", "2", "3", "4", "5", "6"])),
            ("categories", json!([])),
            ("readme", json!("../../README.md")),
            ("metadata", json!({ "docs": { "rs": { "all-features": true } } })),
        ] {
            let found = of(|package| package[fact] = value);
            assert_eq!(found.len(), 1, "{fact}: {found:?}");
        }
    }

    #[test]
    fn a_circle_of_tests_is_found() {
        let found = of(|package| {
            package["dependencies"] = json!([dependency("^0.1.0", json!("dev"), "/y")]);
        });
        assert!(matches!(&found[..], [one] if one.contains("`y`")), "{found:?}");
    }
}
