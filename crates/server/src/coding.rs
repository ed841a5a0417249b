//! How a file is compressed on its way (RFC 9110 §8.4.1): what the client likes best, and of what
//! it likes equally the first it names, as the official server chooses.

use std::io::{self, Write};

use flate2::{Compression, write::GzEncoder, write::ZlibEncoder};
use http::{HeaderMap, HeaderValue, header::ACCEPT_ENCODING};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coding {
    Brotli,
    Gzip,
    /// By its name in HTTP: the zlib format.
    Deflate,
}

impl Coding {
    /// In the order of the server's preference, for a client that takes everything.
    pub(crate) const ALL: [Self; 3] = [Self::Brotli, Self::Gzip, Self::Deflate];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Brotli => "br",
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
        }
    }

    pub(crate) fn header(self) -> HeaderValue {
        HeaderValue::from_static(self.name())
    }

    /// What a request asks for; `None`: the file as it is.
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        let values = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|v| v.to_str().ok());
        let items: Vec<_> = values.flat_map(|value| value.split(',')).map(Item::parse).collect();
        let rank = |coding: Self| {
            let named = items.iter().position(|item| item.name.eq_ignore_ascii_case(coding.name()));
            let place = named.or_else(|| items.iter().position(|item| item.name == "*"))?;
            let weight = items[place].weight;
            // Higher weights first, then codings that are named, then the client's order.
            (weight > 0).then_some((1_000 - weight, named.is_none(), place))
        };
        Self::ALL
            .into_iter()
            .filter_map(|c| Some((rank(c)?, c)))
            .min_by_key(|(r, _)| *r)
            .map(|(_, c)| c)
    }

    pub(crate) fn encode(self, content: &[u8]) -> io::Result<Vec<u8>> {
        let out = Vec::with_capacity(content.len() / 3);
        match self {
            Self::Brotli => {
                let mut out = out;
                let params = brotli::enc::BrotliEncoderParams { quality: 9, ..Default::default() };
                brotli::BrotliCompress(&mut &content[..], &mut out, &params)?;
                Ok(out)
            }
            Self::Gzip => {
                let mut encoder = GzEncoder::new(out, Compression::best());
                encoder.write_all(content)?;
                encoder.finish()
            }
            Self::Deflate => {
                let mut encoder = ZlibEncoder::new(out, Compression::best());
                encoder.write_all(content)?;
                encoder.finish()
            }
        }
    }
}

/// One of the codings a client names.
struct Item<'a> {
    name: &'a str,
    /// `q` in thousandths (RFC 9110 §12.4.2).
    weight: u32,
}

impl<'a> Item<'a> {
    fn parse(text: &'a str) -> Self {
        let mut parts = text.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let weight = parts.find_map(|part| part.strip_prefix("q=").or(part.strip_prefix("Q=")));
        let weight = weight.map_or(Some(1.0), |q| q.parse::<f32>().ok());
        // What is no weight counts as refused.
        let weight = weight.filter(|q| (0.0..=1.0).contains(q)).unwrap_or(0.0);
        Self { name, weight: (weight * 1_000.0).round() as u32 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clients_weights_and_order_decide() {
        let cases = [
            ("gzip, deflate, br", Some(Coding::Gzip)),
            ("br, gzip", Some(Coding::Brotli)),
            ("gzip;q=0.5, br;q=0.8", Some(Coding::Brotli)),
            ("gzip; q=1, br;q=0.999", Some(Coding::Gzip)),
            ("DEFLATE", Some(Coding::Deflate)),
            ("*", Some(Coding::Brotli)),
            ("*, br;q=0", Some(Coding::Gzip)),
            ("*;q=0", None),
            ("gzip;q=0", None),
            ("gzip;q=x", None),
            ("identity", None),
            ("zstd, deflate;q=0.1", Some(Coding::Deflate)),
            ("", None),
        ];
        for (header, expected) in cases {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(header));
            assert_eq!(Coding::of(&headers), expected, "{header}");
        }
        assert_eq!(Coding::of(&HeaderMap::new()), None);
    }

    #[test]
    fn what_is_compressed_comes_back() {
        use std::io::Read;
        let content = b"the same words, the same words, the same words".repeat(50);
        for coding in Coding::ALL {
            let small = coding.encode(&content).unwrap();
            assert!(small.len() < content.len() / 5, "{coding:?}: {}", small.len());
            let mut back = Vec::new();
            match coding {
                Coding::Brotli => {
                    brotli::Decompressor::new(&small[..], 4096).read_to_end(&mut back).unwrap();
                }
                Coding::Gzip => {
                    flate2::read::GzDecoder::new(&small[..]).read_to_end(&mut back).unwrap();
                }
                Coding::Deflate => {
                    flate2::read::ZlibDecoder::new(&small[..]).read_to_end(&mut back).unwrap();
                }
            }
            assert_eq!(back, content, "{coding:?}");
        }
    }
}
