//! What the listener says of a request's connection.

use std::net::SocketAddr;

#[cfg(feature = "axum")]
use axum::extract::ConnectInfo;
use http::Extensions;

/// The address of the peer, in the extensions of each request that [`HttpServer`](super::HttpServer) hands on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PeerAddr(pub SocketAddr);

/// What is logged of settings that need the peer's address where requests carry none.
pub const NO_ADDRESS: &str = "requests carry no address, so these settings have no effect: serve by \
    `HttpServer`, or under `axum::serve` with the feature `axum` and \
    `into_make_service_with_connect_info::<SocketAddr>()`";

/// That the request came encrypted, in the extensions of each such request that [`HttpServer`](super::HttpServer) hands
/// on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Encrypted;

/// The address of the peer, as the listener told it: ours, or with the feature `axum` another one by
/// axum's `ConnectInfo`.
pub(super) fn address_of(extensions: &Extensions) -> Option<SocketAddr> {
    let address = extensions.get::<PeerAddr>().map(|peer| peer.0);
    #[cfg(feature = "axum")]
    let address =
        address.or_else(|| extensions.get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0));
    address
}
