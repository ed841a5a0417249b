//! Which content codings a client can undo (RFC 9110 §12.5.3).

use http::header::{ACCEPT_ENCODING, HeaderMap, HeaderValue};

/// How a body may be compressed on its way (RFC 9110 §8.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentCoding {
    /// `br`.
    Brotli,
    /// `gzip`.
    Gzip,
    /// `deflate`, which in HTTP is the zlib format.
    Deflate,
}

impl ContentCoding {
    /// The name in HTTP.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Brotli => "br",
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
        }
    }

    /// The value of `Content-Encoding`.
    pub const fn header(self) -> HeaderValue {
        HeaderValue::from_static(self.name())
    }

    /// Which of those `offered` a request likes best: by weight, then those that are named, then in
    /// the client's order, as the official server chooses; for `*` in the order of `offered`. `None`:
    /// the body as it is.
    pub fn accepted(headers: &HeaderMap, offered: &[Self]) -> Option<Self> {
        let values = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|v| v.to_str().ok());
        let items: Vec<_> = values.flat_map(|value| value.split(',')).map(Item::parse).collect();
        let rank = |coding: Self| {
            let named = items.iter().position(|item| item.name.eq_ignore_ascii_case(coding.name()));
            let place = named.or_else(|| items.iter().position(|item| item.name == "*"))?;
            let weight = items[place].weight;
            (weight > 0).then_some((1000 - weight, named.is_none(), place))
        };
        let ranked = offered.iter().filter_map(|&coding| Some((rank(coding)?, coding)));
        ranked.min_by_key(|(rank, _)| *rank).map(|(_, coding)| coding)
    }
}

/// One of the codings a client names.
struct Item<'a> {
    name: &'a str,
    /// `q` in thousandths (RFC 9110 §12.4.2); 0 for what is no weight.
    weight: u32,
}

impl<'a> Item<'a> {
    fn parse(text: &'a str) -> Self {
        let mut parts = text.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let weight = parts.find_map(|part| part.strip_prefix("q=").or(part.strip_prefix("Q=")));
        let weight = weight.map_or(Some(1.0), |q| q.parse::<f32>().ok());
        let weight = weight.filter(|q| (0.0..=1.0).contains(q)).unwrap_or(0.0);
        Self { name, weight: (weight * 1000.0).round() as u32 }
    }
}

#[cfg(test)]
mod tests {
    use super::ContentCoding::{self, Brotli, Deflate, Gzip};
    use super::*;

    fn check(offered: &[ContentCoding], cases: &[(&'static str, Option<ContentCoding>)]) {
        for &(header, expected) in cases {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(header));
            assert_eq!(ContentCoding::accepted(&headers, offered), expected, "{header}");
        }
        assert_eq!(ContentCoding::accepted(&HeaderMap::new(), offered), None);
    }

    #[test]
    fn the_clients_weights_and_order_decide() {
        let cases = [
            ("gzip, deflate, br", Some(Gzip)),
            ("br, gzip", Some(Brotli)),
            ("gzip;q=0.5, br;q=0.8", Some(Brotli)),
            ("gzip; q=1, br;q=0.999", Some(Gzip)),
            ("DEFLATE", Some(Deflate)),
            ("*", Some(Brotli)),
            ("*, br;q=0", Some(Gzip)),
            ("*;q=0", None),
            ("gzip;q=0", None),
            ("gzip;q=x", None),
            ("identity", None),
            ("zstd, deflate;q=0.1", Some(Deflate)),
            ("", None),
        ];
        check(&[Brotli, Gzip, Deflate], &cases);
    }

    #[test]
    fn what_is_not_offered_is_not_chosen() {
        let cases = [
            ("br, zstd, identity", None),
            ("gzip, deflate, br", Some(Gzip)),
            ("deflate, gzip", Some(Deflate)),
            ("gzip;q=0.5, DEFLATE;q=0.75", Some(Deflate)),
            ("gzip;q=0, deflate;q=0", None),
            ("gzip;q=0, *", Some(Deflate)),
            ("*;q=0.1", Some(Gzip)),
            ("gzip;q=9999999999999", None),
        ];
        check(&[Gzip, Deflate], &cases);
    }
}
