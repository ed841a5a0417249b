//! What a session says of itself to who asks.

use std::net::SocketAddr;

use serde::Serialize;
use tokio::sync::oneshot;

/// What only a session's own task knows of it, see [`SessionInfo`](crate::SessionInfo).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SessionDetails {
    /// The client's address, as [`Handshake::address`](crate::Handshake::address) has it: `None` when
    /// the listener did not say it.
    pub address: Option<SocketAddr>,
    /// Whole seconds since the request that opened it, by the clock of the machine.
    pub age_seconds: u64,
    /// The names of the namespaces that it is in, at most
    /// [`namespaces_per_session_max`](crate::Config::namespaces_per_session_max).
    pub namespaces: Vec<String>,
}

/// The question for it, a command to the session's task. Dropped unanswered when the session ends.
pub(crate) struct Describe(oneshot::Sender<SessionDetails>);

impl Describe {
    /// The question, and where its answer comes.
    pub(crate) fn new() -> (Self, oneshot::Receiver<SessionDetails>) {
        let (sender, answer) = oneshot::channel();
        (Self(sender), answer)
    }

    pub(super) fn answer(self, details: SessionDetails) {
        // Who asked may have gone away.
        let _ = self.0.send(details);
    }
}
