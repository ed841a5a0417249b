//! The report: every server under the same load, in turn and round by round, so that what the
//! machine does meanwhile falls on all of them, and each ratio compares neighbours in time.

pub(crate) mod child;
mod machine;
pub(crate) mod peers;
mod plan;
mod statistics;
mod table;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;
use serde::{Deserialize, Serialize};

use self::child::{Cores, ServerProcess};
pub use self::machine::Machine;
pub use self::plan::{Budget, Point, Subject};
pub use self::statistics::Spread;
use crate::load::{Outcome, Workload};
use crate::wire::Protocol;

/// What to measure and how long.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where `bench_server`, `bench_load` and `bare_tcp` lie.
    pub programs: PathBuf,
    /// How often everything is measured.
    pub rounds: usize,
    /// Short windows and fewer points: to see that it works and roughly where we are.
    pub quick: bool,
    /// Only points and contenders whose names contain one of these words; all when empty.
    pub only: Vec<String>,
    /// The folder of the other servers (`bench/peers`), to measure those that are installed.
    pub peers: Option<PathBuf>,
    /// Further arguments for `bench_server`.
    pub server_arguments: Vec<String>,
}

/// Everything that was measured.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Report {
    /// Where and when.
    pub machine: Machine,
    /// How often.
    pub rounds: usize,
    /// The figures, in the order they were measured.
    pub rows: Vec<Row>,
}

/// The figures of one contender at one point.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Row {
    /// The load.
    pub point: Point,
    /// Who bore it.
    pub subject: Subject,
    /// In which protocol.
    pub protocol: Protocol,
    /// What was measured: microseconds of CPU per operation, or resident bytes per connection.
    pub cost: Spread,
    /// Cost over the bare loop's in the same round.
    pub ratio: Option<Spread>,
    /// Of those who listen to a feed: cost over that of Socket.IO in the same round.
    pub to_socket_io: Option<Spread>,
    /// What it should have been.
    pub budget: Option<Budget>,
    /// All rounds, in full.
    pub outcomes: Vec<Outcome>,
}

/// Measures and returns the figures, telling progress on standard error.
///
/// # Errors
/// When a program is missing or fails, or a single message was wrong or lost.
pub fn run(options: &Options) -> anyhow::Result<Report> {
    anyhow::ensure!(options.rounds > 0, "there must be a round");
    let cores = Cores::choose()?;
    let peers = options.peers.as_deref().map(peers::installed).transpose()?.unwrap_or_default();
    let mut rows = Vec::new();
    for point in plan::points(options.quick) {
        let mut contenders = plan::contenders(point, &peers);
        contenders.retain(|&(subject, protocol)| is_wanted(options, point, subject, protocol));
        // The bare loop stays with its point: without it there is no ratio.
        if contenders.iter().all(|&(subject, _)| subject == Subject::Bare) {
            continue;
        }
        for (subject, protocol) in contenders {
            let budget = plan::budget(point, protocol).filter(|_| subject == Subject::Sockeye);
            rows.push(Measured { point, subject, protocol, budget, outcomes: Vec::new() });
        }
    }
    anyhow::ensure!(!rows.is_empty(), "nothing is called {:?}", options.only);
    let mut err = io::stderr().lock();
    for round in 1..=options.rounds {
        for row in &mut rows {
            let Measured { point, subject, protocol, .. } = *row;
            let outcome = measure(options, cores, point, subject, protocol)
                .with_context(|| format!("{point}: {subject}, {protocol}"))?;
            let cost = cost(point, &outcome).context("nothing was measured")?;
            writeln!(
                err,
                "[{round}/{}] {point}: {subject}, {protocol}: {}",
                options.rounds,
                table::cost(point, cost)
            )?;
            row.outcomes.push(outcome);
        }
    }
    Ok(Report {
        machine: Machine::this(),
        rounds: options.rounds,
        rows: rows.iter().filter_map(|row| row.finish(&rows)).collect(),
    })
}

impl Report {
    /// The figures as tables in Markdown.
    pub fn to_markdown(&self) -> String {
        table::markdown(self)
    }
}

/// A row while it is being measured.
#[derive(Debug)]
struct Measured {
    point: Point,
    subject: Subject,
    protocol: Protocol,
    budget: Option<Budget>,
    outcomes: Vec<Outcome>,
}

impl Measured {
    fn costs(&self) -> Vec<f64> {
        self.outcomes.iter().filter_map(|outcome| cost(self.point, outcome)).collect()
    }

    fn finish(&self, all: &[Self]) -> Option<Row> {
        let costs = self.costs();
        let ratio_to = |other: (Subject, Protocol)| {
            let mut rows = all.iter().filter(|row| row.point == self.point);
            let other = rows.find(|row| (row.subject, row.protocol) == other)?;
            let ratios: Vec<f64> =
                costs.iter().zip(other.costs()).map(|(cost, other)| cost / other).collect();
            Spread::of(&ratios)
        };
        let is_bare = self.subject == Subject::Bare;
        let ratio = if is_bare { None } else { ratio_to((Subject::Bare, Protocol::Tcp)) };
        let is_beside = self.protocol.is_listening() && !self.point.workload.is_idle();
        let to_socket_io =
            if is_beside { ratio_to((Subject::Sockeye, Protocol::SocketIo)) } else { None };
        Some(Row {
            point: self.point,
            subject: self.subject,
            protocol: self.protocol,
            cost: Spread::of(&costs)?,
            ratio,
            to_socket_io,
            budget: self.budget,
            outcomes: self.outcomes.clone(),
        })
    }
}

/// The one figure of an outcome.
fn cost(point: Point, outcome: &Outcome) -> Option<f64> {
    if point.workload.is_idle() {
        return Some(outcome.memory?.resident as f64 / point.connections as f64);
    }
    outcome.server_cpu_us()
}

/// Whether the words asked for leave this in; the bare loop always.
fn is_wanted(options: &Options, point: Point, subject: Subject, protocol: Protocol) -> bool {
    let point = point.to_string().to_lowercase();
    let contender = format!("{subject} {protocol}").to_lowercase();
    options.only.iter().all(|word| {
        let word = word.to_lowercase();
        point.contains(&word) || contender.contains(&word) || subject == Subject::Bare
    })
}

fn measure(
    options: &Options,
    cores: Cores,
    point: Point,
    subject: Subject,
    protocol: Protocol,
) -> anyhow::Result<Outcome> {
    let server =
        ServerProcess::start(server_command(options, point, (subject, protocol))?, cores.server)?;
    let (warm_up, window) = match (options.quick, point.workload.is_idle()) {
        (true, true) => ("0", "0.3"),
        (true, false) => ("0.2", "0.5"),
        (false, true) => ("0", "2"),
        (false, false) => ("0.7", "2"),
    };
    let mut load = Command::new(program(&options.programs, "bench_load")?);
    load.arg(argument(&point.workload)?)
        .args(["--server", &server.address().to_string()])
        .args(["--server-pid", &server.id().to_string()])
        .args(["--protocol", &argument(&protocol)?])
        .args(["--connections", &point.connections.to_string()])
        .args(["--pipeline", &point.pipeline.to_string()])
        .args(["--size", &point.size.to_string()])
        .args(["--warm-up", warm_up, "--seconds", window, "--json"]);
    let output = child::output_on(cores.load, &mut load)?;
    let outcome = serde_json::from_str(&output).context("read the load generator's outcome")?;
    let status = server.stop()?;
    anyhow::ensure!(
        subject != Subject::Sockeye || status.success(),
        "bench_server ended with {status} after SIGTERM"
    );
    Ok(outcome)
}

fn server_command(
    options: &Options,
    point: Point,
    (subject, protocol): (Subject, Protocol),
) -> anyhow::Result<Command> {
    match subject {
        Subject::Bare => {
            let mut command = Command::new(program(&options.programs, "bare_tcp")?);
            match point.workload {
                // As many bytes as a WebSocket frame of the server has.
                Workload::Broadcast => command
                    .args(["fanout", "--message-bytes"])
                    .arg((server_frame_bytes(point.size)).to_string()),
                _ => command.arg("echo"),
            };
            Ok(command)
        }
        Subject::Sockeye => {
            let mut command = Command::new(program(&options.programs, "bench_server")?);
            command.args(["--port", "0", "--workers", "1"]).args(&options.server_arguments);
            if protocol.is_feed() {
                command.arg("--feeds");
            }
            Ok(command)
        }
        peer => peers::command(options.peers.as_deref().context("no peers")?, peer),
    }
}

fn server_frame_bytes(payload_bytes: usize) -> usize {
    crate::wire::frame(crate::wire::TEXT, None, &vec![b'x'; payload_bytes]).len()
}

fn program(folder: &Path, name: &str) -> anyhow::Result<PathBuf> {
    let path = folder.join(name).with_extension(std::env::consts::EXE_EXTENSION);
    anyhow::ensure!(path.is_file(), "{name} is not built: cargo build --release -p sockeye-bench");
    Ok(path)
}

/// The name of a value on the load generator's command line.
fn argument(value: &impl clap::ValueEnum) -> anyhow::Result<String> {
    let value = value.to_possible_value().context("a value that cannot be named")?;
    Ok(value.get_name().to_owned())
}
