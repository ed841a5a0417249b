//! Headers of a response that do not depend on what is answered.

use http::header::{Entry, HeaderMap, HeaderValue, SET_COOKIE, VARY};
use http::request::Parts;
use http::{Response, StatusCode};

use crate::http::response_body::Body;
use crate::session::config::Config;

/// Headers to add to a response. They are made when the request arrives, since a poll that waits
/// keeps nothing of its request, and are empty, without an allocation, unless they are asked for.
#[derive(Debug, Default)]
pub(crate) struct ResponseHeaders {
    /// For every response.
    always: Option<Box<HeaderMap>>,
    /// For those that are no refusals.
    granted: Option<Box<HeaderMap>>,
}

impl ResponseHeaders {
    /// What every response says.
    pub(crate) fn new<'a>(
        config: &Config,
        head: &'a Parts,
        host: impl Fn() -> Option<&'a str>,
    ) -> Self {
        let mut added = ResponseHeaders::default();
        if let Some(cors) = &config.cors {
            let out = added.always.get_or_insert_default();
            cors.extend(&config.origins, (&head.headers, host()), out);
        }
        added
    }

    /// Asks the hooks; `opens` for the response that opens a session.
    pub(crate) fn ask_hooks(&mut self, config: &Config, head: &Parts, opens: bool) {
        if opens && let Some(change) = &config.hooks.initial_headers {
            change(self.granted.get_or_insert_default(), head);
        }
        if let Some(change) = &config.hooks.headers {
            change(self.granted.get_or_insert_default(), head);
        }
    }

    pub(crate) fn set_cookie(&mut self, cookie: HeaderValue) {
        self.granted.get_or_insert_default().append(SET_COOKIE, cookie);
    }

    /// Adds them to their response.
    pub(crate) fn on(self, mut response: Response<Body>) -> Response<Body> {
        let granted =
            response.status().is_success() || response.status() == StatusCode::SWITCHING_PROTOCOLS;
        let granted = self.granted.filter(|_| granted);
        for headers in [self.always, granted].into_iter().flatten() {
            merge(*headers, response.headers_mut());
        }
        response
    }
}

/// A header that is given replaces one of the engine's; cookies and `Vary` are added.
fn merge(mut headers: HeaderMap, out: &mut HeaderMap) {
    for name in [SET_COOKIE, VARY] {
        if let Entry::Occupied(added) = headers.entry(&name) {
            for value in added.remove_entry_mult().1 {
                out.append(&name, value);
            }
        }
    }
    out.extend(headers);
}
