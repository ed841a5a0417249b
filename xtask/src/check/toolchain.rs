//! The toolchain: what the tests run with is the oldest that is promised.
//!
//! `rust-version` is what a program on these crates needs, `rust-toolchain.toml` what everything here is
//! built with. Of one version, each test is one of the promise.

use std::fs;

use anyhow::{Context, Result};
use toml::Table;

use super::Violation;
use crate::workspace::Workspace;

const FILE: &str = "rust-toolchain.toml";

pub(super) fn check(workspace: &Workspace) -> Result<Vec<Violation>> {
    let path = workspace.path(FILE);
    let text = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
    let table: Table = text.parse().with_context(|| format!("parse {}", path.display()))?;
    let channel = table.get("toolchain").and_then(|it| it.get("channel")?.as_str());
    let channel = channel.with_context(|| format!("{FILE} has a channel"))?;
    let promised = workspace.metadata().packages.iter().filter_map(|package| {
        let version = package.rust_version.as_ref()?;
        violation(&package.name, &version.to_string(), channel)
    });
    Ok(promised.collect())
}

/// cargo tells a `rust-version` of two numbers with a zero behind it.
fn violation(name: &str, promised: &str, channel: &str) -> Option<Violation> {
    let full = |version: &str| match version.matches('.').count() {
        1 => format!("{version}.0"),
        _ => version.to_owned(),
    };
    let what = format!(
        "rust-version is {promised}, and {FILE} has {channel}: nothing tests the older one"
    );
    (full(promised) != full(channel)).then(|| Violation::new(name, what))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_are_of_one_version() {
        assert_eq!(violation("x", "1.95.0", "1.95.0"), None);
        assert_eq!(violation("x", "1.95", "1.95.0"), None);
        for channel in ["1.96.0", "1.95.1", "stable"] {
            assert!(violation("x", "1.95.0", channel).is_some(), "{channel}");
        }
    }
}
