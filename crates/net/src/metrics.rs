//! Counters of what the listener refused, through the `metrics` facade: they cost next to nothing
//! until the program installs a recorder.
//!
//! | name | label | counts |
//! |---|---|---|
//! | `sockeye_http_refused_total` | `reason` | connections the listener ended before a request of them reached the service |
//! | `sockeye_http_ended_total` | `reason` | connections and streams the listener ended after that |
//! | `sockeye_tls_certificate_errors_total` | – | changed certificates that could not be used |
//!
//! Reasons of `sockeye_http_refused_total`: `connections` (too many of them, answered with 503),
//! `handshakes` (too many that have not sent a request yet, answered with 503),
//! `displaced` (closed to make room, see
//! [`HttpServer::connections_max`](crate::http::HttpServer::connections_max)), `tls` (no TLS handshake,
//! or a failed one), `head_too_large` (431), `head_timeout` (408), `head_malformed` (400), `target`
//! (400, see [`TargetError`](crate::http::TargetError); any request of a connection), `idle`
//! (HTTP/2 without a request).
//!
//! Reasons of `sockeye_http_ended_total`: `write_timeout` (the peer took nothing of an answer for
//! [`HttpServer::write_timeout`](crate::http::HttpServer::write_timeout)), `idle` (no further request
//! for [`HttpServer::keep_alive_timeout`](crate::http::HttpServer::keep_alive_timeout)).

use metrics::counter;

/// Connections the listener ended before a request reached the service; label `reason`.
pub const HTTP_REFUSED: &str = "sockeye_http_refused_total";
/// Connections and streams of HTTP/2 the listener ended after that; label `reason`.
pub const HTTP_ENDED: &str = "sockeye_http_ended_total";
/// Changed certificates that could not be used.
pub const TLS_CERTIFICATE_ERRORS: &str = "sockeye_tls_certificate_errors_total";

pub(crate) fn http_refused(reason: &'static str) {
    counter!(HTTP_REFUSED, "reason" => reason).increment(1);
}

pub(crate) fn http_ended(reason: &'static str) {
    counter!(HTTP_ENDED, "reason" => reason).increment(1);
}

#[cfg(feature = "tls")]
pub(crate) fn certificate_unusable() {
    counter!(TLS_CERTIFICATE_ERRORS).increment(1);
}
