//! The context that extractors take values from.

use std::fmt;
use std::sync::Arc;

use sockeye_engine::Handshake;

use super::acker::Responder;
use crate::error::EventError;
use crate::namespace::active::ActiveNamespace;
use crate::namespace::visitor::Visitor;
use crate::socket::Socket;

/// The context that a handler's extractors take values from.
///
/// ```
/// use sockeye::{Context, EventError, FromContext};
///
/// /// The name of the program that asks, as it calls itself.
/// struct UserAgent(String);
///
/// impl<S> FromContext<S> for UserAgent {
///     type Rejection = EventError;
///
///     fn from_context(context: &mut Context<'_, S>) -> Result<Self, EventError> {
///         let agent = context.handshake().header("user-agent").unwrap_or_default();
///         Ok(UserAgent(String::from_utf8_lossy(agent).into_owned()))
///     }
/// }
/// ```
pub struct Context<'a, S> {
    asker: Asker<'a>,
    state: &'a Arc<S>,
    /// Present while the peer waits for an ack and no [`Acker`](crate::Acker) was taken.
    pub(crate) responder: Option<Responder>,
}

/// The socket or visitor that a handler is called for.
#[derive(Clone, Copy)]
enum Asker<'a> {
    Socket(&'a Socket),
    Visitor(&'a Visitor),
}

impl<'a> Asker<'a> {
    fn socket(self) -> Result<&'a Socket, NoSocket> {
        match self {
            Asker::Socket(socket) => Ok(socket),
            Asker::Visitor(visitor) => visitor.socket().ok_or(NoSocket),
        }
    }

    fn visitor(self) -> Visitor {
        match self {
            Asker::Socket(socket) => Visitor::of_socket(socket.clone()),
            Asker::Visitor(visitor) => visitor.clone(),
        }
    }

    fn namespace(self) -> &'a Arc<ActiveNamespace> {
        match self {
            Asker::Socket(socket) => socket.active_namespace(),
            Asker::Visitor(visitor) => visitor.active_namespace(),
        }
    }

    fn handshake(self) -> &'a Arc<Handshake> {
        match self {
            Asker::Socket(socket) => socket.handshake(),
            Asker::Visitor(visitor) => visitor.handshake(),
        }
    }

    fn get<T: Send + Sync + 'static>(self) -> Option<Arc<T>> {
        match self {
            Asker::Socket(socket) => socket.get(),
            Asker::Visitor(visitor) => visitor.get(),
        }
    }
}

impl<'a, S> Context<'a, S> {
    pub(crate) fn of_socket(socket: &'a Socket, state: &'a Arc<S>) -> Self {
        Self { asker: Asker::Socket(socket), state, responder: None }
    }

    pub(crate) fn of_visitor(visitor: &'a Visitor, state: &'a Arc<S>) -> Self {
        Self { asker: Asker::Visitor(visitor), state, responder: None }
    }

    /// The socket: the one the event came from, or the one that is being connected.
    ///
    /// # Errors
    /// [`NoSocket`] in [`on_connect`](crate::Namespace::on_connect) and
    /// [`on_read`](crate::Namespace::on_read), for a reader over plain HTTP. Returned as a
    /// rejection, it refuses the reader. An extractor that works for readers uses the
    /// [`visitor`](Context::visitor).
    pub fn socket(&self) -> Result<&'a Socket, NoSocket> {
        self.asker.socket()
    }

    /// The request: the one that opened a client's session, or the reader's own.
    pub fn handshake(&self) -> &'a Arc<Handshake> {
        self.asker.handshake()
    }

    /// The visitor: the client of a socket, or a reader over plain HTTP.
    pub fn visitor(&self) -> Visitor {
        self.asker.visitor()
    }

    /// The server's state.
    pub fn state(&self) -> &'a S {
        self.state
    }

    pub(crate) fn namespace(&self) -> &'a Arc<ActiveNamespace> {
        self.asker.namespace()
    }

    /// What was set on the socket or visitor.
    pub(crate) fn get<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        self.asker.get()
    }

    pub(crate) fn to_owned_context(&self) -> OwnedContext<S> {
        let asker = match self.asker {
            Asker::Socket(socket) => OwnedAsker::Socket(socket.clone()),
            Asker::Visitor(visitor) => OwnedAsker::Visitor(visitor.clone()),
        };
        OwnedContext { asker, state: Arc::clone(self.state) }
    }
}

impl<S> fmt::Debug for Context<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("visitor", &self.visitor()).finish_non_exhaustive()
    }
}

/// The context of an extractor that waits, [`FromContextAsync`](crate::FromContextAsync): what a
/// [`Context`] lends, owned.
pub struct OwnedContext<S> {
    asker: OwnedAsker,
    state: Arc<S>,
}

enum OwnedAsker {
    Socket(Socket),
    Visitor(Visitor),
}

impl<S> OwnedContext<S> {
    fn asker(&self) -> Asker<'_> {
        match &self.asker {
            OwnedAsker::Socket(socket) => Asker::Socket(socket),
            OwnedAsker::Visitor(visitor) => Asker::Visitor(visitor),
        }
    }

    /// The socket: the one the event came from, or the one that is being connected.
    ///
    /// # Errors
    /// [`NoSocket`] for a reader over plain HTTP, as of [`Context::socket`].
    pub fn socket(&self) -> Result<&Socket, NoSocket> {
        self.asker().socket()
    }

    /// The request: the one that opened a client's session, or the reader's own.
    pub fn handshake(&self) -> &Arc<Handshake> {
        self.asker().handshake()
    }

    /// The visitor: the client of a socket, or a reader over plain HTTP.
    pub fn visitor(&self) -> Visitor {
        self.asker().visitor()
    }

    /// The server's state.
    pub fn state(&self) -> &S {
        &self.state
    }
}

impl<S> fmt::Debug for OwnedContext<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnedContext").field("visitor", &self.visitor()).finish_non_exhaustive()
    }
}

/// The rejection of a rule that takes the [`Socket`], which a reader over plain HTTP has not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoSocket;

impl fmt::Display for NoSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "only sockets are let in here: a rule asks for `Socket`; one that asks for `Visitor` lets readers in too",
        )
    }
}

impl From<NoSocket> for EventError {
    fn from(error: NoSocket) -> Self {
        EventError::new("no_socket", error.to_string())
    }
}
