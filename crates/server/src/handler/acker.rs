//! Answers that are sent later than the handler returns.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use serde::Serialize;
use sockeye_socket_proto::{IntoAck, RawArgs};

use crate::error::{EncodeError, EventError};
use crate::guarantees::client_outbox::{OutboxEvent, Recipient};
use crate::socket::Socket;
use crate::socket::id::SocketId;

/// The sender of an answer that is given early, late, or by another task. A handler that takes an
/// `Acker` returns [`defer`](Acker::defer)'s value.
///
/// If it is dropped unanswered, the peer's request times out, and that is logged.
///
/// ```
/// use sockeye::{Acker, Deferred, EventError, Namespace};
///
/// async fn render(acker: Acker<String>, page: u32) -> Deferred<String> {
///     let deferred = acker.defer();
///     tokio::spawn(async move {
///         match page {
///             0 => acker.fail(&EventError::new("page", "pages begin with 1")),
///             page => drop(acker.answer(&format!("page {page}"))),
///         }
///     });
///     deferred
/// }
///
/// let namespace: Namespace = Namespace::new("/").on("render", render);
/// # drop(namespace);
/// ```
pub struct Acker<A> {
    responder: Option<Responder>,
    answer: PhantomData<fn(A)>,
}

impl<A> Acker<A> {
    pub(crate) fn new(responder: Option<Responder>) -> Self {
        Self { responder, answer: PhantomData }
    }

    /// Whether the peer asked for an answer at all.
    pub fn is_wanted(&self) -> bool {
        self.responder.is_some()
    }

    /// The return value of the handler: this `Acker` sends the answer.
    pub fn defer(&self) -> Deferred<A> {
        Deferred(PhantomData)
    }
}

impl<A: Serialize> Acker<A> {
    /// Answers. Does nothing when the peer did not ask.
    ///
    /// # Errors
    /// [`EncodeError`] when the value cannot be written; the peer gets the error `internal` then.
    pub fn answer(mut self, value: &A) -> Result<(), EncodeError> {
        let Some(responder) = self.responder.take() else {
            return Ok(());
        };
        match RawArgs::encode(value) {
            Ok(answer) => {
                responder.send(&answer);
                Ok(())
            }
            Err(error) => {
                responder.fail(&EventError::new("internal", "the answer cannot be encoded"));
                Err(error)
            }
        }
    }

    /// Answers with an error.
    pub fn fail(mut self, error: &EventError) {
        if let Some(responder) = self.responder.take() {
            responder.fail(error);
        }
    }
}

impl<A> Drop for Acker<A> {
    fn drop(&mut self) {
        if let Some(responder) = &self.responder {
            tracing::debug!(socket = %responder.socket.id_in_logs(), "an ack was dropped unanswered");
        }
    }
}

impl<A> fmt::Debug for Acker<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acker").field("is_wanted", &self.is_wanted()).finish()
    }
}

/// Returned by handlers that answer through an [`Acker`]; made only by [`Acker::defer`].
#[derive(Debug)]
pub struct Deferred<A>(PhantomData<fn(A)>);

impl<A> IntoAck<A, ()> for Deferred<A> {
    fn into_ack(self, _: bool) -> Result<Option<RawArgs>, EventError> {
        Ok(None)
    }
}

/// The sender of the ack of one event.
#[derive(Clone)]
pub(crate) struct Responder {
    pub(crate) socket: Socket,
    pub(crate) id: u64,
    /// The event, if it is of a client's outbox: its answer is remembered.
    pub(crate) handling: Option<Arc<OutboxEvent>>,
}

impl Responder {
    pub(crate) fn send(&self, answer: &RawArgs) {
        if let Some(handling) = &self.handling {
            handling.finish(answer);
        }
        self.socket.send_ack(self.id, answer.json(), answer.attachments());
    }

    /// Remembers a handler's panic as the answer, which is not sent here: the session ends.
    pub(crate) fn remember_panic(&self) {
        if let Some(handling) = &self.handling {
            handling.panicked();
        }
    }

    pub(crate) fn fail(&self, error: &EventError) {
        self.send(&error.to_ack());
    }
}

/// The answer to a repeated event is sent to its responder.
impl Recipient for Responder {
    fn socket(&self) -> SocketId {
        self.socket.id()
    }

    fn is_connected(&self) -> bool {
        self.socket.is_connected()
    }

    fn send(&self, answer: &RawArgs) {
        Responder::send(self, answer);
    }
}
