//! A byte stream of a session: the pipe it is written by, and what comes from it.

use sockeye_net::lines::push_line;
use sockeye_net::pipe::{self, Closing, Compression, FrameReader, Negotiated, Pipe};
use sockeye_net::stream::{ReadHalf, Stream};
use sockeye_ws::{self as ws, CloseCode, Role};

use super::framing::Framing;

/// A byte stream of a session, both sides of it.
pub(crate) struct Connection {
    pub(crate) pipe: Pipe,
    pub(crate) framing: Framing,
    pub(crate) incoming: Incoming,
}

/// What a close frame says.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Goodbye<'a> {
    /// This, to a peer that kept to the rules.
    Told(CloseCode, &'a str),
    /// This, to one that broke them.
    Failed(CloseCode),
}

impl Goodbye<'_> {
    /// Nothing.
    pub(crate) const SILENT: Self = Goodbye::Told(CloseCode::NO_STATUS, "");
}

/// What comes from a byte stream.
pub(crate) enum Incoming {
    /// Frames of WebSocket.
    Frames(FrameReader),
    /// Nothing that anybody looks at: its client sends by other ways. So many bytes of it are borne.
    Ignored { io: ReadHalf, bytes_left: usize },
}

impl Connection {
    /// A WebSocket behind its handshake, and what was read with that.
    pub(crate) fn websocket(
        stream: Stream,
        early: Vec<u8>,
        framing: Framing,
        config: ws::Config,
        compression: (Option<&Negotiated>, &Compression),
    ) -> Self {
        let (reader, pipe) = pipe::websocket(stream, early, Role::Server, config, compression);
        Connection { pipe, framing, incoming: Incoming::Frames(reader) }
    }

    /// A stream that is only written to.
    pub(crate) fn outgoing(stream: Stream, framing: Framing) -> Self {
        let (io, write) = stream.split();
        Connection {
            pipe: Pipe::new(write, Role::Server, None),
            framing,
            incoming: Incoming::Ignored { io, bytes_left: IGNORED_BYTES_MAX },
        }
    }
}

impl Incoming {
    /// Ends the connection in good order, behind what is queued.
    pub(crate) fn close(self, mut pipe: Pipe, goodbye: Goodbye<'_>) -> Closing {
        match self {
            Incoming::Frames(reader) => match goodbye {
                Goodbye::Told(code, reason) => Closing::new(pipe, reader, (code, reason), false),
                Goodbye::Failed(code) => Closing::new(pipe, reader, (code, ""), true),
            },
            Incoming::Ignored { .. } => {
                // Of a stream of lines the end alone does not tell whether it is whole.
                push_line("1", "", pipe.tail());
                Closing::of_stream(pipe)
            }
        }
    }
}

/// What is read at most from a client that has nothing to say there.
const IGNORED_BYTES_MAX: usize = 64 * 1024;
