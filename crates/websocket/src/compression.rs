//! Compression of messages (RFC 7692): how it is asked for and negotiated.

use http::HeaderValue;
use http::header::HeaderMap;
use sockeye_ws as ws;
use sockeye_ws::handshake::client::{Handshake, ResponseError};
use sockeye_ws::handshake::deflate::{Parameters, Preferences};
use sockeye_ws::handshake::server::RequestError;

use crate::config::Config;

/// Whether messages may be compressed (permessage-deflate, RFC 7692).
///
/// Off by default, as in npm `ws` and Engine.IO: it costs many times the processor time
/// that sending a message takes, small messages gain nothing, and where a secret travels in one message
/// with what an attacker chose, the length of the message tells about the secret.
///
/// A received message is decompressed up to
/// [`message_bytes_max`](crate::Config::message_bytes_max) and no further, whatever it would become.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compression {
    /// Not negotiated.
    #[default]
    Off,
    /// Negotiated with every peer that can do it.
    On(Deflate),
}

impl Compression {
    /// On, with the defaults of [`Deflate`].
    #[must_use]
    pub fn on() -> Self {
        Self::On(Deflate::default())
    }
}

/// How messages are compressed. Write `Deflate { threshold: 4096, ..Deflate::default() }`: fields will
/// be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deflate {
    /// Messages of fewer bytes are sent uncompressed, and those that would not get shorter. 0 has
    /// every message compressed, whatever it becomes. Default: 1024.
    pub threshold: usize,
    /// 1 is fast, 9 is small. Default: 6.
    pub level: u8,
    /// What is negotiated. By default no message refers to earlier ones, so that all connections of a
    /// thread share one compressor and one decompressor, and a [`Group`](crate::Group) compresses once
    /// for all its members. If messages may refer to earlier ones, a connection that sends has a
    /// compressor of its own, of about 300 KiB, and one that receives keeps up to 32 KiB.
    pub preferences: Preferences,
}

impl Default for Deflate {
    fn default() -> Self {
        Self { threshold: 1024, level: 6, preferences: Preferences::default() }
    }
}

/// What came of a handshake.
pub(crate) type Negotiated = Parameters;

/// The server's answer to a client's offers.
pub(crate) fn accept(
    config: &Config,
    request: &HeaderMap,
) -> Result<Option<(Negotiated, HeaderValue)>, RequestError> {
    match &config.compression {
        Compression::Off => Ok(None),
        Compression::On(deflate) => Ok(deflate.preferences.accept(request)?),
    }
}

/// Has a client offer it.
pub(crate) fn offer(config: &Config, handshake: Handshake) -> Handshake {
    match &config.compression {
        Compression::Off => handshake,
        Compression::On(deflate) => handshake.offer_deflate(deflate.preferences),
    }
}

/// What the server answered to that.
pub(crate) fn agreed<B>(
    handshake: &Handshake,
    response: &http::Response<B>,
) -> Result<Option<Negotiated>, ResponseError> {
    handshake.deflate(response)
}

/// Has received messages decompressed.
pub(crate) fn receive(
    connection: ws::Connection,
    negotiated: Option<&Negotiated>,
) -> ws::Connection {
    match negotiated {
        Some(parameters) => connection.with_deflate(parameters),
        None => connection,
    }
}
