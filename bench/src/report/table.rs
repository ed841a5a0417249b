//! Figures as text.

use std::fmt::Write;

use super::{Point, Report, Row, Spread, Subject};

/// One figure with its unit.
pub(crate) fn cost(point: Point, cost: f64) -> String {
    if point.workload.is_idle() {
        format!("{cost:.0} B")
    } else {
        format!("{cost:.3} us")
    }
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

const HEAD: &str = "\
| server | cost (min..max) | ratio (min..max) | bar (goal) | operations/s | server / client busy | \
p50 / p99 / p99.9 us |
|---|---|---|---|---|---|---|
";

fn line(row: &Row) -> String {
    let server = match row.subject {
        Subject::Bare => row.subject.to_string(),
        Subject::Sockeye => format!("**{}, {}**", row.subject, row.protocol),
        _ => row.subject.to_string(),
    };
    let digits = if row.point.workload.is_idle() { 0 } else { 3 };
    let costs = spread(row.cost, digits);
    let ratio = row.ratio.map_or_else(String::new, |ratio| spread(ratio, 2));
    format!(
        "| {server} | {costs} | {ratio} | {} | {} |",
        budget(row),
        speed(row)
    )
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
    let (figure, digits) = match row.ratio {
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
    format!(
        "{:.digits$} ({:.digits$}) {verdict}",
        budget.bar, budget.goal
    )
}

/// The columns that tell how much the machine was at it, from the middle round.
fn speed(row: &Row) -> String {
    let Some(outcome) = row.outcomes.get(row.outcomes.len() / 2) else {
        return "| | ".to_owned();
    };
    let busy = |seconds: f64| format!("{:.0} %", seconds / outcome.seconds * 100.0);
    let server = outcome
        .server
        .map_or_else(String::new, |server| busy(server.total));
    let latency = outcome.latency.map_or_else(String::new, |latency| {
        format!(
            "{:.0} / {:.0} / {:.0}",
            latency.p50_us, latency.p99_us, latency.p999_us
        )
    });
    format!(
        "{:.0} | {server} / {} | {latency}",
        outcome.operations as f64 / outcome.seconds,
        busy(outcome.client.total),
    )
}
