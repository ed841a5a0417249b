//! [`Workload::Idle`](super::Workload::Idle): what an open connection that says nothing costs.

use std::time::Instant;

use super::pool::Pool;
use super::{CpuSeconds, LoadError, MemoryGrowth, Options, Outcome, Sizes};
use crate::process::{CpuTime, Memory};
use crate::wire::Wire;

pub(crate) fn run(options: &Options, wire: &Wire) -> Result<Outcome, LoadError> {
    let meter = IdleMeter::start(options)?;
    let mut pool = Pool::new(options, wire)?;
    pool.open(options.connections)?;
    let meter = meter.opened()?;
    // Heartbeats are answered meanwhile.
    while !meter.has_ended() {
        pool.wait(|_, _, _| Ok(()))?;
    }
    meter.outcome(wire.into(), pool.pings())
}

/// Measures the opening of many connections, and the memory they hold after a while.
#[derive(Debug)]
pub(crate) struct IdleMeter<'a> {
    options: &'a Options,
    memory: Option<Memory>,
    server: Option<CpuTime>,
    client: CpuTime,
    started: Instant,
}

/// [`IdleMeter`] once all connections are open.
#[derive(Debug)]
pub(crate) struct OpenedMeter<'a> {
    start: IdleMeter<'a>,
    seconds: f64,
    server: Option<CpuTime>,
    client: CpuTime,
    ends: Instant,
}

impl<'a> IdleMeter<'a> {
    pub(crate) fn start(options: &'a Options) -> Result<Self, LoadError> {
        Ok(Self {
            options,
            memory: options.server_pid.map(Memory::of).transpose()?,
            server: options.server_pid.map(CpuTime::of).transpose()?,
            client: CpuTime::of(std::process::id())?,
            started: Instant::now(),
        })
    }

    pub(crate) fn opened(self) -> Result<OpenedMeter<'a>, LoadError> {
        let server = self.options.server_pid.map(CpuTime::of).transpose()?;
        Ok(OpenedMeter {
            seconds: self.started.elapsed().as_secs_f64(),
            server: server.zip(self.server).map(|(after, before)| after.since(before)),
            client: CpuTime::of(std::process::id())?.since(self.client),
            ends: Instant::now() + self.options.warm_up + self.options.window,
            start: self,
        })
    }
}

impl OpenedMeter<'_> {
    pub(crate) fn has_ended(&self) -> bool {
        Instant::now() >= self.ends
    }

    pub(crate) fn outcome(self, sizes: Sizes, pings: u64) -> Result<Outcome, LoadError> {
        let memory = self.start.options.server_pid.map(Memory::of).transpose()?;
        let growth = |before: u64, after: u64| after as i64 - before as i64;
        Ok(Outcome {
            operations: self.start.options.connections as u64,
            seconds: self.seconds,
            server: self.server.map(CpuSeconds::from),
            client: self.client.into(),
            latency: None,
            memory: memory.zip(self.start.memory).map(|(after, before)| MemoryGrowth {
                resident: growth(before.resident, after.resident),
                anonymous: growth(before.anonymous, after.anonymous),
            }),
            pings,
            request_head_bytes: sizes.request_head,
            message_bytes: sizes.message,
        })
    }
}
