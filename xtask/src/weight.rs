//! What a program takes on that depends on `sockeye`: crates to fetch, and time to compile them.
//!
//! `cargo xtask crates` counts, and fails above a limit; CI runs it. `cargo xtask bench weight` measures the
//! time beside socketioxide's, the other Socket.IO server in Rust.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use clap::Parser;

use crate::workspace::Workspace;

/// Crates that `sockeye` may bring, itself included: without default features, and with them.
const CRATES_MAX: [(Features, usize); 2] = [(Features::None, 70), (Features::Default, 95)];
/// What is compared with.
const PEER: (&str, &str) = ("socketioxide", "0.18");
/// How much more time than the peer it may take.
const RATIO_MAX: f64 = 1.4;

/// Which features a program asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Features {
    None,
    Default,
}

impl Features {
    const ALL: [Self; 2] = [Self::Default, Self::None];

    const fn name(self) -> &'static str {
        match self {
            Self::None => "no default features",
            Self::Default => "default features",
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
    let folder = workspace.target_dir().join("weight");
    let mut pairs = Vec::new();
    for features in Features::ALL {
        let ours = workspace.path("crates/server");
        let ours = format!("path = {:?}", ours.display().to_string());
        let peer = format!("version = {:?}", PEER.1);
        pairs.push((
            features,
            Dependent::create(workspace, &folder, "sockeye", &ours, features)?,
            Dependent::create(workspace, &folder, PEER.0, &peer, features)?,
        ));
    }
    let mut times = vec![(Vec::new(), Vec::new()); pairs.len()];
    for round in 1..=arguments.rounds {
        for ((features, ours, peer), times) in pairs.iter().zip(&mut times) {
            times.0.push(ours.check()?);
            times.1.push(peer.check()?);
            println!(
                "round {round}, {}: sockeye {:.2} s, {} {:.2} s",
                features.name(),
                times.0.last().unwrap_or(&0.0),
                PEER.0,
                times.1.last().unwrap_or(&0.0)
            );
        }
    }
    println!(
        "\n| | crates, sockeye | crates, {0} | CPU of `cargo check`, sockeye | CPU, {0} | ratio |",
        PEER.0
    );
    println!("|---|---|---|---|---|---|");
    let mut is_heavy = false;
    for ((features, ours, peer), (our_times, peer_times)) in pairs.iter().zip(times) {
        let (our_time, peer_time) = (median(our_times), median(peer_times));
        let ratio = our_time / peer_time;
        is_heavy |= ratio > RATIO_MAX;
        println!(
            "| {} | {} | {} | {our_time:.1} s | {peer_time:.1} s | {ratio:.2} |",
            features.name(),
            ours.crates()?,
            peer.crates()?
        );
    }
    if is_heavy {
        bail!("more than {RATIO_MAX} times {}", PEER.0);
    }
    Ok(())
}

/// A crate that depends on one other.
struct Dependent<'a> {
    workspace: &'a Workspace,
    folder: PathBuf,
}

impl<'a> Dependent<'a> {
    /// With the versions of this workspace where it has them, so that both compile the same tokio and hyper.
    fn create(
        workspace: &'a Workspace,
        below: &Path,
        dependency: &str,
        source: &str,
        features: Features,
    ) -> Result<Self> {
        let folder = below.join(format!("{dependency}-{}", features.name().replace(' ', "-")));
        fs::create_dir_all(folder.join("src"))?;
        let default_features = features == Features::Default;
        let manifest = format!(
            "[package]\nname = \"dependent\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n\n\
             [dependencies.{dependency}]\n{source}\ndefault-features = {default_features}\n"
        );
        fs::write(folder.join("Cargo.toml"), manifest)?;
        fs::write(folder.join("src/lib.rs"), format!("pub use {dependency};\n"))?;
        fs::copy(workspace.path("Cargo.lock"), folder.join("Cargo.lock"))?;
        let dependent = Self { workspace, folder };
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
