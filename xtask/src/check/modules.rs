//! Modules of one folder use each other one way only.
//!
//! Between the modules that lie side by side in a folder, an arrow stands where a file below one of
//! them names the other, by a path that begins with `crate`, `super` or `self`. What a parent module
//! offers under a name of its own is the parent's.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result};

use super::Violation;
use super::source::paths;
use crate::workspace::Workspace;

/// The crates this is about.
const CRATES: [&str; 2] = ["sockeye-net", "sockeye-engine"];

/// Folders whose modules may know each other, with the reason.
const EXCEPTIONS: [(&str, &str); 1] = [
    // A session's handle finds what all share, and what all share finds the handles.
    ("sockeye-engine", "session"),
];

/// Arrows between the modules of one folder, by the path of the folder.
type Arrows = BTreeMap<String, BTreeMap<String, BTreeSet<String>>>;

pub(super) fn check(workspace: &Workspace) -> Result<Vec<Violation>> {
    let mut found = Vec::new();
    for package in &workspace.metadata().packages {
        if !CRATES.contains(&package.name.as_str()) {
            continue;
        }
        let target = package.targets.iter().find(|target| target.is_lib());
        let target = target.with_context(|| format!("{} has no library", package.name))?;
        let root = target.src_path.as_std_path();
        let folder = root.parent().context("a library lies in a folder")?;
        let files = super::sans_io::modules(root)?;
        let files = files.iter().map(|(file, tokens)| {
            let used = paths(tokens).into_iter().map(|path| path.segments);
            (module_of(folder, file), used.collect::<Vec<Vec<String>>>())
        });
        found.extend(violations(&package.name, &files.collect()));
    }
    Ok(found)
}

/// `http/tls/client.rs` is the module `http::tls::client`.
fn module_of(folder: &Path, file: &Path) -> Vec<String> {
    let path = file.strip_prefix(folder).unwrap_or(file).with_extension("");
    let names = path.iter().map(|name| name.to_string_lossy().into_owned());
    names.filter(|name| name != "lib" && name != "mod").collect()
}

fn violations(package: &str, files: &BTreeMap<Vec<String>, Vec<Vec<String>>>) -> Vec<Violation> {
    let arrows = arrows(files);
    let cycles = arrows.iter().filter_map(|(folder, arrows)| {
        let is_exception = EXCEPTIONS.contains(&(package, folder));
        let cycle = cycle(arrows).filter(|_| !is_exception)?;
        let place =
            if folder.is_empty() { package.to_owned() } else { format!("{package} {folder}") };
        Some(Violation::new(place, format!("modules in a circle: {}", cycle.join(" → "))))
    });
    cycles.collect()
}

fn arrows(files: &BTreeMap<Vec<String>, Vec<Vec<String>>>) -> Arrows {
    let mut arrows = Arrows::new();
    for (module, used) in files {
        for path in used {
            let Some(target) = resolve(module, path, files) else { continue };
            let common = module.iter().zip(&target).take_while(|(a, b)| a == b).count();
            if let (Some(from), Some(to)) = (module.get(common), target.get(common)) {
                let folder = module[..common].join("::");
                let of_folder = arrows.entry(folder).or_default();
                of_folder.entry(from.clone()).or_default().insert(to.clone());
            }
        }
    }
    arrows
}

/// The module that a path in a module leads to, as far as it names modules.
fn resolve(
    module: &[String],
    path: &[String],
    files: &BTreeMap<Vec<String>, Vec<Vec<String>>>,
) -> Option<Vec<String>> {
    let mut at = match path.first()?.as_str() {
        "crate" => Vec::new(),
        "self" => module.to_vec(),
        "super" => module[..module.len().checked_sub(1)?].to_vec(),
        _ => return None,
    };
    for segment in &path[1..] {
        if segment == "super" {
            at.pop()?;
            continue;
        }
        at.push(segment.clone());
        if !files.contains_key(&at) {
            at.pop();
            break;
        }
    }
    Some(at)
}

/// One circle, if there is one: its first module stands at its end as well.
fn cycle(arrows: &BTreeMap<String, BTreeSet<String>>) -> Option<Vec<String>> {
    let mut done = BTreeSet::new();
    arrows.keys().find_map(|start| walk(start, arrows, &mut Vec::new(), &mut done))
}

fn walk(
    at: &str,
    arrows: &BTreeMap<String, BTreeSet<String>>,
    way: &mut Vec<String>,
    done: &mut BTreeSet<String>,
) -> Option<Vec<String>> {
    if let Some(start) = way.iter().position(|other| other == at) {
        let circle = way[start..].iter().cloned().chain([at.to_owned()]);
        return Some(circle.collect());
    }
    if done.contains(at) {
        return None;
    }
    way.push(at.to_owned());
    let next = arrows.get(at).into_iter().flatten();
    let found = next.into_iter().find_map(|to| walk(to, arrows, way, done));
    way.pop();
    done.insert(at.to_owned());
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(files: &[(&str, &[&str])]) -> Vec<String> {
        let split = |path: &str| -> Vec<String> {
            path.split("::").filter(|name| !name.is_empty()).map(str::to_owned).collect()
        };
        let files = files
            .iter()
            .map(|(module, used)| (split(module), used.iter().map(|path| split(path)).collect()));
        let found = violations("sockeye-net", &files.collect());
        found.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn arrows_of_one_way_are_fine() {
        assert_eq!(of(&[("", &[]), ("a", &["crate::b::B"]), ("b", &["std::a::C"])]), [""; 0]);
        assert_eq!(of(&[("", &[]), ("a", &["self::b::B"]), ("a::b", &["super::A"])]), [""; 0]);
    }

    #[test]
    fn circles_are_found_wherever_they_are() {
        assert_eq!(
            of(&[
                ("", &[]),
                ("a", &["crate::b::B"]),
                ("b", &[]),
                ("b::c", &["super::super::a::A"])
            ]),
            ["sockeye-net: modules in a circle: a → b → a"]
        );
        assert_eq!(
            of(&[
                ("", &[]),
                ("a", &[]),
                ("a::x", &["super::y::Y"]),
                ("a::y", &["super::z::Z"]),
                ("a::z", &["crate::a::x::X"]),
            ]),
            ["sockeye-net a: modules in a circle: x → y → z → x"]
        );
    }
}
