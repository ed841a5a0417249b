//! Numbers of readers, through the `metrics` facade: they cost next to nothing until the program installs
//! a recorder.
//!
//! | name | kind | labels | what |
//! |---|---|---|---|
//! | `sockeye_feeds_listeners` | gauge | `road` | readers whose answers go on and on |
//! | `sockeye_feeds_waiting` | gauge | – | polls that wait |
//! | `sockeye_feeds_gaps_total` | counter | `reason` | readers that were told of a loss, see [`GapReason`](crate::GapReason) |
//! | `sockeye_feeds_ended_total` | counter | `reason` | listeners that ended |
//! | `sockeye_feeds_refused_total` | counter | `reason` | requests for feeds that were not let in |
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
