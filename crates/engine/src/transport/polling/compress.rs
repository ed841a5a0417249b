//! Compression of polling answers, as the official server does it: gzip or deflate, from a size on
//! that is configured.

use std::io::Write;

use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use http::HeaderMap;
use sockeye_net::http::ContentCoding;

use crate::session::config::Config;

/// What polling answers may be compressed with.
const OFFERED: &[ContentCoding] = &[ContentCoding::Gzip, ContentCoding::Deflate];

/// What the answers to this request may be compressed with.
pub(crate) fn accepted(config: &Config, headers: &HeaderMap) -> Option<ContentCoding> {
    config.compress_from_bytes?;
    ContentCoding::accepted(headers, OFFERED)
}

/// `None`: the body goes as it is, for it is short.
pub(crate) fn encode(config: &Config, coding: ContentCoding, body: &[u8]) -> Option<Vec<u8>> {
    if body.len() < config.compress_from_bytes? {
        return None;
    }
    let out = Vec::with_capacity(body.len() / 4);
    // Writing to memory does not fail.
    if coding == ContentCoding::Gzip {
        let mut encoder = GzEncoder::new(out, Compression::fast());
        encoder.write_all(body).ok()?;
        return encoder.finish().ok();
    }
    let mut encoder = ZlibEncoder::new(out, Compression::fast());
    encoder.write_all(body).ok()?;
    encoder.finish().ok()
}
