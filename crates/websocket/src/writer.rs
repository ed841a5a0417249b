//! The writing side of a connection.

use std::future::poll_fn;
use std::sync::Arc;

use sockeye_ws as ws;
use sockeye_ws::CloseCode;

use crate::error::SendError;
use crate::outbox::{Outbox, SendOptions};

/// The writing side of a connection, for as many tasks as hold a clone. Messages of one task arrive in
/// the order in which they were sent.
///
/// ```
/// use sockeye_websocket::{RecvError, SendError, WebSocket};
///
/// /// Answers from one task what another receives.
/// async fn count(socket: WebSocket) -> Result<(), RecvError> {
///     let (mut reader, writer) = socket.split();
///     let mut count = 0;
///     while reader.recv().await?.is_some() {
///         count += 1;
///         let writer = writer.clone();
///         tokio::spawn(async move { writer.send(count.to_string().as_str()).await });
///     }
///     Ok(())
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Writer {
    pub(crate) outbox: Arc<Outbox>,
}

impl Writer {
    /// Sends a message: writes at once, and returns when it is written or queued. While more than
    /// 64 KiB are queued it waits before that.
    ///
    /// # Errors
    ///
    /// When the connection is closing or closed, and for pings and pongs over 125 bytes.
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped before it is done, the message is not sent, not even in part.
    pub async fn send<'m>(&self, message: impl Into<ws::Message<'m>>) -> Result<(), SendError> {
        self.send_message(message.into(), SendOptions { feed: false, compress: true }).await
    }

    /// Like [`send`](Self::send), but sends the message as it is, also where messages are compressed:
    /// for what cannot be compressed, or must not, such as a secret beside something a stranger chose.
    ///
    /// # Errors
    ///
    /// As `send`.
    ///
    /// # Cancel safety
    ///
    /// As `send`.
    pub async fn send_uncompressed<'m>(
        &self,
        message: impl Into<ws::Message<'m>>,
    ) -> Result<(), SendError> {
        self.send_message(message.into(), SendOptions { feed: false, compress: false }).await
    }

    /// Like [`send`](Self::send), but leaves writing to the next `send` or [`flush`](Self::flush), or
    /// to the reader when it has handled all it has: for several messages in one write.
    ///
    /// # Errors
    ///
    /// As `send`.
    ///
    /// # Cancel safety
    ///
    /// As `send`.
    pub async fn feed<'m>(&self, message: impl Into<ws::Message<'m>>) -> Result<(), SendError> {
        self.send_message(message.into(), SendOptions { feed: true, compress: true }).await
    }

    async fn send_message(
        &self,
        message: ws::Message<'_>,
        options: SendOptions,
    ) -> Result<(), SendError> {
        poll_fn(|cx| self.outbox.poll_send(cx, message, options)).await
    }

    /// Sends a ping; the peer answers with a [`Message::Pong`](crate::Message) of the same bytes.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub async fn ping(&self, payload: &[u8]) -> Result<(), SendError> {
        self.send_uncompressed(ws::Message::Ping(payload)).await
    }

    /// Waits until everything queued was handed to the kernel, or the connection is broken.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped.
    pub async fn flush(&self) {
        poll_fn(|cx| self.outbox.poll_flush(cx)).await;
    }

    /// Starts the close handshake: queues the last frame. The reader sees the end of it; if the peer
    /// does not answer within the close timeout, the connection is ended. Without effect when either
    /// side has closed. A code that must not be sent gives a frame without a body; the reason is cut
    /// to 123 bytes.
    pub fn close(&self, code: CloseCode, reason: &str) {
        self.outbox.close(code, reason, true);
    }

    /// Whether messages can still be sent.
    pub fn is_open(&self) -> bool {
        self.outbox.is_open()
    }

    /// Bytes that wait for the peer to read, headers included.
    pub fn queued_bytes(&self) -> usize {
        self.outbox.queued_bytes()
    }
}

impl AsRef<Self> for Writer {
    fn as_ref(&self) -> &Self {
        self
    }
}
