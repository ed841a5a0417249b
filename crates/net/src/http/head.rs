//! The head of a response of HTTP/1.1 (RFC 9112 §4, §6), for answers that we write ourselves.

use std::cell::RefCell;
use std::io::Write as _;
use std::time::SystemTime;

use http::header::{CONNECTION, CONTENT_LENGTH, DATE, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, StatusCode};

use super::keep_alive::{KEEP_ALIVE, KeepAlive};
use super::target::lists;

/// How the end of a body is told (RFC 9112 §6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Length {
    /// There is none, whatever the response says.
    None,
    /// By its length, which the head tells.
    Known(u64),
    /// By a last chunk (RFC 9112 §7.1).
    Chunked,
}

impl Length {
    /// Of a response with this status, whose body has `exact` bytes if that is known.
    pub(super) fn of(status: StatusCode, exact: Option<u64>) -> Self {
        let is_bodiless = status.is_informational()
            || status == StatusCode::NO_CONTENT
            || status == StatusCode::NOT_MODIFIED;
        match exact {
            _ if is_bodiless => Self::None,
            Some(bytes) => Self::Known(bytes),
            None => Self::Chunked,
        }
    }
}

/// Appends a head. Whether the connection is kept behind the answer: unless the response says
/// otherwise it is if `keep_alive` is there, and the head tells for how long.
pub(super) fn encode(
    status: StatusCode,
    headers: &HeaderMap,
    length: Length,
    keep_alive: Option<&KeepAlive>,
    out: &mut Vec<u8>,
) -> bool {
    out.extend_from_slice(b"HTTP/1.1 ");
    out.extend_from_slice(status.as_str().as_bytes());
    out.push(b' ');
    out.extend_from_slice(status.canonical_reason().unwrap_or_default().as_bytes());
    out.extend_from_slice(b"\r\n");
    let (mut has_connection, mut has_date, mut closes) = (false, false, keep_alive.is_none());
    for (name, value) in headers {
        // These are ours to say.
        if *name == CONTENT_LENGTH || *name == TRANSFER_ENCODING {
            continue;
        }
        has_date |= *name == DATE;
        if *name == CONNECTION {
            has_connection = true;
            closes |= lists(value, b"close");
        }
        push(name, value.as_bytes(), out);
    }
    match keep_alive {
        _ if has_connection => {}
        Some(keep_alive) => {
            push(&CONNECTION, b"keep-alive", out);
            push(&KEEP_ALIVE, keep_alive.value.as_bytes(), out);
        }
        None => push(&CONNECTION, b"close", out),
    }
    match length {
        Length::None => {}
        Length::Known(bytes) => {
            // Writing to memory does not fail.
            let _ = write!(out, "content-length: {bytes}\r\n");
        }
        Length::Chunked => push(&TRANSFER_ENCODING, b"chunked", out),
    }
    if !has_date {
        CLOCK.with_borrow_mut(|clock| push(&DATE, clock.now(), out));
    }
    out.extend_from_slice(b"\r\n");
    !closes
}

fn push(name: &HeaderName, value: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(name.as_str().as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// The value of `Date` (RFC 9110 §6.6.1), rendered once a second.
struct Clock {
    second: u64,
    text: String,
}

thread_local! {
    static CLOCK: RefCell<Clock> = const { RefCell::new(Clock { second: 0, text: String::new() }) };
}

impl Clock {
    fn now(&mut self) -> &[u8] {
        let now = SystemTime::now();
        let second = now.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |time| time.as_secs());
        if second != self.second || self.text.is_empty() {
            self.second = second;
            self.text = httpdate::fmt_http_date(now);
        }
        self.text.as_bytes()
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::super::settings::Settings;
    use super::*;

    fn head(status: u16, headers: &[(&'static str, &'static str)], length: Length) -> String {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_static(value));
        }
        let keep_alive = KeepAlive::new(&Settings::default().limits);
        let status = StatusCode::from_u16(status).unwrap();
        let mut out = Vec::new();
        let kept = encode(status, &map, length, Some(&keep_alive), &mut out);
        let text = String::from_utf8(out).unwrap();
        assert_eq!(kept, !text.to_lowercase().contains("connection: close"));
        assert_eq!(text.matches("date: ").count(), 1);
        text
    }

    #[test]
    fn says_how_the_body_ends_and_how_long_the_connection_is_kept() {
        let text = head(200, &[("x-one", "1"), ("x-one", "2")], Length::Known(7));
        assert!(text.starts_with("HTTP/1.1 200 OK\r\nx-one: 1\r\nx-one: 2\r\nconnection: keep-alive\r\nkeep-alive: timeout=10\r\ncontent-length: 7\r\ndate: "), "{text}");
        assert!(text.ends_with(" GMT\r\n\r\n"));
        let text = head(404, &[("content-length", "99"), ("date", "now")], Length::Chunked);
        assert!(text.starts_with("HTTP/1.1 404 Not Found\r\ndate: now\r\n"), "{text}");
        assert!(text.contains("transfer-encoding: chunked") && !text.contains("content-length"));
        let text = head(599, &[("connection", "Close")], Length::None);
        assert!(text.starts_with("HTTP/1.1 599 \r\nconnection: Close\r\ndate: "), "{text}");
    }

    #[test]
    fn some_answers_have_no_body() {
        for status in [204, 304] {
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(Length::of(status, Some(5)), Length::None);
        }
        assert_eq!(Length::of(StatusCode::OK, Some(5)), Length::Known(5));
        assert_eq!(Length::of(StatusCode::OK, None), Length::Chunked);
    }
}
