//! The client's side of one session: a task that reads, answers pings and resolves acks.

use std::collections::HashMap;

use bytes::Bytes;
use serde::Deserialize;
use sockeye::RawArgs;
use sockeye_socket_proto::{Decoder, Incoming, Limits};
use sockeye_ws::{Config, Connection, Event, Message, Role};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream},
    sync::{mpsc, oneshot},
};

use crate::ConnectError;

/// What the client wants.
pub(crate) enum Command {
    /// Send a packet and its attachments.
    Send(String, Vec<Bytes>),
    /// The same, an event whose answer somebody waits for.
    Ask { id: u64, packet: String, attachments: Vec<Bytes>, answer: oneshot::Sender<RawArgs> },
}

/// What came.
pub(crate) enum Arrived {
    Event {
        name: String,
        args: RawArgs,
        id: Option<u64>,
    },
    /// The server took the client out of the namespace.
    Disconnected,
    /// The connection is over.
    Closed,
}

/// What the server says to a client that it lets in.
#[derive(Debug, Deserialize)]
pub(crate) struct Joined {
    pub(crate) sid: String,
    pub(crate) pid: Option<String>,
    pub(crate) recovery: Option<String>,
}

type JoinReply = oneshot::Sender<Result<Joined, ConnectError>>;

/// Joins with `packet` as soon as the session is open, and runs until either side ends it.
pub(crate) async fn run(
    stream: DuplexStream,
    packet: String,
    reply: JoinReply,
    mut commands: mpsc::UnboundedReceiver<Command>,
    events: mpsc::UnboundedSender<Arrived>,
) {
    let mut session = Session {
        stream,
        websocket: Connection::new(Role::Client, Config::default()),
        decoder: Decoder::new(Limits::default()),
        joining: Some((packet, reply)),
        acks: HashMap::new(),
        events,
    };
    let mut input = Vec::new();
    let mut buffer = vec![0; 16 * 1024];
    loop {
        tokio::select! {
            command = commands.recv() => {
                // The client is dropped: so is its connection.
                let Some(command) = command else { return };
                if !session.obey(command).await {
                    break;
                }
            }
            read = session.stream.read(&mut buffer) => match read {
                Ok(0) | Err(_) => break,
                Ok(read) => {
                    input.extend_from_slice(&buffer[..read]);
                    if !session.read(&mut input).await {
                        break;
                    }
                }
            }
        }
    }
    // Whoever waits for an answer sees it drop; the receiver of events may be gone.
    let _ = session.events.send(Arrived::Closed);
}

struct Session {
    stream: DuplexStream,
    websocket: Connection,
    decoder: Decoder,
    /// Until the server has answered.
    joining: Option<(String, JoinReply)>,
    acks: HashMap<u64, oneshot::Sender<RawArgs>>,
    events: mpsc::UnboundedSender<Arrived>,
}

impl Session {
    /// False: the connection is over.
    async fn obey(&mut self, command: Command) -> bool {
        let (packet, attachments) = match command {
            Command::Send(packet, attachments) => (packet, attachments),
            Command::Ask { id, packet, attachments, answer } => {
                self.acks.insert(id, answer);
                (packet, attachments)
            }
        };
        let mut out = Vec::new();
        self.frame(Message::Text(&format!("4{packet}")), &mut out);
        for attachment in &attachments {
            self.frame(Message::Binary(attachment), &mut out);
        }
        self.stream.write_all(&out).await.is_ok()
    }

    fn frame(&mut self, message: Message<'_>, out: &mut Vec<u8>) {
        // A connection that is closing takes nothing more, as a socket would not.
        let _ = self.websocket.send(message, Some(MASK), out);
    }

    async fn read(&mut self, input: &mut Vec<u8>) -> bool {
        loop {
            let mut out = Vec::new();
            let Ok((used, event)) = self.websocket.handle_read(input) else {
                panic!("the server broke a rule of WebSocket");
            };
            let message = match event {
                Some(Event::Text(text)) => Some(Read::Text(text.to_owned())),
                Some(Event::Binary(data)) => Some(Read::Binary(data.to_vec())),
                Some(Event::Close(_)) => Some(Read::Close),
                _ => None,
            };
            input.drain(..used);
            let is_open = match message {
                Some(Read::Text(text)) => self.engine_packet(&text, &mut out),
                Some(Read::Binary(data)) => self.binary(&data),
                Some(Read::Close) => false,
                None => true,
            };
            while self.websocket.poll_transmit(Some(MASK), &mut out) {}
            if self.stream.write_all(&out).await.is_err() || !is_open {
                return false;
            }
            if used == 0 || input.is_empty() {
                return true;
            }
        }
    }

    fn engine_packet(&mut self, text: &str, out: &mut Vec<u8>) -> bool {
        match text.split_at_checked(1) {
            Some(("0", _)) => {
                let packet = self.joining.as_ref().map(|(packet, _)| format!("4{packet}"));
                if let Some(packet) = packet {
                    self.frame(Message::Text(&packet), out);
                }
                true
            }
            Some(("1", _)) => false,
            Some(("2", probe)) => {
                self.frame(Message::Text(&format!("3{probe}")), out);
                true
            }
            Some(("4", packet)) => match self.decoder.handle_text(packet) {
                Ok(Some(incoming)) => {
                    handle(incoming, &mut self.joining, &mut self.acks, &self.events)
                }
                Ok(None) => true,
                Err(error) => panic!("the server broke a rule of Socket.IO: {error}"),
            },
            _ => true,
        }
    }

    fn binary(&mut self, data: &[u8]) -> bool {
        match self.decoder.handle_binary(data) {
            Ok(Some(incoming)) => handle(incoming, &mut self.joining, &mut self.acks, &self.events),
            Ok(None) => true,
            Err(error) => panic!("the server broke a rule of Socket.IO: {error}"),
        }
    }
}

enum Read {
    Text(String),
    Binary(Vec<u8>),
    Close,
}

/// Takes in a packet. False: the session is of no use.
fn handle(
    incoming: Incoming<'_>,
    joining: &mut Option<(String, JoinReply)>,
    acks: &mut HashMap<u64, oneshot::Sender<RawArgs>>,
    events: &mpsc::UnboundedSender<Arrived>,
) -> bool {
    let arrived = match incoming {
        Incoming::Connect { auth, .. } => {
            if let Some((_, reply)) = joining.take() {
                let joined = serde_json::from_str(auth).expect("the reply of the server is JSON");
                let _ = reply.send(Ok(joined));
            }
            return true;
        }
        Incoming::ConnectError { data, .. } => {
            if let Some((_, reply)) = joining.take() {
                let _ = reply.send(Err(refusal(data)));
            }
            return false;
        }
        Incoming::Ack { id, args, attachments, .. } => {
            if let Some(answer) = acks.remove(&id) {
                let _ = answer.send(RawArgs::new(args, &attachments));
            }
            return true;
        }
        Incoming::Event { id, name, args, attachments, .. } => {
            let args = RawArgs::new(args, &attachments);
            Arrived::Event { name: name.into_owned(), args, id }
        }
        Incoming::Disconnect { .. } => Arrived::Disconnected,
        _ => return true,
    };
    events.send(arrived).is_ok()
}

fn refusal(data: &str) -> ConnectError {
    #[derive(Deserialize)]
    struct Refusal {
        message: String,
        #[serde(default)]
        data: serde_json::Value,
    }
    match serde_json::from_str(data) {
        Ok(Refusal { message, data }) => ConnectError::Refused { message, data },
        Err(_) => ConnectError::Refused { message: data.to_owned(), data: serde_json::Value::Null },
    }
}

/// Any mask will do.
const MASK: [u8; 4] = [1, 2, 3, 4];
