//! Numbers of readers, through the `metrics` facade: they cost next to nothing until the program installs
//! a recorder.
//!
//! | name | kind | labels | what |
//! |---|---|---|---|
//! | `sockeye_feeds_listeners` | gauge | `road` | readers whose answers go on and on |
//! | `sockeye_feeds_waiting` | gauge | – | polls that wait |
//! | `sockeye_feeds_gaps_total` | counter | `reason` | readers that were told of a loss, see [`GapReason`] |
//! | `sockeye_feeds_ended_total` | counter | `reason` | listeners that ended |
//! | `sockeye_feeds_refused_total` | counter | `reason` | requests for feeds that were not let in |
//! | `sockeye_publish_operations_total` | counter | `verb` | what was done over HTTP |
//! | `sockeye_publish_refused_total` | counter | `code` | requests of publishing, and operations of batches, that were answered with an error |
//!
//! Roads: `event_source`, `ndjson`, `durable_sse`. Reasons of `sockeye_feeds_ended_total`: `left` (the client),
//! `over` (the stream, the time of the answer, the server), `too_slow` (it took nothing for
//! [`Reading::write_timeout`](crate::Reading)), `talks` (it sent more than 16 KiB). Reasons of
//! `sockeye_feeds_refused_total`: `credentials`, `refused`, `unknown`, `overload`.

use metrics::{counter, gauge};

use crate::gap::GapReason;
use crate::road::Road;

/// Readers whose answers go on and on; label `road`.
pub const FEEDS_LISTENERS: &str = "sockeye_feeds_listeners";
/// Polls that wait.
pub const FEEDS_WAITING: &str = "sockeye_feeds_waiting";
/// Readers that were told of a loss; label `reason`.
pub const FEEDS_GAPS: &str = "sockeye_feeds_gaps_total";
/// Listeners that ended; label `reason`.
pub const FEEDS_ENDED: &str = "sockeye_feeds_ended_total";
/// Requests for feeds that were not let in; label `reason`.
pub const FEEDS_REFUSED: &str = "sockeye_feeds_refused_total";
/// What was done over HTTP; label `verb`.
#[cfg(feature = "publishing")]
pub const PUBLISH_OPERATIONS: &str = "sockeye_publish_operations_total";
/// Requests of publishing, and operations of batches, that were answered with an error; label `code`.
#[cfg(feature = "publishing")]
pub const PUBLISH_REFUSED: &str = "sockeye_publish_refused_total";

pub(crate) fn listening(road: Road, is_here: bool) {
    let listeners = gauge!(FEEDS_LISTENERS, "road" => road.name());
    if is_here { listeners.increment(1) } else { listeners.decrement(1) }
}

pub(crate) fn waiting(is_here: bool) {
    let waiting = gauge!(FEEDS_WAITING);
    if is_here { waiting.increment(1) } else { waiting.decrement(1) }
}

pub(crate) fn gap(reason: GapReason) {
    counter!(FEEDS_GAPS, "reason" => reason.as_str()).increment(1);
}

pub(crate) fn ended(reason: &'static str) {
    counter!(FEEDS_ENDED, "reason" => reason).increment(1);
}

pub(crate) fn refused(reason: &'static str) {
    counter!(FEEDS_REFUSED, "reason" => reason).increment(1);
}

#[cfg(feature = "publishing")]
pub(crate) fn publish_done(verb: &'static str) {
    counter!(PUBLISH_OPERATIONS, "verb" => verb).increment(1);
}

#[cfg(feature = "publishing")]
pub(crate) fn publish_refused(code: &'static str) {
    counter!(PUBLISH_REFUSED, "code" => code).increment(1);
}
