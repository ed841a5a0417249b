//! Any body is read to an end, in every form; what was read, written again, reads the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sockeye_engine_proto::{PayloadForm, PayloadReader, PayloadWriter};

fuzz_target!(|body: &[u8]| {
    for form in [PayloadForm::V4, PayloadForm::V3, PayloadForm::V3Binary] {
        let mut reader = PayloadReader::with_form(form);
        let mut writer = PayloadWriter::with_form(form);
        let mut packets = 0;
        while let Some(packet) = reader.next_packet(body) {
            packets += 1;
            if let Ok(packet) = packet {
                writer.packet(&packet);
            }
        }
        // Only revision 3 has bodies without packets: they have empty ones.
        assert!(packets <= body.len() + 1);
        assert!(packets > 0 || form != PayloadForm::V4);
        assert!(reader.next_packet(body).is_none());

        let written = writer.finish();
        let (mut first, mut second) =
            (PayloadReader::with_form(form), PayloadReader::with_form(form));
        while let Some(Ok(packet)) = first.next_packet(body) {
            assert_eq!(second.next_packet(&written), Some(Ok(packet)));
        }
        if !written.is_empty() {
            assert!(second.next_packet(&written).is_none());
        }
    }
});
