//! HTTP: the listener, clients' connections, and what the head of a request says.

mod admission;
mod answer;
#[cfg(feature = "client")]
mod connect_error;
mod connection;
mod content_coding;
#[cfg(feature = "client")]
mod dial;
mod forwarded;
mod hand_over;
mod head;
mod host;
#[cfg(feature = "http2")]
mod http2;
mod http_service;
mod keep_alive;
mod listen;
mod origin;
mod peer;
mod ready_headers;
mod server;
mod service;
mod settings;
mod stream;
#[cfg(feature = "http2")]
mod streams;
mod take_over;
mod target;
mod timed_tcp;
mod timer;
#[cfg(feature = "tls")]
mod tls;
mod upgraded;
mod url_host;

#[cfg(feature = "client")]
#[cfg_attr(docsrs, doc(cfg(feature = "client")))]
pub use self::connect_error::ConnectError;
pub use self::content_coding::ContentCoding;
#[cfg(feature = "client")]
#[cfg_attr(docsrs, doc(cfg(feature = "client")))]
pub use self::dial::{Destination, Dialed, Dialer};
pub use self::forwarded::{
    ForwardedHeaders, ForwardedHeadersError, Source, TrustedProxies, TrustedProxiesError,
};
pub use self::hand_over::HandOver;
pub use self::host::{AllowedHosts, AllowedHostsError, HostDenied};
pub use self::http_service::HttpService;
#[cfg(feature = "http2")]
#[cfg_attr(docsrs, doc(cfg(feature = "http2")))]
pub use self::http2::{extend_headers, is_websocket, translate_response};
pub use self::listen::{BindAddress, bind};
pub use self::origin::{OriginPattern, OriginPatternError, Origins};
pub use self::peer::{Encrypted, NO_ADDRESS, PeerAddr};
pub use self::ready_headers::{KeptSeconds, ReadyHeaders};
pub use self::server::{HttpServer, HttpServerWithShutdown};
pub use self::target::{TargetError, check_request, check_target};
#[cfg(feature = "client-tls")]
#[cfg_attr(docsrs, doc(cfg(feature = "client-tls")))]
pub use self::tls::{Roots, RootsError};
#[cfg(feature = "tls")]
#[cfg_attr(docsrs, doc(cfg(feature = "tls")))]
pub use self::tls::{TlsConfig, TlsConfigError, TlsError};
pub use self::upgraded::into_stream;
