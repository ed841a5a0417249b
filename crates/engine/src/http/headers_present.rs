//! Which headers a request has, of those the engine looks at.

use http::header::{
    ACCEPT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, ORIGIN, UPGRADE, USER_AGENT,
};

/// Found in one pass over the head: asking for each by its name takes longer, and most are absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct HeadersPresent {
    pub(crate) accept_encoding: bool,
    pub(crate) content_type: bool,
    pub(crate) origin: bool,
    pub(crate) sec_fetch_site: bool,
    pub(crate) upgrade: bool,
    pub(crate) user_agent: bool,
}

impl HeadersPresent {
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let mut present = HeadersPresent::default();
        for name in headers.keys() {
            present.accept_encoding |= *name == ACCEPT_ENCODING;
            present.content_type |= *name == CONTENT_TYPE;
            present.origin |= *name == ORIGIN;
            present.sec_fetch_site |= *name == SEC_FETCH_SITE;
            present.upgrade |= *name == UPGRADE;
            present.user_agent |= *name == USER_AGENT;
        }
        present
    }
}

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn each_is_found() {
        let of = |name: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert("host", HeaderValue::from_static("a"));
            headers.insert(name, HeaderValue::from_static(""));
            HeadersPresent::of(&headers)
        };
        let none = HeadersPresent::default();
        assert_eq!(of("accept"), none);
        assert_eq!(of("accept-encoding"), HeadersPresent { accept_encoding: true, ..none });
        assert_eq!(of("content-type"), HeadersPresent { content_type: true, ..none });
        assert_eq!(of("origin"), HeadersPresent { origin: true, ..none });
        assert_eq!(of("sec-fetch-site"), HeadersPresent { sec_fetch_site: true, ..none });
        assert_eq!(of("upgrade"), HeadersPresent { upgrade: true, ..none });
        assert_eq!(of("user-agent"), HeadersPresent { user_agent: true, ..none });
    }
}
