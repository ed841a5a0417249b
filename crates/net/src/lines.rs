//! Lines of JSON (NDJSON): one JSON text a line, which has no line break in it (RFC 8259 §7).

/// Appends a JSON string, which is one in a script as well.
pub fn push_json_string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    push_escaped(text, out);
    out.push(b'"');
}

/// Appends a line: the JSON string of a text that is given in two parts.
///
/// ```
/// let mut lines = Vec::new();
/// sockeye_net::lines::push_line("4", "say \"hi\"\n", &mut lines);
/// assert_eq!(lines, b"\"4say \\\"hi\\\"\\n\"\n");
/// ```
pub fn push_line(head: &str, body: &str, out: &mut Vec<u8>) {
    out.reserve(head.len() + body.len() + 3);
    out.push(b'"');
    push_escaped(head, out);
    push_escaped(body, out);
    out.extend_from_slice(b"\"\n");
}

fn push_escaped(text: &str, out: &mut Vec<u8>) {
    let mut rest = text;
    while let Some(at) = rest.find(is_escaped) {
        let (plain, found) = rest.split_at(at);
        out.extend_from_slice(plain.as_bytes());
        let mut characters = found.chars();
        match characters.next() {
            Some('"') => out.extend_from_slice(b"\\\""),
            Some('\\') => out.extend_from_slice(b"\\\\"),
            Some('\n') => out.extend_from_slice(b"\\n"),
            Some('\r') => out.extend_from_slice(b"\\r"),
            Some('\t') => out.extend_from_slice(b"\\t"),
            Some('\u{8}') => out.extend_from_slice(b"\\b"),
            Some('\u{c}') => out.extend_from_slice(b"\\f"),
            other => {
                let number = other.map_or(0, u32::from);
                out.extend_from_slice(format!("\\u{number:04x}").as_bytes());
            }
        }
        rest = characters.as_str();
    }
    out.extend_from_slice(rest.as_bytes());
}

/// The last two end a line in older scripts.
fn is_escaped(character: char) -> bool {
    matches!(character, '"' | '\\' | '\0'..='\u{1f}' | '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_ends_a_string_or_a_line_is_escaped() {
        let mut out = Vec::new();
        push_json_string("a\"\\\n\r\t\u{8}\u{c}\0\u{1f}\u{2028}\u{2029}é한", &mut out);
        let expected = r#""a\"\\\n\r\t\b\f\u0000\u001f\u2028\u2029é한""#;
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    proptest! {
        /// Any JSON reader gets the text back, line by line.
        #[test]
        fn a_line_is_read_as_it_was(head in ".{0,3}", body in "(?s).*") {
            let mut lines = Vec::new();
            push_line(&head, &body, &mut lines);
            push_line("", &head, &mut lines);
            let text = String::from_utf8(lines).unwrap();
            let read: Vec<String> =
                text.split_terminator('\n').map(|line| serde_json::from_str(line).unwrap()).collect();
            prop_assert_eq!(read, vec![format!("{head}{body}"), head]);
        }
    }
}
