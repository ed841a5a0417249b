//! Settings of a server.

use std::sync::Arc;
use std::time::Duration;

use sockeye_engine_proto::{self as proto, Revision, TransportKind};
use sockeye_net::WRITE_TIMEOUT;
use sockeye_net::http::{AllowedHosts, Origins, TrustedProxies};
use sockeye_net::pipe::Compression;
use thiserror::Error;

use crate::http::cookie::Cookie;
use crate::http::cors::Cors;
use crate::http::kept_extensions::KeptExtensions;
use crate::outbox::encoded::Encoded;
use crate::session::hooks::Hooks;

/// Settings of an [`Engine`](crate::Engine). Defaults are the official server's where it has the
/// setting; the limits on queues are ours, the official ones are unbounded.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where the engine answers: this path, a slash, and anything below. A trailing slash is
    /// ignored. Default `None`: `/engine.io`, and in a `sockeye::Server` `/socket.io`.
    pub path: Option<String>,
    /// Whether the slash behind the path is demanded; otherwise the engine answers at the path
    /// itself as well. Default `true`.
    pub add_trailing_slash: bool,
    /// Time from the opening, or from a pong, to the next ping. Default 25 s.
    pub ping_interval: Duration,
    /// Time from the scheduled ping to the latest pong. Default 20 s.
    pub ping_timeout: Duration,
    /// How long an upgrade may take, from the WebSocket's opening to the client's `5`, and how
    /// long a WebSocket may take to open. Default 10 s.
    pub upgrade_timeout: Duration,
    /// How long the body of a POST may take. Default 30 s.
    pub body_timeout: Duration,
    /// How long a closing polling session waits for the poll that tells its client. Default 30 s.
    pub polling_close_timeout: Duration,
    /// How long a closing WebSocket waits for its peer's close frame. Default 5 s.
    pub websocket_close_timeout: Duration,
    /// How long a client may take nothing of what waits to be written to it, over a WebSocket or as
    /// the answer to a poll; then its session ends. A single byte gives it the whole time again.
    /// Default 30 s.
    pub write_timeout: Duration,
    /// Largest polling body and WebSocket message in bytes, announced as `maxPayload`. Exactly
    /// this much is accepted; one more ends the session, over polling with 413. Default 1,000,000.
    pub payload_bytes_max: usize,
    /// Most pieces the body of a POST may come in, as its HTTP/1.1 chunks are or as it was cut on its
    /// way; one more is answered 413 and ends the session. The official `maxBufferedChunks`. Default
    /// 10,000.
    pub body_chunks_max: u32,
    /// Which transports are served. Default both.
    pub transports: Vec<TransportKind>,
    /// Whether clients of revision 3 (Socket.IO 2) are served beside those of revision 4. Default
    /// `false`.
    pub allow_eio3: bool,
    /// Whether pages may poll by JSONP, as clients of browsers without cross-origin requests do: an
    /// answer is a script then. A page of any origin can load a script, and a browser does not always
    /// say that it does, so whoever serves JSONP gives up a part of what `origins` protects. JSONP
    /// from other origins needs [`Origins::Any`] beside it. Default `false`: a polling request with
    /// the parameter `j` is refused with 400, code 3.
    pub jsonp: bool,
    /// Whether polling clients are offered the upgrade to WebSocket. Default `true`.
    pub allow_upgrades: bool,
    /// Polling answers of at least this many bytes are compressed for clients that can undo it,
    /// with gzip or deflate. `None`: never. Default 1024.
    #[cfg(feature = "deflate")]
    #[cfg_attr(docsrs, doc(cfg(feature = "deflate")))]
    pub compress_from_bytes: Option<usize>,
    /// Whether messages on WebSockets may be compressed (permessage-deflate), with clients that
    /// offer it; the official `perMessageDeflate`. Default off, and without the feature `deflate`
    /// nothing else.
    pub compression: Compression,
    /// Which pages may connect, by the request's `Origin`, and where it has none by its
    /// `Sec-Fetch-Site`. Their browsers are told so, on every transport ([`cors`](Config::cors)).
    /// Default: those of the same host and port.
    pub origins: Origins,
    /// Which hosts requests may be for, by their `Host`, or what one of `trusted_proxies` says it
    /// was; others are answered 421. It keeps off pages that have their own name lead to this server
    /// (DNS rebinding), whose origin is then the same. Default `None`: whatever host, as somebody
    /// else's listener is expected to know its hosts; `sockeye::Server::serve`, which has its own,
    /// takes addresses and loopback names.
    pub allowed_hosts: Option<AllowedHosts>,
    /// What browsers are told about cross-origin requests beside that pages of
    /// [`origins`](Config::origins) may make them: cookies, headers, how long they may remember it.
    /// Default `None`: what [`Cors::default`] says if there are such pages, else nothing.
    pub cors: Option<Cors>,
    /// A cookie with the session's id for the response that opens a polling session. Default
    /// `None`.
    pub cookie: Option<Cookie>,
    /// A message for every client, right behind the handshake. Default `None`.
    pub initial_packet: Option<Arc<Encoded>>,
    /// Functions around requests. Default none.
    pub hooks: Hooks,
    /// How long the hooks `allow_request` and `generate_id` may take together. Default 30 s.
    pub hook_timeout: Duration,
    /// The proxies whose word counts about the address, scheme and host of a request, and the
    /// headers they give it in: `X-Forwarded-*` unless
    /// [`headers`](TrustedProxies::headers) says `Forwarded`. Where the listener tells no address
    /// there is no proxy to trust, which is logged once. Default nobody's.
    pub trusted_proxies: TrustedProxies,
    /// The types of extensions of the request that opens a session which its
    /// [`Handshake`](crate::Handshake) keeps. Default none.
    pub kept_extensions: KeptExtensions,
    /// Sessions that one address may have, or one network of 64 bits in IPv6. Nothing is counted
    /// where the listener tells no address, which is logged once. Default `None`: as many as it likes.
    pub sessions_per_address_max: Option<u32>,
    /// Packets that a session may bring within a second, pings of WebSocket included; one more
    /// ends it. Default `None`: as many as it likes.
    pub packets_per_second_max: Option<u32>,
    /// Messages of one session that may wait to be written. Default 10,000.
    pub queued_packets_max: u32,
    /// Bytes of one session that may wait to be written. A single larger message goes when nothing
    /// else waits. Default 16 MiB.
    pub queued_bytes_max: usize,
    /// Bytes that may wait to be written in all sessions together, and in answers that their clients
    /// do not read; what many have not taken yet counts once. Beyond it the sessions are ended that
    /// hold most ([`CloseReason::Overflow`](crate::CloseReason::Overflow), under either policy), and
    /// until there is room again each may hold no more than its even share. Default 256 MiB.
    pub queued_bytes_max_total: usize,
    /// What happens to a client that reads less than is sent to it. Default: its session ends.
    pub overflow: OverflowPolicy,
    /// First three bytes of the session ids of this node. Default: drawn at random.
    pub node_id: Option<[u8; 3]>,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            path: None,
            add_trailing_slash: true,
            ping_interval: Duration::from_secs(25),
            ping_timeout: Duration::from_secs(20),
            upgrade_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(30),
            polling_close_timeout: Duration::from_secs(30),
            websocket_close_timeout: Duration::from_secs(5),
            write_timeout: WRITE_TIMEOUT,
            payload_bytes_max: 1_000_000,
            body_chunks_max: 10_000,
            transports: vec![TransportKind::Polling, TransportKind::WebSocket],
            allow_eio3: false,
            jsonp: false,
            allow_upgrades: true,
            #[cfg(feature = "deflate")]
            compress_from_bytes: Some(1024),
            compression: Compression::Off,
            origins: Origins::default(),
            allowed_hosts: None,
            cors: None,
            cookie: None,
            initial_packet: None,
            hooks: Hooks::default(),
            hook_timeout: Duration::from_secs(30),
            trusted_proxies: TrustedProxies::none(),
            kept_extensions: KeptExtensions::default(),
            sessions_per_address_max: None,
            packets_per_second_max: None,
            overflow: OverflowPolicy::default(),
            queued_packets_max: 10_000,
            queued_bytes_max: 16 * 1024 * 1024,
            queued_bytes_max_total: 256 * 1024 * 1024,
            node_id: None,
        }
    }
}

/// What happens when more waits for a client than
/// [`queued_packets_max`](Config::queued_packets_max) or
/// [`queued_bytes_max`](Config::queued_bytes_max) allow. The heartbeat and other packets of the
/// session itself are never dropped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OverflowPolicy {
    /// The session is closed, with [`CloseReason::Overflow`](crate::CloseReason::Overflow).
    #[default]
    Disconnect,
    /// The message is not sent, its attachments neither; whoever sent it is told so.
    DropNewest,
}

/// Why a [`Config`] cannot be served.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The path does not begin with a slash, or holds `?` or `#`.
    #[error("path {path:?} is not an absolute path such as /socket.io")]
    Path {
        /// The path given.
        path: String,
    },
    /// The cookie's name is no token, or its attributes cannot stand in a header.
    #[error("cookie {name:?} cannot be set")]
    Cookie {
        /// The name given.
        name: String,
    },
    /// Every page of the world would act with its visitors' cookies. List the origins instead.
    #[error("any origin together with credentials: list the origins instead")]
    AnyOriginWithCredentials,
    /// A frame of any page can be of the origin `null`, and would act with its visitor's cookies.
    #[error("origin null together with credentials, which a frame of any page could use")]
    NullOriginWithCredentials,
    /// No transport is served.
    #[error("no transports")]
    NoTransports,
    /// A duration or limit is zero, or a duration longer than a year.
    #[error("{field} is out of range")]
    OutOfRange {
        /// Name of the field.
        field: &'static str,
    },
    /// The system's random generator gave no bytes for the node id.
    #[error("no random bytes")]
    Random,
}

impl Config {
    /// Checks the values, takes the trailing slash off the path, and says which it is.
    pub(crate) fn checked(mut self) -> Result<Self, ConfigError> {
        let mut path = self.path.take().unwrap_or_else(|| DEFAULT_PATH.to_owned());
        path.truncate(path.trim_end_matches('/').len());
        if !path.starts_with('/') || path.contains(['?', '#', ' ']) {
            return Err(ConfigError::Path { path });
        }
        self.path = Some(path);
        if self.origins.include_others() {
            self.cors.get_or_insert_default();
        }
        if self.transports.is_empty() {
            return Err(ConfigError::NoTransports);
        }
        if let Some(cookie) = self.cookie.take_if(|cookie| !cookie.is_valid()) {
            return Err(ConfigError::Cookie { name: cookie.name });
        }
        if self.cors.as_ref().is_some_and(|cors| cors.credentials) && self.origins.include_null() {
            return Err(match self.origins {
                Origins::Any => ConfigError::AnyOriginWithCredentials,
                _ => ConfigError::NullOriginWithCredentials,
            });
        }
        for (field, duration) in [
            ("ping_interval", self.ping_interval),
            ("ping_timeout", self.ping_timeout),
            ("upgrade_timeout", self.upgrade_timeout),
            ("body_timeout", self.body_timeout),
            ("polling_close_timeout", self.polling_close_timeout),
            ("websocket_close_timeout", self.websocket_close_timeout),
            ("hook_timeout", self.hook_timeout),
            ("write_timeout", self.write_timeout),
        ] {
            if duration.is_zero() || duration > DURATION_MAX {
                return Err(ConfigError::OutOfRange { field });
            }
        }
        for (field, limit) in [
            ("payload_bytes_max", self.payload_bytes_max),
            ("body_chunks_max", self.body_chunks_max as usize),
            ("queued_packets_max", self.queued_packets_max as usize),
            ("queued_bytes_max", self.queued_bytes_max),
            ("queued_bytes_max_total", self.queued_bytes_max_total),
            ("sessions_per_address_max", self.sessions_per_address_max.unwrap_or(1) as usize),
            ("packets_per_second_max", self.packets_per_second_max.unwrap_or(1) as usize),
        ] {
            if limit == 0 {
                return Err(ConfigError::OutOfRange { field });
            }
        }
        Ok(self)
    }

    /// Where the engine answers, without a slash at its end once it was checked.
    pub(crate) fn served_path(&self) -> &str {
        self.path.as_deref().unwrap_or(DEFAULT_PATH)
    }

    pub(crate) fn speaks(&self, revision: Revision) -> bool {
        self.allow_eio3 || revision == Revision::V4
    }

    pub(crate) fn serves(&self, kind: TransportKind) -> bool {
        self.transports.contains(&kind)
    }

    /// What the sessions need of it.
    pub(crate) fn session(&self) -> proto::Config {
        proto::Config {
            ping_interval: self.ping_interval,
            ping_timeout: self.ping_timeout,
            upgrade_timeout: self.upgrade_timeout,
            polling_close_timeout: self.polling_close_timeout,
            websocket_close_timeout: self.websocket_close_timeout,
            payload_bytes_max: self.payload_bytes_max,
            upgrade: self.allow_upgrades && self.serves(TransportKind::WebSocket),
            ..proto::Config::default()
        }
    }
}

/// Of an engine that nobody told another one.
const DEFAULT_PATH: &str = "/engine.io";
/// A year: long enough for anybody, short enough to be added to any point in time.
const DURATION_MAX: Duration = Duration::from_secs(365 * 24 * 60 * 60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_trailing_slashes_off() {
        for path in [None, Some("/engine.io"), Some("/engine.io/"), Some("/engine.io//")] {
            let config = Config { path: path.map(str::to_owned), ..Config::default() };
            assert_eq!(config.checked().unwrap().served_path(), "/engine.io");
        }
    }

    #[test]
    fn refuses_what_cannot_be_served() {
        for path in ["", "/", "engine.io", "/a?b"] {
            let config = Config { path: Some(path.to_owned()), ..Config::default() };
            assert!(matches!(config.checked(), Err(ConfigError::Path { .. })), "{path}");
        }
        let config = Config { transports: Vec::new(), ..Config::default() };
        assert_eq!(config.checked().unwrap_err(), ConfigError::NoTransports);
        let cookie = Cookie { name: "a b".to_owned(), ..Cookie::default() };
        let config = Config { cookie: Some(cookie), ..Config::default() };
        assert!(matches!(config.checked(), Err(ConfigError::Cookie { .. })));
        let cors = Some(Cors { credentials: true, ..Cors::default() });
        let config = Config { cors, origins: Origins::Any, ..Config::default() };
        assert_eq!(config.checked().unwrap_err(), ConfigError::AnyOriginWithCredentials);
        let cors = Some(Cors { credentials: true, ..Cors::default() });
        let listed = |text: &str| Origins::SameOriginOr(vec![text.parse().unwrap()]);
        let config = Config { cors: cors.clone(), origins: listed("null"), ..Config::default() };
        assert_eq!(config.checked().unwrap_err(), ConfigError::NullOriginWithCredentials);
        let config = Config { cors, origins: listed("file://"), ..Config::default() };
        assert!(config.checked().is_ok());
        let config = Config { ping_timeout: Duration::ZERO, ..Config::default() };
        let field = "ping_timeout";
        assert_eq!(config.checked().unwrap_err(), ConfigError::OutOfRange { field });
        let config = Config { queued_bytes_max: 0, ..Config::default() };
        let field = "queued_bytes_max";
        assert_eq!(config.checked().unwrap_err(), ConfigError::OutOfRange { field });
    }
}
