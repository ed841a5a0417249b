//! Both directions against another JSON library, and against bytes that are anything.

use proptest::prelude::*;

use super::messages::{Messages, MessagesError, plain_message};
use super::quote::{push_quoted, push_script_string};

/// The messages of a body, if it is one.
fn read(body: &[u8]) -> Result<Vec<String>, MessagesError> {
    let mut messages = Messages::of_array(body)?;
    let mut all = Vec::new();
    while let Some(message) = messages.next(body) {
        all.push(message.to_owned());
    }
    Ok(all)
}

/// A piece of a JSON string as it stands there, with the units of UTF-16 that it is.
fn piece() -> impl Strategy<Value = (String, Vec<u16>)> {
    let itself = any::<char>().prop_filter("escaped", |it| *it >= ' ' && !matches!(it, '"' | '\\'));
    let units = |character: char| character.encode_utf16(&mut [0; 2]).to_vec();
    let short = prop_oneof![
        Just(('"', '"')),
        Just(('\\', '\\')),
        Just(('/', '/')),
        Just(('b', '\u{8}')),
        Just(('f', '\u{c}')),
        Just(('n', '\n')),
        Just(('r', '\r')),
        Just(('t', '\t')),
    ];
    let unit = prop_oneof![any::<u16>(), 0xd800_u16..0xe000];
    prop_oneof![
        itself.prop_map(move |it| (it.to_string(), units(it))),
        short.prop_map(move |(short, it)| (format!("\\{short}"), units(it))),
        (unit, any::<bool>()).prop_map(|(unit, is_upper)| {
            let text = if is_upper { format!("\\u{unit:04X}") } else { format!("\\u{unit:04x}") };
            (text, vec![unit])
        }),
    ]
}

/// A JSON string without its quotes, and what it says.
fn string() -> impl Strategy<Value = (String, String)> {
    prop::collection::vec(piece(), 0..12).prop_map(|pieces| {
        let text = pieces.iter().map(|(text, _)| text.as_str()).collect();
        let units: Vec<u16> = pieces.iter().flat_map(|(_, units)| units.clone()).collect();
        (text, String::from_utf16_lossy(&units))
    })
}

fn spaces() -> impl Strategy<Value = String> {
    "[ \t\r\n]{0,2}"
}

/// An array of strings, and what they say.
fn array() -> impl Strategy<Value = (String, Vec<String>)> {
    let items = prop::collection::vec((string(), spaces(), spaces()), 0..6);
    (items, spaces(), spaces()).prop_map(|(items, before, behind)| {
        let texts: Vec<String> = items
            .iter()
            .map(|((text, _), left, right)| format!("{left}\"{text}\"{right}"))
            .collect();
        let said = items.into_iter().map(|((_, said), ..)| said).collect();
        (format!("{before}[{}]{behind}", texts.join(",")), said)
    })
}

/// Bytes that come near to what is expected.
fn nearly() -> impl Strategy<Value = Vec<u8>> {
    let token = prop_oneof![
        Just(b"[".to_vec()),
        Just(b"]".to_vec()),
        Just(b"\"".to_vec()),
        Just(b",".to_vec()),
        Just(b"\\".to_vec()),
        Just(b"\\u".to_vec()),
        Just(b"d83d".to_vec()),
        Just(b"\\ude00".to_vec()),
        Just(b"{}".to_vec()),
        Just(b"1".to_vec()),
        Just(b"null".to_vec()),
        Just(b" ".to_vec()),
        Just(b"a".to_vec()),
        Just("세".as_bytes().to_vec()),
        prop::collection::vec(any::<u8>(), 1..3),
    ];
    prop::collection::vec(token, 0..16).prop_map(|tokens| tokens.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn what_is_written_is_read_back(text in prop_oneof![any::<String>(), "[\"\\\\\0-\u{2f}\u{2000}-\u{206f}\u{ffe0}-\u{ffff}]*"]) {
        let mut quoted = Vec::new();
        push_quoted(&text, &mut quoted);
        prop_assert_eq!(serde_json::from_slice::<String>(&quoted).unwrap(), text.clone());
        prop_assert_eq!(read(&[b"[", &quoted[..], b"]"].concat()).unwrap(), vec![text]);
        let frame = String::from_utf8(quoted).unwrap();
        let mut script = Vec::new();
        push_script_string(&frame, &mut script);
        prop_assert!(!script.iter().any(|byte| matches!(byte, b'<' | 0..0x20)));
        prop_assert_eq!(serde_json::from_slice::<String>(&script).unwrap(), frame);
    }

    #[test]
    fn what_is_sent_is_what_arrives((text, said) in array()) {
        prop_assert_eq!(read(text.as_bytes()).unwrap(), said.clone());
        if let Ok(theirs) = serde_json::from_str::<Vec<String>>(&text) {
            prop_assert_eq!(theirs, said.clone());
        } else {
            prop_assert!(said.concat().contains('\u{fffd}'), "{}", text);
        }
        // As a WebSocket brings it, by both of its ways.
        let mut messages = Messages::of_frame(&text).unwrap();
        let mut all = Vec::new();
        while let Some(message) = messages.next(text.as_bytes()) {
            all.push(message.to_owned());
        }
        prop_assert_eq!(&all, &said);
        if let Some(plain) = plain_message(&text) {
            prop_assert_eq!(said, vec![plain.to_owned()]);
        }
    }

    /// Cut at any byte it is no array any more, or the same one: spaces are all that can be missing.
    #[test]
    fn what_is_cut_off_is_not_taken((text, said) in array()) {
        let body = text.as_bytes();
        for end in 0..body.len() {
            if let Ok(cut) = read(&body[..end]) {
                prop_assert_eq!(&cut, &said);
                prop_assert!(body[end..].iter().all(u8::is_ascii_whitespace));
            }
        }
    }

    #[test]
    fn any_bytes_are_read_as_another_library_reads_them(body in prop_oneof![nearly(), prop::collection::vec(any::<u8>(), 0..40)]) {
        match (read(&body), serde_json::from_slice::<Vec<String>>(&body)) {
            (Ok(ours), Ok(theirs)) => prop_assert_eq!(ours, theirs),
            // Half a pair, which it refuses.
            (Ok(ours), Err(_)) => prop_assert!(ours.concat().contains('\u{fffd}'), "{:?}", body),
            (Err(_), theirs) => prop_assert!(theirs.is_err(), "{:?}", body),
        }
        if let Ok(text) = str::from_utf8(&body) {
            let array = read(&body).ok();
            if let Some(plain) = plain_message(text) {
                prop_assert_eq!(array, Some(vec![plain.to_owned()]));
            }
            let _ = Messages::of_frame(text);
        }
    }
}
