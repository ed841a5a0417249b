//! JSONP, for pages of browsers without cross-origin requests (SOCKETIO_SURFACE A1.3).
//!
//! An answer is a script that calls a function of the page with the payload; a POST is a form with
//! the payload in its field `d`.

use bytes::Bytes;
use sockeye_net::lines::push_json_string;

use crate::http::query::pairs;

/// The script that hands a payload to the page. `index` has nothing but digits.
pub(crate) fn script(index: &str, payload: &[u8]) -> Vec<u8> {
    // The session's payloads for JSONP are text.
    let payload = String::from_utf8_lossy(payload);
    let mut out = Vec::with_capacity(payload.len() + payload.len() / 8 + index.len() + 16);
    out.extend_from_slice(b"___eio[");
    out.extend_from_slice(index.as_bytes());
    out.extend_from_slice(b"](");
    push_json_string(&payload, &mut out);
    out.extend_from_slice(b");");
    out
}

/// The payload in a form. `None`: there is no field `d`, or the form is no text.
pub(crate) fn form_payload(body: &[u8]) -> Option<Bytes> {
    let body = std::str::from_utf8(body).ok()?;
    let (_, data) = pairs(body).filter(|(name, _)| name == "d").last()?;
    Some(unescape_newlines(&data).into())
}

/// Forms turn line breaks into `\r\n`, so clients write `\n` as a backslash and an `n`, and a
/// backslash in front of an `n` as two.
fn unescape_newlines(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let (piece, used) = if rest.starts_with("\\\\n") {
            ("\\n", 3)
        } else if rest.starts_with("\\n") {
            ("\n", 2)
        } else {
            ("\\", 1)
        };
        out.push_str(piece);
        rest = &rest[used..];
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_becomes_a_script() {
        let script = script("0", "4a\"\\\n\u{1e}4€\u{2028}</script>".as_bytes());
        assert_eq!(
            std::str::from_utf8(&script).unwrap(),
            "___eio[0](\"4a\\\"\\\\\\n\\u001e4€\\u2028</script>\");"
        );
    }

    #[test]
    fn a_form_holds_a_payload() {
        let payload = |body: &str| form_payload(body.as_bytes());
        assert_eq!(payload("d=4hello+%E2%82%AC").as_deref(), Some("4hello €".as_bytes()));
        assert_eq!(payload("x=1&d=4a%5Cnb").as_deref(), Some(&b"4a\nb"[..]));
        assert_eq!(payload("d=4a%5C%5Cnb%5Cx").as_deref(), Some(&b"4a\\nb\\x"[..]));
        assert_eq!(payload("x=1"), None);
        assert_eq!(form_payload(b"d=\xff"), None);
    }
}
