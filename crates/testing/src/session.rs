//! The client's side of one session: a task that reads, answers pings and resolves acks.

use std::collections::HashMap;

use bytes::Bytes;
use serde::Deserialize;
use sockeye::RawArgs;
use sockeye_socket_proto::{Decoder, Incoming, Limits};
use tokio::io::DuplexStream;
use tokio::sync::{mpsc, oneshot};

use crate::connect::ConnectError;
use crate::raw::{Opcode, Received, WebSocket, frame};

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
    socket: WebSocket<DuplexStream>,
    packet: String,
    reply: JoinReply,
    mut commands: mpsc::UnboundedReceiver<Command>,
    events: mpsc::UnboundedSender<Arrived>,
) {
    let mut session = Session {
        socket,
        decoder: Decoder::new(Limits::default()),
        joining: Some((packet, reply)),
        acks: HashMap::new(),
        events,
    };
    loop {
        let goes_on = tokio::select! {
            command = commands.recv() => {
                // The client is dropped: so is its connection.
                let Some(command) = command else { return };
                session.obey(command).await;
                true
            }
            received = session.socket.receive() => session.take(received).await,
        };
        if !goes_on {
            break;
        }
    }
    // Whoever waits for an answer sees it drop; the receiver of events may be gone.
    let _ = session.events.send(Arrived::Closed);
}

struct Session {
    socket: WebSocket<DuplexStream>,
    decoder: Decoder,
    /// Until the server has answered.
    joining: Option<(String, JoinReply)>,
    acks: HashMap<u64, oneshot::Sender<RawArgs>>,
    events: mpsc::UnboundedSender<Arrived>,
}

impl Session {
    async fn obey(&mut self, command: Command) {
        let (packet, attachments) = match command {
            Command::Send(packet, attachments) => (packet, attachments),
            Command::Ask { id, packet, attachments, answer } => {
                self.acks.insert(id, answer);
                (packet, attachments)
            }
        };
        let mut out = frame(Opcode::Text, format!("4{packet}").as_bytes());
        for attachment in &attachments {
            out.extend(frame(Opcode::Binary, attachment));
        }
        self.socket.peer.send(out).await;
    }

    /// False: the connection is over.
    async fn take(&mut self, received: Received) -> bool {
        match received {
            Received::Text(text) => self.engine_packet(&text).await,
            Received::Binary(data) => self.binary(&data),
            Received::Close(..) | Received::End => false,
            Received::Broken(error) => panic!("the server broke a rule of WebSocket: {error}"),
            Received::Ping(_) | Received::Pong(_) => true,
        }
    }

    async fn engine_packet(&mut self, text: &str) -> bool {
        match text.split_at_checked(1) {
            Some(("0", _)) => {
                let packet = self.joining.as_ref().map(|(packet, _)| format!("4{packet}"));
                if let Some(packet) = packet {
                    self.socket.send(&packet).await;
                }
                true
            }
            Some(("1", _)) => false,
            Some(("2", probe)) => {
                self.socket.send(&format!("3{probe}")).await;
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
        data: Option<serde_json::Value>,
    }
    match serde_json::from_str(data) {
        Ok(Refusal { message, data }) => ConnectError::Refused { message, data },
        Err(_) => ConnectError::Refused { message: data.to_owned(), data: None },
    }
}
