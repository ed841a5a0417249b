//! Messages in MessagePack: decoding never panics, writes no more than a few times what came, and
//! what was accepted is written and read again unchanged.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sockeye_socket_proto::{Incoming, Limits, MsgpackParser, Parser};

fuzz_target!(|message: &[u8]| {
    let limits = Limits { attachment_bytes_max: 64, ..Limits::default() };
    let mut decoder = MsgpackParser.decoder(limits);
    let Ok(Some(incoming)) = decoder.handle_binary(message) else {
        return;
    };
    let payload = match &incoming {
        Incoming::Event { args, attachments, .. } | Incoming::Ack { args, attachments, .. } => {
            assert!(attachments.len() <= limits.attachments_max as usize);
            args
        }
        Incoming::Connect { auth: data, .. } | Incoming::ConnectError { data, .. } => data,
        _ => "",
    };
    assert!(payload.len() <= 6 * message.len() + 40 * limits.attachments_max as usize);
    assert!(
        serde_json::from_str::<Vec<&serde_json::value::RawValue>>(&format!("[{payload}]")).is_ok()
    );
    let again = MsgpackParser.encode(&incoming);
    assert_eq!((again.text, again.binary.len()), (None, 1));
    let mut decoder = MsgpackParser.decoder(limits);
    assert_eq!(decoder.handle_binary(&again.binary[0]), Ok(Some(incoming)));
});
