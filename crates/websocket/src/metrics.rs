//! Counters of what was refused, through the `metrics` facade: they cost next to nothing
//! until the program installs a recorder.
//!
//! | name | label | counts |
//! |---|---|---|
//! | `sockeye_websocket_refused_total` | `status` | handshakes that were refused, by the status of the answer |
//! | `sockeye_websocket_ended_total` | `reason` | connections that we ended for what the peer did or did not do |
//!
//! Those of the [listener](crate::HttpServer) are in `sockeye_net::metrics`.
//!
//! Reasons of `sockeye_websocket_ended_total`: a close code for whoever broke the protocol or went over
//! a limit on what is received (`1002`, `1007`, `1008`, `1009`), `slow_message`
//! ([`Config::message_timeout`](crate::Config)), `idle` ([`Config::idle_timeout`](crate::Config)),
//! `ping_flood` ([`Config::pings_per_second_max`](crate::Config)), `overflow`
//! ([`Config::queued_bytes_max`](crate::Config)), `timeout` (nothing was read for
//! [`Config::write_timeout`](crate::Config), or our close frame not answered within
//! [`Config::close_timeout`](crate::Config)).

use metrics::counter;

/// Refused WebSocket handshakes; label `status`.
pub const WEBSOCKET_REFUSED: &str = "sockeye_websocket_refused_total";
/// WebSocket connections ended for what the peer did; label `reason`.
pub const WEBSOCKET_ENDED: &str = "sockeye_websocket_ended_total";

pub(crate) fn websocket_refused(status: http::StatusCode) {
    counter!(WEBSOCKET_REFUSED, "status" => status.as_str().to_owned()).increment(1);
}

pub(crate) fn websocket_ended(reason: &'static str) {
    counter!(WEBSOCKET_ENDED, "reason" => reason).increment(1);
}

/// The peer broke the protocol.
pub(crate) fn websocket_violation(code: sockeye_ws::CloseCode) {
    let reason = match u16::from(code) {
        1007 => "1007",
        1008 => "1008",
        1009 => "1009",
        _ => "1002",
    };
    websocket_ended(reason);
}
