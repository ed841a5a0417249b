//! Handlers with the server's state bound into them, and handlers at work.

use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use sockeye_socket_proto::{EventRef, RawArgs, RawEvent};

use super::acker::Responder;
use crate::broadcast::io::Io;
use crate::error::{EventError, Refuse};
use crate::socket::Socket;

/// A started handler.
pub(crate) type Running<T> = Pin<Box<dyn Future<Output = T> + Send>>;
/// A started handler of an event. It comes to `None` where an `Acker` answers, or nobody asked.
pub(crate) type Answering = Running<Result<Option<RawArgs>, EventError>>;
/// A handler of one event with the state bound into it.
pub(crate) type EventHandler = Arc<dyn Fn(Call<'_>) -> Result<Answering, EventError> + Send + Sync>;
/// A connect handler with the state bound into it. The text is what the client sent as `auth`.
pub(crate) type Admission = Arc<dyn Fn(Socket, &str) -> Running<Result<(), Refuse>> + Send + Sync>;
/// A guard with the state bound into it.
pub(crate) type EventGuard = Arc<
    dyn Fn(Socket, RawEvent) -> Result<Running<Result<(), EventError>>, EventError> + Send + Sync,
>;
/// An observer with the state bound into it.
pub(crate) type ObserverHandler<T> =
    Arc<dyn Fn(Socket, T) -> Result<Running<()>, EventError> + Send + Sync>;

/// A handler of one event between servers, with its types bound into it.
pub(crate) type ServerSideHandler =
    Box<dyn Fn(Io, EventRef<'_>) -> Result<Answering, EventError> + Send + Sync>;
/// One event on its way into a handler.
pub(crate) struct Call<'a> {
    pub(crate) socket: &'a Socket,
    pub(crate) name: &'a str,
    pub(crate) responder: Option<Responder>,
    pub(crate) args: &'a str,
    pub(crate) attachments: &'a [Bytes],
}
