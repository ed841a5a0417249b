//! Any bytes, cut in any way, give the same events and verdict, within the limits; and what was
//! received can be sent again and comes out unchanged at the other end.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sockeye_ws::{CloseCode, Config, Connection, Event, Message, ProtocolError, Role};

const CONFIG: Config = Config { message_bytes_max: 1000, frame_bytes_max: 700, fragments_max: 8 };
const KEY: Option<[u8; 4]> = Some([0x37, 0xfa, 0x21, 0x3d]);

#[derive(Debug, PartialEq)]
enum Seen {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(Option<(CloseCode, String)>),
}

/// What a connection made of a stream.
#[derive(Debug, PartialEq)]
struct Outcome {
    seen: Vec<Seen>,
    replies: Vec<u8>,
    error: Option<ProtocolError>,
}

// The first byte is the role; each byte of the second part, whose length is the second byte, is the
// length of a piece that the rest is read in.
fuzz_target!(|input: &[u8]| {
    let [first, cuts, rest @ ..] = input else { return };
    let role = if first & 1 == 0 { Role::Server } else { Role::Client };
    let (pieces, stream) = rest.split_at(usize::from(*cuts).min(rest.len()));
    let whole = read(role, stream, &[]);
    assert_eq!(read(role, stream, pieces), whole);
    assert_eq!(read(role, stream, &vec![1; stream.len()]), whole);
    send_again(role, &whole.seen);
});

fn read(role: Role, stream: &[u8], pieces: &[u8]) -> Outcome {
    let mut connection = Connection::new(role, CONFIG);
    let mut outcome = Outcome { seen: Vec::new(), replies: Vec::new(), error: None };
    let mut rest = stream.to_vec();
    let mut pieces = pieces.iter();
    let mut rest = rest.as_mut_slice();
    while !rest.is_empty() {
        let len = pieces.next().map_or(rest.len(), |len| usize::from(*len).min(rest.len()));
        let (piece, behind) = rest.split_at_mut(len);
        rest = behind;
        let mut used = 0;
        while used < len {
            let (count, event) = match connection.handle_read(&mut piece[used..]) {
                Ok(read) => read,
                Err(error) => {
                    assert!(error.close_code().is_sendable());
                    outcome.error = Some(error);
                    return outcome;
                }
            };
            assert!(count > 0 && (event.is_some() || used + count == len));
            used += count;
            outcome.seen.extend(event.map(seen));
            while connection.poll_transmit(KEY, &mut outcome.replies) {}
            assert!(connection.buffered() <= CONFIG.message_bytes_max);
        }
    }
    outcome
}

fn seen(event: Event<'_>) -> Seen {
    match event {
        Event::Text(text) => {
            assert!(text.len() <= CONFIG.message_bytes_max);
            Seen::Text(text.to_owned())
        }
        Event::Binary(bytes) => {
            assert!(bytes.len() <= CONFIG.message_bytes_max);
            Seen::Binary(bytes.to_vec())
        }
        Event::Ping(bytes) => Seen::Ping(bytes.to_vec()),
        Event::Pong(bytes) => Seen::Pong(bytes.to_vec()),
        Event::Close(frame) => Seen::Close(frame.map(|f| (f.code, f.reason.to_owned()))),
    }
}

/// Sends the messages as the same role, and reads them as the other.
fn send_again(role: Role, messages: &[Seen]) {
    let mut sender = Connection::new(role, CONFIG);
    let mut wire = Vec::new();
    for message in messages {
        let message = match message {
            Seen::Text(text) => Message::Text(text),
            Seen::Binary(bytes) => Message::Binary(bytes),
            Seen::Ping(bytes) => Message::Ping(bytes),
            Seen::Pong(bytes) => Message::Pong(bytes),
            Seen::Close(frame) => {
                let (code, reason) = match frame {
                    Some((code, reason)) => (*code, reason.as_str()),
                    None => (CloseCode::NO_STATUS, ""),
                };
                sender.close(code, reason, KEY, &mut wire);
                continue;
            }
        };
        sender.send(message, KEY, &mut wire).expect("nothing follows a close frame");
    }
    let other = if role == Role::Server { Role::Client } else { Role::Server };
    let mut receiver =
        Connection::new(other, Config { frame_bytes_max: CONFIG.message_bytes_max, ..CONFIG });
    let (mut used, mut count) = (0, 0);
    while used < wire.len() {
        let (bytes, event) = receiver.handle_read(&mut wire[used..]).expect("we sent it");
        used += bytes;
        let event = event.map(seen).expect("each frame is a message");
        assert_eq!(event, messages[count]);
        count += 1;
    }
    assert_eq!(count, messages.len());
}
