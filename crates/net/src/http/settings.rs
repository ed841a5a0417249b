//! The settings of a listener.

use std::time::Duration;

use super::forwarded::TrustedProxies;
#[cfg(feature = "tls")]
use super::tls::TlsConfig;
use crate::stall::WRITE_TIMEOUT;

/// The longest time there is: what is set beyond it means the same, and can be added to any moment.
pub(super) const TIMEOUT_MAX: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);
/// How much longer than announced a connection is kept.
const KEEP_ALIVE_SLACK: Duration = Duration::from_secs(2);

/// How connections are served.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) limits: Limits,
    pub(super) trusted_proxies: TrustedProxies,
    #[cfg(feature = "tls")]
    pub(super) tls: Option<TlsConfig>,
    #[cfg(feature = "http2")]
    pub(super) prior_knowledge: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            limits: Limits {
                connections_max: 100_000,
                handshakes_max: 10_000,
                header_timeout: Duration::from_secs(10),
                keep_alive_timeout: Duration::from_secs(10),
                write_timeout: WRITE_TIMEOUT,
                take_over_after: Duration::from_secs(1),
                headers_max: 100,
                header_bytes_max: 16 * 1024,
                #[cfg(feature = "http2")]
                streams_max: 100,
            },
            trusted_proxies: TrustedProxies::none(),
            #[cfg(feature = "tls")]
            tls: None,
            #[cfg(feature = "http2")]
            prior_knowledge: false,
        }
    }
}

/// The table of `HttpServer`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) connections_max: usize,
    pub(super) handshakes_max: usize,
    pub(super) header_timeout: Duration,
    pub(super) keep_alive_timeout: Duration,
    pub(super) write_timeout: Duration,
    pub(super) take_over_after: Duration,
    pub(super) headers_max: usize,
    pub(super) header_bytes_max: usize,
    #[cfg(feature = "http2")]
    pub(super) streams_max: u32,
}

impl Limits {
    /// Longer than what is announced, so that what a client sends at the last moment still arrives.
    pub(super) const fn idle_timeout(&self) -> Duration {
        self.keep_alive_timeout.saturating_add(KEEP_ALIVE_SLACK)
    }
}
