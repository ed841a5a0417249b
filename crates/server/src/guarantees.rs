//! What outlives a connection, and what is done once however often it is asked for.

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
