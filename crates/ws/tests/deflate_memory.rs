//! What compression holds, counted by an allocator of its own.
#![cfg(feature = "deflate")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use sockeye_ws::handshake::deflate::Parameters;
use sockeye_ws::{
    Config, Connection, Deflater, Event, Opcode, ProtocolError, Role, encode_compressed_frame,
};

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

const PARAMETERS: Parameters = Parameters {
    server_no_context_takeover: true,
    client_no_context_takeover: true,
    server_max_window_bits: 15,
    client_max_window_bits: 15,
};

fn frame(payload: &[u8]) -> Vec<u8> {
    let mut deflated = Vec::new();
    assert!(Deflater::new(Role::Server, &PARAMETERS, 6).unwrap().deflate(payload, &mut deflated));
    let mut wire = Vec::new();
    encode_compressed_frame(Opcode::Binary, &deflated, None, &mut wire);
    wire
}

fn now() -> usize {
    dhat::HeapStats::get().curr_bytes
}

/// One test, for the counts are those of the process.
#[test]
fn memory_is_bounded_and_given_back() {
    let bomb = frame(&vec![0; 32 << 20]);
    let small = frame(&b"some words and ".repeat(100));
    let takeover = Parameters { server_no_context_takeover: false, ..PARAMETERS };

    let _profiler = dhat::Profiler::builder().testing().build();
    let connection =
        |parameters| Connection::new(Role::Client, Config::default()).with_deflate(parameters);
    let mut first = connection(&PARAMETERS);
    let created = now();
    assert!(created < 100, "a new connection holds {created} bytes");

    // The decompressor of this thread.
    assert!(matches!(first.handle_read(&mut small.clone()), Ok((_, Some(Event::Binary(_))))));
    first.poll_transmit(None, &mut Vec::new());
    let warm = now();
    assert!(warm - created < 80 * 1024, "{} bytes", warm - created);

    // Connections that have received something hold nothing, or what the peer refers to.
    let mut idle: Vec<Connection> = (0..100).map(|_| connection(&PARAMETERS)).collect();
    let before = now();
    for connection in &mut idle {
        connection.handle_read(&mut small.clone()).unwrap();
        connection.poll_transmit(None, &mut Vec::new());
    }
    assert_eq!(now(), before);
    let mut referring: Vec<Connection> = (0..100).map(|_| connection(&takeover)).collect();
    let before = now();
    for connection in &mut referring {
        connection.handle_read(&mut small.clone()).unwrap();
        connection.poll_transmit(None, &mut Vec::new());
    }
    let each = (now() - before) / 100;
    assert!((1500..4000).contains(&each), "{each} bytes");
    drop((idle, referring));

    // A bomb gets as far as the limit of 1 MiB, and everything is free again.
    let mut wire = bomb;
    let before = dhat::HeapStats::get();
    let error = first.handle_read(&mut wire).unwrap_err();
    assert!(matches!(error, ProtocolError::MessageTooLarge { .. }));
    let after = dhat::HeapStats::get();
    let above = after.max_bytes - before.curr_bytes;
    assert!(above <= 2 << 20, "{above} bytes at most");
    assert!(after.curr_bytes <= before.curr_bytes, "{} {}", after.curr_bytes, before.curr_bytes);
}
