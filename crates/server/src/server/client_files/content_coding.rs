//! The content codings of files, each file compressed once for all requests.

use std::io::{self, Write};

use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use sockeye_net::http::ContentCoding;

/// The codings in the server's order of preference, for a client that accepts all of them.
pub(super) const OFFERED: [ContentCoding; 3] =
    [ContentCoding::Brotli, ContentCoding::Gzip, ContentCoding::Deflate];

pub(super) fn encode(coding: ContentCoding, content: &[u8]) -> io::Result<Vec<u8>> {
    let mut out = Vec::with_capacity(content.len() / 3);
    match coding {
        ContentCoding::Brotli => {
            let params = brotli::enc::BrotliEncoderParams { quality: 9, ..Default::default() };
            brotli::BrotliCompress(&mut &content[..], &mut out, &params)?;
            Ok(out)
        }
        ContentCoding::Gzip => {
            let mut encoder = GzEncoder::new(out, Compression::best());
            encoder.write_all(content)?;
            encoder.finish()
        }
        ContentCoding::Deflate => {
            let mut encoder = ZlibEncoder::new(out, Compression::best());
            encoder.write_all(content)?;
            encoder.finish()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_compressed_comes_back() {
        use std::io::Read;
        let content = b"the same words, the same words, the same words".repeat(50);
        for coding in OFFERED {
            let small = encode(coding, &content).unwrap();
            assert!(small.len() < content.len() / 5, "{coding:?}: {}", small.len());
            let mut back = Vec::new();
            match coding {
                ContentCoding::Brotli => {
                    brotli::Decompressor::new(&small[..], 4096).read_to_end(&mut back).unwrap();
                }
                ContentCoding::Gzip => {
                    flate2::read::GzDecoder::new(&small[..]).read_to_end(&mut back).unwrap();
                }
                ContentCoding::Deflate => {
                    flate2::read::ZlibDecoder::new(&small[..]).read_to_end(&mut back).unwrap();
                }
            }
            assert_eq!(back, content, "{coding:?}");
        }
    }
}
