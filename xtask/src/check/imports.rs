//! A `use` line names the items of one module: so two branches that add one each do not meet, and a
//! search for a path finds it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::Violation;
use super::source::{Token, tokens};
use crate::workspace::Workspace;

pub(super) fn check(workspace: &Workspace) -> Result<Vec<Violation>> {
    let mut found = Vec::new();
    for package in &workspace.metadata().packages {
        let folder = package.manifest_path.parent().context("a manifest lies in a folder")?;
        let mut files = Vec::new();
        collect(folder.as_std_path(), &mut files)?;
        for path in files {
            let text =
                fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
            let shown = path.strip_prefix(workspace.root()).unwrap_or(&path);
            found.extend(nested(&tokens(&text)).map(|line| {
                let place = format!("{}:{line}", shown.display());
                Violation::new(place, "a `use` line names the items of one module")
            }));
        }
    }
    Ok(found)
}

/// The Rust files of a package by their paths in it, with what is in them.
pub(super) fn files_of(workspace: &Workspace, package: &str) -> Result<Vec<(PathBuf, String)>> {
    let mut packages = workspace.metadata().packages.iter();
    let package = packages.find(|it| it.name.as_str() == package).context("no such package")?;
    let folder = package.manifest_path.parent().context("a manifest lies in a folder")?;
    let mut files = Vec::new();
    collect(folder.as_std_path(), &mut files)?;
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
        let shown = path.strip_prefix(folder).map(Path::to_path_buf).unwrap_or(path);
        Ok((shown, text))
    };
    files.into_iter().map(read).collect()
}

/// The Rust files in a folder and below it, without what was built or installed there.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("list {}", folder.display()))? {
        let entry = entry?;
        let (path, name) = (entry.path(), entry.file_name());
        if entry.file_type()?.is_dir() {
            if name != "target" && name != "node_modules" {
                collect(&path, files)?;
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(())
}

/// The lines of `use` declarations whose braces hold paths.
fn nested(tokens: &[Token]) -> impl Iterator<Item = u32> {
    let starts = tokens.iter().enumerate().filter(|(_, token)| token.text() == "use");
    starts.filter_map(|(at, token)| {
        // `impl Trait + use<'a>` is another one.
        let is_bound = tokens.get(at + 1).is_some_and(|next| next.text() == "<");
        let tree = tokens[at..].iter().take_while(|token| !is_bound && token.text() != ";");
        let in_braces = tree.skip_while(|token| token.text() != "{");
        in_braces.into_iter().any(|token| token.text() == ":").then_some(token.line())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_of_one_module_are_fine() {
        let source = "fn f() -> impl Ord + use<> { g(h::I) }\nuse a::b::{C, D as E, self};\npub use f::*;\nuse g;\nlet x: y::Z = {};";
        assert_eq!(nested(&tokens(source)).count(), 0);
    }

    #[test]
    fn paths_in_braces_are_not() {
        let source = "use a::{b::C};\nuse d::{\n    E,\n    f::{G, H},\n};\nuse i::{J};";
        assert_eq!(nested(&tokens(source)).collect::<Vec<_>>(), [1, 2]);
    }
}
