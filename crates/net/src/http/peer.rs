//! What the listener says of a request's connection.

use std::net::SocketAddr;

/// The address of the peer, in the extensions of each request that [`HttpServer`](super::HttpServer) hands on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PeerAddr(pub SocketAddr);

/// That the request came encrypted, in the extensions of each such request that [`HttpServer`](super::HttpServer) hands
/// on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Encrypted;
