//! The query of a request.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

/// The parameters the engine looks at. Of a repeated one the last counts, as in the official
/// server.
#[derive(Debug, Default)]
pub(crate) struct Query<'a> {
    pub(crate) revision: Option<Cow<'a, str>>,
    pub(crate) transport: Option<Cow<'a, str>>,
    /// An empty one counts as absent.
    pub(crate) sid: Option<Cow<'a, str>>,
    /// `b64` with any value but an empty one.
    pub(crate) base64: bool,
    /// `j`, which asks for JSONP.
    pub(crate) jsonp: Option<Cow<'a, str>>,
}

impl<'a> Query<'a> {
    pub(crate) fn parse(query: Option<&'a str>) -> Self {
        let mut parsed = Query::default();
        let query = query.unwrap_or_default();
        let escaped = has_escapes(query);
        let decode = |text| if escaped { decode(text) } else { Cow::Borrowed(text) };
        for (name, value) in split(query) {
            let value = decode(value);
            match &*decode(name) {
                "EIO" => parsed.revision = Some(value),
                "transport" => parsed.transport = Some(value),
                "sid" => parsed.sid = Some(value),
                "b64" => parsed.base64 = !value.is_empty(),
                "j" => parsed.jsonp = Some(value),
                _ => {}
            }
        }
        parsed.sid = parsed.sid.filter(|sid| !sid.is_empty());
        parsed
    }
}

/// The parameters of a query (without its `?`), decoded as `application/x-www-form-urlencoded`.
pub fn pairs(query: &str) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
    split(query).map(|(name, value)| (decode(name), decode(value)))
}

/// The parameters as they stand there.
fn split(query: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut rest = query;
    std::iter::from_fn(move || {
        rest = rest.trim_start_matches('&');
        if rest.is_empty() {
            return None;
        }
        // Too short for what a search of the library prepares. Each byte is looked at once.
        let ends_name = |byte| byte == b'=' || byte == b'&';
        let name_end = rest.bytes().position(ends_name).unwrap_or(rest.len());
        let (name, after) = rest.split_at(name_end);
        rest = after;
        let Some(after) = after.strip_prefix('=') else { return Some((name, "")) };
        let value_end = after.bytes().position(|byte| byte == b'&').unwrap_or(after.len());
        let (value, after) = after.split_at(value_end);
        rest = after;
        Some((name, value))
    })
}

fn has_escapes(text: &str) -> bool {
    // All of it, which is faster than to stop early.
    text.bytes().fold(false, |found, byte| found | (byte == b'%') | (byte == b'+'))
}

/// Undoes `+` and `%XX`. What is not UTF-8 becomes U+FFFD; a `%` without two digits stays.
fn decode(text: &str) -> Cow<'_, str> {
    if !has_escapes(text) {
        return Cow::Borrowed(text);
    }
    let spaced = text.replace('+', " ");
    Cow::Owned(percent_decode_str(&spaced).decode_utf8_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_of_a_repeated_parameter_counts() {
        let query = Query::parse(Some("EIO=3&transport=x&EIO=4&sid=&transport=polling&t=abc"));
        assert_eq!(query.revision.as_deref(), Some("4"));
        assert_eq!(query.transport.as_deref(), Some("polling"));
        assert_eq!(query.sid, None);
        let query = Query::parse(Some("EIO=4&%73id=a%2Fb&b64=1"));
        assert_eq!((query.sid.as_deref(), query.base64), (Some("a/b"), true));
    }

    #[test]
    fn escapes_are_undone_and_bad_ones_kept() {
        let decoded = |text| decode(text).into_owned();
        assert_eq!(decoded("a+b%20c%C3%A9"), "a b cé");
        assert_eq!(decoded("%"), "%");
        assert_eq!(decoded("%4"), "%4");
        assert_eq!(decoded("%zz%41"), "%zzA");
        assert_eq!(decoded("%ff"), "\u{fffd}");
        assert_eq!(pairs("&&a&=b&c=d=e").count(), 3);
        assert!(pairs("").next().is_none());
        let split: Vec<_> = split("&a=1&&b&=c&d==e=&&").collect();
        assert_eq!(split, [("a", "1"), ("b", ""), ("", "c"), ("d", "=e=")]);
    }
}
