use std::sync::Arc;
use std::time::Duration;

use sockeye_engine as engine;
use sockeye_socket_proto::Parser;

use crate::guarantees::recovery::RecoveryConfig;

/// The configuration of a server, except its namespaces. The defaults are those of the official
/// server where it has them.
#[derive(Debug, Clone)]
pub struct Config {
    /// Engine.IO: transports, heartbeat, sizes and origins. Its `path` is `/socket.io` unless it is
    /// set.
    ///
    /// Its `allow_eio3` admits clients of Socket.IO 2 as well as those of version 3 and 4, to the
    /// same namespaces and rooms. Default false, as with the official server: then they are
    /// answered `Unsupported protocol version`. Those that poll by scripts need its `jsonp` too.
    pub engine: engine::Config,
    /// How long a session may stay without having joined any namespace, and how long the rules about
    /// a reader over plain HTTP may take. Default 45 s.
    pub connect_timeout: Duration,
    /// How long the attachments of a packet may take after the packet itself, and at least until
    /// the next time that the session's task runs. Default 60 s.
    pub attachments_timeout: Duration,
    /// How long an acknowledgement is awaited if the request sets no timeout. Default 10 s.
    pub ack_timeout: Duration,
    /// Unanswered acknowledgements of one socket. Default 1,000.
    pub pending_acks_max: usize,
    /// Namespaces that one session may be in or connecting to, and connect handlers that run for
    /// it, also for namespaces that it left before their answer. Default 100.
    pub namespaces_per_session_max: usize,
    /// Events of one session that wait because `concurrent_handlers_max` handlers run; when they
    /// are more, or larger than `waiting_event_bytes_max`, the session is not read until some are
    /// done. The same number bounds the handlers that still run for sockets that have ended, and
    /// the observers of connections and disconnections. Default 1,000.
    pub waiting_events_max: usize,
    /// See `waiting_events_max`. Default 1 MB.
    pub waiting_event_bytes_max: usize,
    /// Whether clients that lost their connection may continue, and how much is kept for them.
    /// Default `None`: they may not.
    pub recovery: Option<RecoveryConfig>,
    /// How packets are encoded, if not as JSON and attachments. With
    /// `MsgpackParser` (feature `msgpack`), clients with the official msgpack parser are served
    /// as well as those that use JSON. Default `None`.
    pub parser: Option<Arc<dyn Parser>>,
    /// The limits of the decoder for one packet.
    pub packet_limits: sockeye_socket_proto::Limits,
    /// Whether a namespace that was made for a client's name is removed when its last socket
    /// leaves or is refused. Default false: it stays until one of the next three limits is reached.
    pub cleanup_empty_child_namespaces: bool,
    /// Namespaces made for clients' names, in all. One more replaces an empty one, of the owner
    /// that left the most of them; if none is empty, the client is refused: `Too many namespaces on
    /// this server`. Each takes about 3 kB and its name. Default 20,000.
    pub child_namespaces_max: usize,
    /// Those of them that were made for sessions of one address (of IPv6: one network of 64 bits).
    /// One more replaces an empty one of theirs; else the client is refused. Sessions whose
    /// address is unknown are not limited by it, which is logged once if it was set. Default 10,000.
    pub child_namespaces_per_address_max: usize,
    /// Those of them that were made for one session, which may have left them meanwhile. One more
    /// replaces an empty one of its own; else it is refused. Default 1,000.
    pub child_namespaces_per_session_max: usize,
    /// Whether `<path>/socket.io.js` and its siblings are served. If not, a request for them is one for
    /// a session that names no transport: 400 `Transport unknown`, as in Node. Default true.
    #[cfg(feature = "client-files")]
    #[cfg_attr(docsrs, doc(cfg(feature = "client-files")))]
    pub serve_client: bool,
}

/// What nobody has set.
pub(super) const CHILD_NAMESPACES_PER_ADDRESS_MAX: usize = 10_000;

impl Default for Config {
    fn default() -> Self {
        Self {
            engine: engine::Config::default(),
            connect_timeout: Duration::from_secs(45),
            attachments_timeout: Duration::from_secs(60),
            ack_timeout: Duration::from_secs(10),
            pending_acks_max: 1_000,
            namespaces_per_session_max: 100,
            waiting_events_max: 1_000,
            waiting_event_bytes_max: 1_000_000,
            recovery: None,
            parser: None,
            packet_limits: sockeye_socket_proto::Limits::default(),
            cleanup_empty_child_namespaces: false,
            child_namespaces_max: 20_000,
            child_namespaces_per_address_max: CHILD_NAMESPACES_PER_ADDRESS_MAX,
            child_namespaces_per_session_max: 1_000,
            #[cfg(feature = "client-files")]
            serve_client: true,
        }
    }
}
