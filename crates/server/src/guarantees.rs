//! State that outlives a connection, and events that are handled once though sent repeatedly.

/// Connection state recovery.
pub(crate) mod recovery;
/// Events of client outboxes, handled once.
pub(crate) mod client_outbox;
/// Handlers that answer a repeated event with the first answer.
pub(crate) mod idempotent;
/// A bounded memory of answers.
mod answers;
/// Fair shares of a bound that strangers fill together.
pub(crate) mod shares;
