//! Figures as text.

use std::fmt::Write;

use super::{Point, Report, Row, Spread, Subject};
use crate::wire::Protocol;

/// One figure with its unit.
pub(crate) fn cost(point: Point, cost: f64) -> String {
    if point.workload.is_idle() { format!("{cost:.0} B") } else { format!("{cost:.3} us") }
}

/// The whole report.
pub(crate) fn markdown(report: &Report) -> String {
    let machine = &report.machine;
    let mut text = format!(
        "{}, {} cores, Linux {}, {}, commit {}, {}; {} rounds, load average at the end {}.\n\n\
         CPU of the server in microseconds per operation (idle: resident bytes per connection), \
         median (min..max) of the rounds; ratio to the bare TCP loop of the same round.\n",
        machine.processor,
        machine.cores,
        machine.kernel,
        machine.rustc,
        machine.commit,
        machine.date,
        report.rounds,
        machine.load_average,
    );
    text.push('\n');
    text.push_str(&summary(report));
    let mut previous = None;
    for row in &report.rows {
        if previous != Some(row.point) {
            // Writing to a string cannot fail.
            let _ = write!(text, "\n### {}\n\n{HEAD}", row.point);
            previous = Some(row.point);
        }
        let _ = writeln!(text, "{}", line(row));
    }
    text
}

/// One line per server, one column per point: the medians, with the ratio in brackets.
fn summary(report: &Report) -> String {
    let mut points = Vec::new();
    let mut servers = Vec::new();
    for row in &report.rows {
        let server = (row.subject, row.protocol);
        if !points.contains(&row.point) {
            points.push(row.point);
        }
        if !servers.contains(&server) {
            servers.push(server);
        }
    }
    let mut text = "|".to_owned();
    for point in &points {
        // Writing to a string cannot fail.
        let _ = write!(text, " | {point}");
    }
    let _ = write!(text, " |\n|---{}|\n", "|---".repeat(points.len()));
    for (subject, protocol) in servers {
        let _ = write!(text, "| {}", name(subject, protocol));
        for point in &points {
            let is_wanted =
                |row: &&Row| (row.subject, row.protocol, row.point) == (subject, protocol, *point);
            let _ = match report.rows.iter().find(is_wanted) {
                Some(row) => write!(text, " | {}", short(row)),
                None => write!(text, " |"),
            };
        }
        text.push_str(" |\n");
    }
    text
}

fn short(row: &Row) -> String {
    let median = row.cost.median;
    let cost = match row.point.workload.is_idle() {
        true => format!("{median:.0} B"),
        false if median < 1.0 => format!("{median:.3}"),
        false => format!("{median:.2}"),
    };
    row.ratio.map_or_else(|| cost.clone(), |ratio| format!("{cost} ({:.2})", ratio.median))
}

fn name(subject: Subject, protocol: Protocol) -> String {
    match subject {
        Subject::Sockeye => format!("**{subject}, {protocol}**"),
        _ => subject.to_string(),
    }
}

const HEAD: &str = "\
| server | cost (min..max) | ratio (min..max) | bar (goal) | operations/s | server / client busy | \
p50 / p99 / p99.9 us |
|---|---|---|---|---|---|---|
";

fn line(row: &Row) -> String {
    let server = name(row.subject, row.protocol);
    let digits = if row.point.workload.is_idle() { 0 } else { 3 };
    let costs = spread(row.cost, digits);
    let mut ratio = row.ratio.map_or_else(String::new, |ratio| spread(ratio, 2));
    if let Some(to_socket_io) = row.to_socket_io {
        // Writing to a string cannot fail.
        let _ = write!(ratio, "; to Socket.IO {}", spread(to_socket_io, 2));
    }
    format!("| {server} | {costs} | {ratio} | {} | {} |", budget(row), speed(row))
}

fn spread(Spread { median, min, max }: Spread, digits: usize) -> String {
    if min == max {
        return format!("{median:.digits$}");
    }
    format!("{median:.digits$} ({min:.digits$}..{max:.digits$})")
}

/// The budget and whether it is kept.
fn budget(row: &Row) -> String {
    let Some(budget) = row.budget else {
        return String::new();
    };
    let (figure, digits) = match row.to_socket_io.or(row.ratio) {
        Some(ratio) => (ratio.median, 2),
        None if row.point.workload.is_idle() => (row.cost.median, 0),
        None => return format!("{} ({})", budget.bar, budget.goal),
    };
    let verdict = if figure <= budget.goal {
        "goal"
    } else if figure <= budget.bar {
        "kept"
    } else {
        "**missed**"
    };
    format!("{:.digits$} ({:.digits$}) {verdict}", budget.bar, budget.goal)
}

/// The columns that tell how much the machine was at it, from the middle round.
fn speed(row: &Row) -> String {
    let Some(outcome) = row.outcomes.get(row.outcomes.len() / 2) else {
        return "| | ".to_owned();
    };
    let busy = |seconds: f64| format!("{:.0} %", seconds / outcome.seconds * 100.0);
    let server = outcome.server.map_or_else(String::new, |server| busy(server.total));
    let latency = outcome.latency.map_or_else(String::new, |latency| {
        format!("{:.0} / {:.0} / {:.0}", latency.p50_us, latency.p99_us, latency.p999_us)
    });
    format!(
        "{:.0} | {server} / {} | {latency}",
        outcome.operations as f64 / outcome.seconds,
        busy(outcome.client.total),
    )
}
