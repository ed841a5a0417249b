//! `bench_server` as a process: its ready line, its paths, its bytes, its end.

#![cfg(feature = "server")]
#![expect(clippy::unwrap_used, reason = "a failed helper fails its test")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use sockeye_bench::load::{self, Options, Workload};
use sockeye_bench::process;
use sockeye_bench::wire::{self, ACCEPT, Protocol, TEXT};

const BINARY: u8 = 0x2;

#[test]
fn every_workload_is_served_without_a_wrong_message() {
    let server = BenchServer::start();
    for (protocol, workload) in [
        (Protocol::Websocket, Workload::Echo),
        (Protocol::EngineIo, Workload::Echo),
        (Protocol::SockJs, Workload::Echo),
        (Protocol::SocketIo, Workload::Echo),
        (Protocol::Websocket, Workload::Broadcast),
        (Protocol::SocketIo, Workload::Broadcast),
        (Protocol::Websocket, Workload::Connect),
        (Protocol::EngineIo, Workload::Connect),
        (Protocol::SocketIo, Workload::Connect),
        (Protocol::EngineIo, Workload::Polling),
        (Protocol::SocketIo, Workload::Polling),
        (Protocol::SocketIo, Workload::Idle),
        (Protocol::SocketIo, Workload::IdlePolling),
        (Protocol::EventSource, Workload::Broadcast),
        (Protocol::EventSource, Workload::Idle),
        (Protocol::Ndjson, Workload::Broadcast),
        (Protocol::Ndjson, Workload::Idle),
        (Protocol::Poll, Workload::IdlePolling),
        (Protocol::LongPoll, Workload::IdlePolling),
    ] {
        let has_rooms = (protocol, workload) == (Protocol::SocketIo, Workload::Broadcast);
        for (size, others) in [(32, 0), (20_000, 0), (32, if has_rooms { 7 } else { 0 })] {
            let outcome = load::run(&Options {
                second: None,
                server: server.address,
                server_pid: Some(server.child.id()),
                workload,
                protocol,
                connections: 5,
                others,
                awake: Duration::from_micros(others as u64),
                pipeline: 4,
                size,
                warm_up: Duration::ZERO,
                window: Duration::from_millis(50),
                stall: Options::STALL,
            });
            let outcome =
                outcome.unwrap_or_else(|error| panic!("{protocol} {workload:?}: {error}"));
            assert!(outcome.operations > 0, "{protocol} {workload:?}");
        }
    }
    server.stop();
}

#[test]
fn messages_come_back_byte_for_byte_with_their_opcode() {
    let server = BenchServer::start();
    let mut socket = WebSocket::connect(&server, "/echo");
    for (opcode, payload) in
        [(TEXT, &b"\xed\x95\x9c\xea\xb8\x80"[..]), (BINARY, b"\x00\xff"), (TEXT, b"")]
    {
        socket.send(opcode, payload);
        assert_eq!(socket.receive(), (opcode, payload.to_vec()));
    }

    drop(socket);
    let mut socket = WebSocket::connect(&server, "/socket.io/?EIO=4&transport=websocket");
    assert!(socket.receive_text().starts_with("0{"));
    socket.send(TEXT, b"40");
    assert!(socket.receive_text().starts_with("40{"));
    // Spaces, escapes, number forms and key order are the sender's.
    let arguments = r#"{"b" : [1.0,1e2, -0] ,"a":"\u00e9\/"},null, "é""#;
    socket.send(TEXT, format!(r#"42["echo",{arguments}]"#).as_bytes());
    assert_eq!(socket.receive_text(), format!(r#"42["echo",{arguments}]"#));
    socket.send(TEXT, format!(r#"4217["ack",{arguments}]"#).as_bytes());
    assert_eq!(socket.receive_text(), format!("4317[{arguments}]"));
    socket.send(TEXT, br#"42["echo"]"#);
    assert_eq!(socket.receive_text(), r#"42["echo"]"#);
    let attachment = r#"451-["echo",{"_placeholder":true,"num":0}]"#;
    socket.send(TEXT, attachment.as_bytes());
    socket.send(BINARY, b"\x01\x02\x03");
    assert_eq!(socket.receive_text(), attachment);
    assert_eq!(socket.receive(), (BINARY, vec![1, 2, 3]));
    drop(socket);
    server.stop();
}

#[test]
fn broadcasts_reach_the_sender_and_everybody_else_on_the_path() {
    let server = BenchServer::start();
    let mut first = WebSocket::connect(&server, "/broadcast");
    let mut second = WebSocket::connect(&server, "/broadcast");
    let mut elsewhere = WebSocket::connect(&server, "/echo");
    first.send(BINARY, b"\x01");
    assert_eq!(first.receive(), (BINARY, vec![1]));
    assert_eq!(second.receive(), (BINARY, vec![1]));
    elsewhere.send(TEXT, b"mine");
    assert_eq!(elsewhere.receive_text(), "mine");
    drop((first, second, elsewhere));
    server.stop();
}

#[test]
fn other_paths_and_plain_requests_are_refused() {
    let server = BenchServer::start();
    for (request, status) in [
        ("GET /nowhere HTTP/1.1\r\nHost: localhost\r\n\r\n", "404"),
        ("GET /echo HTTP/1.1\r\nHost: localhost\r\n\r\n", "426"),
        ("GET /socket.io/?EIO=4 HTTP/1.1\r\nHost: localhost\r\n\r\n", "400"),
    ] {
        let mut stream = TcpStream::connect(server.address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut line = String::new();
        BufReader::new(&stream).read_line(&mut line).unwrap();
        assert_eq!(line.split(' ').nth(1), Some(status), "{request:?}: {line:?}");
    }
    server.stop();
}

#[test]
fn both_loopback_addresses_are_served() {
    let server = BenchServer::start();
    let mut addresses = vec![IpAddr::from(Ipv4Addr::LOCALHOST)];
    if TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok() {
        addresses.push(Ipv6Addr::LOCALHOST.into());
    }
    for address in addresses {
        assert!(TcpStream::connect((address, server.address.port())).is_ok(), "{address}");
    }
    server.stop();
}

#[test]
fn sigterm_closes_what_is_open_and_ends_with_success() {
    let server = BenchServer::start();
    let mut echo = WebSocket::connect(&server, "/echo");
    let mut engine = WebSocket::connect(&server, "/engine.io/?EIO=4&transport=websocket");
    assert!(engine.receive_text().starts_with("0{"));
    process::terminate(server.child.id()).unwrap();
    let (opcode, payload) = echo.receive();
    assert_eq!((opcode, &payload[..2]), (wire::CLOSE, &1001u16.to_be_bytes()[..]));
    echo.send(wire::CLOSE, &payload);
    // Engine.IO may say goodbye with a close packet before the frame.
    while engine.receive().0 != wire::CLOSE {}
    engine.send(wire::CLOSE, b"");
    drop((echo, engine));
    server.wait();
}

struct BenchServer {
    child: Child,
    address: SocketAddr,
    _stdout: BufReader<ChildStdout>,
}

impl BenchServer {
    fn start() -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_bench_server"))
            .args(["--port", "0", "--workers", "1", "--feeds"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let address = line.trim_end().strip_prefix("listening on http://").unwrap();
        Self { address: address.parse().unwrap(), child, _stdout: stdout }
    }

    fn stop(self) {
        process::terminate(self.child.id()).unwrap();
        self.wait();
    }

    fn wait(mut self) {
        let status = self.child.wait().unwrap();
        assert!(status.success(), "{status}");
    }
}

impl Drop for BenchServer {
    fn drop(&mut self) {
        // Has ended already unless the test failed.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A client that waits for what it wants.
struct WebSocket {
    stream: BufReader<TcpStream>,
}

impl WebSocket {
    fn connect(server: &BenchServer, target: &str) -> Self {
        let mut stream = TcpStream::connect(server.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let request = format!(
            "GET {target} HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
            server.address
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut stream = BufReader::new(stream);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert!(stream.read_line(&mut head).unwrap() > 0, "{head}");
        }
        assert!(head.starts_with("HTTP/1.1 101 ") && head.contains(ACCEPT), "{head}");
        Self { stream }
    }

    fn send(&mut self, opcode: u8, payload: &[u8]) {
        let frame = wire::frame(opcode, Some([7, 1, 0x55, 0xAA]), payload);
        self.stream.get_mut().write_all(&frame).unwrap();
    }

    fn receive(&mut self) -> (u8, Vec<u8>) {
        let mut bytes = Vec::new();
        loop {
            if let Some(frame) = wire::server_frame(&bytes).unwrap() {
                return (frame.opcode, frame.payload.to_vec());
            }
            let mut byte = [0];
            self.stream.read_exact(&mut byte).unwrap();
            bytes.push(byte[0]);
        }
    }

    fn receive_text(&mut self) -> String {
        let (opcode, payload) = self.receive();
        assert_eq!(opcode, TEXT, "{payload:?}");
        String::from_utf8(payload).unwrap()
    }
}
