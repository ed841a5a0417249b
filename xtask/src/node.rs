//! Node and npm: are they new enough, and is what a folder needs installed.

use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::Hasher;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::plan::Task;

/// Oldest Node that everything here runs on: Vite asks for it.
const NODE_MIN: (u32, u32) = (20, 19);
/// Oldest npm that installs the lock files here.
const NPM_MIN: (u32, u32) = (10, 0);

/// Says what is missing, in words that can be followed.
pub(crate) fn require() -> Result<()> {
    for (program, minimum) in [("node", NODE_MIN), ("npm", NPM_MIN)] {
        let (major, minor) = minimum;
        let advice = format!("install Node {major}.{minor} or newer with npm, from nodejs.org");
        let output = match Command::new(program).arg("--version").output() {
            Ok(output) if output.status.success() => output.stdout,
            Ok(_) => bail!("`{program} --version` failed; {advice}"),
            Err(_) => bail!("`{program}` is not installed; {advice}"),
        };
        let version = String::from_utf8_lossy(&output);
        let version = version.trim();
        let found = parse_version(version)
            .with_context(|| format!("`{program} --version` printed {version:?}"))?;
        if found < minimum {
            bail!("{program} {version} is older than {major}.{minor}; {advice}");
        }
    }
    Ok(())
}

/// `npm ci` in `folder`; it does nothing if that was done for the same lock file.
pub(crate) fn install(folder: &Path) -> Result<Task> {
    let lock = folder.join("package-lock.json");
    let mut hasher = DefaultHasher::new();
    hasher.write(&fs::read(&lock).with_context(|| format!("read {}", lock.display()))?);
    let installed = format!("{:x}\n", hasher.finish());
    let mut command = npm(folder, &["ci"]);
    // No advertising, no network requests that the installation does not need.
    command.args(["--no-audit", "--no-fund", "--no-update-notifier"]);
    Ok(Task::preparation(format!("npm ci in {}", last_two(folder)), command)
        .with_stamp(folder.join("node_modules/.installed-for"), installed))
}

/// `npm ARGUMENTS` in `folder`.
pub(crate) fn npm(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new("npm");
    // Warnings are about the machine's npm settings; errors are about us.
    command.current_dir(folder).args(arguments).env("npm_config_loglevel", "error");
    command
}

/// `npm run SCRIPT` in `folder`.
pub(crate) fn script(folder: &Path, script: &str) -> Command {
    npm(folder, &["run", script])
}

/// A number that changes when any file below the folders changes; what is installed or built
/// there does not count.
pub(crate) fn fingerprint(folders: &[PathBuf]) -> Result<String> {
    let mut files = Vec::new();
    for folder in folders {
        if folder.exists() {
            collect(folder, &mut files).with_context(|| format!("list {}", folder.display()))?;
        }
    }
    files.sort();
    let mut hasher = DefaultHasher::new();
    for file in files {
        hasher.write(file.as_os_str().as_encoded_bytes());
        hasher.write(&fs::read(&file).with_context(|| format!("read {}", file.display()))?);
    }
    Ok(format!("{:x}\n", hasher.finish()))
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        if name == "node_modules" || name == "dist" || name == ".svelte-kit" {
            continue;
        }
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), files)?;
        } else {
            files.push(entry.path());
        }
    }
    Ok(())
}

fn parse_version(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.trim_start_matches('v').split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

fn last_two(folder: &Path) -> String {
    let mut names: Vec<_> =
        folder.iter().rev().take(2).map(|name| name.to_string_lossy()).collect();
    names.reverse();
    names.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_by_number() {
        assert_eq!(parse_version("v20.19.2"), Some((20, 19)));
        assert_eq!(parse_version("11.19.1"), Some((11, 19)));
        assert_eq!(parse_version("nonsense"), None);
        assert!(parse_version("v9.99.0").unwrap() < NODE_MIN);
    }

    #[test]
    fn a_fingerprint_sees_sources_and_not_what_is_built_from_them() {
        let folder = std::env::temp_dir().join(format!("xtask-fingerprint-{}", std::process::id()));
        fs::create_dir_all(folder.join("src")).unwrap();
        fs::create_dir_all(folder.join("node_modules")).unwrap();
        fs::write(folder.join("src/a.ts"), "1").unwrap();
        let of = || fingerprint(std::slice::from_ref(&folder)).unwrap();
        let first = of();
        fs::write(folder.join("node_modules/x.js"), "1").unwrap();
        assert_eq!(of(), first);
        fs::write(folder.join("src/a.ts"), "2").unwrap();
        assert_ne!(of(), first);
        fs::remove_dir_all(&folder).unwrap();
    }
}
