//! [`Workload::Connect`](super::Workload::Connect): opened, and closed as soon as it is ready.

use std::time::Instant;

use super::latency::Histogram;
use super::meter::{Meter, Stage};
use super::pool::Pool;
use super::{LoadError, Options, Outcome};
use crate::wire::{Protocol, Wire};

pub(crate) fn run(options: &Options, wire: &Wire) -> Result<Outcome, LoadError> {
    let mut pool = Pool::new(options, wire)?;
    pool.open(options.connections)?;
    let mut meter = Meter::start(options, Instant::now());
    let mut latencies = Histogram::new();
    let mut started = vec![Instant::now(); options.connections];
    let mut ready: Vec<usize> = (0..options.connections).collect();
    let mut operations = 0;
    loop {
        for index in ready.drain(..) {
            pool.reopen(index)?;
            started[index] = Instant::now();
        }
        pool.wait(|index, connection, progress| {
            // Bare TCP has no handshake: a message there and back stands for it.
            let echoes = wire.protocol == Protocol::Tcp;
            if progress.ready && echoes {
                connection.send_messages(wire, 1)?;
            }
            if progress.messages > 0 || progress.ready && !echoes {
                ready.push(index);
                latencies.record(started[index].elapsed(), 1);
                operations += 1;
            }
            Ok(())
        })?;
        match meter.tick(Instant::now(), operations)? {
            Stage::Begin => latencies.clear(),
            Stage::WarmUp | Stage::Window => {}
            Stage::End => break,
        }
        pool.check_stall((options.connections - ready.len()) as u64)?;
    }
    Outcome::new(&meter, wire.into(), latencies.summary(), pool.pings())
}
