//! Settings of one SockJS service.

use std::time::Duration;

use thiserror::Error;

/// Settings of one SockJS service. Limits, origins and hooks are the engine's.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where it answers, without a slash at the end. Default `/sockjs`.
    pub path: String,
    /// Whether WebSockets are served, framed and raw. Default `true`.
    pub websocket: bool,
    /// What `info` tells clients: that their requests have to bring cookies, and so a load balancer's. Each
    /// answer then carries the cookie `JSESSIONID`, the client's own or `dummy`. Default `false`.
    pub cookie_needed: bool,
    /// The page for iframes, by which a page of another origin gets around what its browser cannot do.
    /// Default `None`: not served.
    pub iframe: Option<Iframe>,
    /// Streaming into an iframe, for browsers without anything better. Default `false`.
    pub htmlfile: bool,
    /// Polling by script elements, which ask for no origin: any page can read what is sent, and send with
    /// the visitor's cookies. Default `false`.
    pub jsonp: bool,
    /// Whether pages of every origin may bring cookies, where
    /// [`origins`](sockeye_engine::Config::origins) lets in every one: any page can then act as its visitor.
    /// `sockjs-client` always asks with credentials, and so reads no answer of another origin without.
    /// Default `false`: only pages of origins that are named.
    pub cookies_of_any_origin: bool,
    /// After so many bytes a stream ends, and the client asks for the next: browsers keep all of it. Default
    /// 128 KiB.
    pub response_bytes_max: usize,
    /// From one heartbeat to the next. Default 25 s.
    pub heartbeat_delay: Duration,
    /// From a heartbeat on a WebSocket to a sign of life. Default 10 s.
    pub heartbeat_timeout: Duration,
    /// How long a session lives while no request of its client waits. Default 5 s.
    pub disconnect_delay: Duration,
    /// A text that is `b` and base64 is a binary message, as it is on its way out. Default `false`: a text
    /// like others.
    pub binary_messages: bool,
}

/// The page for iframes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Iframe {
    /// Where `sockjs-client` is, on this server: `/sockjs.min.js`.
    pub script: String,
    /// Origins whose pages may show it, as in the directive `frame-ancestors` of a content security policy:
    /// `https://app.example`. Not empty.
    pub ancestors: Vec<String>,
}

/// Why a configuration makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// Of the engine.
    #[error(transparent)]
    Engine(#[from] sockeye_engine::ConfigError),
    /// The path begins with no slash, ends with one, or has a `?` or `#`.
    #[error(
        "path {0:?}: write it with a slash at its beginning and none at its end, such as /sockjs"
    )]
    Path(String),
    /// A time of zero, by which every session would end.
    #[error("{0} is zero: nothing could be answered in time")]
    Zero(&'static str),
    /// An iframe that no page may show.
    #[error("iframe.ancestors is empty: name the origins whose pages may show it")]
    NoAncestors,
    /// What of the iframe's settings would become part of the page or its headers.
    #[error("iframe: {0:?} has a character that no URL has")]
    Iframe(String),
}

impl Default for Config {
    fn default() -> Self {
        Config {
            path: "/sockjs".to_owned(),
            websocket: true,
            cookie_needed: false,
            iframe: None,
            htmlfile: false,
            jsonp: false,
            cookies_of_any_origin: false,
            response_bytes_max: 128 * 1024,
            heartbeat_delay: Duration::from_secs(25),
            heartbeat_timeout: Duration::from_secs(10),
            disconnect_delay: Duration::from_secs(5),
            binary_messages: false,
        }
    }
}

impl Config {
    pub(crate) fn checked(self) -> Result<Self, ConfigError> {
        let path = &self.path;
        if !path.starts_with('/') || path.ends_with('/') || path.contains(['?', '#']) {
            return Err(ConfigError::Path(self.path));
        }
        for (name, delay) in [
            ("heartbeat_delay", self.heartbeat_delay),
            ("heartbeat_timeout", self.heartbeat_timeout),
            ("disconnect_delay", self.disconnect_delay),
        ] {
            if delay.is_zero() {
                return Err(ConfigError::Zero(name));
            }
        }
        if let Some(iframe) = &self.iframe {
            if iframe.ancestors.is_empty() {
                return Err(ConfigError::NoAncestors);
            }
            let is_url = |text: &str| {
                !text.is_empty()
                    && text
                        .bytes()
                        .all(|byte| byte.is_ascii_graphic() && !b"\"'<>\\;,".contains(&byte))
            };
            let texts = std::iter::once(&iframe.script).chain(&iframe.ancestors);
            if let Some(text) = texts.into_iter().find(|text| !is_url(text) && *text != "'self'") {
                return Err(ConfigError::Iframe(text.clone()));
            }
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_makes_no_sense() {
        assert!(Config::default().checked().is_ok());
        for path in ["", "/", "echo", "/echo/", "/a?b"] {
            let error =
                Config { path: path.to_owned(), ..Config::default() }.checked().unwrap_err();
            assert_eq!(error, ConfigError::Path(path.to_owned()));
        }
        let zero = Config { disconnect_delay: Duration::ZERO, ..Config::default() };
        assert_eq!(zero.checked().unwrap_err(), ConfigError::Zero("disconnect_delay"));
        let iframe = |script: &str, ancestors: &[&str]| Config {
            iframe: Some(Iframe {
                script: script.to_owned(),
                ancestors: ancestors.iter().map(|&it| it.to_owned()).collect(),
            }),
            ..Config::default()
        };
        assert!(iframe("/sockjs.js", &["https://app.example", "'self'"]).checked().is_ok());
        assert_eq!(iframe("/sockjs.js", &[]).checked().unwrap_err(), ConfigError::NoAncestors);
        for (script, ancestor) in
            [("/a\"b", "https://a"), ("/a", "https://a; script-src *"), ("/a", "a,b")]
        {
            let error = iframe(script, &[ancestor]).checked().unwrap_err();
            assert!(matches!(error, ConfigError::Iframe(_)), "{error}");
        }
    }
}
