//! Stands for `compression` in builds without the feature `deflate`: nothing is ever compressed there.

use http::header::HeaderMap;
use http::{HeaderValue, Response};
use sockeye_ws::handshake::client::{Handshake, ResponseError};
use sockeye_ws::handshake::server::RequestError;
use sockeye_ws::{Connection, Opcode, Role};

/// Whether messages may be compressed. They may not: that takes the feature `deflate`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compression {
    /// Not negotiated.
    #[default]
    Off,
}

/// What came of a handshake: nothing ever does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

    /// What a server answered to what a client offered: nothing.
    ///
    /// # Errors
    ///
    /// Never: the handshake itself refuses an answer to what was not offered.
    pub const fn answered<B>(
        &self,
        _: &Handshake,
        _: &Response<B>,
    ) -> Result<Option<Negotiated>, ResponseError> {
        Ok(None)
    }

    /// A client offers nothing.
    pub fn offer(&self, handshake: Handshake) -> Handshake {
        handshake
    }
}

pub(super) const fn decompress(ws: Connection, _: Option<&Negotiated>) -> Connection {
    ws
}

/// Compression of what one connection sends, which there is none of.
#[derive(Debug)]
pub struct Compressor(Never);

/// In a type of its own, so that nobody else is told that what follows is never reached.
#[derive(Debug)]
enum Never {}

impl Compressor {
    /// `None`: nothing is to be compressed.
    pub const fn new(_: Role, _: Option<&Negotiated>, _: &Compression) -> Option<Box<Self>> {
        None
    }

    /// Whether a message of so many bytes is worth it.
    pub const fn applies_to(&self, _: usize) -> bool {
        match self.0 {}
    }

    /// Whether messages refer to earlier ones.
    pub const fn remembers(&self) -> bool {
        match self.0 {}
    }

    /// Whether what the other makes of a message is what this would.
    pub const fn is_equivalent(&self, _: &Self) -> bool {
        match self.0 {}
    }

    /// Another one like it.
    #[must_use]
    pub const fn fresh(&self) -> Self {
        match self.0 {}
    }

    /// Appends the frame of a message.
    pub const fn encode(
        &mut self,
        _: Opcode,
        _: (&[u8], &[u8]),
        _: Option<[u8; 4]>,
        _: &mut Vec<u8>,
    ) {
        match self.0 {}
    }
}
