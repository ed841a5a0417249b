//! Which part of the service a path below it names (SockJS 0.3.3, "Static URLs", "Session URLs").

use http::Method;

/// What a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route<'a> {
    Greeting,
    Info,
    Iframe,
    RawWebSocket,
    /// A session of this key, and what is done with it.
    Session(&'a str, Action),
    Unknown,
}

/// What is done with a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    WebSocket,
    Xhr,
    XhrStreaming,
    XhrSend,
    EventSource,
    HtmlFile,
    Jsonp,
    JsonpSend,
}

impl<'a> Route<'a> {
    /// `rest` is the path behind the service's own.
    pub(crate) fn of(rest: &'a str) -> Self {
        match rest {
            "" | "/" => return Route::Greeting,
            "/info" => return Route::Info,
            "/websocket" => return Route::RawWebSocket,
            _ => {}
        }
        let mut segments = rest.strip_prefix('/').unwrap_or_default().split('/');
        let found = [(); 4].map(|()| segments.next());
        match found {
            [Some(name), None, ..] if is_iframe(name) => Route::Iframe,
            [Some(server), Some(key), Some(action), None] if is_id(server) && is_id(key) => {
                Action::of(action).map_or(Route::Unknown, |action| Route::Session(key, action))
            }
            _ => Route::Unknown,
        }
    }

    /// The methods it takes.
    pub(crate) fn methods(self) -> &'static [Method] {
        const GET: &[Method] = &[Method::GET];
        const POST: &[Method] = &[Method::POST];
        const GET_FROM_ELSEWHERE: &[Method] = &[Method::OPTIONS, Method::GET];
        const POST_FROM_ELSEWHERE: &[Method] = &[Method::OPTIONS, Method::POST];
        match self {
            Route::Info => GET_FROM_ELSEWHERE,
            Route::Session(_, Action::Xhr | Action::XhrStreaming | Action::XhrSend) => {
                POST_FROM_ELSEWHERE
            }
            Route::Session(_, Action::JsonpSend) => POST,
            _ => GET,
        }
    }
}

impl Action {
    fn of(name: &str) -> Option<Self> {
        Some(match name {
            "websocket" => Action::WebSocket,
            "xhr" => Action::Xhr,
            "xhr_streaming" => Action::XhrStreaming,
            "xhr_send" => Action::XhrSend,
            "eventsource" => Action::EventSource,
            "htmlfile" => Action::HtmlFile,
            "jsonp" => Action::Jsonp,
            "jsonp_send" => Action::JsonpSend,
            _ => return None,
        })
    }
}

/// Whatever a client writes for a server or a session, without a dot.
fn is_id(segment: &str) -> bool {
    !segment.is_empty() && !segment.contains('.') && segment.len() <= ID_BYTES_MAX
}

/// `iframe.html`, `iframe-1.6.1.html` and the like: a version in the name makes it cacheable for ever.
fn is_iframe(name: &str) -> bool {
    let version = name.strip_prefix("iframe").and_then(|rest| rest.strip_suffix(".html"));
    version.is_some_and(|version| {
        version.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'z' | b'-' | b'.' | b'_'))
    })
}

/// Clients write 8 characters.
const ID_BYTES_MAX: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_have_three_segments() {
        assert_eq!(Route::of("/000/abc/xhr"), Route::Session("abc", Action::Xhr));
        assert_eq!(Route::of("/a/a/xhr_send"), Route::Session("a", Action::XhrSend));
        for path in [
            "//",
            "/a",
            "/a/",
            "/a/a",
            "/a/a/",
            "/a//xhr",
            "//a/xhr",
            "/a/a.b/xhr",
            "/a.b/a/xhr",
            "/a/a/xhr/",
            "/a/a/XHR",
            "/a/a/a/xhr",
            "/info/",
            "x",
        ] {
            assert_eq!(Route::of(path), Route::Unknown, "{path}");
        }
        let long = "x".repeat(ID_BYTES_MAX + 1);
        assert_eq!(Route::of(&format!("/a/{long}/xhr")), Route::Unknown);
    }

    #[test]
    fn the_iframe_has_a_version_in_its_name() {
        for name in ["/iframe.html", "/iframe-a.html", "/iframe-0.3.3_x.html"] {
            assert_eq!(Route::of(name), Route::Iframe, "{name}");
        }
        for name in [
            "/iframe",
            "/iframe-A.html",
            "/iframe.htm",
            "/IFRAME.HTML",
            "/iframe.xml",
            "/a/iframe.html",
        ] {
            assert_eq!(Route::of(name), Route::Unknown, "{name}");
        }
    }
}
