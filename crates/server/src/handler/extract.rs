use sockeye_engine::Handshake;
use std::any::type_name;
use std::fmt;
use std::ops::Deref;
use std::str::FromStr;
use std::sync::Arc;

use super::acker::{Acker, Responder};
use crate::broadcast::io::Io;
use crate::error::EventError;
use crate::socket::Socket;

/// What a handler's arguments are made from.
pub struct Context<'a, S> {
    pub(crate) socket: &'a Socket,
    pub(crate) state: &'a S,
    /// Present while the peer waits for an ack and no [`Acker`] was taken.
    pub(crate) responder: Option<Responder>,
}

impl<'a, S> Context<'a, S> {
    /// The socket the event came from.
    pub fn socket(&self) -> &'a Socket {
        self.socket
    }

    /// The server's state.
    pub fn state(&self) -> &'a S {
        self.state
    }
}

impl<S> fmt::Debug for Context<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("socket", &self.socket).finish_non_exhaustive()
    }
}

/// An argument of handlers that is taken from the [`Context`]: an extractor.
///
/// Given: [`Socket`], [`Io`], [`State`], [`Local`], [`PathParam`], [`Handshake`] in an `Arc`,
/// [`Acker`], and `Option` of any of them.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is neither an extractor nor the payload of this handler",
    note = "extractors come first (`Socket`, `Io`, `State<T>`, `Local<T>`, `Arc<Handshake>`, `Acker<A>`), the payload, a serde type, comes last"
)]
pub trait FromContext<S>: Sized {
    /// Why it may be missing; answers the ack and goes to `on_error`.
    type Rejection: Into<EventError>;

    /// Takes the argument.
    ///
    /// # Errors
    /// The rejection; the handler is not called then.
    fn from_context(context: &mut Context<'_, S>) -> Result<Self, Self::Rejection>;
}

impl<S> FromContext<S> for Socket {
    type Rejection = std::convert::Infallible;

    fn from_context(context: &mut Context<'_, S>) -> Result<Self, Self::Rejection> {
        Ok(context.socket.clone())
    }
}

impl<S> FromContext<S> for Io {
    type Rejection = std::convert::Infallible;

    fn from_context(context: &mut Context<'_, S>) -> Result<Self, Self::Rejection> {
        Ok(context.socket.io())
    }
}

impl<S> FromContext<S> for Arc<Handshake> {
    type Rejection = std::convert::Infallible;

    fn from_context(context: &mut Context<'_, S>) -> Result<Self, Self::Rejection> {
        Ok(context.socket.handshake().clone())
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

/// Takes a part out of the server's state, as in axum: implement it for what handlers ask for in
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

/// What [`Socket::set`] stored under the type `T`.
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
        context.socket.get().map(Local).ok_or(MissingLocal { type_name: type_name::<T>() })
    }
}

/// Nothing of this type was stored on the socket with [`Socket::set`].
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("nothing of type {type_name} is set on this socket; `on_connect` is the place to set it")]
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
        let params = &context.socket.active_namespace().params;
        let value = params.first().and_then(|(_, value)| value.parse().ok());
        value.map(PathParam).ok_or(InvalidParam { type_name: type_name::<T>() })
    }
}

/// The namespace's name has no part, or it is not of this type.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the namespace's name has no part that is a {type_name}")]
pub struct InvalidParam {
    /// The type asked for.
    pub type_name: &'static str,
}
