//! Runs worlds, one seed after the other, and says which one broke a promise.

#![forbid(unsafe_code)]

use std::time::{Duration, Instant};

use clap::Parser;
use sockeye_sim::run;

/// Simulates Engine.IO sessions on a virtual clock and a network that fails.
#[derive(Parser)]
struct Arguments {
    /// How many worlds to run.
    #[arg(long, default_value_t = 100_000)]
    runs: u64,
    /// The first seed; the others follow it. Default: taken from the time.
    #[arg(long)]
    seed: Option<u64>,
    /// Stop after this many seconds, even if worlds are left.
    #[arg(long)]
    seconds: Option<u64>,
}

#[allow(clippy::print_stdout)]
fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let first = match arguments.seed {
        Some(seed) => seed,
        None => {
            let since = std::time::UNIX_EPOCH.elapsed()?;
            u64::try_from(since.as_micros() % 1_000_000_000_000)?
        }
    };
    println!("seeds from {first}");
    let start = Instant::now();
    let mut shown = start;
    let (mut steps, mut upgraded, mut done) = (0, 0, 0);
    for number in 0..arguments.runs {
        let report = match run(first.wrapping_add(number)) {
            Ok(report) => report,
            Err(failure) => {
                println!("{failure}");
                std::process::exit(1);
            }
        };
        steps += report.steps;
        upgraded += u64::from(report.upgraded);
        done += 1;
        if shown.elapsed() >= Duration::from_secs(2) {
            shown = Instant::now();
            println!("{done} worlds, {steps} steps, {upgraded} upgraded");
        }
        if arguments.seconds.is_some_and(|limit| start.elapsed() >= Duration::from_secs(limit)) {
            break;
        }
    }
    println!(
        "{done} worlds kept their promises: {steps} steps, {upgraded} upgraded, {:?}",
        start.elapsed()
    );
    Ok(())
}
