//! Stands for `compression` and `compressor` in builds without the feature `deflate`.

use http::HeaderValue;
use http::header::HeaderMap;
use sockeye_ws::handshake::client::{Handshake, ResponseError};
use sockeye_ws::handshake::server::RequestError;
use sockeye_ws::{Connection, Opcode, Role};

/// Messages are never compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compression {
    /// Not negotiated.
    #[default]
    Off,
}

/// What never comes of a handshake.
#[derive(Clone, Copy, Debug)]
pub enum Negotiated {}

impl Compression {
    /// What a server answers to a client's offers: nothing.
    ///
    /// # Errors
    ///
    /// Never.
    pub const fn accept(
        &self,
        _: &HeaderMap,
    ) -> Result<Option<(Negotiated, HeaderValue)>, RequestError> {
        Ok(None)
    }

    /// Has a client offer nothing.
    #[must_use]
    pub const fn offer(&self, handshake: Handshake) -> Handshake {
        handshake
    }
}

/// What the server answered to that.
///
/// # Errors
///
/// Never.
pub const fn agreed<B>(
    _: &Handshake,
    _: &http::Response<B>,
) -> Result<Option<Negotiated>, ResponseError> {
    Ok(None)
}

/// A connection that takes no compressed messages.
#[must_use]
pub const fn receive(connection: Connection, _: Option<&Negotiated>) -> Connection {
    connection
}

/// There is none.
#[derive(Debug)]
pub enum Compressor {}

#[allow(missing_docs, clippy::must_use_candidate, clippy::missing_const_for_fn)]
impl Compressor {
    pub fn new(_: Role, _: Option<&Negotiated>, _: &Compression) -> Option<Box<Self>> {
        None
    }

    pub fn applies_to(&self, _: usize) -> bool {
        match *self {}
    }

    pub fn remembers(&self) -> bool {
        match *self {}
    }

    pub fn is_equivalent(&self, _: &Self) -> bool {
        match *self {}
    }

    pub fn fresh(&self) -> Self {
        match *self {}
    }

    pub fn encode(&mut self, _: Opcode, _: (&[u8], &[u8]), _: Option<[u8; 4]>, _: &mut Vec<u8>) {
        match *self {}
    }
}
