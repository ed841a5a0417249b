//! The namespaces of one session: where packets from the server go and where others come from.

use std::sync::Arc;

use bytes::Bytes;
use sockeye_engine_proto::Message;
use sockeye_socket_proto::{DecodeError, Decoder, FromArgs, Incoming, RawArgs, RawEvent};

use crate::error::ConnectError;
use crate::jobs::Jobs;
use crate::limits::Limits;
use crate::socket::Socket;
use crate::state::DisconnectReason;

/// The Socket.IO layer of one session.
pub(crate) struct Namespaces {
    pub(crate) sockets: Vec<Arc<Socket>>,
    pub(crate) jobs: Jobs,
    decoder: Decoder,
    packet_limits: sockeye_socket_proto::Limits,
    /// Whose packet is sent next: they take turns.
    turn: usize,
}

impl Namespaces {
    pub(crate) fn new(limits: &Limits) -> Self {
        Namespaces {
            sockets: Vec::new(),
            jobs: Jobs::new(limits),
            decoder: Decoder::new(limits.packets),
            packet_limits: limits.packets,
            turn: 0,
        }
    }

    /// A new session begins.
    pub(crate) fn reset(&mut self) {
        self.decoder = Decoder::new(self.packet_limits);
    }
}

/// What the engine asks for.
impl Namespaces {
    /// Takes a message. An error ends the session.
    pub(crate) fn message(&mut self, message: Message<'_>) -> Result<(), DecodeError> {
        let Namespaces { sockets, jobs, decoder, .. } = self;
        let incoming = match message {
            Message::Text(text) => decoder.handle_text(text),
            Message::Binary(data) => decoder.handle_binary(data),
        };
        if let Some(incoming) = incoming? {
            dispatch(sockets, jobs, incoming);
        }
        decoder.release();
        Ok(())
    }

    /// Whether further messages may come now.
    pub(crate) fn is_ready(&self) -> bool {
        self.jobs.is_ready()
    }

    /// Hands out the next packet, if there is one: the text with the engine's `4` before it, and
    /// its attachments.
    pub(crate) fn next_packet(&mut self, send: &mut dyn FnMut(&str, &[Bytes])) -> bool {
        let count = self.sockets.len();
        for offset in 0..count {
            let index = (self.turn + offset) % count;
            if self.sockets[index].next_packet(send) {
                self.turn = index + 1;
                return true;
            }
        }
        false
    }
}

/// Takes one packet to its namespace. One that no client of this session is in gets nothing: the
/// packet may have crossed a disconnect.
fn dispatch(sockets: &[Arc<Socket>], jobs: &mut Jobs, incoming: Incoming<'_>) {
    let (Incoming::Connect { namespace, .. }
    | Incoming::Disconnect { namespace }
    | Incoming::ConnectError { namespace, .. }
    | Incoming::Event { namespace, .. }
    | Incoming::Ack { namespace, .. }) = &incoming
    else {
        return;
    };
    let Some(socket) = sockets.iter().find(|socket| socket.namespace == *namespace) else {
        tracing::debug!("a packet for a namespace nobody is in");
        return;
    };
    match incoming {
        Incoming::Connect { auth, .. } => connect(socket, jobs, auth),
        Incoming::ConnectError { data, .. } => jobs.report(socket, socket.refuse(refusal(data))),
        Incoming::Disconnect { .. } => {
            let reason = socket.expel().then_some(DisconnectReason::ServerDisconnect);
            jobs.disconnected(socket, reason);
        }
        Incoming::Event { id, name, args, attachments, .. } => {
            let reply = socket.publish(&name, id, args, &attachments);
            if let Some(any) = &socket.routes.any {
                jobs.life(|| any(RawEvent::new(&name, args, &attachments)));
            }
            jobs.event(socket, &name, args, &attachments, reply);
        }
        Incoming::Ack { id, args, attachments, .. } => socket.resolve(id, args, &attachments),
        _ => {}
    }
}

fn connect(socket: &Arc<Socket>, jobs: &mut Jobs, data: &str) {
    #[derive(serde::Deserialize)]
    struct Connected {
        sid: String,
    }
    match Connected::from_args(data, &[]) {
        Ok(connected) => {
            if socket.join(&connected.sid)
                && let (Some(handler), Some(client)) = (&socket.routes.connect, socket.client())
            {
                jobs.life(|| handler(client));
            }
        }
        Err(_) => jobs.report(socket, socket.refuse(ConnectError::Version)),
    }
}

/// What the server said when it refused: an object in revision 5, a string before it.
fn refusal(json: &str) -> ConnectError {
    #[derive(serde::Deserialize)]
    struct Refusal {
        #[serde(default)]
        message: String,
        #[serde(default)]
        data: Option<Box<serde_json::value::RawValue>>,
    }
    match Refusal::from_args(json, &[]) {
        Ok(Refusal { message, data }) => {
            let data = data.map_or(RawArgs::default(), |data| RawArgs::new(data.get(), &[]));
            ConnectError::Refused { message, data }
        }
        Err(_) => {
            let message = String::from_args(json, &[]).unwrap_or_default();
            ConnectError::Refused { message, data: RawArgs::default() }
        }
    }
}
