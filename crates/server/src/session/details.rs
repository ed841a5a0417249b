//! The details of a session for listings.

use std::net::SocketAddr;

use serde::Serialize;
use tokio::sync::oneshot;

/// The details that only a session's own task knows, see [`SessionInfo`](crate::SessionInfo).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SessionDetails {
    /// The client's address, as in [`Handshake::address`](crate::Handshake::address): `None` if the
    /// listener did not report it.
    pub address: Option<SocketAddr>,
    /// Whole seconds since the request that opened it, by the clock of the machine.
    pub age_seconds: u64,
    /// The names of the namespaces that it is in, at most
    /// [`namespaces_per_session_max`](crate::Config::namespaces_per_session_max).
    pub namespaces: Vec<String>,
}

/// The request for them, a command to the session's task. Dropped unanswered when the session ends.
pub(crate) struct Describe(oneshot::Sender<SessionDetails>);

impl Describe {
    /// The request, and the receiver of its answer.
    pub(crate) fn new() -> (Self, oneshot::Receiver<SessionDetails>) {
        let (sender, answer) = oneshot::channel();
        (Self(sender), answer)
    }

    pub(super) fn answer(self, details: SessionDetails) {
        // The receiver may be dropped.
        let _ = self.0.send(details);
    }
}
