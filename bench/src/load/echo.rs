//! [`Workload::Echo`](super::Workload::Echo): a closed loop on every connection.

use std::collections::VecDeque;
use std::time::Instant;

use super::latency::Histogram;
use super::meter::{Meter, Stage};
use super::pool::Pool;
use super::{LoadError, Options, Outcome};
use crate::wire::Wire;

pub(crate) fn run(options: &Options, wire: &Wire) -> Result<Outcome, LoadError> {
    let mut pool = Pool::new(options, wire)?;
    pool.open(options.connections)?;
    let mut meter = Meter::start(options, Instant::now());
    let mut latencies = Histogram::new();
    let mut sendings: Vec<Sendings> = Vec::with_capacity(options.connections);
    let mut now = Instant::now();
    for connection in pool.connections_mut() {
        connection.send_messages(wire, options.pipeline)?;
        sendings.push(VecDeque::from([(now, options.pipeline)]));
    }
    let mut operations = 0;
    loop {
        pool.wait(|index, connection, progress| {
            take(&mut sendings[index], progress.messages, |sent, count| {
                latencies.record(now.max(sent) - sent, count as u64);
            });
            operations += progress.messages as u64;
            sendings[index].push_back((now, progress.messages));
            Ok(connection.send_messages(wire, progress.messages)?)
        })?;
        now = Instant::now();
        match meter.tick(now, operations)? {
            Stage::Begin => latencies.clear(),
            Stage::WarmUp | Stage::Window => {}
            Stage::End => break,
        }
        pool.check_stall((options.connections * options.pipeline) as u64)?;
    }
    pool.drain()?;
    Outcome::new(&meter, wire.into(), latencies.summary(), pool.pings())
}

/// When messages of one connection were sent, and how many at once; oldest first. The clock is
/// read once for each round of the loop, which is fine enough for thousands of microseconds.
type Sendings = VecDeque<(Instant, usize)>;

fn take(sendings: &mut Sendings, mut count: usize, mut report: impl FnMut(Instant, usize)) {
    while count > 0 {
        let Some((sent, waiting)) = sendings.front_mut() else {
            return;
        };
        let taken = count.min(*waiting);
        report(*sent, taken);
        count -= taken;
        *waiting -= taken;
        if *waiting == 0 {
            sendings.pop_front();
        }
    }
}
