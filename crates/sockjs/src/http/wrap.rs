//! How a frame stands in the answer of each transport.

use bytes::Bytes;
use http::HeaderValue;

use crate::codec::quote::push_script_string;

/// What is around the frames of one answer.
#[derive(Clone, Debug)]
pub(crate) enum Wrap {
    /// A line each.
    Xhr,
    /// The same, behind so much that browsers hand it on.
    XhrStreaming,
    /// An event each (the HTML standard, 9.2).
    EventSource,
    /// A script each, in a page that calls this function of the page around it.
    HtmlFile { callback: String },
    /// One script, which calls this function.
    Jsonp { callback: String },
}

impl Wrap {
    /// What stands before the first frame, as a piece of its own.
    pub(crate) fn prelude(&self) -> Option<Bytes> {
        match self {
            Wrap::Xhr | Wrap::Jsonp { .. } => None,
            Wrap::XhrStreaming => {
                let mut prelude = vec![b'h'; PRELUDE_BYTES];
                prelude.push(b'\n');
                Some(prelude.into())
            }
            Wrap::EventSource => Some(Bytes::from_static(b"\r\n")),
            Wrap::HtmlFile { callback } => Some(html_head(callback).into()),
        }
    }

    /// A frame on its way.
    pub(crate) fn frame(&self, frame: &[u8]) -> Bytes {
        let mut out = Vec::with_capacity(frame.len() + frame.len() / 8 + 32);
        let text = str::from_utf8(frame).unwrap_or_default();
        match self {
            Wrap::Xhr | Wrap::XhrStreaming => {
                out.extend_from_slice(frame);
                out.push(b'\n');
            }
            Wrap::EventSource => {
                out.extend_from_slice(b"data: ");
                push_percent_escaped(frame, &mut out);
                out.extend_from_slice(b"\r\n\r\n");
            }
            Wrap::HtmlFile { .. } => {
                out.extend_from_slice(b"<script>\np(");
                push_script_string(text, &mut out);
                out.extend_from_slice(b");\n</script>\r\n");
            }
            Wrap::Jsonp { callback } => {
                // The comment keeps a callback from being read as anything but a script.
                out.extend_from_slice(b"/**/");
                out.extend_from_slice(callback.as_bytes());
                out.push(b'(');
                push_script_string(text, &mut out);
                out.extend_from_slice(b");\r\n");
            }
        }
        out.into()
    }

    /// The media type of the answer.
    pub(crate) fn content_type(&self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Wrap::Xhr | Wrap::XhrStreaming | Wrap::Jsonp { .. } => {
                "application/javascript; charset=UTF-8"
            }
            Wrap::EventSource => "text/event-stream",
            Wrap::HtmlFile { .. } => "text/html; charset=UTF-8",
        })
    }
}

/// The client undoes percent-encoding (RFC 3986 §2.1) of what it gets by `EventSource`. Of what it has to
/// undo only the percent sign itself is left in a frame.
fn push_percent_escaped(frame: &[u8], out: &mut Vec<u8>) {
    for (number, part) in frame.split(|&byte| byte == b'%').enumerate() {
        if number > 0 {
            out.extend_from_slice(b"%25");
        }
        out.extend_from_slice(part);
    }
}

/// The page of an iframe, up to where its scripts follow. Browsers show nothing of a page before they have
/// 1,024 bytes of it.
fn html_head(callback: &str) -> String {
    let mut head = format!(
        "<!doctype html>\n<html><head>\n  <meta http-equiv=\"X-UA-Compatible\" content=\"IE=edge\" />\n  \
         <meta http-equiv=\"Content-Type\" content=\"text/html; charset=UTF-8\" />\n</head><body><h2>Don't \
         panic!</h2>\n  <script>\n    document.domain = document.domain;\n    var c = parent.{callback};\n    \
         c.start();\n    function p(d) {{c.message(d);}};\n    window.onload = function() {{c.stop();}};\n  </script>"
    );
    while head.len() < HTML_HEAD_BYTES {
        head.push(' ');
    }
    head.push_str("\r\n\r\n");
    head
}

/// The name of a function in a query, if it is one that may stand in a script. The error is what the client
/// is told.
pub(crate) fn callback(query: Option<&str>) -> Result<String, &'static str> {
    let pairs = || sockeye_engine::query_pairs(query.unwrap_or_default());
    let named = |wanted: &str| pairs().find(|(name, _)| name == wanted).map(|(_, value)| value);
    let callback = named("c").or_else(|| named("callback")).unwrap_or_default();
    if callback.is_empty() {
        return Err("\"callback\" parameter required");
    }
    let is_name = callback.len() <= CALLBACK_BYTES_MAX
        && callback.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    if is_name { Ok(callback.into_owned()) } else { Err("invalid \"callback\" parameter") }
}

/// So many bytes some browsers keep back.
const PRELUDE_BYTES: usize = 2048;
const HTML_HEAD_BYTES: usize = 1024;
/// `sockjs-client` writes 14.
const CALLBACK_BYTES_MAX: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_transport_has_its_own() {
        let frame = br#"a["<\""]"#;
        let html = Wrap::HtmlFile { callback: "cb".to_owned() };
        let jsonp = Wrap::Jsonp { callback: "_j.x".to_owned() };
        assert_eq!(&Wrap::Xhr.frame(frame)[..], b"a[\"<\\\"\"]\n");
        assert_eq!(&Wrap::EventSource.frame(b"o")[..], b"data: o\r\n\r\n");
        assert_eq!(&Wrap::EventSource.frame(b"%a[%]%")[..], b"data: %25a[%25]%25\r\n\r\n");
        assert_eq!(
            &html.frame(frame)[..],
            b"<script>\np(\"a[\\\"\\u003c\\\\\\\"\\\"]\");\n</script>\r\n"
        );
        assert_eq!(&jsonp.frame(b"o")[..], b"/**/_j.x(\"o\");\r\n");
        assert_eq!(Wrap::XhrStreaming.prelude().unwrap().len(), 2049);
        let head = html.prelude().unwrap();
        assert!(head.len() > 1024 && str::from_utf8(&head).unwrap().contains("var c = parent.cb;"));
        assert_eq!(Wrap::Xhr.prelude(), None);
    }

    #[test]
    fn a_callback_is_a_name() {
        assert_eq!(callback(Some("c=_jp.a-1")).unwrap(), "_jp.a-1");
        assert_eq!(callback(Some("t=1&callback=abc")).unwrap(), "abc");
        for query in [None, Some(""), Some("c="), Some("d=1")] {
            assert_eq!(callback(query), Err("\"callback\" parameter required"));
        }
        for query in ["c=a%20b", "c=alert(1)", "c=%3Cscript%3E", "c=%ED%95%9C", "c=a;b"] {
            assert_eq!(callback(Some(query)), Err("invalid \"callback\" parameter"), "{query}");
        }
        let long = format!("c={}", "a".repeat(CALLBACK_BYTES_MAX + 1));
        assert_eq!(callback(Some(&long)), Err("invalid \"callback\" parameter"));
    }
}
