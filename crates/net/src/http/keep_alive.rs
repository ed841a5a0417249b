//! What an answer says of its connection.

use std::time::Duration;

use http::{HeaderName, HeaderValue};

use super::settings::Limits;

/// What answers of connections that are kept say, how long these are kept, and how long an answer may
/// take before it is taken over.
pub(super) struct KeepAlive {
    pub(super) seconds: u32,
    pub(super) value: HeaderValue,
    pub(super) idle_timeout: Duration,
    pub(super) take_over_after: Duration,
}

impl KeepAlive {
    pub(super) fn new(limits: &Limits) -> Self {
        let seconds = u32::try_from(limits.keep_alive_timeout.as_secs()).unwrap_or(u32::MAX);
        let value = HeaderValue::from_str(&format!("timeout={seconds}"));
        Self {
            seconds,
            value: value.expect("a number is a header's value"),
            idle_timeout: limits.idle_timeout(),
            take_over_after: limits.take_over_after,
        }
    }
}

pub(super) const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
