//! Modules use each other one way only.
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

/// The crates whose folders this is about.
const CRATES: [&str; 2] = ["sockeye-net", "sockeye-engine"];

/// The crate of which every module counts, wherever it lies, and those of them that may be in a circle:
/// what a handler is lent, what it is lent to, and what outlives both. (A module and one within it
/// may always know each other.)
const SERVER: &str = "sockeye";
const SERVER_KNOT: &[&str] = &[
    "broadcast::io",
    "handler::acker",
    "namespace::active",
    "namespace::handlers",
    "namespace::visitor",
    "session::link",
    "socket",
];

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
        let is_server = package.name == SERVER;
        if !is_server && !CRATES.contains(&package.name.as_str()) {
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
        let files = files.collect();
        found.extend(if is_server { knots(&files) } else { violations(&package.name, &files) });
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

/// Modules that use each other in circles, beyond those that may; and those that may and do not.
fn knots(files: &BTreeMap<Vec<String>, Vec<Vec<String>>>) -> Vec<Violation> {
    let mut arrows: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (module, used) in files {
        for target in used.iter().filter_map(|path| resolve(module, path, files)) {
            if !module.starts_with(&target) && !target.starts_with(module) {
                arrows.entry(module.join("::")).or_default().insert(target.join("::"));
            }
        }
    }
    let reached: BTreeMap<_, _> =
        arrows.keys().map(|module| (module.as_str(), reached_from(module, &arrows))).collect();
    let is_in_circle = |module: &str| reached.get(module).is_some_and(|all| all.contains(module));
    let more = arrows.keys().filter(|module| is_in_circle(module.as_str()));
    let more = more.filter(|module| !SERVER_KNOT.contains(&module.as_str())).map(|module| {
        let with = reached[module.as_str()].iter().filter(|other| {
            reached.get(**other).is_some_and(|back| back.contains(module.as_str()))
        });
        let with = with.filter(|other| **other != module.as_str()).copied().collect::<Vec<_>>();
        let with = with.join(", ");
        Violation::new(format!("{SERVER} {module}"), format!("is in a circle with {with}"))
    });
    let less = SERVER_KNOT.iter().filter(|module| !is_in_circle(module)).map(|module| {
        Violation::new(
            format!("{SERVER} {module}"),
            "is in no circle any more: take it off the list",
        )
    });
    more.chain(less).collect()
}

fn reached_from<'a>(
    module: &str,
    arrows: &'a BTreeMap<String, BTreeSet<String>>,
) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut open: Vec<&str> = arrows[module].iter().map(String::as_str).collect();
    while let Some(at) = open.pop() {
        if reached.insert(at) {
            open.extend(arrows.get(at).into_iter().flatten().map(String::as_str));
        }
    }
    reached
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
    fn circles_of_the_server_are_found_across_folders() {
        let files = |used: &[(&str, &[&str])]| {
            let split = |path: &str| path.split("::").map(str::to_owned).collect::<Vec<_>>();
            let files = used.iter().map(|(module, used)| {
                (split(module), used.iter().map(|path| split(path)).collect())
            });
            let found = knots(&files.collect());
            let found = found.iter().map(ToString::to_string);
            found.filter(|text| !text.contains("off the list")).collect::<Vec<_>>()
        };
        let one_way: [(&str, &[&str]); 3] =
            [("a", &["crate::b::c::C"]), ("b", &["self::c::C"]), ("b::c", &["super::B"])];
        assert_eq!(files(&one_way), [""; 0]);
        let circle: [(&str, &[&str]); 3] =
            [("a", &["crate::b::c::C"]), ("b", &["crate::a::A"]), ("b::c", &["crate::a::A"])];
        assert_eq!(
            files(&circle),
            ["sockeye a: is in a circle with b::c", "sockeye b::c: is in a circle with a"]
        );
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
