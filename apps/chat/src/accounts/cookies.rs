//! The cookie of a session.

use axum::http::{HeaderMap, HeaderValue, header};

use super::{COOKIE, SECURE_COOKIE, SESSION_LIFETIME};
use crate::id::Secret;

/// The name of a session's cookie.
pub fn cookie_name(is_secure: bool) -> &'static str {
    if is_secure { SECURE_COOKIE } else { COOKIE }
}

/// The session's cookie of a request; of several with the name the first, as everywhere in the program.
pub(crate) fn read(headers: &HeaderMap, is_secure: bool) -> Option<&str> {
    let lists = headers.get_all(header::COOKIE).into_iter();
    let pairs = lists.filter_map(|list| list.to_str().ok()).flat_map(|list| list.split(';'));
    let mut pairs = pairs.filter_map(|pair| pair.split_once('='));
    let name = cookie_name(is_secure);
    pairs.find(|(found, _)| found.trim() == name).map(|(_, value)| value.trim())
}

/// Sets it, or makes it last as long as its session again.
pub(crate) fn set(secret: &str, is_secure: bool) -> Option<HeaderValue> {
    with_age(secret, is_secure, SESSION_LIFETIME / 1_000)
}

/// Takes it away.
pub(crate) fn clear(is_secure: bool) -> Option<HeaderValue> {
    with_age("", is_secure, 0)
}

/// That of a new session.
pub(crate) fn of(secret: &Secret, is_secure: bool) -> Option<HeaderValue> {
    set(secret.as_str(), is_secure)
}

fn with_age(value: &str, is_secure: bool, seconds: i64) -> Option<HeaderValue> {
    let name = cookie_name(is_secure);
    let secure = if is_secure { "; Secure" } else { "" };
    let text = format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={seconds}{secure}");
    HeaderValue::try_from(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_of_its_own_name_is_read() {
        let mut headers = HeaderMap::new();
        assert_eq!(read(&headers, false), None);
        headers.append(header::COOKIE, HeaderValue::from_static("a=b; sockeye=1;sockeye=2"));
        headers.append(header::COOKIE, HeaderValue::from_static(" __Host-sockeye = 3 "));
        assert_eq!(read(&headers, false), Some("1"));
        assert_eq!(read(&headers, true), Some("3"), "under TLS the other one does not count");
    }

    #[test]
    fn scripts_and_other_sites_have_no_part_in_it() {
        assert_eq!(
            set("x", false).unwrap(),
            "sockeye=x; Path=/; HttpOnly; SameSite=Lax; Max-Age=2592000"
        );
        assert_eq!(
            clear(true).unwrap(),
            "__Host-sockeye=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0; Secure"
        );
    }
}
