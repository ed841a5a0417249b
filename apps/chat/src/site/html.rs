//! The little HTML that the server writes itself: for browsers without scripts, and for a program
//! that was built without the page. In Korean and English, since nobody was asked yet.

use std::error::Error;
use std::fmt::Write as _;

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

/// A whole page.
pub(crate) fn document(body: &str) -> String {
    format!(
        "<!doctype html><html><head><meta charset=\"utf-8\"><title>Sockeye</title>\
         <meta name=\"viewport\" content=\"width=device-width\">\
         <meta name=\"color-scheme\" content=\"light dark\"></head><body>{body}</body></html>"
    )
}

/// Text as the value of an attribute in double quotes.
pub(crate) fn attribute(text: &str) -> String {
    text.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;").replace('>', "&gt;")
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
