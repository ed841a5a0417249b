//! What a program takes on that depends on `sockeye`: crates to fetch, and time to compile them.
//!
//! `cargo xtask crates` counts, and fails above a limit; CI runs it. `cargo xtask bench weight` measures the
//! time beside socketioxide's, the other Socket.IO server in Rust.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};
use clap::Parser;

use crate::workspace::Workspace;

/// Crates that `sockeye` may bring, itself included: without default features, and with them.
const CRATES_MAX: [(Features<'_>, usize); 2] = [(Features::None, 70), (Features::Default, 95)];
/// What is compared with.
const PEER: (&str, &str) = ("socketioxide", "0.18");
/// How much more time than the peer it may take.
const RATIO_MAX: f64 = 1.4;

/// Which features a program asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Features<'a> {
    None,
    Default,
    /// One alone.
    Only(&'a str),
}

impl<'a> Features<'a> {
    const fn name(self) -> &'a str {
        match self {
            Self::None => "no default features",
            Self::Default => "default features",
            Self::Only(feature) => feature,
        }
    }
}

/// Counts what `sockeye` brings and fails above the limits.
pub(crate) fn count_crates(workspace: &Workspace) -> Result<()> {
    let mut are_too_many = false;
    for (features, max) in CRATES_MAX {
        let mut command = workspace.cargo();
        command.args(["tree", "--locked", "--package", "sockeye", "--edges", "normal"]);
        command.args(["--prefix", "none", "--no-dedupe"]);
        if features == Features::None {
            command.arg("--no-default-features");
        }
        let count = count(&output(&mut command)?);
        println!("sockeye with {}: {count} crates, at most {max}", features.name());
        are_too_many |= count > max;
    }
    if are_too_many {
        bail!("too many crates; `cargo tree -p sockeye -e normal` says who brings them");
    }
    Ok(())
}

/// The crates in what `cargo tree` prints, each version counted once.
fn count(tree: &str) -> usize {
    let names = tree.lines().map(|line| line.split(" (").next().unwrap_or(line).trim());
    names.filter(|name| !name.is_empty()).collect::<BTreeSet<_>>().len()
}

/// Arguments of the measurement.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask bench weight", disable_version_flag = true)]
struct Arguments {
    /// How often each is compiled; the medians count.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// What each feature of `sockeye` adds, in place of the comparison.
    #[arg(long)]
    each: bool,
}

/// Compiles (`cargo check`) a crate that depends on `sockeye` and one that depends on the peer, from clean, in
/// turn, and compares the processor time.
pub(crate) fn bench(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    let arguments = Arguments::parse_from(
        std::iter::once("cargo xtask bench weight").chain(arguments.iter().map(String::as_str)),
    );
    if arguments.rounds == 0 {
        bail!("--rounds 0 measures nothing");
    }
    match arguments.each {
        true => compare_features(workspace, arguments.rounds),
        false => compare_with_peer(workspace, arguments.rounds),
    }
}

fn compare_with_peer(workspace: &Workspace, rounds: usize) -> Result<()> {
    let mut pairs = Vec::new();
    for features in [Features::Default, Features::None] {
        let peer = format!("version = {:?}", PEER.1);
        let ours = Dependent::on_sockeye(workspace, features)?;
        let peer = Dependent::create(workspace, PEER.0, &peer, features)?;
        pairs.push((features, [ours, peer]));
    }
    let dependents = pairs.iter().flat_map(|(_, pair)| pair).collect::<Vec<_>>();
    let times = measure(&dependents, rounds)?;
    println!("\n| | crates, sockeye | crates, {0} | CPU, sockeye | CPU, {0} | ratio |", PEER.0);
    println!("|---|---|---|---|---|---|");
    let mut is_heavy = false;
    for ((features, [ours, peer]), times) in pairs.iter().zip(times.chunks(2)) {
        let ratio = times[0] / times[1];
        is_heavy |= ratio > RATIO_MAX;
        let (name, our_crates, peer_crates) = (features.name(), ours.crates()?, peer.crates()?);
        println!(
            "| {name} | {our_crates} | {peer_crates} | {:.1} s | {:.1} s | {ratio:.2} |",
            times[0], times[1]
        );
    }
    if is_heavy {
        bail!("more than {RATIO_MAX} times {}", PEER.0);
    }
    Ok(())
}

fn compare_features(workspace: &Workspace, rounds: usize) -> Result<()> {
    let packages = &workspace.metadata().packages;
    let package = packages.iter().find(|package| **package.name == *"sockeye");
    let features = package.context("there is a package sockeye")?.features.keys();
    let features = features.filter(|name| *name != "default").map(|name| Features::Only(name));
    let mut dependents = Vec::new();
    for features in std::iter::once(Features::None).chain(features) {
        dependents.push(Dependent::on_sockeye(workspace, features)?);
    }
    let times = measure(&dependents.iter().collect::<Vec<_>>(), rounds)?;
    let (crates, time) = (dependents[0].crates()?, times[0]);
    println!("\n| feature of sockeye | crates | CPU |\n|---|---|---|");
    println!("| none | {crates} | {time:.1} s |");
    for (dependent, its_time) in dependents.iter().zip(&times).skip(1) {
        let more = dependent.crates()?.saturating_sub(crates);
        println!("| `{}` | +{more} | {:+.1} s |", dependent.features, its_time - time);
    }
    Ok(())
}

/// The median of the seconds that each takes, measured in turn.
fn measure(dependents: &[&Dependent<'_>], rounds: usize) -> Result<Vec<f64>> {
    let mut times = vec![Vec::new(); dependents.len()];
    for round in 1..=rounds {
        for (dependent, times) in dependents.iter().zip(&mut times) {
            let time = dependent.check()?;
            println!(
                "round {round}, {} with {}: {time:.2} s",
                dependent.dependency, dependent.features
            );
            times.push(time);
        }
    }
    Ok(times.into_iter().map(median).collect())
}

/// A crate that depends on one other.
struct Dependent<'a> {
    workspace: &'a Workspace,
    dependency: &'static str,
    features: String,
    folder: PathBuf,
}

impl<'a> Dependent<'a> {
    fn on_sockeye(workspace: &'a Workspace, features: Features<'_>) -> Result<Self> {
        let folder = workspace.path("crates/server").display().to_string();
        Self::create(workspace, "sockeye", &format!("path = {folder:?}"), features)
    }

    /// With the versions of this workspace where it has them, so that both compile the same tokio and hyper.
    fn create(
        workspace: &'a Workspace,
        dependency: &'static str,
        source: &str,
        features: Features<'_>,
    ) -> Result<Self> {
        let name = features.name();
        let folder = format!("weight/{dependency}-{}", name.replace(' ', "-"));
        let folder = workspace.target_dir().join(folder);
        fs::create_dir_all(folder.join("src"))?;
        let default_features = features == Features::Default;
        let features = match features {
            Features::Only(feature) => format!("features = [{feature:?}]\n"),
            Features::None | Features::Default => String::new(),
        };
        let manifest = format!(
            "[package]\nname = \"dependent\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n\n\
             [dependencies.{dependency}]\n{source}\n{features}\
             default-features = {default_features}\n"
        );
        fs::write(folder.join("Cargo.toml"), manifest)?;
        fs::write(folder.join("src/lib.rs"), format!("pub use {dependency};\n"))?;
        fs::copy(workspace.path("Cargo.lock"), folder.join("Cargo.lock"))?;
        let dependent = Self { workspace, dependency, features: name.to_owned(), folder };
        run(dependent.command(&["fetch"]))?;
        Ok(dependent)
    }

    /// Seconds of processor time, user and system, of a check from clean.
    fn check(&self) -> Result<f64> {
        let target = self.folder.join("target");
        if target.exists() {
            fs::remove_dir_all(&target)?;
        }
        let before = children_seconds()?;
        run(self.command(&["check", "--quiet", "--offline"]))?;
        Ok(children_seconds()? - before)
    }

    fn crates(&self) -> Result<usize> {
        let tree = ["tree", "--offline", "--edges", "normal", "--prefix", "none", "--no-dedupe"];
        // Without the crate itself.
        Ok(count(&output(&mut self.command(&tree))?) - 1)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.workspace.cargo();
        command.current_dir(&self.folder).args(arguments);
        command.env("CARGO_TARGET_DIR", self.folder.join("target")).env("CARGO_INCREMENTAL", "0");
        command.env_remove("RUSTFLAGS");
        command
    }
}

fn run(mut command: Command) -> Result<()> {
    let status = command.status()?;
    if !status.success() {
        bail!("{command:?}: {status}");
    }
    Ok(())
}

fn output(command: &mut Command) -> Result<String> {
    let output = command.output()?;
    if !output.status.success() {
        bail!("{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// What the children that have ended took, and theirs (proc(5), `cutime` and `cstime`).
fn children_seconds() -> Result<f64> {
    const TICKS_PER_SECOND: f64 = 100.0;
    let stat = fs::read_to_string("/proc/self/stat")
        .context("processor time is read as Linux tells it, in /proc/self/stat")?;
    let ticks = parse_children(&stat).context("/proc/self/stat is not as proc(5) says")?;
    Ok(ticks as f64 / TICKS_PER_SECOND)
}

fn parse_children(stat: &str) -> Option<u64> {
    // The name of the program, which may hold spaces, ends with the last parenthesis; `state` follows, field 3.
    let (_, rest) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    Some(fields.get(13)?.parse::<u64>().ok()? + fields.get(14)?.parse::<u64>().ok()?)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_version_of_a_crate_counts_once() {
        let tree = "sockeye v0.1.0 (/somewhere/else)\nsyn v2.0.1\nsyn v3.0.0\nserde_derive v1.0.0 (proc-macro)\n\
                    syn v2.0.1\nserde_derive v1.0.0 (proc-macro) (*)\n\n";
        assert_eq!(count(tree), 4);
    }

    #[test]
    fn the_time_of_children_is_found_behind_any_name() {
        let stat = "7 (a) (b c) S 1 7 7 0 -1 4194560 1 2 3 4 11 12 130 24 20 0 1 0 5";
        assert_eq!(parse_children(stat), Some(154));
        assert_eq!(parse_children("7 (a) S 1"), None);
    }

    #[test]
    fn the_median_is_the_one_in_the_middle() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![5.0]), 5.0);
    }
}
