//! The extractors that are given.

use std::any::type_name;
use std::convert::Infallible;
use std::fmt;
use std::ops::Deref;
use std::str::FromStr;
use std::sync::Arc;

use sockeye_engine::{Handshake, KeptExtensions};

use super::acker::Acker;
use super::context::{Context, NoSocket};
use super::extract::FromContext;
use crate::broadcast::io::Io;
use crate::error::EventError;
use crate::namespace::visitor::Visitor;
use crate::socket::Socket;

impl<S> FromContext<S> for Socket {
    type Rejection = NoSocket;

    fn from_context(context: &mut Context<'_, S>) -> Result<Self, Self::Rejection> {
        context.socket().cloned()
    }
}

impl<S> FromContext<S> for Visitor {
    type Rejection = Infallible;

    fn from_context(context: &mut Context<'_, S>) -> Result<Self, Self::Rejection> {
        Ok(context.visitor())
    }
}

impl<S> FromContext<S> for Io {
    type Rejection = Infallible;

    fn from_context(context: &mut Context<'_, S>) -> Result<Self, Self::Rejection> {
        Ok(Io::new(Arc::clone(context.namespace())))
    }
}

impl<S> FromContext<S> for Arc<Handshake> {
    type Rejection = Infallible;

    fn from_context(context: &mut Context<'_, S>) -> Result<Self, Self::Rejection> {
        Ok(Arc::clone(context.handshake()))
    }
}

impl<S, A> FromContext<S> for Acker<A> {
    type Rejection = Infallible;

    fn from_context(context: &mut Context<'_, S>) -> Result<Self, Self::Rejection> {
        Ok(Acker::new(context.responder.take()))
    }
}

/// The server's state, or a part of it (see [`FromRef`]): a copy, so a state is cheap to clone or in
/// an `Arc`.
///
/// ```
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicU64, Ordering};
///
/// use sockeye::{Ack, Namespace, Server, State};
///
/// type Visits = Arc<AtomicU64>;
///
/// async fn count(State(visits): State<Visits>) -> Ack<u64> {
///     Ack(visits.fetch_add(1, Ordering::Relaxed) + 1)
/// }
///
/// // The state first: namespaces declared after it have it.
/// let server = Server::builder()
///     .state(Visits::default())
///     .namespace(Namespace::new("/").on("count", count));
/// # drop(server);
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct State<T>(pub T);

impl<S, T: FromRef<S>> FromContext<S> for State<T> {
    type Rejection = Infallible;

    fn from_context(context: &mut Context<'_, S>) -> Result<Self, Self::Rejection> {
        Ok(State(T::from_ref(context.state())))
    }
}

/// A part of the server's state, as in axum: implement it for the types that handlers take with
/// [`State`], or derive it for the whole state's fields. The whole state, if it is `Clone`, is a part
/// of itself.
///
/// ```
/// use sockeye::{FromRef, Namespace, Server, State};
///
/// #[derive(Clone)]
/// struct Database;
///
/// #[derive(Clone)]
/// struct App {
///     database: Database,
/// }
///
/// impl FromRef<App> for Database {
///     fn from_ref(app: &App) -> Self {
///         app.database.clone()
///     }
/// }
///
/// async fn load(State(_database): State<Database>, _id: u32) {}
///
/// let server = Server::builder()
///     .state(App { database: Database })
///     .namespace(Namespace::<App>::new("/").on("load", load));
/// # drop(server);
/// ```
///
/// With the feature `axum` it is the trait of axum itself, so that what is derived for axum counts.
#[cfg(not(feature = "axum"))]
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a part of the state `{S}`",
    label = "not a part of the state",
    note = "if `{Self}` is the whole state, it has to be `Clone`; if it is a part, put `#[derive(sockeye::FromRef)]` on `{S}` or implement `FromRef<{S}>` for `{Self}`"
)]
pub trait FromRef<S> {
    /// The part.
    fn from_ref(state: &S) -> Self;
}

#[cfg(not(feature = "axum"))]
impl<T: Clone> FromRef<T> for T {
    fn from_ref(state: &T) -> Self {
        state.clone()
    }
}

#[cfg(feature = "axum")]
pub use axum::extract::FromRef;

/// The value that [`Socket::set`] or [`Visitor::set`] stored under the type `T`.
///
/// ```
/// use sockeye::{Ack, Local, Namespace, Socket};
///
/// struct User {
///     name: String,
/// }
///
/// async fn admit(socket: Socket, name: String) {
///     socket.set(User { name });
/// }
///
/// async fn who(user: Local<User>) -> Ack<String> {
///     Ack(user.name.clone())
/// }
///
/// let namespace: Namespace = Namespace::new("/").on_connect(admit).on("who", who);
/// # drop(namespace);
/// ```
///
/// Of a tuple struct take the `Local` apart in the argument: `user.0` on a `Local<User>` is the `Arc`
/// in the `Local`, not the field of the `User`.
///
/// ```
/// use sockeye::{Ack, Local, Namespace, Socket};
///
/// struct User(String);
///
/// async fn who(Local(user): Local<User>) -> Ack<String> {
///     Ack(user.0.clone())
/// }
///
/// async fn admit(socket: Socket, name: String) {
///     socket.set(User(name));
/// }
///
/// let namespace: Namespace = Namespace::new("/").on_connect(admit).on("who", who);
/// # drop(namespace);
/// ```
#[derive(Debug, PartialEq, Eq)]
pub struct Local<T>(pub Arc<T>);

/// The same value, which need not be `Clone` itself.
impl<T> Clone for Local<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Deref for Local<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<S, T: Send + Sync + 'static> FromContext<S> for Local<T> {
    type Rejection = MissingLocal;

    fn from_context(context: &mut Context<'_, S>) -> Result<Self, Self::Rejection> {
        context.get().map(Local).ok_or(MissingLocal { type_name: type_name::<T>() })
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
///
/// A name whose part is no `T` is refused in `on_connect`, with the code `param` elsewhere.
///
/// ```
/// use sockeye::{Ack, Namespace, PathParam};
///
/// async fn number(PathParam(id): PathParam<u32>) -> Ack<u32> {
///     Ack(id)
/// }
///
/// let namespace: Namespace = Namespace::new("/room-{id}").on("number", number);
/// # drop(namespace);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PathParam<T>(pub T);

impl<S, T: FromStr> FromContext<S> for PathParam<T> {
    type Rejection = InvalidParam;

    fn from_context(context: &mut Context<'_, S>) -> Result<Self, Self::Rejection> {
        let first = context.namespace().params.first();
        let invalid = InvalidParam { type_name: type_name::<T>(), has_part: first.is_some() };
        first.and_then(|(_, value)| value.parse().ok()).map(PathParam).ok_or(invalid)
    }
}

/// The error that the namespace's name has no part, or one that is not of this type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct InvalidParam {
    /// The type asked for.
    pub type_name: &'static str,
    /// Whether there is a part, which a client chose. Without one the declaration is wrong.
    pub has_part: bool,
}

impl fmt::Display for InvalidParam {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.has_part {
            true => write!(f, "the part of the namespace's name is no {}", self.type_name),
            false => f.write_str(
                "the namespace's name has no part for `PathParam`: declare it as `/room-{id}`",
            ),
        }
    }
}

impl From<InvalidParam> for EventError {
    /// The client chose a name that is none: it may know. A name without parts is a failure.
    fn from(error: InvalidParam) -> Self {
        match error.has_part {
            true => EventError::new("param", "the namespace's name is not one that is served"),
            false => EventError::from(error.to_string()),
        }
    }
}

/// The extension of type `T` of the request that opened the session, or of the reader's: what a
/// layer of tower or axum in front of the server put into it, such as the logged-in user. A copy.
///
/// The server keeps it because a handler, rule or extractor asks for it: nothing else has to be
/// declared. Where a request has none, the handler is not called ([`MissingExtension`], code
/// `internal`); take an `Option<HttpExtension<T>>` where that is to be expected.
///
/// ```
/// use sockeye::{HttpExtension, Namespace, Refuse, Socket};
///
/// /// A layer inserts it into the requests of those who are logged in.
/// #[derive(Clone)]
/// struct User {
///     name: String,
/// }
///
/// async fn admit(socket: Socket, user: Option<HttpExtension<User>>) -> Result<(), Refuse> {
///     let HttpExtension(user) = user.ok_or_else(|| Refuse::new("log in first"))?;
///     socket.set(user);
///     Ok(())
/// }
///
/// let namespace: Namespace = Namespace::new("/").on_connect(admit);
/// # drop(namespace);
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HttpExtension<T>(pub T);

impl<S, T: Clone + Send + Sync + 'static> FromContext<S> for HttpExtension<T> {
    type Rejection = MissingExtension;

    fn from_context(context: &mut Context<'_, S>) -> Result<Self, Self::Rejection> {
        let extension = context.handshake().extension::<T>().cloned();
        extension.map(HttpExtension).ok_or(MissingExtension { type_name: type_name::<T>() })
    }

    fn keep_extensions(kept: KeptExtensions) -> KeptExtensions {
        kept.with::<T>()
    }
}

/// The error that the request had no extension of this type: the layer that inserts it is not around
/// the server's service, or did not insert it for this request.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error(
    "the request has no extension of type {type_name}: is the layer that inserts it around the service of this server, and does it for every request? `Option<HttpExtension<_>>` takes none as well"
)]
pub struct MissingExtension {
    /// The type asked for.
    pub type_name: &'static str,
}
