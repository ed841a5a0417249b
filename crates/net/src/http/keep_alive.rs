//! What an answer says of its connection.

use std::time::Duration;

use http::{HeaderName, HeaderValue};

/// What answers of connections that are kept say, and how long they may take before they are taken
/// over.
pub(super) struct KeepAlive {
    pub(super) seconds: u32,
    pub(super) value: HeaderValue,
    pub(super) take_over_after: Duration,
}

impl KeepAlive {
    pub(super) fn new(timeout: Duration, take_over_after: Duration) -> Self {
        let seconds = u32::try_from(timeout.as_secs()).unwrap_or(u32::MAX);
        let value = HeaderValue::from_str(&format!("timeout={seconds}"));
        Self { seconds, value: value.expect("a number is a header's value"), take_over_after }
    }
}

pub(super) const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
