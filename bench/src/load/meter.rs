//! The measured window: when it begins and ends, and what the clocks said at both.

use std::time::{Duration, Instant};

use super::{CpuSeconds, LoadError, Options};
use crate::process::CpuTime;

/// Turns the passing of time into a warm-up, a window and an end.
#[derive(Debug)]
pub(crate) struct Meter {
    server_pids: [Option<u32>; 2],
    window: Duration,
    begins: Instant,
    first: Option<Reading>,
    last: Option<Reading>,
}

/// Where in its time the run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    WarmUp,
    /// The window has just begun: forget what was recorded.
    Begin,
    Window,
    End,
}

/// The window, measured.
#[derive(Debug)]
pub(crate) struct Window {
    pub(crate) operations: u64,
    pub(crate) seconds: f64,
    pub(crate) server: Option<CpuSeconds>,
    pub(crate) client: CpuSeconds,
}

#[derive(Clone, Copy, Debug)]
struct Reading {
    at: Instant,
    operations: u64,
    server: Option<CpuTime>,
    client: CpuTime,
}

impl Meter {
    pub(crate) fn start(options: &Options, now: Instant) -> Self {
        Self {
            server_pids: [options.server_pid, options.second.map(|second| second.pid)],
            window: options.window,
            begins: now + options.warm_up,
            first: None,
            last: None,
        }
    }

    /// Call often, with the operations done so far.
    pub(crate) fn tick(&mut self, now: Instant, operations: u64) -> Result<Stage, LoadError> {
        let Some(first) = self.first else {
            if now < self.begins {
                return Ok(Stage::WarmUp);
            }
            self.first = Some(self.read(operations)?);
            return Ok(Stage::Begin);
        };
        // A window without an operation would tell nothing; what never comes ends by the stall.
        if now < first.at + self.window || operations == first.operations {
            return Ok(Stage::Window);
        }
        self.last = Some(self.read(operations)?);
        Ok(Stage::End)
    }

    /// `None` before [`Stage::End`].
    pub(crate) fn window(&self) -> Option<Window> {
        let (first, last) = (self.first?, self.last?);
        let server = last.server.zip(first.server).map(|(last, first)| last.since(first).into());
        Some(Window {
            operations: last.operations - first.operations,
            seconds: (last.at - first.at).as_secs_f64(),
            server,
            client: last.client.since(first.client).into(),
        })
    }

    fn read(&self, operations: u64) -> Result<Reading, LoadError> {
        let mut server = None;
        for pid in self.server_pids.into_iter().flatten() {
            let time = CpuTime::of(pid)?;
            server = Some(server.map_or(time, |before: CpuTime| before.plus(time)));
        }
        Ok(Reading {
            server,
            client: CpuTime::of(std::process::id())?,
            at: Instant::now(),
            operations,
        })
    }
}

impl From<CpuTime> for CpuSeconds {
    fn from(time: CpuTime) -> Self {
        Self {
            total: time.total.as_secs_f64(),
            user: time.user.as_secs_f64(),
            system: time.system.as_secs_f64(),
        }
    }
}
