//! Counts of what a server holds at one moment, as plain data.

use serde::Serialize;

/// The counts of what a server holds at one moment, with their limits: plain data, to be shown or
/// written as JSON. It has counts and names of namespaces, no credential, header or `auth`.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let server = sockeye::Server::builder().build()?;
/// let snapshot = server.snapshot();
/// assert_eq!(snapshot.namespaces[0].name, "/");
/// assert_eq!(snapshot.queued_bytes.used, 0);
/// println!("{snapshot:#?}");
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ServerSnapshot {
    /// Whole seconds since the server was built.
    pub uptime_seconds: u64,
    /// Sessions, open or closing.
    pub sessions: usize,
    /// The same by transport and revision, without kinds that have no session.
    pub session_kinds: Vec<SessionKind>,
    /// Sessions that one address may have: `engine.sessions_per_address_max`. `None`: any number.
    pub sessions_per_address_max: Option<u32>,
    /// Bytes that wait for clients in all sessions together, and `engine.queued_bytes_max_total`.
    pub queued_bytes: Usage,
    /// Namespaces that were made for clients' names, and `child_namespaces_max`.
    pub child_namespaces: Usage,
    /// Every namespace that exists, ordered by name.
    pub namespaces: Vec<NamespaceSnapshot>,
}

/// The used amount of a limited resource, and its limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Usage {
    /// The amount used now. It may exceed `max` for a moment, while entries are being removed.
    pub used: usize,
    /// The limit.
    pub max: usize,
}

impl Usage {
    pub(crate) const fn new(used: usize, max: usize) -> Self {
        Self { used, max }
    }
}

/// Sessions of one transport and revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SessionKind {
    /// `polling`, `websocket` or `ndjson`.
    pub transport: &'static str,
    /// The revision of Engine.IO, 3 or 4.
    pub revision: u8,
    /// Their number.
    pub sessions: usize,
}

/// The counts of what a namespace holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct NamespaceSnapshot {
    /// Its name, with the slash.
    pub name: String,
    /// The dynamic declaration that made it, as
    /// [`Server::parent_namespace`](crate::Server::parent_namespace) calls it; empty when that has no
    /// name. `None`: the namespace was declared by its own name.
    pub parent: Option<String>,
    /// Sockets that are connected here.
    pub sockets: usize,
    /// Rooms, own-id rooms left out.
    pub rooms: usize,
    /// The counts of what is kept for recovery; `None` without
    /// [`Config::recovery`](crate::Config::recovery).
    pub recovery: Option<RecoverySnapshot>,
    /// The counts of what is remembered for client outboxes; `None` without
    /// [`Namespace::reliable`](crate::Namespace::reliable). Namespaces of one dynamic declaration
    /// share it, and each shows all of it.
    pub outboxes: Option<OutboxesSnapshot>,
}

/// The counts of what a namespace keeps for recovery, see
/// [`RecoveryConfig`](crate::RecoveryConfig).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RecoverySnapshot {
    /// Events in the log, and `log_events_max`.
    pub log_events: Usage,
    /// Bytes of these events, and `log_bytes_max`.
    pub log_bytes: Usage,
    /// Sessions of this namespace whose clients are away.
    pub absent_sessions: usize,
    /// Absent sessions of all namespaces of its declaration together, and `sessions_max`.
    pub declaration_sessions: Usage,
    /// Bytes of these sessions, and `sessions_bytes_max`.
    pub declaration_bytes: Usage,
}

/// The counts of what is remembered for client outboxes, see [`Reliable`](crate::Reliable).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct OutboxesSnapshot {
    /// Outboxes that are known, and [`outboxes_max`](crate::Reliable::outboxes_max).
    pub outboxes: Usage,
    /// Their events that are remembered: answered, or being handled.
    pub answers: usize,
    /// Bytes of the answers, and [`bytes_max`](crate::Reliable::bytes_max).
    pub bytes: Usage,
}
