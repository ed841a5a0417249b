//! The little HTML that the server writes itself: for browsers without scripts, and for a program
//! that was built without the page. In Korean and English, since nobody was asked yet.

use std::error::Error;
use std::fmt::Write as _;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::contract::{FIRST_ROOM, RoomSummary};

pub(crate) const NO_UI: &str = "<h1>Sockeye</h1>\
    <p lang=\"ko\">이 프로그램은 화면 없이 만들어졌습니다. <code>cargo xtask serve</code> 로 화면까지 만들어 실행하세요.</p>\
    <p lang=\"en\">This program was built without its page. Build and serve both with <code>cargo xtask serve</code>.</p>";
pub(crate) const MISSING: &str = "<h1>404</h1>\
    <p lang=\"ko\">이 주소에는 아무것도 없습니다. <a href=\"/\">방 목록</a></p>\
    <p lang=\"en\">There is nothing at this address. <a href=\"/\">All rooms</a></p>";
pub(super) const FAILED: &str = "<h1>500</h1>\
    <p lang=\"ko\">서버에 문제가 생겼습니다. 잠시 후 다시 시도해 주세요.</p>\
    <p lang=\"en\">Something is wrong with the server. Please try again in a moment.</p>";
pub(super) const NEEDS_SCRIPT: &str = "<p lang=\"ko\">대화하려면 자바스크립트가 필요합니다.</p>\
    <p lang=\"en\">Chatting needs JavaScript.</p>";

/// Characters that may stand in a segment of a path as they are (RFC 3986 §2.3).
const ESCAPED_IN_PATHS: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A whole page.
pub(crate) fn document(body: &str) -> String {
    format!(
        "<!doctype html><html><head><meta charset=\"utf-8\"><title>Sockeye</title>\
         <meta name=\"viewport\" content=\"width=device-width\">\
         <meta name=\"color-scheme\" content=\"light dark\"></head><body>{body}</body></html>"
    )
}

/// The list of rooms, each a link.
pub(super) fn room_links(rooms: &[RoomSummary]) -> String {
    let mut out = String::from("<ul>");
    for room in rooms {
        let href = match room.name.as_str() {
            FIRST_ROOM => "/room".to_owned(),
            name => format!("/room/{}", utf8_percent_encode(name, ESCAPED_IN_PATHS)),
        };
        let name = escape(&room.name);
        let _ = write!(out, "<li><a href=\"{href}\">{name}</a> ({})", room.people);
        if let Some(last) = &room.last {
            let _ = write!(out, " {}: {}", escape(&last.name), escape(&last.msg));
        }
        out.push_str("</li>");
    }
    out + "</ul>"
}

/// An error with its causes, for the log.
pub(super) fn chain(error: &dyn Error) -> String {
    let mut out = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let _ = write!(out, ": {error}");
        cause = error.source();
    }
    out
}

/// Text as it may stand in an element or a quoted attribute.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::StoredMessage;

    #[test]
    fn what_people_write_stays_text() {
        let last = StoredMessage { id: 1, name: "<i>".into(), msg: "a & \"b\"".into(), at: 0 };
        let evil = RoomSummary { name: "\"><script>'/방".into(), people: 2, last: Some(last) };
        assert_eq!(
            room_links(&[evil]),
            "<ul><li><a href=\"/room/%22%3E%3Cscript%3E%27%2F%EB%B0%A9\">\
             &quot;&gt;&lt;script&gt;&#39;/방</a> (2) &lt;i&gt;: a &amp; &quot;b&quot;</li></ul>"
        );
    }
}
