//! The extractors of handlers, and the context that they take values from.

use std::any::type_name;
use std::fmt;
use std::ops::Deref;
use std::str::FromStr;
use std::sync::Arc;

use sockeye_engine::Handshake;

use super::acker::{Acker, Responder};
use crate::broadcast::io::Io;
use crate::error::EventError;
use crate::namespace::active::ActiveNamespace;
use crate::namespace::visitor::Visitor;
use crate::socket::Socket;

/// The context that a handler's extractors take values from.
pub struct Context<'a, S> {
    asker: Asker<'a>,
    pub(crate) state: &'a S,
    /// Present while the peer waits for an ack and no [`Acker`] was taken.
    pub(crate) responder: Option<Responder>,
}

/// The socket or visitor that a handler is called for.
#[derive(Clone, Copy)]
enum Asker<'a> {
    Socket(&'a Socket),
    Visitor(&'a Visitor),
}

impl<'a> Asker<'a> {
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
    pub(crate) fn of_socket(socket: &'a Socket, state: &'a S) -> Self {
        Self { asker: Asker::Socket(socket), state, responder: None }
    }

    pub(crate) fn of_visitor(visitor: &'a Visitor, state: &'a S) -> Self {
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
        match self.asker {
            Asker::Socket(socket) => Ok(socket),
            Asker::Visitor(visitor) => visitor.socket().ok_or(NoSocket),
        }
    }

    /// The request: the one that opened a client's session, or the reader's own.
    pub fn handshake(&self) -> &'a Arc<Handshake> {
        self.asker.handshake()
    }

    /// The visitor: the client of a socket, or a reader over plain HTTP.
    pub fn visitor(&self) -> Visitor {
        match self.asker {
            Asker::Socket(socket) => Visitor::of_socket(socket.clone()),
            Asker::Visitor(visitor) => visitor.clone(),
        }
    }

    /// The server's state.
    pub fn state(&self) -> &'a S {
        self.state
    }
}

impl<S> fmt::Debug for Context<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("visitor", &self.visitor()).finish_non_exhaustive()
    }
}

/// An argument of handlers that is taken from the [`Context`]: an extractor.
///
/// Given: [`Socket`], [`Visitor`], [`Io`], [`State`], [`Local`], [`PathParam`], [`Handshake`] in an
/// `Arc`, [`Acker`], and `Option` of any of them.
///
/// ```
/// use sockeye::{Context, EventError, FromContext};
///
/// /// The language that is asked for.
/// struct Language(String);
///
/// impl<S> FromContext<S> for Language {
///     type Rejection = EventError;
///
///     fn from_context(context: &mut Context<'_, S>) -> Result<Self, EventError> {
///         let language = context.handshake().query("lang");
///         let language = language.ok_or_else(|| EventError::new("language", "which language?"))?;
///         Ok(Language(language.into_owned()))
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is neither an extractor nor the payload of this handler",
    note = "extractors come first (`Socket`, `Visitor`, `Io`, `State<T>`, `Local<T>`, `PathParam<T>`, `Arc<Handshake>`, `Acker<A>`), the payload, a serde type, comes last"
)]
pub trait FromContext<S>: Sized {
    /// The error if it is missing, which answers the ack and is passed to `on_error`.
    type Rejection: Into<EventError>;

    /// Takes the argument.
    ///
    /// # Errors
    /// The rejection; the handler is not called then.
    fn from_context(context: &mut Context<'_, S>) -> Result<Self, Self::Rejection>;
}

impl<S> FromContext<S> for Socket {
    type Rejection = NoSocket;

    fn from_context(context: &mut Context<'_, S>) -> Result<Self, Self::Rejection> {
        context.socket().cloned()
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

impl<S> FromContext<S> for Visitor {
    type Rejection = std::convert::Infallible;

    fn from_context(context: &mut Context<'_, S>) -> Result<Self, Self::Rejection> {
        Ok(context.visitor())
    }
}

impl<S> FromContext<S> for Io {
    type Rejection = std::convert::Infallible;

    fn from_context(context: &mut Context<'_, S>) -> Result<Self, Self::Rejection> {
        Ok(Io::new(Arc::clone(context.asker.namespace())))
    }
}

impl<S> FromContext<S> for Arc<Handshake> {
    type Rejection = std::convert::Infallible;

    fn from_context(context: &mut Context<'_, S>) -> Result<Self, Self::Rejection> {
        Ok(Arc::clone(context.handshake()))
    }
}

impl<S, A> FromContext<S> for Acker<A> {
    type Rejection = std::convert::Infallible;

    fn from_context(context: &mut Context<'_, S>) -> Result<Self, Self::Rejection> {
        Ok(Acker::new(context.responder.take()))
    }
}

impl<S, T: FromContext<S>> FromContext<S> for Option<T> {
    type Rejection = std::convert::Infallible;

    fn from_context(context: &mut Context<'_, S>) -> Result<Self, Self::Rejection> {
        Ok(T::from_context(context).ok())
    }
}

/// The server's state, or a part of it (see [`FromRef`]).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct State<T>(pub T);

impl<S, T: FromRef<S>> FromContext<S> for State<T> {
    type Rejection = std::convert::Infallible;

    fn from_context(context: &mut Context<'_, S>) -> Result<Self, Self::Rejection> {
        Ok(State(T::from_ref(context.state)))
    }
}

/// A part of the server's state, as in axum: implement it for the types that handlers take with
/// [`State`]. The whole state, if it is `Clone`, is a part of itself.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a part of the state `{S}`",
    note = "implement `FromRef<{S}>` for `{Self}`, or give the builder another `.state(..)`"
)]
pub trait FromRef<S> {
    /// The part.
    fn from_ref(state: &S) -> Self;
}

impl<T: Clone> FromRef<T> for T {
    fn from_ref(state: &T) -> Self {
        state.clone()
    }
}

/// The value that [`Socket::set`] or [`Visitor::set`] stored under the type `T`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Local<T>(pub Arc<T>);

impl<T> Deref for Local<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<S, T: Send + Sync + 'static> FromContext<S> for Local<T> {
    type Rejection = MissingLocal;

    fn from_context(context: &mut Context<'_, S>) -> Result<Self, Self::Rejection> {
        context.asker.get().map(Local).ok_or(MissingLocal { type_name: type_name::<T>() })
    }
}

/// The error that nothing of this type was stored with [`Socket::set`] or [`Visitor::set`].
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("nothing of type {type_name} is set; `on_connect` is the place to set it")]
pub struct MissingLocal {
    /// The type asked for.
    pub type_name: &'static str,
}

/// The first part of a dynamic namespace's name, parsed: with `/room-{id}`, `PathParam<u32>` is the
/// room's number. (Others: [`Socket::param`].)
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PathParam<T>(pub T);

impl<S, T: FromStr> FromContext<S> for PathParam<T> {
    type Rejection = InvalidParam;

    fn from_context(context: &mut Context<'_, S>) -> Result<Self, Self::Rejection> {
        let params = &context.asker.namespace().params;
        let value = params.first().and_then(|(_, value)| value.parse().ok());
        value.map(PathParam).ok_or(InvalidParam { type_name: type_name::<T>() })
    }
}

/// The error that the namespace's name has no part, or one that is not of this type.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the namespace's name has no part that is a {type_name}")]
pub struct InvalidParam {
    /// The type asked for.
    pub type_name: &'static str,
}
