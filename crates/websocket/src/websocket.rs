//! One WebSocket connection, as the application sees it.

use std::sync::Arc;

use sockeye_net::pipe::Negotiated;
use sockeye_net::stream::Stream;
use sockeye_ws as ws;
use sockeye_ws::{CloseCode, Role};

use crate::config::Config;
use crate::error::{RecvError, SendError};
use crate::message::{Closed, Message};
use crate::outgoing::Outgoing;
use crate::reader::Reader;
use crate::writer::Writer;

/// One WebSocket connection after the handshake, of either role.
///
/// Pings and the peer's close frame are answered while it is read, so something has to
/// [`recv`](Self::recv) (or [`for_each`](Self::for_each)) until the end. Dropping it without
/// [`close`](Self::close) ends the transport without a close frame, after what is queued.
#[derive(Debug)]
pub struct WebSocket {
    pub(crate) reader: Reader,
}

impl WebSocket {
    /// Takes over a byte stream whose handshake was done by other means; `rest` is what was read
    /// behind it, and `deflate` the parameters if compression was negotiated in it
    /// ([`ws::handshake::deflate`]). Messages are compressed only if the configuration's
    /// [`compression`](crate::Config::compression) is on as well. Usually
    /// [`upgrade`](crate::upgrade) and [`connect`](crate::connect) do this.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    pub fn from_stream(
        stream: Stream,
        rest: Vec<u8>,
        role: Role,
        config: Config,
        deflate: Option<&Negotiated>,
    ) -> Self {
        Self { reader: Reader::new(stream, rest, role, Arc::new(config), deflate) }
    }

    /// The next message, pings and pongs included. `None` when the connection was closed in good
    /// order ([`closed`](Self::closed) says how), and always after that.
    ///
    /// # Errors
    ///
    /// When the connection ended in any other way: once, then `None` follows.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped.
    ///
    /// ```
    /// use sockeye_websocket::{Message, RecvError, WebSocket};
    ///
    /// async fn print(mut socket: WebSocket) -> Result<(), RecvError> {
    ///     while let Some(message) = socket.recv().await? {
    ///         if let Message::Text(text) = message {
    ///             println!("{text}");
    ///         }
    ///     }
    ///     if let Some(closed) = socket.closed() {
    ///         println!("closed: {} {}", closed.code, closed.reason);
    ///     }
    ///     Ok(())
    /// }
    /// ```
    pub async fn recv(&mut self) -> Result<Option<Message>, RecvError> {
        self.reader.recv().await
    }

    /// Sends a message; see [`Writer::send`]. What else can be sent, and how, the [`writer`](Self::writer)
    /// has.
    ///
    /// # Errors
    ///
    /// When the connection is closing or closed, and for pings and pongs over 125 bytes.
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped before it is done, the message is not sent.
    pub async fn send<'m>(&self, message: impl Into<ws::Message<'m>>) -> Result<(), SendError> {
        self.reader.writer().send(message).await
    }

    /// Closes the connection: sends what is queued and a close frame, waits for the peer's (what it
    /// sends before that is dropped), and ends the transport. If the peer closed first, returns how.
    ///
    /// # Errors
    ///
    /// When the peer did not answer within the close timeout, or the connection broke.
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped, the transport is ended after what is queued.
    ///
    /// ```
    /// use sockeye_websocket::{RecvError, WebSocket, ws::CloseCode};
    ///
    /// async fn leave(socket: WebSocket) -> Result<(), RecvError> {
    ///     let closed = socket.close(CloseCode::NORMAL, "good night").await?;
    ///     println!("the peer answered {}", closed.code);
    ///     Ok(())
    /// }
    /// ```
    pub async fn close(self, code: CloseCode, reason: &str) -> Result<Closed, RecvError> {
        self.reader.close(code, reason).await
    }

    /// Hands each text and binary message to `handler` until the connection ends: the fastest way to
    /// serve one. Messages are borrowed from where they were received, and everything the handler
    /// sends in reply to one read leaves in one write. While the peer does not read, nothing is read
    /// from it.
    ///
    /// ```
    /// # async fn serve(socket: sockeye_websocket::WebSocket) {
    /// let end = socket.for_each(|message, out| out.send(message)).await;
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// When it ended in any other way than by a close handshake.
    pub fn for_each<F>(self, handler: F) -> impl Future<Output = Result<Closed, RecvError>> + use<F>
    where
        F: FnMut(ws::Message<'_>, &mut Outgoing),
    {
        self.reader.for_each(handler)
    }

    /// Two sides for two tasks.
    pub fn split(self) -> (Reader, Writer) {
        let writer = self.reader.writer().clone();
        (self.reader, writer)
    }

    /// The side that sends, of which other tasks may have clones.
    ///
    /// ```
    /// use sockeye_websocket::{SendError, WebSocket};
    ///
    /// async fn greet(socket: &WebSocket) -> Result<(), SendError> {
    ///     let writer = socket.writer();
    ///     writer.feed("two messages").await?;
    ///     writer.send("in one write").await
    /// }
    /// ```
    pub fn writer(&self) -> &Writer {
        self.reader.writer()
    }

    /// How the peer closed, once [`recv`](Self::recv) has returned `None`.
    pub fn closed(&self) -> Option<&Closed> {
        self.reader.closed()
    }
}

impl AsRef<Writer> for WebSocket {
    fn as_ref(&self) -> &Writer {
        self.reader.writer()
    }
}
