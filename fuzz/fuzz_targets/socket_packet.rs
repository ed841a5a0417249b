//! One packet: decoding never panics, and what was accepted is written and read again unchanged.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sockeye_socket_proto::{Limits, Packet};

fuzz_target!(|text: &str| {
    let limits = Limits::default();
    let Ok(packet) = Packet::decode(text, &limits) else {
        return;
    };
    assert!(packet.attachments <= limits.attachments_max);
    assert_eq!(packet.kind.is_binary(), packet.attachments > 0);
    assert!(packet.namespace.starts_with('/') && !packet.namespace.contains(','));
    let mut again = String::new();
    packet.encode(&mut again);
    assert_eq!(Packet::decode(&again, &limits), Ok(packet), "{again}");
});
