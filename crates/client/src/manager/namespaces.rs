//! The namespaces of one session: dispatches packets from the server to them, and collects theirs.

use std::sync::Arc;

use bytes::Bytes;
use sockeye_engine_proto::Message;
use sockeye_socket_proto::{DecodeError, Decoder, EventRef, FromArgs, Incoming};

use crate::error::ConnectError;
use crate::handler::RunningHandlers;
use crate::limits::Limits;
use crate::socket::Socket;
use crate::state::DisconnectReason;

/// The Socket.IO layer of one session.
pub(crate) struct Namespaces {
    pub(crate) sockets: Vec<Arc<Socket>>,
    pub(crate) handlers: RunningHandlers,
    decoder: Decoder,
    packet_limits: sockeye_socket_proto::Limits,
    /// The index of the socket that may send next: one packet each, in rotation.
    next_sender: usize,
}

impl Namespaces {
    pub(crate) fn new(limits: &Limits) -> Self {
        Namespaces {
            sockets: Vec::new(),
            handlers: RunningHandlers::new(limits),
            decoder: Decoder::new(limits.packets),
            packet_limits: limits.packets,
            next_sender: 0,
        }
    }

    /// Forgets a packet whose attachments have not all come: its session is lost.
    pub(crate) fn reset_decoder(&mut self) {
        self.decoder = Decoder::new(self.packet_limits);
    }
}

/// For the engine session.
impl Namespaces {
    /// Handles a message.
    ///
    /// # Errors
    /// When it is no packet: the session has to be closed.
    pub(crate) fn handle_message(&mut self, message: Message<'_>) -> Result<(), DecodeError> {
        let Namespaces { sockets, handlers, decoder, .. } = self;
        let incoming = match message {
            Message::Text(text) => decoder.handle_text(text),
            Message::Binary(data) => decoder.handle_binary(data),
        };
        if let Some(incoming) = incoming? {
            dispatch(sockets, handlers, incoming);
        }
        decoder.release();
        Ok(())
    }

    /// Whether further messages may be read now.
    pub(crate) fn is_ready(&self) -> bool {
        self.handlers.is_ready()
    }

    /// Gives the next packet to `send`: its text behind the `4` of an engine message, and its
    /// attachments. `false`: there is none.
    pub(crate) fn next_packet(&mut self, send: &mut dyn FnMut(&str, &[Bytes])) -> bool {
        let count = self.sockets.len();
        for offset in 0..count {
            let index = (self.next_sender + offset) % count;
            if self.sockets[index].next_packet(send) {
                self.next_sender = index + 1;
                return true;
            }
        }
        false
    }
}

/// Handles one packet. One for a namespace that no client of this session is in is ignored: the client
/// may have left it while the packet was on its way.
fn dispatch(sockets: &[Arc<Socket>], handlers: &mut RunningHandlers, incoming: Incoming<'_>) {
    let (Incoming::Connect { namespace, .. }
    | Incoming::Disconnect { namespace }
    | Incoming::ConnectError { namespace, .. }
    | Incoming::Event { namespace, .. }
    | Incoming::Ack { namespace, .. }) = &incoming
    else {
        return;
    };
    let Some(socket) = sockets.iter().find(|socket| socket.namespace == *namespace) else {
        tracing::debug!("a packet for a namespace that no client is in");
        return;
    };
    match incoming {
        Incoming::Connect { auth, .. } => handle_connect(socket, handlers, auth),
        Incoming::ConnectError { data, .. } => {
            handlers.connect_failed(socket, socket.fail_join(decode_connect_error(data)));
        }
        Incoming::Disconnect { .. } => {
            let (was_joined, error) = socket.handle_disconnect();
            let reason = was_joined.then_some(DisconnectReason::ServerDisconnect);
            handlers.disconnected(socket, reason);
            handlers.connect_failed(socket, error);
        }
        Incoming::Event { id, name, args, attachments, .. } => {
            let event = EventRef { name: &name, args, attachments: &attachments };
            let responder = socket.publish_event(event, id);
            if let Some(any) = &socket.handlers.any {
                handlers.start_lifecycle(|| any(event.to_raw_event()));
            }
            handlers.handle_event(socket, event, responder);
        }
        Incoming::Ack { id, args, attachments, .. } => socket.resolve_ack(id, args, &attachments),
        _ => {}
    }
}

fn handle_connect(socket: &Arc<Socket>, handlers: &mut RunningHandlers, data: &str) {
    #[derive(serde::Deserialize)]
    struct Connected {
        sid: String,
    }
    match Connected::from_args(data, &[]) {
        Ok(connected) => {
            if socket.handle_connect(&connected.sid)
                && let (Some(handler), Some(client)) = (&socket.handlers.connect, socket.client())
            {
                handlers.start_lifecycle(|| handler(client));
            }
        }
        Err(_) => handlers.connect_failed(socket, socket.fail_join(ConnectError::Version)),
    }
}

/// The payload of a CONNECT_ERROR: an object in revision 5 of the protocol, a string before it.
fn decode_connect_error(json: &str) -> ConnectError {
    #[derive(serde::Deserialize)]
    struct Details {
        #[serde(default)]
        message: String,
        data: Option<serde_json::Value>,
    }
    match Details::from_args(json, &[]) {
        Ok(Details { message, data }) => ConnectError::Refused { message, data },
        Err(_) => {
            let message = String::from_args(json, &[]).unwrap_or_default();
            ConnectError::Refused { message, data: None }
        }
    }
}
