//! Headers of answers that are made often: copying a map costs a third of filling it.

use std::sync::OnceLock;

use http::header::{CONNECTION, HeaderMap, HeaderValue};
use http::request::Parts;

use super::keep_alive::KEEP_ALIVE;
use super::target::Inspected;

/// The headers of one kind of answer, ready to be copied, with what the listener adds to it.
#[derive(Debug)]
pub struct ReadyHeaders {
    plain: HeaderMap,
    /// As the first listener with one announces it.
    announced: OnceLock<Box<(u32, HeaderMap)>>,
}

/// For how many seconds a listener keeps the connection of a request behind its answer.
#[derive(Clone, Copy, Debug)]
pub struct KeptSeconds(Option<u32>);

impl KeptSeconds {
    /// What [`HttpServer`](super::HttpServer) says of a request.
    pub fn of(head: &Parts) -> Self {
        Self(head.extensions.get::<Inspected>().and_then(|inspected| inspected.kept_seconds))
    }
}

impl ReadyHeaders {
    /// Of these headers.
    pub const fn new(plain: HeaderMap) -> Self {
        Self { plain, announced: OnceLock::new() }
    }

    /// A copy for the answer to a request.
    pub fn copy(&self, kept: KeptSeconds) -> HeaderMap {
        let Some(seconds) = kept.0 else { return self.plain.clone() };
        let announced = self.announced.get_or_init(|| {
            let mut headers = self.plain.clone();
            headers.insert(CONNECTION, HeaderValue::from_static("keep-alive"));
            let timeout = HeaderValue::from_str(&format!("timeout={seconds}"));
            headers.insert(KEEP_ALIVE, timeout.expect("a number is a header's value"));
            Box::new((seconds, headers))
        });
        // A service may have listeners that differ. The others add theirs themselves.
        if announced.0 == seconds { announced.1.clone() } else { self.plain.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_that_differs_is_left_to_itself() {
        let headers = ReadyHeaders::new(HeaderMap::new());
        let timeout = |seconds| headers.copy(KeptSeconds(seconds)).get(KEEP_ALIVE).cloned();
        assert_eq!(timeout(None), None);
        assert_eq!(timeout(Some(10)), Some(HeaderValue::from_static("timeout=10")));
        assert_eq!(timeout(Some(75)), None);
        assert_eq!(timeout(Some(10)), Some(HeaderValue::from_static("timeout=10")));
    }
}
