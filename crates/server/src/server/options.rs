//! The options of Node's server as methods of the builder. Each writes one field of [`Config`], where
//! its limits and what happens at its edges are described.
//!
//! [`Config`]: crate::Config

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

#[cfg(feature = "deflate")]
use sockeye_engine::Compression;
use sockeye_engine::{
    AllowedHosts, Cookie, Encoded, Handshake, OriginPattern, Origins, Rejection, TransportKind,
    TrustedProxies,
};
use sockeye_socket_proto::Parser;

use super::builder::ServerBuilder;
use crate::error::BuildError;
use crate::guarantees::recovery::RecoveryConfig;

/// # Options
///
/// Those of Node's `new Server(httpServer, { .. })`, under their names. Where Node takes milliseconds
/// there is a [`Duration`] here. A method stands for a field of [`Config`](crate::Config), which has
/// those that Node does not have as well.
///
/// | Node | here |
/// |---|---|
/// | `path`, `addTrailingSlash`, `serveClient` | [`path`](Self::path), [`add_trailing_slash`](Self::add_trailing_slash), [`serve_client`](Self::serve_client) |
/// | `transports`, `allowUpgrades`, `upgradeTimeout` | [`transports`](Self::transports), [`allow_upgrades`](Self::allow_upgrades), [`upgrade_timeout`](Self::upgrade_timeout) |
/// | `pingInterval`, `pingTimeout` | [`ping_interval`](Self::ping_interval), [`ping_timeout`](Self::ping_timeout) |
/// | `maxHttpBufferSize` | [`max_http_buffer_size`](Self::max_http_buffer_size) |
/// | `httpCompression`, `perMessageDeflate` | [`http_compression`](Self::http_compression), [`per_message_deflate`](Self::per_message_deflate) |
/// | `cors.origin`, `cors.credentials` | [`allow_origin`](Self::allow_origin), [`allow_credentials`](Self::allow_credentials) |
/// | the rest of `cors` | [`Cors`](sockeye_engine::Cors) in `config.engine.cors` |
/// | `allowRequest` | [`allow_request`](Self::allow_request) |
/// | `cookie`, `initialPacket` | [`cookie`](Self::cookie), [`initial_packet`](Self::initial_packet) |
/// | `allowEIO3` | [`allow_eio3`](Self::allow_eio3) |
/// | `parser` | [`parser`](Self::parser) |
/// | `connectTimeout` | [`connect_timeout`](Self::connect_timeout) |
/// | `connectionStateRecovery` | [`connection_state_recovery`](Self::connection_state_recovery) |
/// | `cleanupEmptyChildNamespaces` | [`cleanup_empty_child_namespaces`](Self::cleanup_empty_child_namespaces) |
/// | `adapter` | [`cluster`](Self::cluster) |
/// | `maxBufferedChunks`, `httpRequestBodyTimeout` | `config.engine.body_chunks_max`, `config.engine.body_timeout` |
/// | `generateId`, `io.engine.on("headers")`, `"initial_headers"`, `"connection_error"` | [`Hooks`](sockeye_engine::Hooks) in `config.engine.hooks` |
/// | `destroyUpgrade`, `wsEngine` | there is nothing to set |
///
/// ```
/// use std::time::Duration;
///
/// use sockeye::{RecoveryConfig, Server};
///
/// # fn main() -> Result<(), sockeye::BuildError> {
/// # let runtime = tokio::runtime::Runtime::new().unwrap();
/// # let _guard = runtime.enter();
/// let server = Server::builder()
///     .path("/live")
///     .ping_interval(Duration::from_secs(20))
///     .max_http_buffer_size(5_000_000)
///     .allow_origin("http://localhost:5173")
///     .connection_state_recovery(RecoveryConfig::default())
///     .build()?;
/// # drop(server);
/// # Ok(())
/// # }
/// ```
impl<S: Send + Sync + 'static> ServerBuilder<S> {
    /// Where the server answers: this path and what is below it. Node's `path`. Default `/socket.io`.
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.config.engine.path = Some(path.into());
        self
    }

    /// Whether the slash behind the path is demanded. Node's `addTrailingSlash`. Default `true`.
    pub fn add_trailing_slash(mut self, demanded: bool) -> Self {
        self.config.engine.add_trailing_slash = demanded;
        self
    }

    /// Whether `<path>/socket.io.js` and its siblings are served. If not, a request for them is answered
    /// 400 `Transport unknown`, as in Node. Node's `serveClient`. Default `true`.
    #[cfg(feature = "client-files")]
    #[cfg_attr(docsrs, doc(cfg(feature = "client-files")))]
    pub fn serve_client(mut self, served: bool) -> Self {
        self.config.serve_client = served;
        self
    }

    /// Which transports are served, such as `[TransportKind::WebSocket]`. Node's `transports`. Default:
    /// polling and WebSocket.
    pub fn transports(mut self, transports: impl IntoIterator<Item = TransportKind>) -> Self {
        self.config.engine.transports = transports.into_iter().collect();
        self
    }

    /// The time from the opening of a session, or from a pong, to the next ping. Node's
    /// `pingInterval`. Default 25 s. It and [`ping_timeout`](Self::ping_timeout) together are how long a
    /// dead client is kept, and have to be shorter than the idle time-out of whatever stands in between.
    pub fn ping_interval(mut self, interval: Duration) -> Self {
        self.config.engine.ping_interval = interval;
        self
    }

    /// The time from a ping to the latest pong. Node's `pingTimeout`. Default 20 s.
    pub fn ping_timeout(mut self, timeout: Duration) -> Self {
        self.config.engine.ping_timeout = timeout;
        self
    }

    /// How long an upgrade to WebSocket may take. Node's `upgradeTimeout`. Default 10 s.
    pub fn upgrade_timeout(mut self, timeout: Duration) -> Self {
        self.config.engine.upgrade_timeout = timeout;
        self
    }

    /// Whether polling clients are offered the upgrade to WebSocket. Node's `allowUpgrades`. Default
    /// `true`.
    pub fn allow_upgrades(mut self, allowed: bool) -> Self {
        self.config.engine.allow_upgrades = allowed;
        self
    }

    /// The most bytes in a message or in the body of a POST; a client that sends one more is
    /// disconnected. Node's `maxHttpBufferSize`, in [`Config`](crate::Config)
    /// `engine.payload_bytes_max`. Default 1,000,000.
    pub fn max_http_buffer_size(mut self, bytes: usize) -> Self {
        self.config.engine.payload_bytes_max = bytes;
        self
    }

    /// From how many bytes on answers to polls are compressed; `None`: never. Node's `httpCompression`
    /// and its `threshold`, in [`Config`](crate::Config) `engine.compress_from_bytes`. Default 1024.
    #[cfg(feature = "deflate")]
    #[cfg_attr(docsrs, doc(cfg(feature = "deflate")))]
    pub fn http_compression(mut self, threshold: impl Into<Option<usize>>) -> Self {
        self.config.engine.compress_from_bytes = threshold.into();
        self
    }

    /// Whether messages on WebSockets are compressed, with clients that offer it:
    /// `Compression::on()`. Node's `perMessageDeflate`, in [`Config`](crate::Config)
    /// `engine.compression`. Default off.
    #[cfg(feature = "deflate")]
    #[cfg_attr(docsrs, doc(cfg(feature = "deflate")))]
    pub fn per_message_deflate(mut self, compression: Compression) -> Self {
        self.config.engine.compression = compression;
        self
    }

    /// Sets a cookie with the session's id when a polling session opens, for load balancers:
    /// `Cookie::default()` is named `io`. Node's `cookie`. Default none.
    pub fn cookie(mut self, cookie: Cookie) -> Self {
        self.config.engine.cookie = Some(cookie);
        self
    }

    /// Sends every client this message right behind the handshake. Node's `initialPacket`. Default
    /// none.
    pub fn initial_packet(mut self, packet: Encoded) -> Self {
        self.config.engine.initial_packet = Some(Arc::new(packet));
        self
    }

    /// Whether clients of Socket.IO 2 are let in. Node's `allowEIO3`. Default `false`.
    pub fn allow_eio3(mut self, allowed: bool) -> Self {
        self.config.engine.allow_eio3 = allowed;
        self
    }

    /// Decides whether a session may be opened, before there is one and whatever its namespaces. Node's
    /// `allowRequest`; the same as [`Hooks::allow_request`](sockeye_engine::Hooks::allow_request) in
    /// `config.engine.hooks`. Default: every one. Users are better refused by a namespace's
    /// [`on_connect`](crate::Namespace::on_connect), whose message their client can read.
    ///
    /// ```
    /// use sockeye::Server;
    /// use sockeye::engine::Rejection;
    ///
    /// let builder = Server::builder().allow_request(async |handshake| {
    ///     match handshake.header_str("x-api-key") {
    ///         Some("secret") => Ok(()),
    ///         _ => Err(Rejection::new("who are you?")),
    ///     }
    /// });
    /// # drop(builder);
    /// ```
    pub fn allow_request<F, R>(mut self, allow: F) -> Self
    where
        F: Fn(Handshake) -> R + Send + Sync + 'static,
        R: Future<Output = Result<(), Rejection>> + Send + 'static,
    {
        let hooks = std::mem::take(&mut self.config.engine.hooks);
        self.config.engine.hooks = hooks.allow_request(allow);
        self
    }

    /// How packets are written beside JSON, such as [`MsgpackParser`](crate::MsgpackParser). Node's
    /// `parser`, but clients that use JSON are served as well. Default: JSON alone.
    pub fn parser(mut self, parser: impl Parser) -> Self {
        self.config.parser = Some(Arc::new(parser));
        self
    }

    /// How long a session may stay without having joined any namespace. Node's `connectTimeout`.
    /// Default 45 s.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.config.connect_timeout = timeout;
        self
    }

    /// Lets clients that lost their connection continue it, within these limits. Node's
    /// `connectionStateRecovery`, whose `maxDisconnectionDuration` is
    /// [`max_disconnection`](RecoveryConfig::max_disconnection); in [`Config`](crate::Config)
    /// `recovery`. Default: they may not.
    pub fn connection_state_recovery(mut self, limits: RecoveryConfig) -> Self {
        self.config.recovery = Some(limits);
        self
    }

    /// Whether a namespace that was made for a client's name is removed when its last socket leaves.
    /// Node's `cleanupEmptyChildNamespaces`. Default `false`.
    pub fn cleanup_empty_child_namespaces(mut self, removed: bool) -> Self {
        self.config.cleanup_empty_child_namespaces = removed;
        self
    }

    /// Lets pages of this origin in, on every transport, beside those of the server's own: scheme, host
    /// and port, as a browser writes them. Can be repeated. `https://*.example.com` is every sub-domain,
    /// `*` every page of the world. Node's `cors.origin`; here it counts for WebSockets too. In
    /// [`Config`](crate::Config) `engine.origins`. Default: pages of the same host and port.
    ///
    /// What is no origin (a path, no scheme) is an error of [`build`](Self::build) that says what to
    /// write.
    ///
    /// ```
    /// let builder = sockeye::Server::builder()
    ///     .allow_origin("http://localhost:5173")
    ///     .allow_origin("https://*.example.com");
    /// # drop(builder);
    /// ```
    pub fn allow_origin(mut self, origin: impl AsRef<str>) -> Self {
        let origin = origin.as_ref();
        if origin == "*" {
            self.config.engine.origins = Origins::Any;
            return self;
        }
        if let Some(pattern) = self.parsed("allow_origin", origin.parse::<OriginPattern>()) {
            let origins = std::mem::take(&mut self.config.engine.origins);
            self.config.engine.origins = origins.with(pattern);
        }
        self
    }

    /// Lets pages of the [listed origins](Self::allow_origin) bring their cookies, and read what is
    /// answered to requests that have some (`withCredentials` of the client). Node's
    /// `cors.credentials`. Together with `*` or `null` it is an error of [`build`](Self::build): every
    /// page of the world would act as its visitor. Default: they do not.
    pub fn allow_credentials(mut self) -> Self {
        self.config.engine.cors.get_or_insert_default().credentials = true;
        self
    }

    /// Names the hosts that requests may be for, beside addresses and `localhost`: `chat.example,
    /// *.chat.example`, or `*` for any. Can be repeated. In [`Config`](crate::Config)
    /// `engine.allowed_hosts`, which tells why and what the default is.
    ///
    /// What is no host is an error of [`build`](Self::build) that says what to write.
    pub fn allowed_hosts(mut self, hosts: impl AsRef<str>) -> Self {
        let hosts = hosts.as_ref().parse::<AllowedHosts>();
        if let Some(hosts) = self.parsed("allowed_hosts", hosts) {
            let earlier = self.config.engine.allowed_hosts.take().unwrap_or_default();
            self.config.engine.allowed_hosts = Some(earlier.and(hosts));
        }
        self
    }

    /// Names the proxies whose word about the address, the scheme and the host of a request counts:
    /// `"127.0.0.1, 10.0.0.0/8"`, or [`TrustedProxies`]. In [`Config`](crate::Config)
    /// `engine.trusted_proxies`. Default: nobody's.
    ///
    /// A text that is no list of networks is an error of [`build`](Self::build) that says what to write.
    pub fn trusted_proxies<P>(mut self, proxies: P) -> Self
    where
        P: TryInto<TrustedProxies>,
        P::Error: Error,
    {
        if let Some(proxies) = self.parsed("trusted_proxies", proxies.try_into()) {
            self.config.engine.trusted_proxies = proxies;
        }
        self
    }

    /// The most sessions that one address may have, or one network of 64 bits in IPv6. In
    /// [`Config`](crate::Config) `engine.sessions_per_address_max`. Default: as many as it likes.
    pub fn sessions_per_address_max(mut self, sessions: u32) -> Self {
        self.config.engine.sessions_per_address_max = Some(sessions);
        self
    }

    /// A value that was given as a text; one that means nothing is kept for `build`.
    fn parsed<T, E: Error>(&mut self, method: &'static str, value: Result<T, E>) -> Option<T> {
        value
            .map_err(|error| {
                let message = error.to_string();
                self.invalid.get_or_insert(BuildError::InvalidValue { method, message });
            })
            .ok()
    }
}
