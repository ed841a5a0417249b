//! Extractors: the arguments of handlers before the payload.

use std::convert::Infallible;

use sockeye_engine::KeptExtensions;

use super::context::{Context, OwnedContext};
use super::running::Running;
use crate::error::EventError;

/// An argument of handlers that is taken from the [`Context`]: an extractor.
///
/// Given: [`Socket`](crate::Socket), [`Visitor`](crate::Visitor), [`Io`](crate::Io),
/// [`State`](crate::State), [`Local`](crate::Local), [`HttpExtension`](crate::HttpExtension),
/// [`PathParam`](crate::PathParam), [`Handshake`](crate::Handshake) in an `Arc`,
/// [`Acker`](crate::Acker), and `Option` of any of them. One that has to wait, for a database, is a
/// [`FromContextAsync`].
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
    label = "not an extractor",
    note = "extractors come first (`Socket`, `Visitor`, `Io`, `State<T>`, `Local<T>`, `HttpExtension<T>`, `PathParam<T>`, `Arc<Handshake>`, `Acker<A>`), the payload, a serde type, comes last"
)]
pub trait FromContext<S>: Sized {
    /// The error if it is missing, which answers the ack and is passed to `on_error`.
    type Rejection: Into<EventError>;

    /// Takes the argument.
    ///
    /// # Errors
    /// The rejection; the handler is not called then.
    fn from_context(context: &mut Context<'_, S>) -> Result<Self, Self::Rejection>;

    /// Adds the request extensions that it reads to those that are kept; asked once, when a handler
    /// that takes it is declared. An extractor that reads what another one reads passes the
    /// question on: `HttpExtension::<User>::keep_extensions` in the form of
    /// `<HttpExtension<User> as FromContext<S>>::keep_extensions(kept)`. Default: none are added.
    fn keep_extensions(kept: KeptExtensions) -> KeptExtensions {
        kept
    }
}

/// An extractor that has to wait: for a database, another service, a lock. Handlers take it as they
/// take any other, before the payload.
///
/// When an event comes, the extractors that need not wait and the payload are taken at once; then
/// those that wait are awaited, in their order, one after the other; then the handler runs. All of
/// that counts as the handler's run: its time, its place among
/// [`concurrent_handlers_max`](crate::Namespace::concurrent_handlers_max). A handler without such an
/// extractor costs nothing for it.
///
/// A user who is asked for with every event is better looked up once, in `on_connect`, and kept by
/// [`Socket::set`](crate::Socket::set) for [`Local`](crate::Local).
///
/// ```
/// use sockeye::{Ack, EventError, FromContextAsync, FromRef, Namespace, OwnedContext, Socket};
///
/// #[derive(Clone)]
/// struct Database;
///
/// impl Database {
///     async fn user_of(&self, session: &str) -> Result<Option<String>, std::io::Error> {
///         tokio::task::yield_now().await;
///         Ok((session == "secret").then(|| "Ada".to_owned()))
///     }
/// }
///
/// /// The user whose session the cookie `sid` names.
/// struct User {
///     name: String,
/// }
///
/// impl<S> FromContextAsync<S> for User
/// where
///     S: Send + Sync + 'static,
///     Database: FromRef<S>,
/// {
///     type Rejection = EventError;
///
///     async fn from_context(context: OwnedContext<S>) -> Result<Self, EventError> {
///         let stranger = || EventError::new("stranger", "log in first");
///         let sid = context.handshake().cookie("sid").ok_or_else(stranger)?;
///         let database = Database::from_ref(context.state());
///         // A database that is down is an internal error: `on_error` hears of it.
///         let name = database.user_of(sid).await?;
///         Ok(User { name: name.ok_or_else(stranger)? })
///     }
/// }
///
/// async fn admit(socket: Socket, user: User) {
///     socket.join(user.name);
/// }
///
/// async fn who(user: User) -> Ack<String> {
///     Ack(user.name)
/// }
///
/// let namespace = Namespace::<Database>::new("/").on_connect(admit).on("who", who);
/// # drop(namespace);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an extractor that waits",
    note = "implement `FromContextAsync<S>` for `{Self}`, or `FromContext<S>` if it need not wait"
)]
pub trait FromContextAsync<S>: Sized {
    /// The error if it is missing, which answers the ack and is passed to `on_error`.
    type Rejection: Into<EventError>;

    /// Takes the argument.
    ///
    /// # Errors
    /// The rejection; the handler is not called then.
    ///
    /// # Cancel safety
    /// It is dropped where it waits when the server's session ends by a panic or the runtime stops.
    fn from_context(
        context: OwnedContext<S>,
    ) -> impl Future<Output = Result<Self, Self::Rejection>> + Send;

    /// Adds the request extensions that it reads to those that are kept, as
    /// [`FromContext::keep_extensions`].
    fn keep_extensions(kept: KeptExtensions) -> KeptExtensions {
        kept
    }
}

/// An extractor or none: `None` whatever the reason is.
impl<S, T: FromContext<S>> FromContext<S> for Option<T> {
    type Rejection = Infallible;

    fn from_context(context: &mut Context<'_, S>) -> Result<Self, Self::Rejection> {
        Ok(T::from_context(context).ok())
    }

    fn keep_extensions(kept: KeptExtensions) -> KeptExtensions {
        T::keep_extensions(kept)
    }
}

/// An extractor that waits, or none: `None` where its rejection is one that was to be expected. What
/// [is internal](EventError::is_internal), such as a database that is down, fails all the same.
impl<S, T> FromContextAsync<S> for Option<T>
where
    S: Send + Sync + 'static,
    T: FromContextAsync<S> + Send,
{
    type Rejection = EventError;

    async fn from_context(context: OwnedContext<S>) -> Result<Self, EventError> {
        let taken = T::from_context(context).await.map_err(Into::into);
        taken.map(Some).or_else(|error| if error.is_internal() { Err(error) } else { Ok(None) })
    }

    fn keep_extensions(kept: KeptExtensions) -> KeptExtensions {
        T::keep_extensions(kept)
    }
}

/// An argument of handlers before the payload, of either kind; `M` says of which.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` is neither an extractor nor the payload of this handler",
    label = "not an extractor",
    note = "extractors come first (`Socket`, `Visitor`, `Io`, `State<T>`, `Local<T>`, `HttpExtension<T>`, `PathParam<T>`, `Arc<Handshake>`, `Acker<A>`, or an own `FromContext`), the payload, a serde type, comes last"
)]
pub trait Extract<M, S>: Sized + Send + 'static {
    /// Takes it, or begins to.
    fn begin(context: &mut Context<'_, S>) -> Result<Begun<Self>, EventError>;

    fn keep_extensions(kept: KeptExtensions) -> KeptExtensions;
}

/// An argument that is there or awaited.
#[doc(hidden)]
#[allow(missing_debug_implementations, reason = "never seen by users")]
pub enum Begun<T> {
    Ready(T),
    Pending(Running<Result<T, EventError>>),
}

impl<T> Begun<T> {
    pub(crate) async fn ready(self) -> Result<T, EventError> {
        match self {
            Begun::Ready(value) => Ok(value),
            Begun::Pending(running) => running.await,
        }
    }
}

#[doc(hidden)]
#[derive(Debug)]
pub struct AtOnce;
#[doc(hidden)]
#[derive(Debug)]
pub struct Waiting;

impl<S, T: FromContext<S> + Send + 'static> Extract<AtOnce, S> for T {
    fn begin(context: &mut Context<'_, S>) -> Result<Begun<Self>, EventError> {
        <T as FromContext<S>>::from_context(context).map(Begun::Ready).map_err(Into::into)
    }

    fn keep_extensions(kept: KeptExtensions) -> KeptExtensions {
        <T as FromContext<S>>::keep_extensions(kept)
    }
}

impl<S, T> Extract<Waiting, S> for T
where
    S: Send + Sync + 'static,
    T: FromContextAsync<S> + Send + 'static,
{
    fn begin(context: &mut Context<'_, S>) -> Result<Begun<Self>, EventError> {
        let context = context.to_owned_context();
        Ok(Begun::Pending(Box::pin(async move {
            <T as FromContextAsync<S>>::from_context(context).await.map_err(Into::into)
        })))
    }

    fn keep_extensions(kept: KeptExtensions) -> KeptExtensions {
        <T as FromContextAsync<S>>::keep_extensions(kept)
    }
}
