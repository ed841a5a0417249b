//! Any text is a packet or an error, in both revisions; a packet survives being encoded and read
//! again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sockeye_engine_proto::{BinaryForm, Message, Packet};

fuzz_target!(|text: &str| {
    let mut scratch = Vec::new();
    if let Ok(packet) = Packet::decode(text, &mut scratch) {
        let mut encoded = Vec::new();
        packet.encode(&mut encoded);
        assert_eq!(encoded.len(), packet.encoded_len());
        let encoded = String::from_utf8(encoded).expect("the text form is text");
        let mut scratch = Vec::new();
        assert_eq!(Packet::decode(&encoded, &mut scratch), Ok(packet));
    }
    let mut scratch = Vec::new();
    if let Ok(packet) = Packet::decode_v3(text, &mut scratch) {
        let mut encoded = Vec::new();
        match packet {
            Packet::Message(Message::Binary(data)) => {
                BinaryForm::TypedBase64.encode(data, &mut encoded);
            }
            packet => packet.encode(&mut encoded),
        }
        let encoded = String::from_utf8(encoded).expect("the text form is text");
        let mut scratch = Vec::new();
        assert_eq!(Packet::decode_v3(&encoded, &mut scratch), Ok(packet));
    }
    if let Ok(packet) = Packet::decode_v3_binary(text.as_bytes()) {
        assert!(
            matches!(packet, Packet::Message(Message::Binary(data)) if data.len() < text.len())
        );
    }
});
