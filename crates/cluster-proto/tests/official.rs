//! What the official adapters and the emitter publish is read, and written again byte for byte.
//! `official.jsonl` is written by `interop/cluster-messages.mjs`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde::Deserialize;
use sockeye_cluster_proto::channels::{Channels, ClassicChannels, Streams, SubscriptionMode};
use sockeye_cluster_proto::{Body, Limits, Message, Received, classic, messages};

#[derive(Deserialize)]
struct Line {
    form: String,
    call: String,
    nsp: String,
    channel: String,
    #[serde(default)]
    hex: String,
    fields: Option<Fields>,
}

#[derive(Deserialize)]
struct Fields {
    uid: String,
    nsp: String,
    #[serde(rename = "type")]
    kind: String,
    data: Option<String>,
}

impl Line {
    fn bytes(&self) -> Vec<u8> {
        let byte = |at: usize| u8::from_str_radix(&self.hex[at..at + 2], 16).unwrap();
        (0..self.hex.len()).step_by(2).map(byte).collect()
    }

    /// What a test that fails is about.
    fn name(&self) -> String {
        format!("{} {} {}", self.form, self.nsp, self.call)
    }
}

fn lines(form: &str) -> Vec<Line> {
    let lines = include_str!("official.jsonl").lines();
    let lines = lines.map(|line| serde_json::from_str(line).unwrap());
    let lines: Vec<Line> = lines.filter(|line: &Line| line.form == form).collect();
    assert!(!lines.is_empty());
    lines
}

fn received(bytes: &[u8]) -> Received<'_> {
    Received::read(bytes, &Limits::default()).unwrap()
}

/// The two ways to say the same agree, whatever the order of keys.
fn assert_same_value(ours: &[u8], official: &[u8], name: &str) {
    let tree = |bytes: &[u8]| -> serde_json::Value {
        serde_json::from_str(received(bytes).json()).unwrap()
    };
    assert_eq!(tree(ours), tree(official), "{name}");
    assert_eq!(ours.len(), official.len(), "{name}");
}

/// What a server does with what came on a channel of the classic form.
fn read_classic(line: &Line, bytes: &[u8], check: impl FnOnce(&Message<'_>)) {
    let channels = ClassicChannels::default();
    let received = received(bytes);
    if line.channel.starts_with(&channels.answers(&line.nsp)) {
        check(&classic::read_answer(&received, &line.nsp).unwrap());
    } else if line.channel == channels.requests(&line.nsp) {
        match classic::read_request(&received, &line.nsp).unwrap() {
            classic::Request::Message(message) => check(&message),
            other => panic!("{}: {other:?}", line.name()),
        }
    } else {
        let message = classic::read_broadcast(&received).unwrap();
        let room = channels.room_of(&line.nsp, &line.channel).unwrap();
        let Body::Emit { targets, .. } = &message.body else { panic!("{}", line.name()) };
        let rooms: &[_] = if room.is_empty() { &[] } else { &[room] };
        assert!(targets.rooms == rooms || targets.rooms.len() > 1, "{}", line.name());
        check(&message);
    }
}

#[test]
fn the_classic_form_is_written_as_node_writes_it() {
    let mut count = 0;
    for line in lines("classic") {
        if line.call.contains("all rooms") || line.call.contains("for ids") {
            continue;
        }
        let bytes = line.bytes();
        read_classic(&line, &bytes, |message| {
            assert_eq!(message.namespace, line.nsp);
            assert_eq!(classic::encode(message).unwrap(), bytes, "{}", line.name());
        });
        count += 1;
    }
    assert_eq!(count, 42);
}

#[test]
fn old_requests_of_the_classic_form_are_answered_as_node_answers_them() {
    for line in lines("classic") {
        let bytes = line.bytes();
        let sockets = ["AAAAAAAAAAAAAAAAAAAA", "lobby"];
        match &*line.call {
            "all rooms" => {
                let received = received(&bytes);
                let request = classic::read_request(&received, &line.nsp).unwrap();
                assert!(
                    matches!(request, classic::Request::Rooms { sender: Some(uid), .. } if uid == "s00001")
                );
            }
            "answer for all rooms" => {
                assert_eq!(classic::encode_rooms("r00002", sockets.into_iter()), bytes);
            }
            "answer for ids" => {
                assert_eq!(classic::encode_ids("r00003", sockets.into_iter().take(1)), bytes);
            }
            _ => {}
        }
    }
}

#[test]
fn what_the_emitter_publishes_is_read_and_its_author_is_no_server() {
    for line in lines("emitter") {
        let bytes = line.bytes();
        read_classic(&line, &bytes, |message| {
            assert_eq!(message.server(), None, "{}", line.name());
            let mut again = message.clone();
            again.sender = Some(sockeye_cluster_proto::EMITTER.into());
            assert_same_value(&classic::encode(&again).unwrap(), &bytes, &line.name());
        });
    }
}

#[test]
fn numbered_messages_are_written_as_the_sharded_adapter_writes_them() {
    let channels = Channels::default();
    for line in lines("sharded") {
        let bytes = line.bytes();
        let received = received(&bytes);
        let message = messages::read(&received, "/other").unwrap();
        assert_eq!(message.namespace, line.nsp);
        assert_eq!(message.server(), Some("0123456789abcdef"));
        assert_eq!(messages::encode(&message), bytes, "{}", line.name());
        let channel = match SubscriptionMode::Dynamic.room_of(&message.body) {
            _ if message.body.is_answer() => channels.server(&line.nsp, "fedcba9876543210"),
            Some(room) => channels.room(&line.nsp, room),
            None => channels.all(&line.nsp),
        };
        assert_eq!(channel, line.channel, "{}", line.name());
    }
}

#[test]
fn numbered_messages_are_kept_or_published_as_by_the_adapter_for_streams() {
    let (channels, streams) = (Channels::default(), Streams::default());
    for line in lines("streams") {
        let Some(fields) = &line.fields else {
            let bytes = line.bytes();
            let received = received(&bytes);
            let message = messages::read(&received, "/other").unwrap();
            assert!(!Streams::keeps(&message.body), "{}", line.name());
            assert_eq!(messages::encode_msgpacked(&message), bytes, "{}", line.name());
            let channel = match message.body.is_answer() {
                true => channels.server(&line.nsp, "fedcba9876543210"),
                false => channels.all(&line.nsp),
            };
            assert_eq!(channel, line.channel);
            continue;
        };
        let entry = messages::Entry {
            uid: fields.uid.as_str().into(),
            nsp: fields.nsp.as_str().into(),
            kind: fields.kind.as_str().into(),
            data: fields.data.as_deref().map(Into::into),
        };
        let received = entry.read(&Limits::default()).unwrap();
        let message = entry.message(&received).unwrap();
        assert!(Streams::keeps(&message.body), "{}", line.name());
        assert_eq!(messages::Entry::of(&message), entry, "{}", line.name());
        assert_eq!(streams.stream_of(&line.nsp), line.channel);
    }
}
