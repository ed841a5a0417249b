//! The link that all sockets of a session share, and the form of its packets on the wire.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use parking_lot::Mutex;
use sockeye_engine::{self as engine, Encoded, Handshake, Pushed};
use sockeye_socket_proto::{Messages, Parser, transcode};

use crate::cold_state::ColdState;

/// The handle of a session that its sockets share. It takes packets in the protocol's own form.
pub(crate) struct SessionLink {
    pub(crate) session: engine::Session,
    pub(crate) handshake: Arc<Handshake>,
    /// The number of its next socket.
    next_socket: AtomicU32,
    /// Commands for the session's task, which is woken when one is added.
    commands: Mutex<ColdState<Vec<Command>>>,
    /// The client's parser, if it does not use JSON. Known before anything is sent to it.
    parser: OnceLock<Arc<dyn Parser>>,
}

pub(crate) enum Command {
    /// The socket of this number was disconnected by the server.
    Disconnected(u32),
    /// The socket of this number continues in another session; this connection is lost.
    Replaced(u32),
    /// The expiry of a socket was changed or removed.
    ExpiryChanged,
    /// Disconnect all sockets, then close the session.
    CloseSession,
}

impl SessionLink {
    pub(crate) fn new(session: engine::Session, handshake: Arc<Handshake>) -> Self {
        let (commands, parser) = (Mutex::default(), OnceLock::new());
        SessionLink { session, handshake, next_socket: AtomicU32::new(0), commands, parser }
    }

    /// A number for a socket of this session, by which commands name it.
    pub(crate) fn number_socket(&self) -> u32 {
        self.next_socket.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn command(&self, command: Command) {
        self.commands.lock().get_or_default().push(command);
        self.session.wake();
    }

    pub(crate) fn take_commands(&self) -> Vec<Command> {
        self.commands.lock().take()
    }

    /// From now on packets are written by `parser`.
    pub(crate) fn speak(&self, parser: &Arc<dyn Parser>) {
        self.parser.get_or_init(|| Arc::clone(parser));
    }

    pub(crate) fn parser(&self) -> Option<&Arc<dyn Parser>> {
        self.parser.get()
    }

    /// Sends a packet to this session alone.
    pub(crate) fn send(&self, text: &str, attachments: &[Bytes]) -> Pushed {
        match self.parser() {
            None => self.session.send(text, attachments),
            Some(parser) => self.send_written(&written(parser, text, attachments)),
        }
    }

    /// Sends a packet that was encoded before, for many recipients or to be kept.
    pub(crate) fn push(&self, packet: &Arc<Encoded>) -> Pushed {
        match self.parser() {
            Some(parser) => self.session.push(&rewritten(parser, packet)),
            None => self.session.push(packet),
        }
    }

    /// Sends a packet to this session alone and `others` right after it: all or none. False: the
    /// outbox has no room for the others.
    pub(crate) fn push_all(&self, text: &str, others: &[Arc<Encoded>]) -> bool {
        let first = Arc::new(Encoded::new(text, Vec::new()));
        let pushed = match self.parser() {
            None => self.session.push_all(&first, others),
            Some(parser) => {
                let others: Vec<_> = others.iter().map(|it| rewritten(parser, it)).collect();
                self.session.push_all(&rewritten(parser, &first), &others)
            }
        };
        !matches!(pushed, Pushed::Overflow { .. })
    }

    fn send_written(&self, messages: &Messages) -> Pushed {
        match &messages.text {
            Some(text) => self.session.send(text, &messages.binary),
            None => self.session.send_binaries(&messages.binary),
        }
    }
}

/// A packet for many recipients in a parser's form.
pub(crate) fn rewritten(parser: &Arc<dyn Parser>, packet: &Encoded) -> Arc<Encoded> {
    let text = packet.text().unwrap_or_default();
    let Messages { text, binary } = written(parser, text, packet.attachments());
    let written = Encoded::from_parts(text, binary);
    Arc::new(if packet.may_be_compressed() { written } else { written.without_compression() })
}

fn written(parser: &Arc<dyn Parser>, text: &str, attachments: &[Bytes]) -> Messages {
    transcode(&**parser, text, attachments).unwrap_or_else(|error| {
        tracing::error!(%error, ?parser, "a packet of ours cannot be written in another form");
        Messages::default()
    })
}
