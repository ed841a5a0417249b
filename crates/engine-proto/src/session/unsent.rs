//! The packets of a [`Session`](super::Session) itself that have yet to go out.

use crate::packet::Control;

/// Packets that go out on the main transport as soon as it can take them. Each exists once at
/// most, so they need no queue.
#[derive(Debug, Default)]
pub(super) struct UnsentControls {
    pub(super) open: bool,
    pub(super) ping: bool,
    pub(super) pong: bool,
    /// Server, polling: ends the parked poll while the client is about to upgrade.
    pub(super) noop: bool,
    pub(super) close: bool,
    pub(super) close_sent: bool,
    /// `close` goes to a poll that comes after the session began to close.
    pub(super) late: bool,
    /// The parked poll was already given its last packet.
    pub(super) released: bool,
}

impl UnsentControls {
    /// The next one to go out; `close_waits` keeps back the last.
    pub(super) fn next(&mut self, close_waits: bool) -> Option<Control> {
        let (flag, control) = if self.open {
            (&mut self.open, Control::Open)
        } else if self.ping {
            (&mut self.ping, Control::Ping)
        } else if self.pong {
            (&mut self.pong, Control::Pong)
        } else if self.noop {
            (&mut self.noop, Control::Noop)
        } else if self.close && !close_waits {
            (&mut self.close, Control::Close)
        } else {
            return None;
        };
        *flag = false;
        Some(control)
    }
}
