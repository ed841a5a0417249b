//! `Stream` and `Sink` of the futures crates, for code that is written against them.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_util::{Sink, Stream};
use sockeye_ws as ws;
use sockeye_ws::CloseCode;

use crate::error::{RecvError, SendError};
use crate::message::Message;
use crate::outbox::HIGH_WATER_BYTES;
use crate::reader::Reader;
use crate::websocket::WebSocket;
use crate::writer::Writer;

/// The messages of [`WebSocket::recv`].
impl Stream for WebSocket {
    type Item = Result<Message, RecvError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.reader.poll_recv(cx).map(Result::transpose)
    }
}

/// The messages of [`Reader::recv`].
impl Stream for Reader {
    type Item = Result<Message, RecvError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_recv(cx).map(Result::transpose)
    }
}

/// Sends messages as [`Writer::feed`] does; flushing writes them. Closing sends a close frame with
/// 1000 and waits until it is written, not for the answer.
impl Sink<Message> for Writer {
    type Error = SendError;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        if self.queued_bytes() > HIGH_WATER_BYTES {
            ready!(self.outbox.poll_flush(cx));
        }
        Poll::Ready(if self.is_open() { Ok(()) } else { Err(SendError::Closed) })
    }

    fn start_send(self: Pin<&mut Self>, message: Message) -> Result<(), SendError> {
        self.outbox.push(ws::Message::from(&message), true).map(drop)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        ready!(self.outbox.poll_flush(cx));
        let is_broken = self.outbox.failure().is_some();
        Poll::Ready(if is_broken { Err(SendError::Closed) } else { Ok(()) })
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        self.close(CloseCode::NORMAL, "");
        self.poll_flush(cx)
    }
}

/// As [`Writer`]'s.
impl Sink<Message> for WebSocket {
    type Error = SendError;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        Pin::new(&mut self.writer().clone()).poll_ready(cx)
    }

    fn start_send(self: Pin<&mut Self>, message: Message) -> Result<(), SendError> {
        Pin::new(&mut self.writer().clone()).start_send(message)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        Pin::new(&mut self.writer().clone()).poll_flush(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        Pin::new(&mut self.writer().clone()).poll_close(cx)
    }
}
