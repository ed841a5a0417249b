//! Any body is read to an end; what was read, written again, reads the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sockeye_engine_proto::{PayloadReader, PayloadWriter};

fuzz_target!(|body: &[u8]| {
    let mut reader = PayloadReader::new();
    let mut writer = PayloadWriter::new();
    let mut packets = 0;
    while let Some(packet) = reader.next_packet(body) {
        packets += 1;
        if let Ok(packet) = packet {
            writer.packet(&packet);
        }
    }
    assert!(packets > 0 && packets <= body.len() + 1);
    assert!(reader.next_packet(body).is_none());

    let written = writer.finish();
    let (mut first, mut second) = (PayloadReader::new(), PayloadReader::new());
    while let Some(Ok(packet)) = first.next_packet(body) {
        assert_eq!(second.next_packet(&written), Some(Ok(packet)));
    }
    if !written.is_empty() {
        assert!(second.next_packet(&written).is_none());
    }
});
