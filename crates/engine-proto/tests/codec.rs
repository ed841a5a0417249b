//! Properties of the codecs, through the public interface.

use proptest::collection::vec;
use proptest::prelude::*;
use sockeye_engine_proto::{Message, Packet, PayloadForm, PayloadReader, PayloadWriter};

/// A packet that owns its data.
#[derive(Clone, Debug)]
enum Owned {
    Open(String),
    Close,
    Ping(String),
    Pong(String),
    Text(String),
    Binary(Vec<u8>),
    Upgrade,
    Noop,
}

impl Owned {
    fn packet(&self) -> Packet<'_> {
        match self {
            Owned::Open(data) => Packet::Open(data),
            Owned::Close => Packet::Close,
            Owned::Ping(data) => Packet::Ping(data),
            Owned::Pong(data) => Packet::Pong(data),
            Owned::Text(text) => Packet::Message(Message::Text(text)),
            Owned::Binary(data) => Packet::Message(Message::Binary(data)),
            Owned::Upgrade => Packet::Upgrade,
            Owned::Noop => Packet::Noop,
        }
    }
}

/// Any packet whose text does not hold the separator, which the protocol cannot escape.
fn packets() -> impl Strategy<Value = Owned> {
    let text = "[^\u{1e}]{0,40}";
    prop_oneof![
        text.prop_map(Owned::Open),
        Just(Owned::Close),
        text.prop_map(Owned::Ping),
        text.prop_map(Owned::Pong),
        text.prop_map(Owned::Text),
        vec(any::<u8>(), 0..80).prop_map(Owned::Binary),
        Just(Owned::Upgrade),
        Just(Owned::Noop),
    ]
}

fn forms() -> impl Strategy<Value = PayloadForm> {
    prop_oneof![Just(PayloadForm::V4), Just(PayloadForm::V3), Just(PayloadForm::V3Binary)]
}

proptest! {
    #[test]
    fn a_payload_reads_back_as_it_was_written(
        form in forms(),
        packets in vec(packets(), 1..12),
    ) {
        let mut writer = PayloadWriter::with_form(form);
        for packet in &packets {
            writer.packet(&packet.packet());
        }
        let body = writer.finish();
        let mut reader = PayloadReader::with_form(form);
        for packet in &packets {
            prop_assert_eq!(reader.next_packet(&body), Some(Ok(packet.packet())));
        }
        prop_assert_eq!(reader.next_packet(&body), None);
    }

    #[test]
    fn the_announced_length_is_the_written_one(packet in packets()) {
        let mut out = vec![7];
        packet.packet().encode(&mut out);
        prop_assert_eq!(out.len(), 1 + packet.packet().encoded_len());
    }

    #[test]
    fn any_bytes_end_without_harm(form in forms(), body in vec(any::<u8>(), 0..200)) {
        let mut reader = PayloadReader::with_form(form);
        let mut packets = 0;
        while let Some(packet) = reader.next_packet(&body) {
            packets += 1;
            if let Ok(Packet::Message(Message::Binary(data))) = packet {
                prop_assert!(data.len() <= body.len());
            }
        }
        prop_assert!(packets <= body.len() + 1);
    }
}
