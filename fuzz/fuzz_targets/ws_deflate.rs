//! Any bytes into a connection with compression, cut in any way, give the same events and verdict,
//! within the limits; and what was received can be compressed again and comes out unchanged at the
//! other end.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sockeye_ws::handshake::deflate::Parameters;
use sockeye_ws::{Config, Connection, Deflater, Event, Opcode, ProtocolError, Role};

const CONFIG: Config = Config { message_bytes_max: 5000, frame_bytes_max: 4000, fragments_max: 8 };
const KEY: Option<[u8; 4]> = Some([0x37, 0xfa, 0x21, 0x3d]);

#[derive(Debug, PartialEq)]
enum Seen {
    Text(String),
    Binary(Vec<u8>),
    Control(String),
}

/// What a connection made of a stream.
#[derive(Debug, PartialEq)]
struct Outcome {
    seen: Vec<Seen>,
    error: Option<ProtocolError>,
}

// The first byte is the role, the context takeover and the level, the second the windows; each byte of
// the second part, whose length is the third byte, is the length of a piece that the rest is read in.
fuzz_target!(|input: &[u8]| {
    let [first, windows, cuts, rest @ ..] = input else { return };
    let role = if first & 1 == 0 { Role::Server } else { Role::Client };
    let parameters = Parameters {
        server_no_context_takeover: first & 2 != 0,
        client_no_context_takeover: first & 4 != 0,
        server_max_window_bits: 8 + (windows & 7),
        client_max_window_bits: 8 + (windows >> 3 & 7),
    };
    let (pieces, stream) = rest.split_at(usize::from(*cuts).min(rest.len()));
    let whole = read(role, &parameters, stream, &[]);
    assert_eq!(read(role, &parameters, stream, pieces), whole);
    assert_eq!(read(role, &parameters, stream, &vec![1; stream.len()]), whole);
    send_again(role, &parameters, first >> 4, &whole.seen);
});

fn read(role: Role, parameters: &Parameters, stream: &[u8], pieces: &[u8]) -> Outcome {
    let mut connection = Connection::new(role, CONFIG).with_deflate(parameters);
    let mut outcome = Outcome { seen: Vec::new(), error: None };
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
            while connection.poll_transmit(KEY, &mut Vec::new()) {}
            assert!(connection.buffered() <= CONFIG.message_bytes_max / 8 * 9 + 1024);
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
        other => Seen::Control(format!("{other:?}")),
    }
}

/// Compresses the messages as the same role, and reads them as the other.
fn send_again(role: Role, parameters: &Parameters, level: u8, messages: &[Seen]) {
    let Some(mut deflater) = Deflater::new(role, parameters, level) else { return };
    let other = if role == Role::Server { Role::Client } else { Role::Server };
    let config = Config { frame_bytes_max: usize::MAX, ..CONFIG };
    let mut receiver = Connection::new(other, config).with_deflate(parameters);
    for message in messages {
        let (opcode, payload) = match message {
            Seen::Text(text) => (Opcode::Text, text.as_bytes()),
            Seen::Binary(bytes) => (Opcode::Binary, &bytes[..]),
            Seen::Control(_) => continue,
        };
        let key = if role == Role::Client { KEY } else { None };
        let mut wire = Vec::new();
        deflater.encode_frame(opcode, payload, key, &mut wire);
        let len = wire.len();
        let (used, event) = receiver.handle_read(&mut wire).expect("we sent it");
        assert_eq!(used, len);
        assert_eq!(event.map(seen).as_ref(), Some(message));
    }
}
