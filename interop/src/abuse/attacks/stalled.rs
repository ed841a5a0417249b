//! Attackers that ask for much and take nothing of it.

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::{Attacked, Flood, staying};
use crate::wire::{self, POLLING, Reads, SocketIo, Source};

const ATTACKER: Source = Source(66);
const MANY: &str = "the attacker asked for";

/// Sessions whose events wait for a GET, each `&sid=…`.
fn sessions_that_wait(server: SocketAddr, count: usize, flood: Flood) -> Result<Vec<String>> {
    let mut paths = Vec::new();
    for _ in 0..count {
        let mut stream = wire::open(server, ATTACKER, Reads::Yes)?;
        let open = wire::request(&mut stream, "GET", POLLING, "")?;
        let open: Value = serde_json::from_str(open.body.get(1..).context("an OPEN packet")?)?;
        let path = format!("{POLLING}&sid={}", open["sid"].as_str().context("a sid")?);
        let posted = wire::request(&mut stream, "POST", &path, "40")?;
        ensure!(posted.status == 200, "CONNECT: {}", posted.status);
        let connected = wire::request(&mut stream, "GET", &path, "")?;
        ensure!(connected.body.starts_with("40"), "no reply: {}", connected.body);
        let event = format!(r#"42["flood",{},{}]"#, flood.count, flood.bytes);
        // The server may refuse to keep so much: then there is less to hold.
        wire::request(&mut stream, "POST", &path, &event)?;
        paths.push(path);
    }
    Ok(paths)
}

/// A file of 125 kB.
const LARGE_FILE: &str = "/socket.io/socket.io.js.map";

fn is_large(server: SocketAddr) -> Result<()> {
    let mut stream = wire::open(server, ATTACKER, Reads::Yes)?;
    let answer = wire::request(&mut stream, "GET", LARGE_FILE, "")?;
    ensure!(answer.status == 200 && answer.body.len() > 100_000, "{LARGE_FILE}: {}", answer.status);
    Ok(())
}

/// The server does send what it is asked for: otherwise these attacks would show nothing.
fn is_sent(server: SocketAddr, flood: Flood) -> Result<()> {
    let mut client = SocketIo::open(server, ATTACKER, Reads::Yes)?;
    client.connect("", "")?;
    client.packet(&format!(r#"42["flood",1,{}]"#, flood.bytes))?;
    let packet = client.next_packet()?;
    ensure!(packet.len() > flood.bytes, "not {} bytes: {packet}", flood.bytes);
    Ok(())
}

pub(super) fn polls(server: SocketAddr, sessions: usize, flood: Flood) -> Result<Attacked> {
    is_sent(server, flood)?;
    let mut held = Vec::new();
    for path in sessions_that_wait(server, sessions, flood)? {
        let mut stream = wire::open(server, ATTACKER, Reads::Never)?;
        stream.write_all(wire::head("GET", &path, "").as_bytes())?;
        held.push(stream);
    }
    Ok(staying(format!("{MANY} {sessions} answers"), held))
}

/// Over one connection of HTTP/2 without TLS.
pub(super) fn streams(server: SocketAddr, sessions: usize, flood: Flood) -> Result<Attacked> {
    is_sent(server, flood)?;
    let paths = sessions_that_wait(server, sessions, flood)?;
    let stream = without_windows(server, paths.iter().map(String::as_str))?;
    Ok(staying(format!("{MANY} {sessions} answers on one connection"), stream))
}

pub(super) fn files(server: SocketAddr, connections: usize, streams: u32) -> Result<Attacked> {
    is_large(server)?;
    let held = (0..connections).map(|_| without_windows(server, (0..streams).map(|_| LARGE_FILE)));
    let held = held.collect::<Result<Vec<_>>>()?;
    thread::sleep(Duration::from_secs(2));
    Ok(staying(format!("{MANY} {} files", held.len() * streams as usize), held))
}

/// Asks for these paths on one connection, each on a stream that may carry nothing.
fn without_windows<'a>(
    server: SocketAddr,
    paths: impl Iterator<Item = &'a str>,
) -> Result<TcpStream> {
    let mut stream = wire::open(server, ATTACKER, Reads::Never)?;
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")?;
    // SETTINGS_INITIAL_WINDOW_SIZE is 0 (RFC 9113 §6.5.2).
    stream.write_all(&h2_frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]))?;
    for (index, path) in (0_u32..).zip(paths) {
        // GET and http by index (RFC 7541 Appendix A), then :path and :authority, not to be indexed.
        let mut block = vec![0x82, 0x86];
        for (name, value) in [(0x04, path), (0x01, "127.0.0.1")] {
            let length = u8::try_from(value.len()).ok().filter(|length| *length < 127);
            block.extend([name, length.context("a short path")?]);
            block.extend(value.as_bytes());
        }
        stream.write_all(&h2_frame(HEADERS, END_STREAM | END_HEADERS, 2 * index + 1, &block))?;
    }
    Ok(stream)
}

const HEADERS: u8 = 0x1;
const SETTINGS: u8 = 0x4;
const END_STREAM: u8 = 0x1;
const END_HEADERS: u8 = 0x4;

/// A frame of HTTP/2 (RFC 9113 §4.1) with a short payload.
fn h2_frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len()).unwrap_or(u8::MAX);
    let mut bytes = vec![0, 0, length, kind, flags];
    bytes.extend(stream.to_be_bytes());
    bytes.extend(&payload[..usize::from(length)]);
    bytes
}

pub(super) fn blind_pongs(server: SocketAddr, sessions: usize, flood: Flood) -> Result<Attacked> {
    is_sent(server, flood)?;
    let mut clients = Vec::new();
    for _ in 0..sessions {
        let mut client = SocketIo::open(server, ATTACKER, Reads::Never)?;
        client.connect("", "")?;
        client.packet(&format!(r#"42["flood",{},{}]"#, flood.count, flood.bytes))?;
        client.socket.set_patience(Duration::from_millis(100))?;
        clients.push(client);
    }
    let pongs = Pongs::send(clients);
    // Longer than an interval and a time-out of the heartbeat.
    thread::sleep(Duration::from_secs(7));
    Ok(staying(format!("{MANY} {sessions} times 13 MB"), pongs))
}

/// Sends pongs of both protocols on every connection, whether or not there was a ping.
struct Pongs(Arc<AtomicBool>);

impl Pongs {
    fn send(mut clients: Vec<SocketIo>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                for client in &mut clients {
                    // It may have been closed, which is right.
                    let _ = client.packet("3");
                    let _ = client.socket.send(&wire::frame(wire::PONG, b""));
                }
                thread::sleep(Duration::from_millis(300));
            }
        });
        Self(stop)
    }
}

impl Drop for Pongs {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

pub(super) fn pipelined_gets(
    server: SocketAddr,
    connections: usize,
    requests: usize,
) -> Result<Attacked> {
    is_large(server)?;
    let request = wire::head("GET", LARGE_FILE, "");
    let mut held: Vec<TcpStream> = Vec::new();
    for _ in 0..connections {
        let mut stream = wire::open(server, ATTACKER, Reads::Never)?;
        stream.write_all(request.repeat(requests).as_bytes())?;
        held.push(stream);
    }
    thread::sleep(Duration::from_secs(2));
    let kilobytes = connections * requests * request.len() / 1000;
    Ok(staying(format!("{kilobytes} kB of requests"), held))
}
