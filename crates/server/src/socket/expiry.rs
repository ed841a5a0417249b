//! For how long a socket may stay.

use std::time::Duration;

use sockeye_socket_proto::Event;
use tokio::time::Instant;

use super::Socket;
use crate::session::deadlines::after;
use crate::session::link::Command;

/// For how long a socket may stay, see [`Socket::set_expiry`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expiry {
    /// When it ends, from now on.
    pub after: Duration,
    /// How long before that the client is warned; zero: not at all.
    pub warning: Duration,
}

impl Expiry {
    /// Ends after this time, with a warning 30 seconds before.
    pub fn after(after: Duration) -> Self {
        Self { after, warning: Duration::from_secs(30) }
    }
}

#[derive(Clone, Copy)]
pub(super) struct Deadline {
    end: Instant,
    /// How long before the end the warning is due; gone when it was given.
    warning: Option<Duration>,
}

/// The event that warns of [`Socket::set_expiry`]'s end: the seconds left.
pub(crate) const EXPIRING: Event<u64> = Event::new("expiring");

/// A socket has reached its end.
#[derive(Debug)]
pub(crate) struct Expired;

impl Socket {
    /// Ends the socket after this time, with [`DisconnectReason::Expired`](crate::DisconnectReason::Expired), unless it is called
    /// again before, when the client has shown a new token:
    /// [`reauthenticate_on`](crate::Namespace::reauthenticate_on) asks for one in place. At `warning` before the end the client is sent the event `expiring` with the seconds it has
    /// left. `None` lifts the limit.
    pub fn set_expiry(&self, expiry: Option<Expiry>) {
        *self.0.expiry.lock() = expiry.map(|expiry| {
            let end = after(Instant::now(), expiry.after);
            let warning = (!expiry.warning.is_zero()).then_some(expiry.warning);
            Box::new(Deadline { end, warning })
        });
        self.0.link.command(Command::ExpiryChanged);
    }

    /// How long it may stay; `None` without a limit.
    pub fn expires_in(&self) -> Option<Duration> {
        let expiry = self.0.expiry.lock();
        expiry.as_ref().map(|deadline| deadline.end.saturating_duration_since(Instant::now()))
    }

    /// Warns of its end if that is due. `Err`: it has come; `Ok`: when to ask next.
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
        // Whoever reads too slowly to be warned ends all the same.
        let _ = self.emit(EXPIRING, &(left.as_millis().div_ceil(1000) as u64));
        Ok(Some(end))
    }
}
