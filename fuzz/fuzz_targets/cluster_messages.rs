//! What comes from the bus of a cluster, in every form: reading never panics, and what was accepted can be written in each
//! form. Where that can be read, it is a message again. (JSON may have what looks like a placeholder, which MessagePack
//! may not.)
#![no_main]

use libfuzzer_sys::fuzz_target;
use sockeye_cluster_proto::{Limits, OwnMessage, Received, StoredSession, classic, messages};

fuzz_target!(|bytes: &[u8]| {
    let limits = Limits { attachments_max: 16, depth_max: 64, ..Limits::default() };
    if let Ok(own) = OwnMessage::read(bytes, &limits) {
        let again = own.encode();
        assert!(OwnMessage::read(again.as_bytes(), &Limits::default()).is_ok(), "{again}");
    }
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Ok(received) = StoredSession::receive(text, &limits)
    {
        let _ = StoredSession::read(&received);
    }
    let Ok(received) = Received::read(bytes, &limits) else {
        return;
    };
    if let Ok(message) = messages::read(&received, "/") {
        let written = messages::encode_msgpacked(&message);
        if let Ok(again) = Received::read(&written, &Limits::default()) {
            assert!(messages::read(&again, "/").is_ok());
        }
        let entry = messages::Entry::of(&message);
        if let Ok(again) = entry.read(&Limits::default()) {
            assert!(entry.message(&again).is_ok());
        }
    }
    if let Ok(message) = classic::read_broadcast(&received) {
        let written = classic::encode(&message).expect("an event has a form");
        if let Ok(again) = Received::read(&written, &Limits::default()) {
            assert!(classic::read_broadcast(&again).is_ok());
        }
    }
    let _ = classic::read_request(&received, "/");
    let _ = classic::read_answer(&received, "/");
});
