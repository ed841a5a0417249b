//! The expiry of a socket: when the server ends it.

use std::time::Duration;

use sockeye_socket_proto::Event;
use tokio::time::Instant;

use super::Socket;
use crate::session::deadlines::after;
use crate::session::link::Command;

/// The time of a socket's end and of the warning to its client, see [`Socket::set_expiry`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expiry {
    /// The time from now on until it ends.
    pub after: Duration,
    /// How long before its end the client is warned; zero: not at all.
    pub warning: Duration,
}

impl Expiry {
    /// Ends after this time, with a warning 30 seconds before.
    pub fn after(after: Duration) -> Self {
        Self { after, warning: Duration::from_secs(30) }
    }
}

/// The expiry that a socket has.
#[derive(Clone, Copy)]
pub(super) struct Deadline {
    end: Instant,
    /// How long before the end the client is warned; `None`: no warning, or it was sent.
    warning: Option<Duration>,
}

/// The event that warns a client of the end of its socket, with the seconds left.
pub(crate) const EXPIRING: Event<u64> = Event::new("expiring");

/// The error that a socket's expiry is reached.
#[derive(Debug)]
pub(crate) struct Expired;

impl Socket {
    /// Ends the socket after this time, with
    /// [`DisconnectReason::Expired`](crate::DisconnectReason::Expired), unless it is called again
    /// before, when the client has shown a new token:
    /// [`reauthenticate_on`](crate::Namespace::reauthenticate_on) asks for one over the same
    /// connection. The client gets the event `expiring`, with the seconds left, the time `warning`
    /// before the end. `None`: it does not expire any more. Default: `None`.
    ///
    /// ```
    /// use std::time::Duration;
    /// use sockeye::{Expiry, Socket};
    ///
    /// fn admit(socket: &Socket, token_lasts: Duration) {
    ///     socket.set_expiry(Some(Expiry::after(token_lasts)));
    /// }
    /// ```
    pub fn set_expiry(&self, expiry: Option<Expiry>) {
        *self.0.expiry.lock() = expiry.map(|expiry| {
            let end = after(Instant::now(), expiry.after);
            let warning = (!expiry.warning.is_zero()).then_some(expiry.warning);
            Box::new(Deadline { end, warning })
        });
        self.0.link.command(Command::ExpiryChanged);
    }

    /// The time until it expires; `None`: it does not expire.
    pub fn expires_in(&self) -> Option<Duration> {
        let expiry = self.0.expiry.lock();
        expiry.as_ref().map(|deadline| deadline.end.saturating_duration_since(Instant::now()))
    }

    /// Warns the client if it is time. `Err`: the socket has to end; `Ok`: when to check next.
    pub(crate) fn check_expiry(&self, now: Instant) -> Result<Option<Instant>, Expired> {
        let mut expiry = self.0.expiry.lock();
        let Some(deadline) = &mut *expiry else {
            return Ok(None);
        };
        if deadline.end <= now {
            return Err(Expired);
        }
        let Some(warning) = deadline.warning else {
            return Ok(Some(deadline.end));
        };
        let due = deadline.end - warning;
        if due > now {
            return Ok(Some(due));
        }
        deadline.warning = None;
        let (end, left) = (deadline.end, deadline.end - now);
        drop(expiry);
        // A client that reads too slowly to be warned is disconnected all the same.
        let _ = self.emit(EXPIRING, &(left.as_millis().div_ceil(1000) as u64));
        Ok(Some(end))
    }
}
