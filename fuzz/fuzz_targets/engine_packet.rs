//! Any text is a packet or an error; a packet survives being encoded and read again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sockeye_engine_proto::Packet;

fuzz_target!(|text: &str| {
    let mut scratch = Vec::new();
    let Ok(packet) = Packet::decode(text, &mut scratch) else { return };
    let mut encoded = Vec::new();
    packet.encode(&mut encoded);
    assert_eq!(encoded.len(), packet.encoded_len());
    let encoded = String::from_utf8(encoded).expect("the text form is text");
    let mut scratch = Vec::new();
    assert_eq!(Packet::decode(&encoded, &mut scratch), Ok(packet));
});
