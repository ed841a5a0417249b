//! State that outlives a connection, and events that are handled once though sent repeatedly.

/// A bounded memory of answers.
mod answers;
/// Events of client outboxes, handled once.
pub(crate) mod client_outbox;
/// Handlers that answer a repeated event with the first answer.
pub(crate) mod idempotent;
/// Connection state recovery.
pub(crate) mod recovery;
/// Fair shares of a bound that many clients fill together.
pub(crate) mod shares;
