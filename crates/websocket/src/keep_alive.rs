//! Time on the reading side: keep-alive pings, silence, messages that take too long.
//!
//! A connection has this only when its [`Config`] asks for pings or an idle timeout, or once a message
//! came in part. The timer is set to the earliest of what may come; what arrives only notes the time,
//! and the timer, when it fires, looks what is due.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

use crate::config::Config;

#[derive(Debug)]
pub(crate) struct KeepAlive {
    /// When anything was received last.
    heard: Instant,
    /// When we sent a ping last.
    pinged: Instant,
    /// When the message that is being received began.
    message_since: Option<Instant>,
    timer: Pin<Box<Sleep>>,
    /// The timer was set to something that has not happened.
    armed: bool,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// Send a ping.
    Ping,
    /// Nothing came for too long.
    Idle,
    /// A message takes too long.
    SlowMessage,
}

impl KeepAlive {
    pub(crate) fn new(config: &Config) -> Box<Self> {
        let now = Instant::now();
        let timer = Box::pin(sleep_until(now));
        let new = Self { heard: now, pinged: now, message_since: None, timer, armed: false };
        let mut new = Box::new(new);
        new.arm(config);
        new
    }

    /// Something was received.
    pub(crate) fn note_heard(&mut self) {
        self.heard = Instant::now();
    }

    /// Whether a message is being received.
    pub(crate) fn note_message(&mut self, pending: bool, config: &Config) {
        if !pending {
            self.message_since = None;
        } else if self.message_since.is_none() {
            self.message_since = Some(Instant::now());
            self.arm(config);
        }
    }

    /// What is due now; waits for it.
    pub(crate) fn poll_due(&mut self, cx: &mut Context<'_>, config: &Config) -> Poll<Due> {
        while self.armed && self.timer.as_mut().poll(cx).is_ready() {
            self.armed = false;
            let now = Instant::now();
            let due = self.deadlines(config).into_iter().flatten().find(|(at, _)| *at <= now);
            if let Some((_, Due::Ping)) = due {
                self.pinged = now;
            }
            self.arm(config);
            if let Some((_, due)) = due {
                return Poll::Ready(due);
            }
        }
        Poll::Pending
    }

    /// Sets the timer, if it would fire too late.
    fn arm(&mut self, config: &Config) {
        let next = self.deadlines(config).into_iter().flatten().map(|(at, _)| at).min();
        if let Some(next) = next
            && !(self.armed && self.timer.deadline() <= next)
        {
            self.timer.as_mut().reset(next);
            self.armed = true;
        }
    }

    /// What ends the connection comes first.
    fn deadlines(&self, config: &Config) -> [Option<(Instant, Due)>; 3] {
        let after = |since: Option<Instant>, limit: Option<Duration>, due| {
            Some((since?.checked_add(limit?)?, due))
        };
        [
            after(self.message_since, config.message_timeout, Due::SlowMessage),
            after(Some(self.heard), config.idle_timeout, Due::Idle),
            after(Some(self.heard.max(self.pinged)), config.keep_alive_interval, Due::Ping),
        ]
    }
}
