//! A message on its way out: a JSON string that no browser and no proxy changes.
//!
//! Beyond what JSON asks for (RFC 8259 §7) those characters are escaped that browsers are known to
//! mangle, the list of SockJS 0.3.3 ("JSON Unicode Encoding"):
//!
//! | characters | written as |
//! |---|---|
//! | `"`, `\` | `\"`, `\\` |
//! | backspace, tab, line feed, form feed, carriage return | `\b`, `\t`, `\n`, `\f`, `\r` |
//! | other controls below U+0020 | `\u0000` and so on |
//! | U+200C to U+200F, U+2028 to U+202F, U+2060 to U+206F, U+FFF0 to U+FFFF | `\u200c` and so on |

/// Appends a text as a JSON string, with its quotes.
pub(crate) fn push_quoted(text: &str, out: &mut Vec<u8>) {
    out.reserve(text.len() + 2);
    out.push(b'"');
    let mut rest = text;
    // Such a byte is always the first of its character.
    while let Some(at) = rest.bytes().position(|byte| MAY_BE_ESCAPED[usize::from(byte)]) {
        let (plain, tail) = rest.split_at(at);
        out.extend_from_slice(plain.as_bytes());
        let mut characters = tail.chars();
        if let Some(character) = characters.next() {
            push_character(character, out);
        }
        rest = characters.as_str();
    }
    out.extend_from_slice(rest.as_bytes());
    out.push(b'"');
}

/// Appends a frame as a string of JavaScript, with its quotes, that may stand in a script or between the
/// tags of one: a frame holds no control and no line separator any more.
pub(crate) fn push_script_string(frame: &str, out: &mut Vec<u8>) {
    out.reserve(frame.len() + frame.len() / 8 + 2);
    out.push(b'"');
    for byte in frame.bytes() {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            // `</script>` would end the script.
            b'<' => out.extend_from_slice(br"\u003c"),
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}

fn push_character(character: char, out: &mut Vec<u8>) {
    let short = match character {
        '"' | '\\' => character,
        '\u{8}' => 'b',
        '\t' => 't',
        '\n' => 'n',
        '\u{c}' => 'f',
        '\r' => 'r',
        _ if is_escaped(character) => return push_hexadecimal(character, out),
        _ => return out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
    };
    out.push(b'\\');
    out.extend_from_slice(short.encode_utf8(&mut [0; 4]).as_bytes());
}

const fn is_escaped(character: char) -> bool {
    matches!(
        character,
        '\0'..='\u{1f}'
            | '\u{200c}'..='\u{200f}'
            | '\u{2028}'..='\u{202f}'
            | '\u{2060}'..='\u{206f}'
            | '\u{fff0}'..='\u{ffff}'
    )
}

/// As one unit of UTF-16, which all of them are.
fn push_hexadecimal(character: char, out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let code = character as usize;
    out.extend_from_slice(br"\u");
    for shift in [12, 8, 4, 0] {
        out.push(DIGITS[code >> shift & 15]);
    }
}

/// Whether a character that begins with this byte may have to be escaped: so few do that most texts are
/// copied in one piece.
const MAY_BE_ESCAPED: [bool; 256] = {
    let mut table = [false; 256];
    let mut control = 0;
    while control < 0x20 {
        table[control] = true;
        control += 1;
    }
    table[b'"' as usize] = true;
    table[b'\\' as usize] = true;
    // U+2000 to U+2FFF, U+F000 to U+FFFF.
    table[0xe2] = true;
    table[0xef] = true;
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    fn quoted(text: &str) -> String {
        let mut out = Vec::new();
        push_quoted(text, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn plain_texts_stay_as_they_are() {
        for text in
            ["", "a", "나는 유리를 먹을 수 있어요", "“…”", "😀", "\u{7f}\u{80}", "</script>"]
        {
            assert_eq!(quoted(text), format!("\"{text}\""));
        }
    }

    #[test]
    fn short_forms_and_hexadecimal() {
        assert_eq!(quoted("\"\\\u{8}\t\n\u{c}\r\0\u{1f}"), r#""\"\\\b\t\n\f\r\u0000\u001f""#);
        assert_eq!(
            quoted("a\u{200c}b\u{2028}\u{206f}\u{ffff}c"),
            r#""a\u200cb\u2028\u206f\uffffc""#
        );
    }

    /// Each character there is: escaped if it is on the list, and otherwise as it was.
    #[test]
    fn the_list_and_nothing_else() {
        for character in '\0'..=char::MAX {
            let text = character.to_string();
            let out = quoted(&text);
            let code = character as u32;
            let is_listed = code < 0x20
                || (0x200c..=0x200f).contains(&code)
                || (0x2028..=0x202f).contains(&code)
                || (0x2060..=0x206f).contains(&code)
                || (0xfff0..=0xffff).contains(&code)
                || matches!(character, '"' | '\\');
            assert_eq!(out.contains('\\'), is_listed, "{code:x} {out}");
            assert_eq!(serde_json::from_str::<String>(&out).unwrap(), text);
        }
    }

    #[test]
    fn a_frame_in_a_script_is_that_frame() {
        let frame = r#"a["</script>\\\"\u2028"]"#;
        let mut out = Vec::new();
        push_script_string(frame, &mut out);
        let script = String::from_utf8(out).unwrap();
        assert!(!script.contains('<'), "{script}");
        assert_eq!(serde_json::from_str::<String>(&script).unwrap(), frame);
    }
}
