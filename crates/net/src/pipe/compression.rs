//! Compression of messages (RFC 7692): how it is asked for and negotiated.

mod compressor;

use http::header::HeaderMap;
use http::{HeaderValue, Response};
use sockeye_ws::Connection;
use sockeye_ws::handshake::client::{Handshake, ResponseError};
use sockeye_ws::handshake::deflate::{Parameters, Preferences};
use sockeye_ws::handshake::server::RequestError;

pub use self::compressor::Compressor;

/// Whether messages may be compressed (permessage-deflate, RFC 7692).
///
/// Off by default, as in npm `ws` and Engine.IO: it costs many times the processor time
/// that sending a message takes, small messages gain nothing, and where a secret travels in one message
/// with what an attacker chose, the length of the message tells about the secret.
///
/// A received message is decompressed up to
/// `message_bytes_max` of its configuration and no further, whatever it would become.
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
    /// thread share one compressor and one decompressor, and what goes to
    /// many is compressed once for all. If messages may refer to earlier ones, a connection that sends has a
    /// compressor of its own, of about 300 KiB, and one that receives keeps up to 32 KiB.
    pub preferences: Preferences,
}

impl Default for Deflate {
    fn default() -> Self {
        Self { threshold: 1024, level: 6, preferences: Preferences::default() }
    }
}

/// What came of a handshake.
pub type Negotiated = Parameters;

/// Has received messages decompressed where that was negotiated.
pub(super) fn decompress(ws: Connection, negotiated: Option<&Negotiated>) -> Connection {
    match negotiated {
        Some(parameters) => ws.with_deflate(parameters),
        None => ws,
    }
}

impl Compression {
    /// What a server answers to a client's offers.
    ///
    /// # Errors
    ///
    /// When the offers break RFC 7692.
    pub fn accept(
        &self,
        request: &HeaderMap,
    ) -> Result<Option<(Negotiated, HeaderValue)>, RequestError> {
        match self {
            Self::Off => Ok(None),
            Self::On(deflate) => Ok(deflate.preferences.accept(request)?),
        }
    }

    /// What a server answered to what a client [offered](Self::offer).
    ///
    /// # Errors
    ///
    /// When that is no answer to the offer.
    pub fn answered<B>(
        &self,
        handshake: &Handshake,
        response: &Response<B>,
    ) -> Result<Option<Negotiated>, ResponseError> {
        handshake.deflate(response)
    }

    /// Has a client offer it.
    pub fn offer(&self, handshake: Handshake) -> Handshake {
        match self {
            Self::Off => handshake,
            Self::On(deflate) => handshake.offer_deflate(deflate.preferences),
        }
    }
}
