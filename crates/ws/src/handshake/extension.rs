//! `Sec-WebSocket-Extensions` (RFC 6455 §9.1), read in time linear in its length and without
//! allocation.
//!
//! ```text
//! extension = token *( ";" parameter )     parameter = token [ "=" ( token | quoted-string ) ]
//! ```

use std::borrow::Cow;

use http::header::{HeaderMap, SEC_WEBSOCKET_EXTENSIONS};

use super::header::{is_token, is_token_byte};

/// `Sec-WebSocket-Extensions` breaks the grammar, which ends the handshake (RFC 6455 §9.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed Sec-WebSocket-Extensions")]
pub struct MalformedExtensions;

/// An extension offered or accepted, with its parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extension<'a> {
    name: &'a str,
    /// From the first semicolon on; the grammar was checked.
    parameters: &'a str,
}

impl<'a> Extension<'a> {
    /// Its name, a token. Names are compared as they are, with regard to case.
    pub const fn name(&self) -> &'a str {
        self.name
    }

    /// Name and value of each parameter, in order, repeated ones included. Quotes are resolved.
    pub fn parameters(&self) -> impl Iterator<Item = (&'a str, Option<Cow<'a, str>>)> {
        let mut cursor = Cursor { rest: self.parameters };
        std::iter::from_fn(move || if cursor.eat(b';') { cursor.parameter() } else { None })
    }
}

/// The extensions in `Sec-WebSocket-Extensions`, in order, over all its lines. After an error nothing
/// follows from that line.
pub fn extensions(
    headers: &HeaderMap,
) -> impl Iterator<Item = Result<Extension<'_>, MalformedExtensions>> {
    headers.get_all(SEC_WEBSOCKET_EXTENSIONS).into_iter().flat_map(|line| {
        // Whatever is not ASCII cannot be a token and fails as one.
        let mut cursor = Cursor { rest: line.to_str().unwrap_or("\u{fffd}") };
        std::iter::from_fn(move || {
            let extension = cursor.extension();
            if let Some(Err(_)) = extension {
                cursor.rest = "";
            }
            extension
        })
    })
}

/// What is left of a line.
struct Cursor<'a> {
    rest: &'a str,
}

impl<'a> Cursor<'a> {
    fn extension(&mut self) -> Option<Result<Extension<'a>, MalformedExtensions>> {
        // A list may have empty elements (RFC 9110 §5.6.1.2).
        self.rest = self.rest.trim_start_matches([' ', '\t', ',']);
        if self.rest.is_empty() {
            return None;
        }
        Some(self.extension_with_parameters().ok_or(MalformedExtensions))
    }

    fn extension_with_parameters(&mut self) -> Option<Extension<'a>> {
        let name = self.token()?;
        let start = self.rest;
        while self.eat(b';') {
            self.parameter()?;
        }
        let parameters = &start[..start.len() - self.rest.len()];
        let ended = self.rest.is_empty() || self.rest.starts_with(',');
        ended.then_some(Extension { name, parameters })
    }

    fn parameter(&mut self) -> Option<(&'a str, Option<Cow<'a, str>>)> {
        let name = self.token()?;
        let value = if self.eat(b'=') { Some(self.value()?) } else { None };
        Some((name, value))
    }

    fn value(&mut self) -> Option<Cow<'a, str>> {
        if !self.rest.starts_with('"') {
            return self.token().map(Cow::Borrowed);
        }
        let quoted = &self.rest[1..];
        let mut unescaped = None::<String>;
        let mut bytes = quoted.bytes().enumerate();
        let end = loop {
            let (index, mut byte) = bytes.next()?;
            if byte == b'"' {
                break index;
            }
            if byte == b'\\' {
                unescaped.get_or_insert_with(|| quoted[..index].to_owned());
                byte = bytes.next()?.1;
            }
            if let Some(unescaped) = &mut unescaped {
                unescaped.push(char::from(byte));
            }
        };
        self.rest = &quoted[end + 1..];
        self.skip_space();
        let value = unescaped.map_or(Cow::Borrowed(&quoted[..end]), Cow::Owned);
        // RFC 6455 §9.1: what is quoted has to be a token as well.
        is_token(&value).then_some(value)
    }

    fn token(&mut self) -> Option<&'a str> {
        let len = self.rest.bytes().take_while(|byte| is_token_byte(*byte)).count();
        let (token, rest) = self.rest.split_at(len);
        self.rest = rest;
        self.skip_space();
        (len > 0).then_some(token)
    }

    /// Takes one separator and the space around it.
    fn eat(&mut self, separator: u8) -> bool {
        let found = self.rest.as_bytes().first() == Some(&separator);
        if found {
            self.rest = &self.rest[1..];
            self.skip_space();
        }
        found
    }

    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t']);
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use http::HeaderValue;

    use super::*;

    fn headers(lines: &[&[u8]]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(SEC_WEBSOCKET_EXTENSIONS, HeaderValue::from_bytes(line).unwrap());
        }
        headers
    }

    /// Everything read, in one normal form.
    fn read(lines: &[&[u8]]) -> String {
        let mut text = String::new();
        for extension in extensions(&headers(lines)) {
            let Ok(extension) = extension else {
                text.push('!');
                continue;
            };
            text.push_str(extension.name());
            for (name, value) in extension.parameters() {
                write!(text, ";{name}").unwrap();
                if let Some(value) = value {
                    write!(text, "={value}").unwrap();
                }
            }
            text.push(',');
        }
        text
    }

    #[test]
    fn what_the_grammar_allows() {
        let cases = [
            ("", ""),
            (" , ,", ""),
            ("a", "a,"),
            ("a, b;x,c;x=1;y", "a,b;x,c;x=1;y,"),
            (" a ;\tx = 1 ; y ,, b ", "a;x=1;y,b,"),
            ("a;x=\"1\"", "a;x=1,"),
            ("a; x = \"tok\\en\" ;y", "a;x=token;y,"),
            ("a;x=1;x=2;x", "a;x=1;x=2;x,"),
            ("A;X", "A;X,"),
        ];
        for (line, expected) in cases {
            assert_eq!(read(&[line.as_bytes()]), expected, "{line}");
        }
        assert_eq!(read(&[b"a;x", b"b"]), "a;x,b,");
    }

    #[test]
    fn what_it_does_not() {
        for line in [
            "=",
            ";",
            "a;",
            "a;;x",
            "a;x=",
            "a;=1",
            "a b",
            "a;x y",
            "a;x=1 2",
            "a;x=\"",
            "a;x=\"1",
            "a;x=\"1\\",
            "a;x=\"\"",
            "a;x=\"1 2\"",
            "a;x=\"1,2\"",
            "a;x=\"1\"2",
            "\"a\"",
            "a/b",
            "(a)",
        ] {
            assert_eq!(read(&[line.as_bytes()]), "!", "{line}");
        }
        assert_eq!(read(&[b"a, b c, d"]), "a,!");
        assert_eq!(read(&[b"a;x=caf\xe9"]), "!");
        assert_eq!(read(&[b"b c", b"d"]), "!d,");
    }

    /// CVE-2020-7662, CVE-2020-7663: an unclosed quote full of backslashes took quadratic or
    /// exponential time. The size is what would take minutes otherwise.
    #[test]
    fn a_megabyte_of_anything_takes_linear_time() {
        let size = 1 << 20;
        let unclosed = format!("a;b=\"{}c", "\\c".repeat(size / 2));
        assert_eq!(read(&[unclosed.as_bytes()]), "!");
        let spaces = format!("a{}b", " ".repeat(size));
        assert_eq!(read(&[spaces.as_bytes()]), "!");
        let commas = ",".repeat(size);
        assert_eq!(read(&[commas.as_bytes()]), "");
        let many = "a,".repeat(size / 2);
        assert_eq!(extensions(&headers(&[many.as_bytes()])).count(), size / 2);
        let parameters = format!("a{}", ";x".repeat(size / 2));
        let headers = headers(&[parameters.as_bytes()]);
        let extension = extensions(&headers).next().unwrap().unwrap();
        assert_eq!(extension.parameters().count(), size / 2);
    }
}
