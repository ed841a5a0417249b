//! Counters through the `metrics` facade: they cost next to nothing until the program installs a
//! recorder.
//!
//! | name | label | counts |
//! |---|---|---|
//! | `sockeye_engine_refused_total` | `reason` | requests that were refused: the names of [`Refusal`](crate::Refusal), and `shutting_down` |
//! | `sockeye_engine_sessions_opened_total` | `transport` | sessions, by the transport they opened on |
//! | `sockeye_engine_sessions_closed_total` | `reason` | sessions, by what ended them: the names of [`CloseDetail`](crate::CloseDetail) |
//! | `sockeye_engine_upgrades_total` | – | sessions that moved to WebSocket |
//! | `sockeye_engine_body_too_large_total` | – | POSTs that were answered with 413 |
//! | `sockeye_engine_messages_dropped_total` | – | messages for clients that read too slowly, under [`OverflowPolicy::DropNewest`](crate::OverflowPolicy::DropNewest) |
//! | `sockeye_engine_queued_bytes` | – | a gauge: bytes that wait for clients, as [`Engine::queued_bytes`](crate::Engine::queued_bytes); set in steps of 64 KiB, and at 0 |

use metrics::{counter, gauge};
use sockeye_engine_proto::TransportKind;

/// Requests that were refused; label `reason`.
pub const REFUSED: &str = "sockeye_engine_refused_total";
/// Sessions that opened; label `transport`.
pub const SESSIONS_OPENED: &str = "sockeye_engine_sessions_opened_total";
/// Sessions that ended; label `reason`.
pub const SESSIONS_CLOSED: &str = "sockeye_engine_sessions_closed_total";
/// Sessions that moved to WebSocket.
pub const UPGRADES: &str = "sockeye_engine_upgrades_total";
/// POSTs that were answered with 413.
pub const BODY_TOO_LARGE: &str = "sockeye_engine_body_too_large_total";
/// Messages that were dropped because their client reads too slowly.
pub const MESSAGES_DROPPED: &str = "sockeye_engine_messages_dropped_total";
/// Bytes that wait for clients, a gauge.
pub const QUEUED_BYTES: &str = "sockeye_engine_queued_bytes";

pub(crate) fn queued_bytes(bytes: usize) {
    gauge!(QUEUED_BYTES).set(bytes as f64);
}

pub(crate) fn refused(reason: &'static str) {
    counter!(REFUSED, "reason" => reason).increment(1);
}

pub(crate) fn session_opened(transport: TransportKind) {
    counter!(SESSIONS_OPENED, "transport" => transport.as_str()).increment(1);
}

pub(crate) fn session_closed(detail: &'static str) {
    counter!(SESSIONS_CLOSED, "reason" => detail).increment(1);
}

pub(crate) fn upgraded() {
    counter!(UPGRADES).increment(1);
}

pub(crate) fn body_too_large() {
    counter!(BODY_TOO_LARGE).increment(1);
}

pub(crate) fn message_dropped() {
    counter!(MESSAGES_DROPPED).increment(1);
}
