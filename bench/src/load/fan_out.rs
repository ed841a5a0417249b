//! [`Workload::Broadcast`](super::Workload::Broadcast): one sender, everybody receives.

use std::time::Instant;

use super::latency::Histogram;
use super::meter::{Meter, Stage};
use super::pool::Pool;
use super::{LoadError, Options, Outcome};
use crate::wire::Wire;

pub(crate) fn run(options: &Options, wire: &Wire) -> Result<Outcome, LoadError> {
    let mut pool = Pool::new(options, wire)?;
    pool.open(options.connections + options.others)?;
    let mut meter = Meter::start(options, Instant::now());
    let mut latencies = Histogram::new();
    let mut operations = 0;
    let mut sent = 0;
    loop {
        let started = Instant::now();
        // Everybody must get everything: whoever gets less stays short of what is due.
        for connection in &mut pool.connections_mut()[..options.connections] {
            connection.expect(options.pipeline);
        }
        let batch = wire.requests.messages(sent, options.pipeline);
        pool.connections_mut()[0].send_unanswered(batch)?;
        sent += options.pipeline as u64;
        let mut missing = options.connections * options.pipeline;
        let mut stage = Stage::WarmUp;
        while missing > 0 && stage != Stage::End {
            pool.wait(|_, _, progress| {
                missing -= progress.messages;
                operations += progress.messages as u64;
                Ok(())
            })?;
            stage = meter.tick(Instant::now(), operations)?;
            if stage == Stage::Begin {
                latencies.clear();
            }
            pool.check_stall(missing as u64)?;
        }
        if stage == Stage::End {
            break;
        }
        latencies.record(started.elapsed(), 1);
    }
    pool.drain()?;
    Outcome::new(&meter, wire.into(), latencies.summary(), pool.pings())
}
