//! The members of a JSON object, each as it was written.
//!
//! What is wrong with them is said without naming anything that came: every message is a text of the program.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::error::{ApiError, ErrorCode};

/// The most members of an object.
const MEMBERS_MAX: usize = 32;

/// The members of one JSON object, in their order.
#[derive(Debug)]
pub(super) struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> Members<'a> {
    /// The members of a body, or of an object within one. Each of them has one of the names in `known`; if one
    /// has not, `unknown` is answered.
    pub(super) fn parse(
        json: &'a [u8],
        known: &[&str],
        unknown: &'static str,
    ) -> Result<Self, ApiError> {
        let bad = |_| ErrorCode::BadJson.error();
        let json = std::str::from_utf8(json).map_err(bad)?;
        let members: Self = serde_json::from_str(json).map_err(|_| ErrorCode::BadJson.error())?;
        if members.0.iter().any(|(name, _)| !known.contains(&&**name)) {
            return Err(ErrorCode::BadRequest.because(unknown));
        }
        let is_twice = |at: usize| members.0[..at].iter().any(|(name, _)| *name == members.0[at].0);
        if (0..members.0.len()).any(is_twice) {
            return Err(ErrorCode::BadRequest.because("A member is there twice: send each once."));
        }
        Ok(members)
    }

    /// A member as it was written.
    pub(super) fn raw(&self, name: &str) -> Option<&'a RawValue> {
        self.0.iter().find(|(other, _)| other == name).map(|(_, value)| *value)
    }

    /// A member of a type; `wrong` is what is said when it is of another one.
    pub(super) fn get<T: Deserialize<'a>>(
        &self,
        name: &str,
        wrong: &'static str,
    ) -> Result<Option<T>, ApiError> {
        let Some(value) = self.raw(name) else { return Ok(None) };
        let value = serde_json::from_str(value.get());
        value.map(Some).map_err(|_| ErrorCode::BadRequest.because(wrong))
    }
}

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
                let mut members = Vec::new();
                while let Some(name) = map.next_key::<Name<'de>>()? {
                    if members.len() == MEMBERS_MAX {
                        return Err(M::Error::custom("too many members"));
                    }
                    members.push((name.0, map.next_value()?));
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(Object)
    }
}

/// A name that is borrowed where it has no escapes.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

/// One text, or several.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Texts {
    One(String),
    Several(Vec<String>),
}

impl From<Texts> for Vec<String> {
    fn from(texts: Texts) -> Self {
        match texts {
            Texts::One(text) => vec![text],
            Texts::Several(texts) => texts,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(json: &[u8]) -> Result<Members<'_>, ApiError> {
        Members::parse(json, &["a", "b\n"], "only a and b")
    }

    #[test]
    fn members_are_known_and_there_once() {
        let members = parse(br#" {"a":[ 1.0 ],"b\n":null} "#).unwrap();
        assert_eq!(members.raw("a").unwrap().get(), "[ 1.0 ]");
        assert_eq!(members.raw("b\n").unwrap().get(), "null");
        assert!(members.raw("c").is_none());
        for (json, message) in [(r#"{"c":1}"#, "only a and b"), (r#"{"a":1,"a":2}"#, "twice")] {
            let error = parse(json.as_bytes()).unwrap_err();
            assert_eq!(error.code, ErrorCode::BadRequest);
            assert!(error.message.contains(message), "{json}");
        }
        let escaped = br#"{"\u0061":1,"a":2}"#;
        assert_eq!(parse(escaped).unwrap_err().code, ErrorCode::BadRequest);
    }

    #[test]
    fn what_is_no_object_is_refused_however_deep() {
        let deep = format!("{{\"a\":{}", "[".repeat(100_000));
        let many = format!("{{{}}}", vec![r#""a":1"#; MEMBERS_MAX + 1].join(","));
        let invalid: [&[u8]; 10] = [
            b"",
            b"{",
            b"[]",
            b"1",
            b"null",
            b"{}x",
            b"{\"a\":\xff}",
            b"\xff",
            deep.as_bytes(),
            many.as_bytes(),
        ];
        for json in invalid {
            assert_eq!(parse(json).unwrap_err().code, ErrorCode::BadJson, "{} bytes", json.len());
        }
    }
}
