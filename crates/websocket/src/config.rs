//! Limits and timeouts of a connection.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use sockeye_net::WRITE_TIMEOUT;
use sockeye_net::pipe::Compression;

/// Limits and timeouts of a connection. Write `Config { message_bytes_max: 4096,
/// ..Config::default() }`: fields will be added.
///
/// ```
/// use std::time::Duration;
///
/// use sockeye_websocket::{Acceptor, Config};
///
/// let config = Config {
///     message_bytes_max: 4096,
///     keep_alive_interval: Some(Duration::from_secs(20)),
///     idle_timeout: Some(Duration::from_secs(60)),
///     ..Config::default()
/// };
/// let acceptor = Acceptor::new().config(config);
/// # drop(acceptor);
/// ```
#[derive(Clone, Debug)]
pub struct Config {
    /// The most bytes in a received message, over all its fragments and decompressed; more end the
    /// connection with 1009. Default: 1 MiB.
    pub message_bytes_max: usize,
    /// The most bytes in a received data frame; more end the connection with 1009. Default: no limit
    /// but the message's.
    pub frame_bytes_max: usize,
    /// The most fragments a received message may have, empty ones counted; more end the connection
    /// with 1008. Default: 131,072.
    pub fragments_max: u32,
    /// The most bytes that wait to be written because the peer does not read. A message more, unless
    /// it is the only one, ends the connection ([`RecvError::Overflow`](crate::RecvError)). `send`
    /// waits long before. Default: 4 MiB.
    pub queued_bytes_max: usize,
    /// How long the peer may take to answer our close frame, and to close the transport after the
    /// close handshake. Default: 5 seconds.
    pub close_timeout: Duration,
    /// How long the peer may take nothing while something waits to be written; a single byte gives it
    /// the whole time again. Default: 30 seconds.
    pub write_timeout: Duration,
    /// How long a message may take from its first byte to its last; then the connection ends with
    /// 1008 ([`RecvError::SlowMessage`](crate::RecvError)). Default: 2 minutes.
    pub message_timeout: Option<Duration>,
    /// The most pings within a second; one more ends the connection with 1008
    /// ([`RecvError::PingFlood`](crate::RecvError)), since each costs an answer. Default: 1,000.
    pub pings_per_second_max: u32,
    /// A ping is sent when nothing came for this long, and again each time it passes. It keeps
    /// connections open that something in between would give up, and with
    /// [`idle_timeout`](Self::idle_timeout) finds out which are gone. Needs somebody who reads.
    /// Default: none.
    pub keep_alive_interval: Option<Duration>,
    /// When nothing came for this long the connection ends with 1001
    /// ([`RecvError::Idle`](crate::RecvError)); longer than `keep_alive_interval`, where there is one.
    /// Default: never.
    pub idle_timeout: Option<Duration>,
    /// Whether messages may be compressed. Default: [`Compression::Off`].
    pub compression: Compression,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            message_bytes_max: 1024 * 1024,
            frame_bytes_max: usize::MAX,
            fragments_max: 131_072,
            queued_bytes_max: 4 * 1024 * 1024,
            close_timeout: Duration::from_secs(5),
            write_timeout: WRITE_TIMEOUT,
            message_timeout: Some(Duration::from_secs(120)),
            pings_per_second_max: 1000,
            keep_alive_interval: None,
            idle_timeout: None,
            compression: Compression::Off,
        }
    }
}

impl Config {
    /// The default, one allocation for all connections.
    pub(crate) fn shared_default() -> Arc<Self> {
        static DEFAULT: LazyLock<Arc<Config>> = LazyLock::new(Arc::default);
        Arc::clone(&DEFAULT)
    }

    /// The part that `ws` looks after.
    pub(crate) const fn protocol(&self) -> sockeye_ws::Config {
        sockeye_ws::Config {
            message_bytes_max: self.message_bytes_max,
            frame_bytes_max: self.frame_bytes_max,
            fragments_max: self.fragments_max,
        }
    }
}
