//! Heads of requests and answers (RFC 9112), as far as the length of a body depends on them.

use httparse::{EMPTY_HEADER, Header, Request, Response, Status};

/// The most headers of a head that is understood.
const HEADERS_MAX: usize = 128;

/// How long a body is (RFC 9112, 6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Length {
    /// Nothing says so.
    Absent,
    /// `Content-Length`.
    Bytes(u64),
    /// `Transfer-Encoding: chunked`.
    Chunked,
}

/// The head of a request.
#[derive(Debug)]
pub(crate) struct RequestHead {
    pub(crate) bytes: Vec<u8>,
    pub(crate) is_head: bool,
    pub(crate) length: Length,
}

/// The head of an answer.
#[derive(Debug)]
pub(crate) struct ResponseHead {
    pub(crate) status: u16,
    pub(crate) length: Length,
}

impl RequestHead {
    pub(crate) fn parse(bytes: Vec<u8>) -> Option<Self> {
        let mut headers = [EMPTY_HEADER; HEADERS_MAX];
        let mut request = Request::new(&mut headers);
        let Ok(Status::Complete(_)) = request.parse(&bytes) else { return None };
        let (is_head, length) = (request.method == Some("HEAD"), length(request.headers)?);
        Some(Self { bytes, is_head, length })
    }
}

impl ResponseHead {
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let mut headers = [EMPTY_HEADER; HEADERS_MAX];
        let mut response = Response::new(&mut headers);
        let Ok(Status::Complete(_)) = response.parse(bytes) else { return None };
        Some(Self { status: response.code?, length: length(response.headers)? })
    }
}

/// `None` where it cannot be told.
fn length(headers: &[Header<'_>]) -> Option<Length> {
    let value = |name: &str| {
        headers.iter().find(|header| header.name.eq_ignore_ascii_case(name)).map(|it| it.value)
    };
    if let Some(coding) = value("transfer-encoding") {
        let is_chunked = coding.trim_ascii().eq_ignore_ascii_case(b"chunked");
        return is_chunked.then_some(Length::Chunked);
    }
    let Some(length) = value("content-length") else { return Some(Length::Absent) };
    std::str::from_utf8(length).ok()?.trim().parse().ok().map(Length::Bytes)
}
