//! The arguments of an event: the JSON array `data`, in which `{"base64":".."}` stands for bytes.
//!
//! The text goes on as it was written, numbers digit by digit, without the white space between its parts. It is
//! gone through once, without recursion.

use std::borrow::Cow;
use std::fmt::Write as _;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use sockeye::RawArgs;

use super::config::PublishingConfig;
use super::error::{ApiError, ErrorCode};

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The arguments that stand in a valid JSON text.
pub(super) fn parse(json: &str, config: &PublishingConfig) -> Result<RawArgs, ApiError> {
    let mut scan = Scan {
        rest: json.trim_ascii(),
        out: String::with_capacity(json.len()),
        attachments: Vec::new(),
        has_placeholder: false,
    };
    if !scan.rest.starts_with('[') {
        return Err(ErrorCode::BadRequest.because(
            "`data` has to be the array of the event's arguments: for a single one an array of one.",
        ));
    }
    scan.run(config)?;
    if scan.has_placeholder && !scan.attachments.is_empty() {
        return Err(ErrorCode::BadRequest.because(
            "Beside binary values no text of `data` can be `_placeholder`: a client would take it for one of them.",
        ));
    }
    let args = scan.out.strip_prefix('[').and_then(|args| args.strip_suffix(']'));
    Ok(RawArgs::new(args.unwrap_or_default(), &scan.attachments))
}

/// Goes through a JSON text that is valid.
struct Scan<'a> {
    rest: &'a str,
    out: String,
    attachments: Vec<Bytes>,
    /// Whether one of its texts is the name by which clients know what stands for binary values.
    has_placeholder: bool,
}

impl<'a> Scan<'a> {
    fn run(&mut self, config: &PublishingConfig) -> Result<(), ApiError> {
        let mut depth = 0;
        while let Some(first) = self.rest.bytes().next() {
            match first {
                b'"' => {
                    let text = self.take(string_len(self.rest));
                    self.has_placeholder |= is_text(text, "_placeholder");
                    self.out.push_str(text);
                    continue;
                }
                b'{' => {
                    if let Some((text, rest)) = binary(self.rest) {
                        self.rest = rest;
                        self.attach(text, config)?;
                        continue;
                    }
                    depth += 1;
                }
                b'[' => depth += 1,
                b'}' | b']' => depth -= 1,
                _ => {}
            }
            // The array of the arguments is none of their own levels.
            if depth > config.depth_max + 1 {
                return Err(ErrorCode::BadRequest
                    .because("`data` is nested too deep: send it flatter, or as a text."));
            }
            let part = self.take(1);
            self.out.push_str(part.trim_ascii());
        }
        Ok(())
    }

    fn take(&mut self, len: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(len);
        self.rest = rest;
        taken
    }

    /// Puts a placeholder in the place of the object, and its bytes aside.
    fn attach(&mut self, text: &str, config: &PublishingConfig) -> Result<(), ApiError> {
        if self.attachments.len() == config.attachments_max {
            return Err(ErrorCode::BadRequest.because(
                "`data` has too many binary values: send some in an event of their own.",
            ));
        }
        let text: Option<Cow<'_, str>> = serde_json::from_str(text).ok();
        let bytes = text.and_then(|text| BASE64.decode(text.as_bytes()).ok());
        let bytes = bytes.ok_or(ErrorCode::BadRequest.because(
            "A `base64` in `data` is not base64 (RFC 4648 \u{a7}4): an object with this one member stands for bytes.",
        ))?;
        let number = self.attachments.len();
        let _ = write!(self.out, r#"{{"_placeholder":true,"num":{number}}}"#);
        self.attachments.push(bytes.into());
        Ok(())
    }
}

/// The text in `{"base64":"text"}`, quotes and all, if that is what a valid JSON text begins with, and what follows.
fn binary(json: &str) -> Option<(&str, &str)> {
    let rest = json.strip_prefix('{')?.trim_ascii_start();
    let (_, rest) = string(rest).filter(|(name, _)| is_text(name, "base64"))?;
    let rest = rest.trim_ascii_start().strip_prefix(':')?.trim_ascii_start();
    let (text, rest) = string(rest)?;
    let rest = rest.trim_ascii_start().strip_prefix('}')?;
    Some((text, rest))
}

/// The string that a valid JSON text begins with, if it does.
fn string(json: &str) -> Option<(&str, &str)> {
    json.starts_with('"').then(|| json.split_at(string_len(json)))
}

/// How long the string is that a valid JSON text begins with, quotes and all.
fn string_len(json: &str) -> usize {
    let mut is_escaped = false;
    let end = json.bytes().skip(1).position(|byte| {
        let is_end = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        is_end
    });
    end.map_or(json.len(), |end| end + 2)
}

/// Whether a string, quotes and all, is this text, however it is written.
fn is_text(string: &str, text: &str) -> bool {
    match string.contains('\\') {
        false => string.get(1..string.len() - 1) == Some(text),
        true => serde_json::from_str::<Cow<'_, str>>(string).is_ok_and(|string| string == text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(json: &str) -> Result<(String, Vec<Bytes>), ApiError> {
        let config = PublishingConfig { attachments_max: 2, depth_max: 3, ..Default::default() };
        parse(json, &config).map(RawArgs::into_parts)
    }

    #[test]
    fn texts_go_on_as_they_were_written() {
        for (json, args) in [
            ("[]", ""),
            (" [ ] ", ""),
            ("[1]", "1"),
            (
                "[ 1.0 , 1e400 ,\n -0 , 123456789012345678901234567890 ]",
                "1.0,1e400,-0,123456789012345678901234567890",
            ),
            (
                r#"[ "a b\" ]" , { "k \\" : [ true , null ] } ]"#,
                r#""a b\" ]",{"k \\":[true,null]}"#,
            ),
            ("[\"\u{e9} \u{1f600}\",\"\\ud800\"]", "\"\u{e9} \u{1f600}\",\"\\ud800\""),
            (r#"[{"base64":1}]"#, r#"{"base64":1}"#),
            (r#"[{"base64":"AQ==","more":1}]"#, r#"{"base64":"AQ==","more":1}"#),
            (r#"[{"other":"AQ=="}]"#, r#"{"other":"AQ=="}"#),
            (r#"["base64","_placeholder"]"#, r#""base64","_placeholder""#),
        ] {
            assert_eq!(of(json).unwrap(), (args.to_owned(), vec![]), "{json}");
        }
    }

    #[test]
    fn binary_values_become_attachments_wherever_they_stand() {
        let (args, attachments) =
            of(r#"[{"base64":"AQID"},{"x":[ { "\u0062ase64" : "\/w==" } ]},1]"#).unwrap();
        assert_eq!(
            args,
            r#"{"_placeholder":true,"num":0},{"x":[{"_placeholder":true,"num":1}]},1"#
        );
        assert_eq!(attachments, [&[1, 2, 3][..], &[0xff]]);
        assert_eq!(of(r#"[{"base64":""}]"#).unwrap().1, [""]);
        // Without its padding as well.
        assert_eq!(of(r#"[{"base64":"/w"}]"#).unwrap().1, [&[0xff][..]]);
        for wrong in ["[1", "A", "_w==", "AQ ID", "\\u00e9"] {
            let error = of(&format!(r#"[{{"base64":"{wrong}"}}]"#)).unwrap_err();
            assert!(error.message.contains("not base64"), "{wrong}");
        }
    }

    #[test]
    fn nobody_makes_a_second_placeholder() {
        for name in ["_placeholder", "\\u005fplaceholder"] {
            let json = format!(r#"[{{"base64":"AQ=="}},{{"{name}":true,"num":0}}]"#);
            assert!(of(&json).unwrap_err().message.contains("_placeholder"), "{name}");
        }
    }

    #[test]
    fn the_limits_hold() {
        assert!(of("[[[[1]]]]").is_ok());
        assert!(of("[[[[[1]]]]]").unwrap_err().message.contains("deep"));
        assert!(of("[[],[],[],[],[[],[]]]").is_ok());
        let two = r#"{"base64":"AQ=="},{"base64":"AQ=="}"#;
        assert!(of(&format!("[{two}]")).is_ok());
        let error = of(&format!(r#"[{two},{{"base64":"AQ=="}}]"#)).unwrap_err();
        assert!(error.message.contains("too many binary"));
        for json in ["{}", "1", "null", "\"[]\""] {
            assert!(of(json).unwrap_err().message.contains("array"), "{json}");
        }
    }
}
