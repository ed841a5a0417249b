//! Counters of what was refused, through the `metrics` facade: they cost next to nothing
//! until the program installs a recorder.
//!
//! | name | label | counts |
//! |---|---|---|
//! | `sockeye_http_refused_total` | `reason` | connections the listener ended before a request of them reached the service |
//! | `sockeye_http_ended_total` | `reason` | connections and streams the listener ended after that |
//! | `sockeye_websocket_refused_total` | `status` | handshakes that were refused, by the status of the answer |
//! | `sockeye_websocket_ended_total` | `reason` | connections that we ended for what the peer did or did not do |
//! | `sockeye_tls_certificate_errors_total` | – | changed certificates that could not be used |
//!
//! Reasons of `sockeye_http_refused_total`: `connections` (too many of them, answered with 503),
//! `handshakes` (too many that have not sent a request yet, answered with 503),
//! `displaced` (closed to make room, see [`HttpServer::connections_max`](crate::HttpServer::connections_max)), `tls` (no TLS handshake,
//! or a failed one), `head_too_large` (431), `head_timeout` (408), `head_malformed` (400), `target` (400, see
//! [`TargetError`](crate::TargetError); any request of a connection), `idle`
//! (HTTP/2 without a request).
//!
//! Reasons of `sockeye_http_ended_total`: `write_timeout` (the peer took nothing of an answer for
//! [`HttpServer::write_timeout`](crate::HttpServer::write_timeout)), `idle` (no further request for
//! [`HttpServer::keep_alive_timeout`](crate::HttpServer::keep_alive_timeout)).
//!
//! Reasons of `sockeye_websocket_ended_total`: a close code for whoever broke the protocol or went over
//! a limit on what is received (`1002`, `1007`, `1008`, `1009`), `slow_message`
//! ([`Config::message_timeout`](crate::Config)), `idle` ([`Config::idle_timeout`](crate::Config)),
//! `ping_flood` ([`Config::pings_per_second_max`](crate::Config)), `overflow`
//! ([`Config::queued_bytes_max`](crate::Config)), `timeout` (nothing was read for
//! [`Config::write_timeout`](crate::Config), or our close frame not answered within
//! [`Config::close_timeout`](crate::Config)).

use metrics::counter;

/// Connections the listener ended before a request reached the service; label `reason`.
pub const HTTP_REFUSED: &str = "sockeye_http_refused_total";
/// Connections and streams of HTTP/2 the listener ended after that; label `reason`.
pub const HTTP_ENDED: &str = "sockeye_http_ended_total";
/// Refused WebSocket handshakes; label `status`.
pub const WEBSOCKET_REFUSED: &str = "sockeye_websocket_refused_total";
/// WebSocket connections ended for what the peer did; label `reason`.
pub const WEBSOCKET_ENDED: &str = "sockeye_websocket_ended_total";
/// Changed certificates that could not be used.
pub const TLS_CERTIFICATE_ERRORS: &str = "sockeye_tls_certificate_errors_total";

pub(crate) fn http_refused(reason: &'static str) {
    counter!(HTTP_REFUSED, "reason" => reason).increment(1);
}

pub(crate) fn http_ended(reason: &'static str) {
    counter!(HTTP_ENDED, "reason" => reason).increment(1);
}

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

#[cfg(feature = "tls")]
pub(crate) fn certificate_unusable() {
    counter!(TLS_CERTIFICATE_ERRORS).increment(1);
}
