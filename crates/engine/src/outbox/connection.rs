//! A byte stream of a session: the pipe it is written by, and what comes from it.

use std::time::Duration;

use sockeye_net::lines::push_line;
use sockeye_net::pipe::{Closing, Compressor, FrameReader, Negotiated, Pipe, receive};
use sockeye_net::stream::{ReadHalf, Stream};
use sockeye_ws::{self as ws, CloseCode, Role};

use super::framing::Framing;

/// A byte stream of a session, both sides of it.
pub(crate) struct Connection {
    pub(crate) pipe: Pipe,
    pub(crate) framing: Framing,
    pub(crate) incoming: Incoming,
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
        (negotiated, compression): (Option<&Negotiated>, &sockeye_net::pipe::Compression),
    ) -> Self {
        let (read, write) = stream.split();
        let protocol = receive(ws::Connection::new(Role::Server, config), negotiated);
        let compressor = Compressor::new(Role::Server, negotiated, compression);
        Connection {
            pipe: Pipe::new(write, Role::Server, compressor),
            framing,
            incoming: Incoming::Frames(FrameReader::new(read, protocol, early)),
        }
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

/// The end of a connection in good order, behind what is queued.
pub(crate) enum Ending {
    /// There is a close frame to be sent, and one to be awaited.
    Frames(Closing),
    /// The stream ends.
    Stream(Pipe),
}

impl Ending {
    /// `code` is what a close frame says; [`CloseCode::NO_STATUS`] unless the peer broke a rule.
    pub(crate) fn new(mut pipe: Pipe, incoming: Incoming, code: CloseCode) -> Self {
        match incoming {
            Incoming::Frames(reader) => {
                let failed = code != CloseCode::NO_STATUS;
                Ending::Frames(Closing::new(pipe, reader, code, failed))
            }
            Incoming::Ignored { .. } => {
                // Of a stream of lines the end alone does not tell whether it is whole.
                push_line("1", "", pipe.tail());
                Ending::Stream(pipe)
            }
        }
    }

    /// Writes what the kernel takes at once. True: that was everything there is to do.
    pub(crate) fn is_done_at_once(&mut self) -> bool {
        match self {
            Ending::Frames(closing) => closing.is_done_at_once(),
            Ending::Stream(pipe) => !matches!(pipe.flush(), Ok(false)),
        }
    }

    /// Bytes of memory that wait to be written.
    pub(crate) fn own_bytes(&self) -> usize {
        match self {
            Ending::Frames(closing) => closing.own_bytes(),
            Ending::Stream(pipe) => pipe.own_bytes(),
        }
    }

    /// Carries it out. Whatever becomes of it, the connection is dropped.
    pub(crate) async fn carry_out(self, write_timeout: Duration) {
        let _ = match self {
            Ending::Frames(closing) => closing.carry_out(write_timeout).await,
            Ending::Stream(mut pipe) => {
                std::future::poll_fn(|cx| pipe.poll_write(cx, write_timeout)).await
            }
        };
    }
}

/// What is read at most from a client that has nothing to say there.
const IGNORED_BYTES_MAX: usize = 64 * 1024;
