//! Any bytes are read as another JSON library reads them, or refused by both; only half a surrogate pair,
//! which that one refuses, is U+FFFD. What was read, written again, reads the same, on each road out.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sockeye_sockjs::codec_door as codec;

fuzz_target!(|body: &[u8]| {
    let ours = codec::read_array(body);
    match (&ours, serde_json::from_slice::<Vec<String>>(body)) {
        (Some(ours), Ok(theirs)) => assert_eq!(*ours, theirs),
        (Some(ours), Err(_)) => assert!(ours.concat().contains('\u{fffd}')),
        (None, theirs) => assert!(theirs.is_err()),
    }
    for message in ours.iter().flatten() {
        write(message);
    }
    let binary = codec::write_binary(body);
    let messages = codec::read_array(&binary[1..]).expect("a frame is an `a` and an array");
    assert_eq!(codec::read_binary(&messages[0]).as_deref(), Some(body));
    if let Ok(text) = str::from_utf8(body) {
        frame(text, ours.as_deref());
        write(text);
    }
});

/// A WebSocket brings what a POST brings, one string alone, or nothing at all.
fn frame(text: &str, array: Option<&[String]>) {
    let frame = codec::read_frame(text);
    match (array, serde_json::from_str::<String>(text)) {
        (Some(array), _) => assert_eq!(frame.as_deref(), Some(array)),
        (None, Ok(alone)) => assert_eq!(frame, Some(vec![alone])),
        (None, Err(_)) => {
            let is_half = frame.as_ref().is_some_and(|it| it.concat().contains('\u{fffd}'));
            assert!(frame.is_none() || text.is_empty() || is_half, "{frame:?}");
        }
    }
    if let Some(plain) = codec::read_plain(text) {
        assert_eq!(array, Some(&[plain.to_owned()][..]));
    }
}

fn write(text: &str) {
    let frame = codec::write_text(text);
    let quoted = codec::write_quoted(text);
    assert_eq!(frame, [b"a[", &quoted[..], b"]"].concat());
    assert_eq!(serde_json::from_slice::<String>(&quoted).ok().as_deref(), Some(text));
    assert_eq!(codec::read_array(&frame[1..]), Some(vec![text.to_owned()]));
    let frame = String::from_utf8(frame).expect("a frame is text");
    let script = codec::write_script(&frame);
    assert!(!script.iter().any(|byte| matches!(byte, b'<' | 0..0x20)));
    let script = String::from_utf8(script).expect("a script is text");
    assert!(!script.contains(['\u{2028}', '\u{2029}']), "a line ends within a string");
    assert_eq!(serde_json::from_str::<String>(&script).ok(), Some(frame));
}
