//! What an idle session costs over our own listener, its connection included: a polling session with
//! its parked poll hardly more than one on a WebSocket. Alone in its file: the count is the process's.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use sockeye::{Namespace, Server};
use sockeye_net::http::{HttpServer, bind};
use tokio::task::spawn_blocking;

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

const SESSIONS: usize = 512;
/// How much more a polling session may hold.
const MORE_BYTES_MAX: usize = 2048;

fn send(stream: &mut TcpStream, request: &str) {
    stream.write_all(request.as_bytes()).expect("the server reads");
}

fn read_until(stream: &mut TcpStream, end: &[u8]) -> Vec<u8> {
    let mut answer = vec![0; 2048];
    let mut count = 0;
    while !answer[..count].ends_with(end) {
        let read = stream.read(&mut answer[count..]).expect("the server answers");
        assert!(read > 0, "it ended: {}", String::from_utf8_lossy(&answer[..count]));
        count += read;
    }
    answer.truncate(count);
    answer
}

fn open_websocket(address: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(address).expect("it listens");
    send(
        &mut stream,
        "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nhost: localhost\r\n\
         connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
         sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    );
    read_until(&mut stream, b"\"maxPayload\":1000000}");
    stream.write_all(b"\x81\x82\x00\x00\x00\x0040").expect("the server reads");
    read_until(&mut stream, b"\"}");
    stream
}

/// With a poll that waits.
fn open_polling(address: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(address).expect("it listens");
    let get = "GET /socket.io/?EIO=4&transport=polling";
    send(&mut stream, &format!("{get} HTTP/1.1\r\nhost: localhost\r\n\r\n"));
    let answer = read_until(&mut stream, b"\"maxPayload\":1000000}");
    let answer = String::from_utf8(answer).expect("text");
    let (_, rest) = answer.split_once("\"sid\":\"").expect("an OPEN");
    let sid = &rest[..20];
    let target = format!("/socket.io/?EIO=4&transport=polling&sid={sid}");
    let length = "content-length: 2\r\n\r\n40";
    send(&mut stream, &format!("POST {target} HTTP/1.1\r\nhost: localhost\r\n{length}"));
    read_until(&mut stream, b"\r\n\r\nok");
    let poll = format!("GET {target} HTTP/1.1\r\nhost: localhost\r\n\r\n");
    send(&mut stream, &poll);
    read_until(&mut stream, b"\"}");
    send(&mut stream, &poll);
    stream
}

/// Waits until the last polls were read and wait: then nothing is allocated or freed any more.
async fn settled() {
    let mut before = 0;
    while std::mem::replace(&mut before, dhat::HeapStats::get().total_bytes) != before {
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
    }
}

/// Heap bytes for each of many that `open` opens.
async fn each(open: fn(SocketAddr) -> TcpStream) -> usize {
    let server = Server::builder().namespace(Namespace::new("/")).build().expect("a server");
    let listeners = bind(Some("127.0.0.1"), 0).await.expect("a free port");
    let address = listeners[0].local_addr().expect("it is bound");
    let serving = HttpServer::new(listeners, server.into_service());
    let serving = tokio::spawn(serving.take_over_after(Duration::ZERO).into_future());
    let fill = async || {
        let mut open_ones = Vec::with_capacity(SESSIONS);
        for _ in 0..SESSIONS {
            open_ones.push(spawn_blocking(move || open(address)).await.expect("it opens"));
        }
        settled().await;
        open_ones
    };
    let base = fill().await;
    let before = dhat::HeapStats::get().curr_bytes;
    let more = fill().await;
    let after = dhat::HeapStats::get().curr_bytes;
    drop((base, more));
    serving.abort();
    (after - before) / SESSIONS
}

#[tokio::test]
async fn a_parked_poll_costs_little_more_than_a_websocket() {
    let _profiler = dhat::Profiler::builder().testing().build();
    let websocket = each(open_websocket).await;
    let polling = each(open_polling).await;
    eprintln!("websocket {websocket} bytes, polling {polling} bytes");
    assert!(polling <= websocket + MORE_BYTES_MAX, "{polling} bytes, a WebSocket {websocket}");
}
