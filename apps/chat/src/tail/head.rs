//! The head of an answer, as far as a reader of events looks at it.

use std::time::{Duration, SystemTime};

use http::header::{CONTENT_TYPE, ETAG, RETRY_AFTER};
use http::{HeaderMap, StatusCode};

/// The head of an answer. A header that is no text counts as missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The status.
    pub status: StatusCode,
    /// The media type in lower case without its parameters; empty when there is none.
    pub media_type: String,
    /// `Stream-Next-Offset`: the cursor to go on from.
    pub next: Option<String>,
    /// `Stream-Cursor` of Durable Streams, for the next request.
    pub stream_cursor: Option<String>,
    /// `Stream-Up-To-Date`: this is everything for now.
    pub is_up_to_date: bool,
    /// `Stream-Closed`: nothing will follow, ever.
    pub is_closed: bool,
    /// `stream-sse-data-encoding: base64`: the data of server-sent events is bytes.
    pub is_base64: bool,
    /// `ETag`.
    pub etag: Option<String>,
    /// `Retry-After`, from now on.
    pub retry_after: Option<Duration>,
}

impl Head {
    /// Reads the head of an answer that came at `now`.
    pub fn read(status: StatusCode, headers: &HeaderMap, now: SystemTime) -> Self {
        let text = |name: &str| headers.get(name)?.to_str().ok().map(|text| text.trim().to_owned());
        let is = |name, value| text(name).is_some_and(|text| text.eq_ignore_ascii_case(value));
        let media_type = text(CONTENT_TYPE.as_str()).unwrap_or_default();
        let media_type = media_type.split(';').next().unwrap_or_default();
        Head {
            status,
            media_type: media_type.trim().to_ascii_lowercase(),
            next: text("stream-next-offset"),
            stream_cursor: text("stream-cursor"),
            is_up_to_date: is("stream-up-to-date", "true"),
            is_closed: is("stream-closed", "true"),
            is_base64: is("stream-sse-data-encoding", "base64"),
            etag: text(ETAG.as_str()),
            retry_after: text(RETRY_AFTER.as_str()).and_then(|wish| delay(&wish, now)),
        }
    }
}

/// `Retry-After`: seconds, or a date (RFC 9110 §10.2.3).
fn delay(wish: &str, now: SystemTime) -> Option<Duration> {
    if !wish.is_empty() && wish.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Duration::from_secs(wish.parse().unwrap_or(u64::MAX)));
    }
    let date = httpdate::parse_http_date(wish).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn read(headers: &[(&'static str, &[u8])]) -> Head {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, HeaderValue::from_bytes(value).unwrap());
        }
        Head::read(StatusCode::OK, &map, SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_770))
    }

    #[test]
    fn headers_are_read() {
        let head = read(&[
            ("content-type", b"Text/Event-Stream; charset=utf-8"),
            ("stream-next-offset", b"0a"),
            ("stream-up-to-date", b"true"),
            ("stream-closed", b"false"),
            ("stream-sse-data-encoding", b"base64"),
            ("etag", b"\"x\""),
        ]);
        assert_eq!(head.media_type, "text/event-stream");
        assert_eq!((head.next.as_deref(), head.etag.as_deref()), (Some("0a"), Some("\"x\"")));
        assert!(head.is_up_to_date && !head.is_closed && head.is_base64);
        let head = read(&[("stream-next-offset", b"\xff")]);
        assert_eq!((head.next, head.media_type.as_str()), (None, ""));
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        for (wish, seconds) in [
            ("7", Some(7)),
            ("99999999999999999999", Some(u64::MAX)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(7)),
            ("Sun, 06 Nov 1994 08:49:20 GMT", Some(0)),
            ("soon", None),
            ("-1", None),
            ("", None),
        ] {
            let head = read(&[("retry-after", wish.as_bytes())]);
            assert_eq!(head.retry_after, seconds.map(Duration::from_secs), "{wish}");
        }
    }
}
