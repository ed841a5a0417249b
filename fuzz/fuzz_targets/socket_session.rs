//! A session's messages in any order: nothing panics, nothing is kept beyond the limits, and an
//! event that came through is the same after it was relayed.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sockeye_socket_proto::{Decoder, Incoming, Limits, encode_ack, encode_event};

/// Text or binary.
type Message<'a> = Result<&'a str, &'a [u8]>;

fuzz_target!(|messages: Vec<Message<'_>>| {
    let limits = Limits { attachment_bytes_max: 64, ..Limits::default() };
    let mut decoder = Decoder::new(limits);
    for message in messages {
        let waited = decoder.is_waiting();
        let result = match message {
            Ok(text) => decoder.handle_text(text),
            Err(data) => decoder.handle_binary(data),
        };
        match result {
            Ok(Some(incoming)) => {
                relay(&incoming);
                assert!(!decoder.is_waiting());
            }
            Ok(None) => {}
            Err(_) => assert!(!decoder.is_waiting()),
        }
        if waited {
            assert!(message.is_err() || !decoder.is_waiting());
        }
    }
});

fn relay(incoming: &Incoming<'_>) {
    let mut text = String::new();
    let attachments = match incoming {
        Incoming::Event { namespace, id, name, args, attachments } => {
            encode_event(&mut text, namespace, *id, attachments.len() as u32, name, args);
            attachments
        }
        Incoming::Ack { namespace, id, args, attachments } => {
            encode_ack(&mut text, namespace, *id, attachments.len() as u32, args);
            attachments
        }
        _ => return,
    };
    let mut decoder = Decoder::default();
    let Some((last, earlier)) = attachments.split_last() else {
        assert_eq!(decoder.handle_text(&text), Ok(Some(incoming.clone())));
        return;
    };
    assert_eq!(decoder.handle_text(&text), Ok(None));
    for attachment in earlier {
        assert_eq!(decoder.handle_binary(attachment), Ok(None));
    }
    assert_eq!(decoder.handle_binary(last), Ok(Some(incoming.clone())));
}
