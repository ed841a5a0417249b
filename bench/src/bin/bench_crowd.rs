//! A room of the chat in which everybody reads and some talk: how long a message takes from whoever says it to each who
//! is there, and what that costs the server and this program.
//!
//! One thread, no library of ours: frames are cut out of what comes, and of a message its number and the time that stands
//! in its text are read. The result is a line of JSON. `cargo xtask bench chat` runs it.
#![forbid(unsafe_code)]

use std::collections::HashMap;
use std::fs;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream as Blocking};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use clap::Parser;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike as _;
use serde_json::{Value, json};

/// A crowd in one room of a chat
#[derive(Debug, Parser)]
struct Options {
    /// Where the chat listens; it trusts this machine as a proxy
    #[arg(long)]
    address: SocketAddr,
    /// The process of the chat
    #[arg(long)]
    pid: u32,
    /// How many people are in the room
    #[arg(long, default_value_t = 1_000)]
    people: usize,
    /// How many messages are said in a second
    #[arg(long, default_value_t = 200)]
    rate: u32,
    /// For how long it is measured
    #[arg(long, default_value_t = 30)]
    seconds: u32,
    /// For how long they talk before that
    #[arg(long, default_value_t = 5)]
    warm_up: u32,
    /// Nobody says how far they have read
    #[arg(long)]
    unread: bool,
}

/// How late a message may be.
const IN_TIME: Duration = Duration::from_millis(250);
/// How often somebody says how far they have read.
const READ_INTERVAL: Duration = Duration::from_secs(1);

/// Somebody in the room.
struct Person {
    stream: TcpStream,
    /// What came of a frame that is not complete yet.
    buffer: Vec<u8>,
    unsent: Vec<u8>,
    newest: u64,
    read: u64,
}

fn main() -> Result<()> {
    let options = Options::parse();
    let mut crowd = Crowd::gather(&options)?;
    let begin = Instant::now();
    crowd.talk(&options, begin + Duration::from_secs(options.warm_up.into()))?;
    crowd.delays.clear();
    crowd.acks.clear();
    let (own, server) = (own_cpu()?, cpu_of(options.pid)?);
    let measured = Instant::now();
    crowd.talk(&options, measured + Duration::from_secs(options.seconds.into()))?;
    let took = measured.elapsed().as_secs_f64();
    let cores = |before: Duration, after: Duration| (after - before).as_secs_f64() / took;
    let (own, server) = (cores(own, own_cpu()?), cores(server, cpu_of(options.pid)?));
    let in_time = crowd.delays.iter().filter(|delay| **delay <= IN_TIME).count();
    let expected = crowd.said_measured * options.people as u64;
    let result = json!({
        "people": options.people,
        "rate": options.rate,
        "received": crowd.delays.len(),
        "expected": expected,
        "in_time": in_time as f64 / expected.max(1) as f64,
        "delay_ms": quantiles(&mut crowd.delays),
        "ack_ms": quantiles(&mut crowd.acks),
        "cpu_server": server,
        "cpu_clients": own,
    });
    writeln!(io::stdout(), "{result}")?;
    Ok(())
}

/// The middle, the 99th of a hundred and the longest, in milliseconds.
fn quantiles(times: &mut [Duration]) -> Value {
    times.sort_unstable();
    let at = |share: f64| {
        let index = (times.len() as f64 * share) as usize;
        times.get(index.min(times.len().saturating_sub(1))).map(|time| time.as_secs_f64() * 1e3)
    };
    json!({ "p50": at(0.5), "p99": at(0.99), "max": at(1.0) })
}

fn own_cpu() -> Result<Duration> {
    let usage = getrusage(UsageWho::RUSAGE_SELF)?;
    let micros = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    Ok(Duration::from_micros(micros.try_into()?))
}

fn cpu_of(pid: u32) -> Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).context("no such process")?;
    // The name of the program may have spaces, and ends with the last bracket.
    let fields: Vec<_> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks: u64 =
        fields.get(11..13).context("an odd stat")?.iter().flat_map(|it| it.parse::<u64>()).sum();
    Ok(Duration::from_millis(ticks * 10))
}

struct Crowd {
    poll: Poll,
    people: Vec<Person>,
    room: String,
    began: Instant,
    /// How many messages were said, and how many of them since it is measured.
    said: u64,
    said_measured: u64,
    /// When messages were said that are not acknowledged yet.
    unacknowledged: HashMap<u64, Instant>,
    delays: Vec<Duration>,
    acks: Vec<Duration>,
}

impl Crowd {
    fn gather(options: &Options) -> Result<Self> {
        let poll = Poll::new()?;
        let mut people = Vec::with_capacity(options.people);
        let mut room = String::from("lobby");
        for number in 0..options.people {
            let (stream, id, buffer) = enter(options.address, number, &room)?;
            room = id;
            stream.set_nonblocking(true)?;
            let mut stream = TcpStream::from_std(stream);
            poll.registry().register(&mut stream, Token(number), Interest::READABLE)?;
            people.push(Person { stream, buffer, unsent: Vec::new(), newest: 0, read: 0 });
        }
        Ok(Crowd {
            poll,
            people,
            room,
            began: Instant::now(),
            said: 0,
            said_measured: 0,
            unacknowledged: HashMap::new(),
            delays: Vec::new(),
            acks: Vec::new(),
        })
    }

    /// They talk until then, and a little longer what was said is waited for.
    fn talk(&mut self, options: &Options, end: Instant) -> Result<()> {
        let start = Instant::now();
        let pause = Duration::from_secs(1) / options.rate;
        let (mut due, mut said) = (start, 0);
        let mut readers = (0, start);
        let mut events = Events::with_capacity(1_024);
        let share = READ_INTERVAL / u32::try_from(self.people.len())?;
        loop {
            let now = Instant::now();
            while due <= now && due < end {
                self.say(now)?;
                said += 1;
                due += pause;
            }
            while !options.unread && readers.1 <= now {
                self.read(readers.0 % self.people.len())?;
                readers = (readers.0 + 1, readers.1 + share);
            }
            if now >= end && (self.unacknowledged.is_empty() || now > end + Duration::from_secs(10))
            {
                break;
            }
            let next =
                due.min(readers.1).saturating_duration_since(now).max(Duration::from_micros(500));
            self.poll.poll(&mut events, Some(next))?;
            for event in &events {
                self.hear(event.token().0)?;
            }
        }
        self.said_measured = said;
        Ok(())
    }

    fn say(&mut self, now: Instant) -> Result<()> {
        let by = self.said as usize % self.people.len();
        let text = (now - self.began).as_micros();
        let payload = format!(
            "42/chat,{}[\"say\",{{\"room\":\"{}\",\"text\":\"{text}\",\"key\":\"{}\"}}]",
            self.said, self.room, self.said
        );
        self.unacknowledged.insert(self.said, now);
        self.said += 1;
        self.people[by].send(payload.as_bytes())
    }

    fn read(&mut self, who: usize) -> Result<()> {
        let person = &mut self.people[who];
        if person.newest <= person.read {
            return Ok(());
        }
        person.read = person.newest;
        let payload = format!(
            "42/chat,[\"read\",{{\"room\":\"{}\",\"message\":{}}}]",
            self.room, person.newest
        );
        person.send(payload.as_bytes())
    }

    fn hear(&mut self, who: usize) -> Result<()> {
        let person = &mut self.people[who];
        let mut chunk = [0; 64 * 1024];
        loop {
            match person.stream.read(&mut chunk) {
                Ok(0) => bail!("the server has closed a connection"),
                Ok(count) => person.buffer.extend_from_slice(&chunk[..count]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error.into()),
            }
        }
        let now = Instant::now();
        let buffer = std::mem::take(&mut person.buffer);
        let mut rest = &buffer[..];
        let mut has_ping = false;
        while let Some((payload, after)) = frame(rest) {
            rest = after;
            if let Some(message) = payload.strip_prefix(b"42/chat,[\"message\",") {
                let (id, sent) = message_of(message).context("a message without a time")?;
                self.people[who].newest = id;
                let sent = self.began + Duration::from_micros(sent);
                self.delays.push(now.saturating_duration_since(sent));
            } else if let Some(answer) = payload.strip_prefix(b"43/chat,") {
                let (number, answer) = digits(answer);
                ensure!(
                    find(answer, b"\"error\"").is_none(),
                    "{}",
                    String::from_utf8_lossy(answer)
                );
                if let Some(said) = self.unacknowledged.remove(&number) {
                    self.acks.push(now - said);
                }
            } else if payload == b"2" {
                has_ping = true;
            }
        }
        let person = &mut self.people[who];
        person.buffer = rest.to_vec();
        if has_ping {
            person.send(b"3")?;
        }
        Ok(())
    }
}

impl Person {
    /// Sends a text, masked with noughts.
    fn send(&mut self, payload: &[u8]) -> Result<()> {
        frame_into(&mut self.unsent, payload);
        match self.stream.write(&self.unsent) {
            Ok(count) => drop(self.unsent.drain(..count)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }
}

/// A text frame of a client (RFC 6455 §5.2).
fn frame_into(bytes: &mut Vec<u8>, payload: &[u8]) {
    bytes.push(0x81);
    match payload.len() {
        length @ 0..126 => bytes.push(0x80 | length as u8),
        length => {
            bytes.push(0x80 | 126);
            bytes.extend_from_slice(&(length as u16).to_be_bytes());
        }
    }
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(payload);
}

/// The first frame of a server, if it is complete, and what follows it.
fn frame(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, start) = match bytes.get(1)? & 0x7f {
        126 => (u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?).into(), 4),
        127 => (u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?) as usize, 10),
        length => (length.into(), 2),
    };
    let payload = bytes.get(start..start + length)?;
    Some((payload, &bytes[start + length..]))
}

/// The number of a message and the time in its text.
fn message_of(message: &[u8]) -> Option<(u64, u64)> {
    let (id, rest) = digits(message.strip_prefix(b"{\"id\":")?);
    let at = find(rest, b"\"text\":\"")? + 8;
    Some((id, digits(&rest[at..]).0))
}

fn digits(bytes: &[u8]) -> (u64, &[u8]) {
    let end = bytes.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(bytes.len());
    let number = bytes[..end].iter().fold(0, |number, digit| number * 10 + u64::from(digit - b'0'));
    (number, &bytes[end..])
}

fn find(bytes: &[u8], text: &[u8]) -> Option<usize> {
    bytes.windows(text.len()).position(|window| window == text)
}

/// A guest comes in from an address of their own, connects and opens the room; its id, and what came behind it.
fn enter(address: SocketAddr, number: usize, room: &str) -> Result<(Blocking, String, Vec<u8>)> {
    let from = format!("10.{}.{}.{}", number >> 14 & 127, number >> 7 & 127, (number & 127) + 1);
    let body = format!("{{\"name\":\"crowd {number}\"}}");
    let mut stream = Blocking::connect(address)?;
    write!(
        stream,
        "POST /api/guests HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\nx-forwarded-for: {from}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let cookie = answer.lines().find_map(|line| line.strip_prefix("set-cookie: "));
    let cookie = cookie.and_then(|cookie| cookie.split(';').next()).context(answer.clone())?;
    let mut stream = Blocking::connect(address)?;
    stream.set_nodelay(true)?;
    write!(
        stream,
        "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nhost: {address}\r\nconnection: upgrade\r\n\
         upgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\
         x-forwarded-for: {from}\r\ncookie: {cookie}\r\n\r\n"
    )?;
    let mut buffer = Vec::new();
    while find(&buffer, b"\r\n\r\n").is_none() {
        more(&mut stream, &mut buffer)?;
    }
    let end = find(&buffer, b"\r\n\r\n").unwrap_or_default() + 4;
    ensure!(buffer.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&buffer));
    buffer.drain(..end);
    let mut request = Vec::new();
    frame_into(&mut request, b"40/chat,");
    stream.write_all(&request)?;
    until(&mut stream, &mut buffer, b"40/chat,")?;
    request.clear();
    frame_into(&mut request, format!("42/chat,0[\"open\",{{\"room\":\"{room}\"}}]").as_bytes());
    stream.write_all(&request)?;
    let opened = until(&mut stream, &mut buffer, b"43/chat,0")?;
    let opened: Value = serde_json::from_slice(&opened)?;
    let room = opened[0]["room"]["id"].as_str().with_context(|| opened.to_string())?;
    Ok((stream, room.to_owned(), buffer))
}

fn more(stream: &mut Blocking, buffer: &mut Vec<u8>) -> io::Result<()> {
    let mut chunk = [0; 16 * 1024];
    match stream.read(&mut chunk)? {
        0 => Err(ErrorKind::UnexpectedEof.into()),
        count => {
            buffer.extend_from_slice(&chunk[..count]);
            Ok(())
        }
    }
}

/// What follows this beginning in the next frame that has it; others are left out.
fn until(stream: &mut Blocking, buffer: &mut Vec<u8>, start: &[u8]) -> Result<Vec<u8>> {
    loop {
        while let Some((payload, rest)) = frame(buffer) {
            let (found, rest) = (payload.strip_prefix(start).map(<[u8]>::to_vec), rest.to_vec());
            *buffer = rest;
            if let Some(found) = found {
                return Ok(found);
            }
        }
        more(stream, buffer)?;
    }
}
