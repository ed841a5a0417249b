//! The server's side of a WebSocket, as much of it as a test needs.

#![allow(clippy::unwrap_used, reason = "a failed helper fails its test")]

use std::io::Read;
use std::net::TcpStream;

use sockeye_bench::wire::{self, ACCEPT};

pub(crate) fn accept_head() -> Vec<u8> {
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         sec-websocket-accept: {ACCEPT}\r\n\r\n"
    )
    .into_bytes()
}

/// Reads the next text frame of a client and returns its payload.
pub(crate) fn read_frame(stream: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    loop {
        let mut header = [0; 2];
        stream.read_exact(&mut header)?;
        let length = match header[1] & 0x7F {
            126 => {
                let mut length = [0; 2];
                stream.read_exact(&mut length)?;
                u64::from(u16::from_be_bytes(length))
            }
            127 => {
                let mut length = [0; 8];
                stream.read_exact(&mut length)?;
                u64::from_be_bytes(length)
            }
            length => u64::from(length),
        };
        let mut key = [0; 4];
        stream.read_exact(&mut key)?;
        let mut payload = vec![0; usize::try_from(length).unwrap()];
        stream.read_exact(&mut payload)?;
        for (byte, key) in payload.iter_mut().zip(key.iter().cycle()) {
            *byte ^= key;
        }
        if header[0] & 0xF == wire::TEXT {
            return Ok(payload);
        }
        assert_eq!((header[0] & 0xF, &payload[..]), (wire::PONG, &b"are you there"[..]));
    }
}
