//! One client and its script.

use std::time::Duration;

use sockeye_engine_proto::{Message, Packet, Revision};
use sockeye_ws as ws;

use super::polling::Polling;
use super::server::{FLOOD, FLOOD_BYTES, Host, Io};
use super::wire::{Received, WebSocket, request, write};
use crate::random::Random;

/// A client of one session.
#[derive(Debug)]
pub struct Client {
    pub(crate) host: Host,
    pub(crate) random: Random,
    pub(crate) revision: Revision,
    outcome: Outcome,
    /// Answers that have not come yet are the ones up to `sent`; this many did.
    flooded: bool,
    /// Real time that stands for a millisecond of the script.
    pace: Duration,
}

/// What came of a client's script.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Which client it was.
    pub number: u64,
    /// Messages that were sent, in whole.
    pub sent: u32,
    /// Answers that arrived.
    pub received: u32,
    /// Its session moved to a WebSocket.
    pub upgraded: bool,
    /// Every rule was kept and nothing was given up.
    pub orderly: bool,
    /// Connections that were left open without a word.
    pub held: Vec<Box<dyn Io>>,
}

/// How a part of a script ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Course {
    /// The session goes on.
    GoesOn,
    /// It is over, or the client has no more interest in it.
    Over,
}

impl Client {
    /// Client `number` of a server, with what decides about its script.
    pub fn new(host: Host, number: u64, mut random: Random) -> Self {
        let revision = if random.chance(30) { Revision::V3 } else { Revision::V4 };
        let outcome = Outcome { number, ..Outcome::default() };
        let pace = Duration::from_millis(1);
        Client { host, random, revision, outcome, flooded: false, pace }
    }

    /// Plays faster, for clocks that cannot be wound on.
    #[must_use]
    pub fn at_pace(self, pace: Duration) -> Self {
        Client { pace, ..self }
    }

    /// Plays the script to its end.
    pub async fn play(mut self) -> Outcome {
        self.pause(2000).await;
        if self.random.chance(25) {
            if let Some(socket) = self.open_websocket().await {
                self.on_websocket(socket).await;
            }
        } else if let Some(mut polling) = Polling::open(&mut self).await {
            if let Some(socket) = self.on_polling(&mut polling).await {
                self.outcome.upgraded = true;
                self.on_websocket(socket).await;
            }
            self.outcome.held.append(&mut polling.held);
        }
        self.outcome
    }

    /// A paused clock keeps the script's own pace.
    pub(crate) fn is_on_a_real_clock(&self) -> bool {
        self.pace != Duration::from_millis(1)
    }

    pub(crate) fn query(&self, transport: &str) -> String {
        let revision = if self.revision == Revision::V3 { 3 } else { 4 };
        let client = self.outcome.number;
        format!("/engine.io/?EIO={revision}&transport={transport}&client={client}")
    }

    /// The next message to send.
    pub(crate) fn next_message(&mut self) -> String {
        self.outcome.sent += 1;
        (self.outcome.sent - 1).to_string()
    }

    /// Whether answers are still to come.
    pub(crate) fn waits(&self) -> bool {
        self.outcome.received < self.outcome.sent
    }

    pub(crate) async fn pause(&mut self, ms_max: u64) {
        let ms = u32::try_from(self.random.below(ms_max)).expect("a short time");
        tokio::time::sleep(self.pace * ms).await;
    }

    /// How much a connection can hold that nobody reads. The head of an answer fits: a client that
    /// sends a body which nobody reads looks for the answer only afterwards, and hyper, whose turn it
    /// is then, waits for ever.
    pub(crate) fn buffer(&mut self) -> usize {
        [600, 4096, 64 * 1024][self.random.below(3) as usize]
    }

    /// An answer arrived: it is the next one.
    pub(crate) fn hear(&mut self, message: Message<'_>) {
        let text = match message {
            Message::Text(text) if self.flooded && text.len() == FLOOD_BYTES => return,
            Message::Text(text) => text.to_owned(),
            Message::Binary(data) => String::from_utf8_lossy(data).into_owned(),
        };
        let number = self.outcome.number;
        assert_eq!(text, self.outcome.received.to_string(), "client {number}");
        self.outcome.received += 1;
        assert!(self.outcome.received <= self.outcome.sent, "client {number}");
    }

    /// Polls, posts and misbehaves. Gives the WebSocket when the session moved there.
    async fn on_polling(&mut self, polling: &mut Polling) -> Option<WebSocket> {
        for _ in 0..self.random.below(12) {
            let course = match self.random.below(30) {
                0..8 => polling.post(self).await,
                8..14 => polling.poll(self).await,
                14..17 => {
                    self.pause(30_000).await;
                    Course::GoesOn
                }
                17 => polling.abort_poll(self).await,
                18 => polling.abort_post(self).await,
                19 => polling.poll_twice(self).await,
                20 => polling.post_twice(self).await,
                21 => polling.violate(self).await,
                22 => polling.failed_upgrade(self).await,
                23 => polling.hold_poll(self).await,
                24 => polling.close(self).await,
                _ => match polling.upgrade(self).await {
                    Ok(socket) => return Some(socket),
                    Err(course) => course,
                },
            };
            if course == Course::Over {
                return None;
            }
        }
        if self.random.chance(70) {
            // To the end, by the rules.
            while self.waits() {
                if polling.poll(self).await == Course::Over {
                    return None;
                }
            }
            self.outcome.orderly = polling.orderly;
            if self.random.chance(50) {
                let _ = polling.close(self).await;
            }
        }
        None
    }

    async fn open_websocket(&mut self) -> Option<WebSocket> {
        let path = self.query("websocket");
        if self.random.chance(10) {
            // Gone before the handshake's end, at any byte of it.
            let mut io = self.host.connect(4096).await?;
            let bytes = request("GET", &path, "upgrade: websocket\r\n", b"");
            let length = self.random.below(bytes.len() as u64) as usize;
            let _ = write(&mut io, &bytes[..length], &mut self.random).await;
            return None;
        }
        let buffer = self.buffer();
        let mut socket =
            WebSocket::open(&self.host.clone(), &path, buffer, &mut self.random).await?;
        match socket.receive().await {
            Received::Text(open) => assert!(open.starts_with("0{"), "{open}"),
            // A slow machine may have come too late.
            Received::End if self.is_on_a_real_clock() => return None,
            other => panic!("{other:?} instead of OPEN"),
        }
        Some(socket)
    }

    /// Sends and receives on a WebSocket, and misbehaves.
    async fn on_websocket(&mut self, mut socket: WebSocket) {
        for _ in 0..self.random.below(12) {
            let course = match self.random.below(20) {
                0..9 => self.send(&mut socket).await,
                9..13 => self.listen(&mut socket).await,
                13 => {
                    self.pause(40_000).await;
                    Course::GoesOn
                }
                14 => self.be_flooded(&mut socket).await,
                15 => {
                    self.misframe(&mut socket).await;
                    Course::Over
                }
                16 => {
                    self.outcome.held.push(socket.io);
                    return;
                }
                17 => return,
                18 => {
                    socket.close(&mut self.random).await;
                    while socket.receive().await != Received::End {}
                    Course::Over
                }
                _ => self.ping(&mut socket).await,
            };
            if course == Course::Over {
                return;
            }
        }
        while self.waits() {
            if self.take(&mut socket).await == Course::Over {
                return;
            }
        }
        self.outcome.orderly = !self.flooded;
        socket.close(&mut self.random).await;
    }

    async fn send(&mut self, socket: &mut WebSocket) -> Course {
        for _ in 0..1 + self.random.below(4) {
            let text = self.next_message();
            let binary = self.random.chance(30);
            let sent = match (binary, self.revision) {
                (false, _) => {
                    let packet = format!("4{text}");
                    socket.send(ws::Message::Text(&packet), &mut self.random).await
                }
                (true, Revision::V3) => {
                    let packet = [b"\x04", text.as_bytes()].concat();
                    socket.send(ws::Message::Binary(&packet), &mut self.random).await
                }
                _ => socket.send(ws::Message::Binary(text.as_bytes()), &mut self.random).await,
            };
            if sent.is_none() {
                return Course::Over;
            }
        }
        Course::GoesOn
    }

    /// Takes what has to come.
    async fn listen(&mut self, socket: &mut WebSocket) -> Course {
        while self.waits() {
            if self.take(socket).await == Course::Over {
                return Course::Over;
            }
        }
        Course::GoesOn
    }

    /// Takes one message.
    async fn take(&mut self, socket: &mut WebSocket) -> Course {
        let mut scratch = Vec::new();
        let received = socket.receive().await;
        let packet = match (&received, self.revision) {
            (Received::End, _) => return Course::Over,
            (Received::Text(text), Revision::V3) => Packet::decode_v3(text, &mut scratch),
            (Received::Text(text), _) => Packet::decode(text, &mut scratch),
            (Received::Binary(data), Revision::V3) => Packet::decode_v3_binary(data),
            (Received::Binary(data), _) => Ok(Packet::Message(Message::Binary(data))),
        };
        match packet.expect("the server keeps the rules") {
            Packet::Message(message) => self.hear(message),
            Packet::Ping(_) => {
                if socket.send(ws::Message::Text("3"), &mut self.random).await.is_none() {
                    return Course::Over;
                }
            }
            Packet::Pong(_) | Packet::Noop => {}
            other => panic!("{other:?} on a WebSocket"),
        }
        Course::GoesOn
    }

    async fn ping(&mut self, socket: &mut WebSocket) -> Course {
        let sent = match self.revision {
            Revision::V3 => socket.send(ws::Message::Text("2"), &mut self.random).await,
            _ => socket.send(ws::Message::Ping(b"?"), &mut self.random).await,
        };
        if sent.is_some() { Course::GoesOn } else { Course::Over }
    }

    /// Asks for more than it reads at once.
    async fn be_flooded(&mut self, socket: &mut WebSocket) -> Course {
        self.flooded = true;
        if socket.send(ws::Message::Text("4flood"), &mut self.random).await.is_none() {
            return Course::Over;
        }
        self.pause(15_000).await;
        for _ in 0..FLOOD {
            if self.take(socket).await == Course::Over {
                return Course::Over;
            }
        }
        Course::GoesOn
    }

    async fn misframe(&mut self, socket: &mut WebSocket) {
        let frames: [&[u8]; 6] = [
            b"\xc1\x80\x01\x02\x03\x04",
            b"\x83\x80\x01\x02\x03\x04",
            b"\x81\x01x",
            b"\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff\x01\x02\x03\x04",
            b"\x80\x80\x01\x02\x03\x04",
            b"\x81\x82\x00\x00\x00\x00\xff\xff",
        ];
        let frame = frames[self.random.below(frames.len() as u64) as usize];
        let _ = write(&mut socket.io, frame, &mut self.random).await;
        while socket.receive().await != Received::End {}
    }
}
