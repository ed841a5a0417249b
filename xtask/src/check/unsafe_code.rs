//! Every library and binary starts with `#![forbid(unsafe_code)]`.

use std::fs;

use anyhow::{Context, Result};

use super::Violation;
use super::source::{Token, tokens};
use crate::workspace::Workspace;

pub(super) fn check(workspace: &Workspace) -> Result<Vec<Violation>> {
    let mut found = Vec::new();
    for package in &workspace.metadata().packages {
        // Fuzz targets are programs without a `main` of their own; the macro that writes it is
        // the one place that needs an exported symbol.
        let targets = package.targets.iter().filter(|target| {
            (target.is_lib() || target.is_bin()) && target.required_features.is_empty()
        });
        for target in targets {
            let path = target.src_path.as_std_path();
            let text =
                fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
            if !forbids_unsafe(&text) {
                let shown = path.strip_prefix(workspace.root()).unwrap_or(path);
                found.push(Violation::new(
                    shown.display().to_string(),
                    "needs `#![forbid(unsafe_code)]` at its head",
                ));
            }
        }
    }
    Ok(found)
}

fn forbids_unsafe(source: &str) -> bool {
    let tokens = tokens(source);
    let attribute = ["#", "!", "[", "forbid", "(", "unsafe_code"];
    tokens.windows(attribute.len()).any(|window| window.iter().map(Token::text).eq(attribute))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_attribute_counts() {
        assert!(forbids_unsafe("//! Docs.\n#![forbid(unsafe_code)]\nfn main() {}"));
        assert!(forbids_unsafe("#![forbid(unsafe_code, missing_docs)]"));
        assert!(!forbids_unsafe("// #![forbid(unsafe_code)]\n"));
        assert!(!forbids_unsafe("#![deny(unsafe_code)]\n"));
        assert!(!forbids_unsafe("const S: &str = \"#![forbid(unsafe_code)]\";"));
    }
}
