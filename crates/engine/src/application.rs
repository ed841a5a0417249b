//! What the layer above implements.

use std::any::Any;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use sockeye_engine_proto::{CloseReason, Message};
use thiserror::Error;

use crate::http::handshake::Handshake;
use crate::session::Session;

/// What is served: makes one handler per session.
pub trait Application: Send + Sync + 'static {
    /// Handles one session.
    type Handler: SessionHandler;

    /// Called once per session, in the session's own task, before its first message.
    fn open(&self, session: Session, handshake: Arc<Handshake>) -> Self::Handler;
}

/// The application's side of one session. All of it runs in the session's own task, so nothing
/// here may block.
///
/// A panic ends this session alone: its task and the handler are dropped without `close`.
pub trait SessionHandler: Send + 'static {
    /// Takes one message, in the order the peer sent them. It is borrowed from where it was read;
    /// whoever keeps it copies it.
    ///
    /// # Errors
    /// Closes this session. The rest of what arrived with the message is dropped.
    fn message(&mut self, message: Message<'_>) -> Result<(), HandlerError>;

    /// Drives the futures that messages started; they live in the handler. Called after messages
    /// and whenever `cx`'s waker or [`Session::wake`] was used. `Ready` when nothing is under way.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()>;

    /// Takes what somebody gave to [`Session::command`], before the next `poll`. Default: drops it.
    fn command(&mut self, command: Box<dyn Any + Send>) {
        drop(command);
    }

    /// When `poll` is to be called at the latest, if no message or waker comes first; up to 1/256
    /// of the wait later, so that sessions wake together. Asked after every turn of the session; a
    /// moment that had passed before its `poll` is done with.
    fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    /// Whether another message can be taken. While it cannot, the session's transports are not
    /// read and POSTs not answered; `poll` is to be woken when that changes. The heartbeat does not
    /// end a session for what was not read. Default `true`.
    fn is_ready(&self) -> bool {
        true
    }

    /// The session is over; the last input. Afterwards `poll` is called until it is `Ready`, then
    /// the handler is dropped.
    fn close(&mut self, reason: CloseReason);
}

/// A handler refuses what its peer sent, which ends the session: `forced close` on a WebSocket,
/// `forced server close` on polling, as Socket.IO reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("message refused by the handler")]
pub struct HandlerError;
