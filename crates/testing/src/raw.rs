//! A raw client: one end of a byte stream, for what well-behaved clients do not do. Requests that lie
//! about their length, frames that break the rules, answers byte by byte: every byte that is sent is
//! the test's choice.
//!
//! - [`Peer`] is the stream itself, with what reads HTTP/1.1 from it.
//! - [`WebSocket`] is a [`Peer`] behind a handshake, of either role: frames out, messages in.
//!
//! Neither reads ahead. What follows a response or a frame is still in the stream, so that the two
//! and tokio's own methods may take turns.
//!
//! ```
//! use sockeye::{Namespace, Server};
//! use sockeye_testing::{TestServer, raw::Peer};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap().block_on(async {
//! let server = Server::builder().namespace(Namespace::new("/")).build().unwrap();
//! let (stream, _wire) = TestServer::new(server).open();
//! let mut peer = Peer::new(stream);
//! let poll = "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nhost: a\r\n\r\n";
//! peer.send([poll, "GET /socket.io/?EIO=9 HTTP/1.1\r\nhost: a\r\n\r\n"].concat()).await;
//! assert!(peer.response().await?.text().starts_with("0{\"sid\":"));
//! assert_eq!(peer.response().await?.status, 400, "the second of both answers");
//! # Ok::<(), sockeye_testing::raw::Error>(())
//! # }).unwrap();
//! ```

mod http;
mod websocket;

use std::future::Future;
use std::io;
use std::ops::{Deref, DerefMut};
use std::time::Duration;

pub use http::{Response, request};
pub use sockeye_ws::handshake::deflate::Parameters;
pub use sockeye_ws::{Opcode, ProtocolError, Role};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;
pub use websocket::{KEY, MASK, Received, WebSocket, frame, handshake};

/// One end of a byte stream: the stream itself, with what reads from it as a test does.
///
/// Methods that read are not to be given up half-way: what they have read is gone then.
#[derive(Debug)]
pub struct Peer<S> {
    stream: S,
    bytes_max: usize,
    patience: Option<Duration>,
}

/// Why something was not read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The connection ended before, or it broke.
    #[error("the connection ended ({error:?}) behind {:?}", String::from_utf8_lossy(.read))]
    Ended {
        /// What came before.
        read: Vec<u8>,
        /// How it broke, such as by a reset. None: it ended in good order.
        error: Option<io::ErrorKind>,
    },
    /// It is longer than [`Peer::bytes_max`].
    #[error("there are more than {bytes_max} bytes")]
    TooLong {
        /// The limit.
        bytes_max: usize,
    },
    /// It took longer than [`Peer::patience`].
    #[error("nothing more for {patience:?}")]
    Late {
        /// The limit.
        patience: Duration,
    },
    /// It is not HTTP/1.1.
    #[error("not HTTP/1.1: {read:?}")]
    Malformed {
        /// What was read.
        read: String,
    },
    /// A handshake got another answer than a WebSocket.
    #[error("refused: {0:?}")]
    Refused(Response),
}

impl<S> Peer<S> {
    /// Takes a stream, whatever has happened on it before.
    pub const fn new(stream: S) -> Self {
        Self { stream, bytes_max: 64 << 20, patience: None }
    }

    /// The most bytes that one head, one body, one message or one rest may have. Default: 64 MiB.
    #[must_use]
    pub const fn bytes_max(mut self, bytes_max: usize) -> Self {
        self.bytes_max = bytes_max;
        self
    }

    /// How long one read may take, on tokio's clock. Default: as long as the test lasts, which on a
    /// paused clock is the only sure thing.
    #[must_use]
    pub const fn patience(mut self, patience: Duration) -> Self {
        self.patience = Some(patience);
        self
    }

    /// The stream.
    pub fn into_stream(self) -> S {
        self.stream
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Peer<S> {
    /// Sends bytes. That the other end is gone is seen by what is read next, as it is in production.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.stream.write_all(bytes.as_ref()).await;
        let _ = self.stream.flush().await;
    }

    /// Reads until `end` has come, which is part of it.
    ///
    /// # Errors
    /// When the connection ends before, and by the limits.
    pub async fn read_until(&mut self, end: impl AsRef<[u8]>) -> Result<Vec<u8>, Error> {
        let (end, bytes_max) = (end.as_ref(), self.bytes_max);
        let mut read = Vec::new();
        while !read.ends_with(end) {
            // What is there of it may go on; never more than what is missing then is read.
            let begun = (1..end.len()).rev().find(|count| read.ends_with(&end[..*count]));
            let missing = end.len() - begun.unwrap_or(0);
            if read.len() + missing > bytes_max {
                return Err(Error::TooLong { bytes_max });
            }
            self.read_some(missing, &mut read).await?;
        }
        Ok(read)
    }

    /// Reads this many bytes.
    ///
    /// # Errors
    /// When the connection ends before, and by the limits.
    pub async fn read_count(&mut self, count: usize) -> Result<Vec<u8>, Error> {
        if count > self.bytes_max {
            return Err(Error::TooLong { bytes_max: self.bytes_max });
        }
        let mut read = Vec::new();
        while read.len() < count {
            self.read_some(count - read.len(), &mut read).await?;
        }
        Ok(read)
    }

    /// Reads between one and `count_max` bytes to the others.
    async fn read_some(&mut self, count_max: usize, read: &mut Vec<u8>) -> Result<(), Error> {
        let mut part = (&mut self.stream).take(count_max as u64);
        match within(self.patience, part.read_buf(read)).await? {
            Ok(0) => Err(Error::Ended { read: std::mem::take(read), error: None }),
            Ok(_) => Ok(()),
            Err(error) => Err(ended(std::mem::take(read), &error)),
        }
    }

    /// Reads until the other end has nothing more to say.
    ///
    /// # Errors
    /// When the connection breaks, and by the limits.
    pub async fn read_to_end(&mut self) -> Result<Vec<u8>, Error> {
        let mut read = Vec::new();
        loop {
            match within(self.patience, self.stream.read_buf(&mut read)).await? {
                Ok(0) => return Ok(read),
                Ok(_) if read.len() > self.bytes_max => {
                    return Err(Error::TooLong { bytes_max: self.bytes_max });
                }
                Ok(_) => {}
                Err(error) => return Err(ended(read, &error)),
            }
        }
    }

    /// Reads until the connection is over, be it by a reset.
    ///
    /// # Errors
    /// By the limits.
    pub async fn read_rest(&mut self) -> Result<Vec<u8>, Error> {
        match self.read_to_end().await {
            Err(Error::Ended { read, .. }) => Ok(read),
            other => other,
        }
    }

    /// Exactly this comes next.
    ///
    /// # Panics
    /// When something else does, or nothing.
    pub async fn expect(&mut self, expected: impl AsRef<[u8]>) {
        let expected = expected.as_ref();
        match self.read_count(expected.len()).await {
            Ok(read) => assert_eq!(read, expected),
            Err(error) => panic!("expected {expected:?}: {error}"),
        }
    }
}

/// Whatever else can be done to the stream.
impl<S> Deref for Peer<S> {
    type Target = S;

    fn deref(&self) -> &S {
        &self.stream
    }
}

impl<S> DerefMut for Peer<S> {
    fn deref_mut(&mut self) -> &mut S {
        &mut self.stream
    }
}

fn ended(read: Vec<u8>, error: &io::Error) -> Error {
    Error::Ended { read, error: Some(error.kind()) }
}

async fn within<T>(
    patience: Option<Duration>,
    read: impl Future<Output = io::Result<T>>,
) -> Result<io::Result<T>, Error> {
    match patience {
        None => Ok(read.await),
        Some(patience) => timeout(patience, read).await.map_err(|_| Error::Late { patience }),
    }
}
