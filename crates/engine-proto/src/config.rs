//! What a session needs to know before it starts.

use std::time::Duration;

/// Timing and limits of a [`Session`](crate::Session).
///
/// A client only uses `open_timeout`, `upgrade_timeout`, the close timeouts and `upgrade`; the
/// heartbeat and the payload limit come from the server's OPEN packet.
#[derive(Clone, Debug)]
pub struct Config {
    /// Time from the opening, or from a pong, to the next ping. Default 25 s.
    pub ping_interval: Duration,
    /// Time from the scheduled ping to the latest pong. Default 20 s.
    pub ping_timeout: Duration,
    /// Life of an upgrade's probe until the client's `5`. Default 10 s.
    pub upgrade_timeout: Duration,
    /// How long a client waits for OPEN. Default 20 s.
    pub open_timeout: Duration,
    /// How long a closing polling session waits for the poll that carries `1`. Default 30 s.
    pub polling_close_timeout: Duration,
    /// How long a closing WebSocket session waits for its transport to end. Default 5 s.
    pub websocket_close_timeout: Duration,
    /// Largest message and polling body in bytes, announced as `maxPayload`. Default 1,000,000.
    pub payload_bytes_max: usize,
    /// Whether OPEN offers (server) or the session uses (client) an upgrade to WebSocket.
    /// Default `true`.
    pub upgrade: bool,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            ping_interval: Duration::from_secs(25),
            ping_timeout: Duration::from_secs(20),
            upgrade_timeout: Duration::from_secs(10),
            open_timeout: Duration::from_secs(20),
            polling_close_timeout: Duration::from_secs(30),
            websocket_close_timeout: Duration::from_secs(5),
            payload_bytes_max: 1_000_000,
            upgrade: true,
        }
    }
}
