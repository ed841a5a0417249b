//! The headers of good answers to polls and posts, made once: to copy them costs less than to put
//! them together each time.

use std::sync::{LazyLock, OnceLock};

use http::header::{
    CACHE_CONTROL, CONNECTION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue,
    X_CONTENT_TYPE_OPTIONS,
};

use crate::refusal::{CROSS_ORIGIN, CROSS_ORIGIN_RESOURCE_POLICY, SAME_ORIGIN};

#[derive(Debug)]
pub(crate) struct AnswerHeaders {
    pub(crate) accepted: HeaderMap,
    pub(crate) text: HeaderMap,
    pub(crate) binary: HeaderMap,
    /// A JSONP script.
    pub(crate) script: HeaderMap,
    pub(crate) script_for_all: HeaderMap,
}

impl AnswerHeaders {
    fn new() -> Self {
        // Browsers run a script only as what it is. The official server calls it plain text, which
        // those that heed `nosniff` would not run.
        let mut script = success("text/javascript; charset=UTF-8");
        script.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        let mut script_for_all = script.clone();
        script_for_all.insert(CROSS_ORIGIN_RESOURCE_POLICY, CROSS_ORIGIN);
        AnswerHeaders {
            accepted: success("text/html"),
            text: success("text/plain; charset=UTF-8"),
            binary: success("application/octet-stream"),
            script,
            script_for_all,
        }
    }

    /// With what the listener would add to each.
    fn kept(seconds: u32) -> Self {
        let mut all = Self::new();
        let timeout = HeaderValue::from_str(&format!("timeout={seconds}"));
        let timeout = timeout.expect("a number is a header's value");
        for headers in [
            &mut all.accepted,
            &mut all.text,
            &mut all.binary,
            &mut all.script,
            &mut all.script_for_all,
        ] {
            headers.insert(CONNECTION, HeaderValue::from_static("keep-alive"));
            headers.insert(KEEP_ALIVE, timeout.clone());
        }
        all
    }
}

/// What every good answer of this type says.
fn success(content_type: &'static str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(CROSS_ORIGIN_RESOURCE_POLICY, SAME_ORIGIN);
    headers
}

/// The headers by how long the listener keeps the connection.
#[derive(Debug, Default)]
pub(crate) struct KeptHeaders(OnceLock<Box<(u32, AnswerHeaders)>>);

impl KeptHeaders {
    /// For a connection that is kept for so many seconds, if it is.
    pub(crate) fn of(&self, keep_alive_seconds: Option<u32>) -> &AnswerHeaders {
        let Some(seconds) = keep_alive_seconds else { return &PLAIN };
        let kept = self.0.get_or_init(|| Box::new((seconds, AnswerHeaders::kept(seconds))));
        // An engine may have listeners that differ. The others add theirs themselves.
        if kept.0 == seconds { &kept.1 } else { &PLAIN }
    }
}

static PLAIN: LazyLock<AnswerHeaders> = LazyLock::new(AnswerHeaders::new);

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_that_differs_is_left_to_itself() {
        let headers = KeptHeaders::default();
        let timeout = |seconds| headers.of(seconds).text.get(KEEP_ALIVE).cloned();
        assert_eq!(timeout(None), None);
        assert_eq!(timeout(Some(10)), Some(HeaderValue::from_static("timeout=10")));
        assert_eq!(timeout(Some(75)), None);
        assert_eq!(timeout(Some(10)), Some(HeaderValue::from_static("timeout=10")));
    }
}
