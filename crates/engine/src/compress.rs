//! Compression of polling answers (RFC 9110 §8.4.1), as the official server does it: gzip or
//! deflate, from a size on that is configured.

use std::io::Write;

use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use http::header::{ACCEPT_ENCODING, HeaderMap, HeaderValue};

/// What a client can undo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coding {
    Gzip,
    /// By its name in HTTP: the zlib format.
    Deflate,
}

impl Coding {
    /// The coding a request likes best; gzip if it does not care.
    pub(crate) fn accepted(headers: &HeaderMap) -> Option<Self> {
        let (mut gzip, mut deflate, mut any) = (None, None, None);
        for value in headers.get_all(ACCEPT_ENCODING) {
            for item in value.to_str().unwrap_or_default().split(',') {
                let (name, parameters) = item.split_once(';').unwrap_or((item, ""));
                let weight = weight(parameters);
                match name.trim() {
                    name if name.eq_ignore_ascii_case("gzip") => gzip = Some(weight),
                    name if name.eq_ignore_ascii_case("deflate") => deflate = Some(weight),
                    "*" => any = Some(weight),
                    _ => {}
                }
            }
        }
        let gzip = gzip.or(any).unwrap_or(0);
        let deflate = deflate.or(any).unwrap_or(0);
        match (gzip, deflate) {
            (0, 0) => None,
            (gzip, deflate) if gzip >= deflate => Some(Coding::Gzip),
            _ => Some(Coding::Deflate),
        }
    }

    /// The value of `Content-Encoding`.
    pub(crate) fn header(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Coding::Gzip => "gzip",
            Coding::Deflate => "deflate",
        })
    }

    pub(crate) fn encode(self, body: &[u8]) -> std::io::Result<Vec<u8>> {
        let out = Vec::with_capacity(body.len() / 4);
        match self {
            Coding::Gzip => {
                let mut encoder = GzEncoder::new(out, Compression::fast());
                encoder.write_all(body)?;
                encoder.finish()
            }
            Coding::Deflate => {
                let mut encoder = ZlibEncoder::new(out, Compression::fast());
                encoder.write_all(body)?;
                encoder.finish()
            }
        }
    }
}

/// `q` in thousandths (RFC 9110 §12.4.2); 1000 without one, 0 for what is no weight.
fn weight(parameters: &str) -> u32 {
    let parameters = parameters.trim();
    if parameters.is_empty() {
        return 1000;
    }
    let value = parameters.strip_prefix("q=").or_else(|| parameters.strip_prefix("Q="));
    let Some((whole, part)) = value.map(|value| value.split_once('.').unwrap_or((value, "")))
    else {
        return 0;
    };
    if part.len() > 3 {
        return 0;
    }
    match (whole.parse::<u32>(), format!("{part:0<3}").parse::<u32>()) {
        (Ok(whole @ 0..=1), Ok(part)) => (whole * 1000 + part).min(1000),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_coding_of_a_request_is_taken() {
        let cases = [
            (None, None),
            (Some(""), None),
            (Some("br, zstd, identity"), None),
            (Some("gzip, deflate, br"), Some(Coding::Gzip)),
            (Some("deflate"), Some(Coding::Deflate)),
            (Some("gzip;q=0.5, DEFLATE;q=0.75"), Some(Coding::Deflate)),
            (Some("gzip;q=0, deflate;q=0"), None),
            (Some("gzip;q=0, *"), Some(Coding::Deflate)),
            (Some("*;q=0.1"), Some(Coding::Gzip)),
            (Some("gzip;q=nonsense"), None),
            (Some("gzip;q=9999999999999"), None),
        ];
        for (accept, expected) in cases {
            let mut headers = HeaderMap::new();
            if let Some(accept) = accept {
                headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(accept));
            }
            assert_eq!(Coding::accepted(&headers), expected, "{accept:?}");
        }
    }
}
