//! Sans-IO crates get time, randomness and bytes from their caller and from nowhere else.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::Violation;
use super::source::{Token, declared_modules, paths, tokens, without_tests};
use crate::workspace::Workspace;

/// The crates this is about.
const CRATES: [&str; 4] =
    ["sockeye-ws", "sockeye-engine-proto", "sockeye-socket-proto", "sockeye-cluster-proto"];

/// Crates that may not stand anywhere in their normal dependency tree; a `*` ends a prefix.
const FORBIDDEN_CRATES: [&str; 28] = [
    "async-*",
    "crossbeam*",
    "embassy-*",
    "fastrand",
    "futures*",
    "getrandom",
    "h2",
    "h3",
    "http-body*",
    "hyper*",
    "libc",
    "mio",
    "monoio",
    "nanorand",
    "oorandom",
    "parking_lot*",
    "quinn*",
    "rand",
    "rand_*",
    "rayon*",
    "rustix",
    "smol",
    "socket2",
    "time",
    "tokio*",
    "tower*",
    "web-time",
    "chrono",
];

/// Crates that the above would forbid and that are harmless where they stand, with the reason.
const EXCEPTIONS: [(&str, &str); 1] = [
    // Reads CPU features for the fast code path of SHA-1; nothing of the outside world.
    ("libc", "cpufeatures"),
];

/// Paths that may not appear in their code outside tests: as segments that follow each other
/// anywhere in a path.
const FORBIDDEN_PATHS: [(&[&str], &str); 15] = [
    (&["Instant", "now"], "time comes from the caller"),
    (&["SystemTime"], "time comes from the caller"),
    (&["std", "thread"], "threads belong to drivers"),
    (&["std", "net"], "sockets belong to drivers"),
    (&["std", "fs"], "files belong to drivers"),
    (&["std", "env"], "configuration comes from the caller"),
    (&["std", "process"], "processes belong to tools"),
    (&["std", "sync", "mpsc"], "channels belong to drivers"),
    (&["tokio"], "the runtime belongs to drivers"),
    (&["futures"], "the runtime belongs to drivers"),
    (&["futures_util"], "the runtime belongs to drivers"),
    (&["thread_rng"], "randomness comes from the caller"),
    (&["rand"], "randomness comes from the caller"),
    (&["getrandom"], "randomness comes from the caller"),
    (&["RandomState"], "randomness comes from the caller"),
];

pub(super) fn check(workspace: &Workspace) -> Result<Vec<Violation>> {
    let mut found = Vec::new();
    for package in &workspace.metadata().packages {
        if !CRATES.contains(&package.name.as_str()) {
            continue;
        }
        found.extend(in_tree(&package.name, &dependency_tree(workspace, &package.name)?));
        let target = package.targets.iter().find(|target| target.is_lib());
        let target = target.with_context(|| format!("{} has no library", package.name))?;
        for (file, tokens) in modules(target.src_path.as_std_path())? {
            let shown = file.strip_prefix(workspace.root()).unwrap_or(&file);
            found.extend(in_source(&shown.display().to_string(), &tokens));
        }
    }
    Ok(found)
}

/// `cargo tree` with one line per crate: its depth, then its name. Unlike `cargo metadata` it
/// resolves the features of this crate alone, so that a wish of its neighbours does not show up.
fn dependency_tree(workspace: &Workspace, package: &str) -> Result<String> {
    let output = workspace
        .cargo()
        .args(["tree", "--package", package, "--edges", "normal,no-proc-macro"])
        .args(["--target", "all", "--prefix", "depth", "--format", " {lib} {p}"])
        .output()
        .context("start cargo tree")?;
    if !output.status.success() {
        bail!("cargo tree of {package}: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Forbidden crates in the output of [`dependency_tree`], each with the way to it.
fn in_tree(package: &str, tree: &str) -> Vec<Violation> {
    let mut way: Vec<&str> = Vec::new();
    let mut found = Vec::new();
    for line in tree.lines() {
        let Some((depth, name)) = depth_and_name(line) else {
            continue;
        };
        way.truncate(depth);
        let below = way.last().copied().unwrap_or_default();
        way.push(name);
        if depth > 0 && is_forbidden(name) && !EXCEPTIONS.contains(&(name, below)) {
            let what = format!("sans-IO, but depends on {name} ({})", way.join(" → "));
            found.push(Violation::new(package, what));
        }
    }
    found
}

/// `2 sha1 sha1 v0.11.0 (*)` is depth 2 and the name `sha1`.
fn depth_and_name(line: &str) -> Option<(usize, &str)> {
    let digits = line.find(|character: char| !character.is_ascii_digit())?;
    let depth = line[..digits].parse().ok()?;
    let (before, _) = line.split_once(" v")?;
    Some((depth, before.rsplit(' ').next()?))
}

fn is_forbidden(name: &str) -> bool {
    FORBIDDEN_CRATES.iter().any(|pattern| match pattern.strip_suffix('*') {
        Some(prefix) => name.starts_with(prefix),
        None => name == *pattern,
    })
}

/// Forbidden paths in the code of a file.
fn in_source(place: &str, tokens: &[Token]) -> Vec<Violation> {
    let mut found = Vec::new();
    for path in paths(tokens) {
        for (forbidden, why) in FORBIDDEN_PATHS {
            if path.segments.windows(forbidden.len()).any(|window| window == forbidden) {
                let written = path.segments.join("::");
                found.push(Violation::new(
                    format!("{place}:{}", path.line),
                    format!("sans-IO, but mentions `{written}`; {why}"),
                ));
            }
        }
    }
    found
}

/// The files of a library with their code outside tests: its root and, from there, every module
/// that is not only there for tests.
pub(super) fn modules(root: &Path) -> Result<Vec<(PathBuf, Vec<Token>)>> {
    let mut found = Vec::new();
    let mut ahead = vec![root.to_path_buf()];
    while let Some(file) = ahead.pop() {
        let text = fs::read_to_string(&file).with_context(|| format!("read {}", file.display()))?;
        let tokens = without_tests(&tokens(&text));
        let folder = if file == root || file.ends_with("mod.rs") {
            file.with_file_name("")
        } else {
            file.with_extension("")
        };
        for name in declared_modules(&tokens) {
            let places = [folder.join(format!("{name}.rs")), folder.join(name).join("mod.rs")];
            let place = places.into_iter().find(|place| place.exists());
            ahead.push(place.with_context(|| format!("no file for `mod {name};`"))?);
        }
        found.push((file, tokens));
    }
    found.sort_by(|(one, _), (other, _)| one.cmp(other));
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TREE: &str = "0 sockeye_ws sockeye-ws v0.1.0 (/somewhere)\n1 sha1 sha1 v0.11.0\n\
                        2 digest digest v0.11.0\n1 http http v1.5.0\n2 bytes bytes v1.12.1 (*)\n";

    fn in_text(source: &str) -> Vec<Violation> {
        in_source("src/a.rs", &without_tests(&tokens(source)))
    }

    #[test]
    fn modules_are_followed_but_those_of_tests() {
        let src = std::env::temp_dir().join(format!("xtask-modules-{}", std::process::id()));
        fs::create_dir_all(src.join("a/b")).unwrap();
        fs::write(src.join("lib.rs"), "mod a; #[cfg(test)] mod tests; mod c { fn f() {} }")
            .unwrap();
        fs::write(src.join("a.rs"), "pub mod b;").unwrap();
        fs::write(src.join("a/b/mod.rs"), "mod d;").unwrap();
        fs::write(src.join("a/b/d.rs"), "fn f() { Instant::now(); }").unwrap();
        fs::write(src.join("tests.rs"), "fn f() { Instant::now(); }").unwrap();
        let found = modules(&src.join("lib.rs")).unwrap();
        let names: Vec<_> =
            found.iter().map(|(file, _)| file.strip_prefix(&src).unwrap()).collect();
        assert_eq!(names, ["a/b/d.rs", "a/b/mod.rs", "a.rs", "lib.rs"].map(Path::new));
        fs::remove_file(src.join("a.rs")).unwrap();
        assert!(modules(&src.join("lib.rs")).is_err());
        fs::remove_dir_all(src).unwrap();
    }

    #[test]
    fn a_pure_tree_is_fine() {
        assert_eq!(in_tree("sockeye-ws", TREE), []);
    }

    #[test]
    fn a_runtime_is_found_at_any_depth() {
        for name in
            ["tokio", "tokio-util", "futures-util", "http-body", "getrandom", "rand_core", "mio"]
        {
            let found = in_tree("sockeye-ws", &format!("{TREE}2 x {name} v1.0.0\n"));
            assert_eq!(found.len(), 1, "{name}");
            assert!(found[0].what.contains(&format!("sockeye-ws → http → {name}")), "{}", found[0]);
        }
    }

    #[test]
    fn an_exception_holds_for_its_place_only() {
        let tree = "0 a sockeye-ws v1\n1 b cpufeatures v1\n2 c libc v1\n1 c libc v1\n";
        assert_eq!(in_tree("sockeye-ws", tree).len(), 1);
    }

    #[test]
    fn clocks_threads_sockets_and_dice_are_found_in_code() {
        for line in [
            "let now = Instant::now();",
            "let now = std::time::Instant::now();",
            "use std::{fmt, thread};",
            "use std::net::TcpStream;",
            "use std::time::SystemTime;",
            "let x: u8 = rand::random();",
            "getrandom::fill(&mut bytes)?;",
            "let map = HashMap::with_hasher(RandomState::new());",
            "tokio::spawn(async {});",
        ] {
            let found = in_text(&format!("//! Docs.\nfn f() {{\n    {line}\n}}\n"));
            assert_eq!(found.len(), 1, "{line}: {found:?}");
            assert_eq!(found[0].place, "src/a.rs:3");
        }
    }

    #[test]
    fn comments_strings_and_tests_may_mention_them() {
        let source = "//! Never calls Instant::now.\nconst S: &str = \"std::net\";\n\
                      fn operand(strand: u8) {}\n\
                      #[cfg(test)]\nmod tests {\n    use std::time::Instant;\n    \
                      fn f() { Instant::now(); }\n}\n";
        assert_eq!(in_text(source), []);
    }
}
