//! Compression of polling answers, as the official server does it: gzip or deflate, from a size on
//! that is configured.

use std::io::{self, Write};

use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use sockeye_net::http::ContentCoding;

/// What polling answers may be compressed with.
pub(crate) const OFFERED: &[ContentCoding] = &[ContentCoding::Gzip, ContentCoding::Deflate];

pub(crate) fn encode(coding: ContentCoding, body: &[u8]) -> io::Result<Vec<u8>> {
    let out = Vec::with_capacity(body.len() / 4);
    if coding == ContentCoding::Gzip {
        let mut encoder = GzEncoder::new(out, Compression::fast());
        encoder.write_all(body)?;
        return encoder.finish();
    }
    let mut encoder = ZlibEncoder::new(out, Compression::fast());
    encoder.write_all(body)?;
    encoder.finish()
}
