//! Stands for `metrics` in builds without that feature: nothing is counted.

use sockeye_ws::CloseCode;

pub(crate) const fn websocket_refused(_: http::StatusCode) {}

pub(crate) const fn websocket_ended(_: &'static str) {}

pub(crate) const fn websocket_violation(_: CloseCode) {}
