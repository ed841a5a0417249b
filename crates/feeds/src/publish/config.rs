//! The limits of publishing.

use std::time::Duration;

/// The limits of publishing over HTTP. Each is for one API key, if it does not say otherwise.
///
/// ```
/// use sockeye_feeds::publish::PublishingConfig;
///
/// let config = PublishingConfig { requests_per_second: 10, burst: 20, ..Default::default() };
/// assert_eq!(config.body_bytes_max, 65_536);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishingConfig {
    /// Bytes of a request's body. A longer one is refused before the key is looked at. Default 64 KiB.
    pub body_bytes_max: usize,
    /// How long a body may take. Default 10 s.
    pub body_timeout: Duration,
    /// Requests a second in the long run; each operation of a batch counts as one. At least 1. Default 100.
    pub requests_per_second: u32,
    /// Requests that may come at once after a pause; a larger batch needs all of them. At least 1. Default 200.
    pub burst: u32,
    /// Requests that are answered at the same time. At least 1. Default 64.
    pub concurrent_requests_max: u32,
    /// Operations of a batch. Default 100.
    pub operations_max: usize,
    /// Rooms that one operation names. Default 1,000.
    pub rooms_max: usize,
    /// Binary values in one event; the decoder of the official clients takes 10. Default 10.
    pub attachments_max: usize,
    /// How deep the arguments of an event are nested. Default 64.
    pub depth_max: usize,
    /// Sockets or rooms on one page of a list. Default 1,000.
    pub page_items_max: usize,
    /// How long an `Idempotency-Key` is known: a request that is repeated within it is not done again. Default 5 min.
    pub idempotency_window: Duration,
    /// Idempotency keys that are known at the same time, of all API keys together. Each API key that has some
    /// has an equal part of them; what others leave free it may use until they need it. Default 100,000.
    pub idempotency_keys_max: usize,
    /// Bytes they take, with what was answered, of all API keys together; in equal parts as well. Default 32 MiB.
    pub idempotency_bytes_max: usize,
    /// Whether there is a page to try the API, and its description. Default true.
    pub has_docs: bool,
}

impl Default for PublishingConfig {
    fn default() -> Self {
        Self {
            body_bytes_max: 64 * 1024,
            body_timeout: Duration::from_secs(10),
            requests_per_second: 100,
            burst: 200,
            concurrent_requests_max: 64,
            operations_max: 100,
            rooms_max: 1_000,
            attachments_max: 10,
            depth_max: 64,
            page_items_max: 1_000,
            idempotency_window: Duration::from_secs(5 * 60),
            idempotency_keys_max: 100_000,
            idempotency_bytes_max: 32 * 1024 * 1024,
            has_docs: true,
        }
    }
}
