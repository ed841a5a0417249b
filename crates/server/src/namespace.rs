//! A namespace: how it is declared, and what it is at run time.

/// The handlers of a namespace, with the server's state bound into them.
pub(crate) mod handlers;
/// Which names a dynamic namespace is for.
pub(crate) mod matcher;
/// Whoever asks to be let in.
pub(crate) mod visitor;
/// A namespace at run time.
pub(crate) mod active;
/// All namespaces of a server.
pub(crate) mod registry;
/// Those that clients' names make, and how many there may be.
mod children;
/// Those that one declaration has made, as one target.
pub(crate) mod parent;

use std::borrow::Cow;
use std::fmt;
use std::future::ready;
use std::num::NonZeroU32;
use std::sync::Arc;

use futures_util::{FutureExt, TryFutureExt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sockeye_socket_proto::{EventRef, IntoAck, Listen, RawEvent, event_name};

use self::handlers::{
    Admission, Call, EventHandler, Failure, Handlers, NotificationFn, Registered,
};
use self::matcher::{Matcher, NamespaceMatcher, Pattern};
use self::visitor::Visitor;
use crate::broadcast::io::Io;
use crate::cluster::server_side::ServerSide;
use crate::cluster::server_side_event::ServerSideEvent;
use crate::error::{BuildError, Refuse};
use crate::guarantees::client_outbox::Reliable;
use crate::handler::context::Context;
use crate::handler::{ConnectHandler, Deciding, Guard, Handler, NotificationHandler, ReadGuard};
use crate::presence::rules::{DeclaredRules, PresenceRules};
use crate::rooms::room::RoomChange;
use crate::socket::Socket;
use crate::socket::disconnect_reason::DisconnectReason;

/// A namespace: who may connect to it and what happens on each event. Declared once, before the
/// server starts; handlers are shared by all sockets.
///
/// Every handler is an async function of extractors and, last, of what it is about: `on_connect` of
/// the client's `auth`, `on` of the event's payload, `on_disconnect` of the reason. All may return a
/// `Result`; what fails goes to [`on_error`](Namespace::on_error).
///
/// ```
/// use serde::Deserialize;
/// use sockeye::{
///     Ack, DisconnectReason, EmitError, Event, Local, Namespace, Refuse, Server, Socket,
/// };
///
/// #[derive(Deserialize)]
/// struct Auth {
///     name: Option<String>,
/// }
///
/// const SAY: Event<String, usize> = Event::new("say");
///
/// struct Name(String);
///
/// async fn admit(socket: Socket, auth: Auth) -> Result<(), Refuse> {
///     socket.set(Name(auth.name.ok_or_else(|| Refuse::new("who are you?"))?));
///     Ok(())
/// }
///
/// async fn welcome(socket: Socket, name: Local<Name>) -> Result<(), EmitError> {
///     socket.broadcast().emit("arrived", &name.0.0)
/// }
///
/// async fn say(socket: Socket, text: String) -> Result<Ack<usize>, EmitError> {
///     socket.broadcast().emit(SAY, &text)?;
///     Ok(Ack(text.len()))
/// }
///
/// async fn gone(socket: Socket, reason: DisconnectReason) -> Result<(), EmitError> {
///     socket.io().emit("left", reason.as_str())
/// }
///
/// let namespace: Namespace = Namespace::new("/chat")
///     .on_connect(admit)
///     .on_connected(welcome)
///     .on(SAY, say)
///     .on_disconnect(gone);
/// let server = Server::builder().namespace(namespace);
/// # drop(server);
/// ```
#[must_use = "a namespace is there once the builder has it"]
pub struct Namespace<S = ()> {
    path: Path,
    /// Functions that each bind the state into one handler.
    parts: Vec<Part<S>>,
}

/// A [`Namespace`] whose handlers are for servers with the state `S`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not for a server whose state is `{S}`",
    label = "its handlers take another state",
    note = "call `.state(..)` of the builder before `.namespace(..)`: only namespaces after it have the state",
    note = "if a handler takes a part of the state, `State<Part>`, write `Namespace::<{S}>::new(..)`, and derive `FromRef` on `{S}` or implement `FromRef<{S}>` for the part"
)]
pub trait ForState<S> {
    #[doc(hidden)]
    fn into_namespace(self) -> Namespace<S>;
}

impl<S> ForState<S> for Namespace<S> {
    fn into_namespace(self) -> Namespace<S> {
        self
    }
}

type Part<S> = Box<dyn FnOnce(&Arc<S>, &mut Handlers) -> Result<(), BuildError> + Send>;

impl<S: Send + Sync + 'static> Namespace<S> {
    /// A namespace of this name; the leading slash may be left out. With parts in braces, such as
    /// `/room-{id}`, it matches all names of that shape (no part is empty or holds a slash);
    /// each is a namespace of its own, and handlers get the part with
    /// [`PathParam`](crate::PathParam).
    pub fn new(path: impl Into<Cow<'static, str>>) -> Self {
        let path = path.into();
        let path = if path.starts_with('/') { path } else { Cow::Owned(format!("/{path}")) };
        let path = match Pattern::parse(&path) {
            Some(pattern) => {
                Path::Dynamic { name: path.into_owned(), matcher: Matcher::Pattern(pattern) }
            }
            None => Path::Fixed(path),
        };
        Self { path, parts: Vec::new() }
    }

    /// A namespace for each name that `decide` accepts, made when a client first asks for it: an
    /// async function of the name and optionally the client's `auth`, or a regular expression
    /// (which is not anchored unless you write the anchors). Matchers are asked in the order of
    /// their declaration, after the fixed names.
    pub fn matching<M>(decide: impl NamespaceMatcher<M>) -> Self {
        let matcher = decide.into_matcher();
        Self { path: Path::Dynamic { name: matcher.name(), matcher }, parts: Vec::new() }
    }

    /// Gives a dynamic declaration the name by which
    /// [`Server::parent_namespace`](crate::Server::parent_namespace) finds what it made. Without it
    /// the name is the text of the pattern or regular expression; a function has none. It does
    /// nothing for a fixed name.
    pub fn called(mut self, family: impl Into<String>) -> Self {
        if let Path::Dynamic { name, .. } = &mut self.path {
            *name = family.into();
        }
        self
    }

    /// Decides who may connect: runs before the client gets the reply. An `Err` becomes
    /// `connect_error` at the client.
    ///
    /// A [`Refuse`](crate::Refuse), or an [`EventError::new`](crate::EventError::new), says what the client reads. Any other
    /// error is a failure: the client reads a general message, and it is reported as
    /// [`on_error`](Namespace::on_error) says, under the name `(connect)`. An `auth` that does not
    /// decode refuses with a message that says so.
    ///
    /// Rooms may be joined here (a refusal undoes it). What the handler emits to this socket
    /// arrives right after the connection; broadcasts to everybody reach the socket only after it:
    /// for those use [`on_connected`](Namespace::on_connected).
    ///
    /// Several of them run in the order of their declaration, each after the one before has
    /// returned `Ok`; the first `Err` is the answer.
    ///
    /// Readers over plain HTTP ([`Server::admit`](crate::Server::admit)) are let in by the same
    /// handlers, if these ask for a [`Visitor`] in place of the [`Socket`]; a handler that asks for
    /// the `Socket` refuses them.
    pub fn on_connect<M: 'static>(self, handler: impl ConnectHandler<M, S>) -> Self {
        self.with(move |state, handlers| {
            handlers.keep(|kept| handler.keep_extensions(kept));
            let state = Arc::clone(state);
            let admission: Admission = Arc::new(move |visitor| {
                let context = Context::of_visitor(&visitor, &state);
                handler.start(context, visitor.auth_json()).unwrap_or_else(refused)
            });
            handlers.admission = Some(match handlers.admission.take() {
                Some(first) => one_after_the_other(first, admission),
                None => admission,
            });
            Ok(())
        })
    }

    /// Decides who may read a room without being in it: an async function of extractors and
    /// optionally the room, an `Option<Room>`. `None` stands for the namespace as a whole: what is
    /// sent to everybody in it. Without an `on_read`, nobody may read anything.
    ///
    /// [`Visitor::may_read`] calls it, for every room and for the namespace as a whole. It can read
    /// what the connect handlers [`set`](Visitor::set) on the visitor. Several of them run in the
    /// order of their declaration, and each has to return `Ok`; the first `Err` is the answer. The
    /// rooms of sockets' own ids cannot be read, whatever it returns: see [`Visitor::may_read`].
    ///
    /// ```
    /// use sockeye::{Local, Namespace, Refuse, Room};
    ///
    /// struct Member;
    ///
    /// async fn read(member: Option<Local<Member>>, room: Option<Room>) -> Result<(), Refuse> {
    ///     match room.as_deref() {
    ///         Some("news") => Ok(()),
    ///         Some("minutes") if member.is_some() => Ok(()),
    ///         _ => Err(Refuse::new("for members only")),
    ///     }
    /// }
    ///
    /// let namespace: Namespace = Namespace::new("/club").on_read(read);
    /// # drop(namespace);
    /// ```
    pub fn on_read<M: 'static>(self, guard: impl ReadGuard<M, S>) -> Self {
        self.with(move |state, handlers| {
            handlers.keep(|kept| guard.keep_extensions(kept));
            let state = Arc::clone(state);
            handlers.read.push(Box::new(move |visitor, room| {
                guard.start(Context::of_visitor(visitor, &state), room).unwrap_or_else(refused)
            }));
            Ok(())
        })
    }

    /// Runs once for each socket right after the reply that it is connected: `io.on("connection")`
    /// of the official server. Several of them start in the order of their declaration. An `Err` is
    /// reported as [`on_error`](Namespace::on_error) says; the socket stays connected.
    ///
    /// ```
    /// use sockeye::{EmitError, Namespace, Socket};
    ///
    /// async fn welcome(socket: Socket) -> Result<(), EmitError> {
    ///     socket.emit("welcome", "hello")?;
    ///     socket.broadcast().emit("arrived", &socket.id())
    /// }
    ///
    /// let namespace: Namespace = Namespace::new("/").on_connected(welcome);
    /// # drop(namespace);
    /// ```
    pub fn on_connected<M: 'static>(self, handler: impl NotificationHandler<M, S, ()>) -> Self {
        self.with(move |state, handlers| {
            handlers.keep(|kept| handler.keep_extensions(kept));
            handlers.connected.push(bound(handler, state));
            Ok(())
        })
    }

    /// Handles an event. The handler's payload and answer must be those of the [`Event`]; with a
    /// string name they are the handler's own.
    ///
    /// [`Event`]: crate::Event
    pub fn on<P: 'static, A: 'static, M: 'static>(
        self,
        event: impl Listen<P, A>,
        handler: impl Handler<M, S, P, A>,
    ) -> Self {
        let name = event_name(&event).map(str::to_owned);
        self.with(move |state, handlers| {
            let name = name?;
            handlers.keep(|kept| handler.keep_extensions(kept));
            let state = Arc::clone(state);
            let handler: EventHandler = Arc::new(move |call| {
                let Call { socket, responder, event } = call;
                let mut context = Context::of_socket(socket, &state);
                context.responder = responder;
                handler.start(context, event)
            });
            if handlers.events.insert(name.clone(), Registered::new(&name, handler)).is_some() {
                return Err(BuildError::DuplicateEvent { event: name });
            }
            Ok(())
        })
    }

    /// Calls a function with every incoming event, except reserved ones, before its handler starts.
    pub fn on_any(self, look: impl Fn(&Socket, &RawEvent) + Send + Sync + 'static) -> Self {
        self.with(move |_, handlers| {
            handlers.any.push(Box::new(look));
            Ok(())
        })
    }

    /// Calls a function with every outgoing event, once for each recipient. Acks are not events.
    pub fn on_any_outgoing(
        self,
        look: impl Fn(&Socket, &RawEvent) + Send + Sync + 'static,
    ) -> Self {
        self.with(move |_, handlers| {
            handlers.any_outgoing.push(Box::new(look));
            Ok(())
        })
    }

    /// Runs a guard before the handlers of all events, those of [`fallback`](Namespace::fallback)
    /// included. Guards run in the order of their declaration; the first `Err` ends the event:
    /// it answers the peer's ack and is passed to [`on_error`](Namespace::on_error).
    pub fn before<M: 'static>(self, guard: impl Guard<M, S>) -> Self {
        self.with(move |state, handlers| {
            handlers.keep(|kept| guard.keep_extensions(kept));
            let state = Arc::clone(state);
            handlers.guards.push(Arc::new(move |socket, event| {
                guard.start(Context::of_socket(&socket, &state), event)
            }));
            Ok(())
        })
    }

    /// Handles the events that no handler is registered for. Without it they are ignored, as the
    /// official server does.
    ///
    /// An ack that the client asked for is answered if the handler takes an
    /// [`Acker<RawArgs>`](crate::Acker) and uses it, or returns an `Err`; otherwise it is not.
    ///
    /// ```
    /// use sockeye::{Acker, EventError, Namespace, RawArgs, RawEvent};
    ///
    /// async fn unknown(acker: Acker<RawArgs>, event: RawEvent) {
    ///     acker.fail(&EventError::new("unknown", "there is no such event").with_data(&event.name));
    /// }
    ///
    /// let namespace: Namespace = Namespace::new("/").fallback(unknown);
    /// # drop(namespace);
    /// ```
    pub fn fallback<M: 'static>(self, handler: impl NotificationHandler<M, S, RawEvent>) -> Self {
        self.with(move |state, handlers| {
            handlers.keep(|kept| handler.keep_extensions(kept));
            let state = Arc::clone(state);
            let handler: EventHandler = Arc::new(move |call| {
                let Call { socket, responder, event } = call;
                let mut context = Context::of_socket(socket, &state);
                context.responder = responder;
                let running = handler.start(context, event.to_raw_event())?;
                Ok(Box::pin(running.map_ok(|()| None)))
            });
            handlers.fallback = Some(Registered::new("", handler));
            Ok(())
        })
    }

    /// Calls a function with every failure: of an event, arguments that do not decode, missing
    /// extractors, errors and panics of guards and handlers; of `on_connected` and `on_disconnect`
    /// their errors; of `on_connect` those that are no refusal, because they were made from another
    /// error. The peer's ack is answered in any case.
    ///
    /// Without `on_error` a failure is logged: [internal](crate::EventError::is_internal) ones with the
    /// level warn, others, which clients can bring about, with debug; a panic with error in any case.
    ///
    /// ```
    /// use sockeye::{EventError, Namespace};
    ///
    /// async fn read() -> Result<(), EventError> {
    ///     let _text = std::fs::read_to_string("notes.txt")?;
    ///     Ok(())
    /// }
    ///
    /// let namespace: Namespace = Namespace::new("/").on("read", read).on_error(|socket, failure| {
    ///     if failure.error.is_internal() {
    ///         // "read" failed: this event could not be handled (internal): No such file ..
    ///         tracing::error!(socket = %socket.id(), "{failure}");
    ///     }
    /// });
    /// # drop(namespace);
    /// ```
    pub fn on_error(self, report: impl Fn(&Socket, &Failure) + Send + Sync + 'static) -> Self {
        self.with(move |_, handlers| {
            handlers.error = Some(Box::new(report));
            Ok(())
        })
    }

    /// Runs once for each connected socket after its end, while [`Socket::rooms`] still returns the
    /// rooms it was in. Several of them start in the order of their declaration. An `Err` is reported
    /// as [`on_error`](Namespace::on_error) says.
    pub fn on_disconnect<M: 'static>(
        self,
        handler: impl NotificationHandler<M, S, DisconnectReason>,
    ) -> Self {
        self.with(move |state, handlers| {
            handlers.keep(|kept| handler.keep_extensions(kept));
            handlers.disconnect.push(bound(handler, state));
            Ok(())
        })
    }

    /// Calls a listener with every change of the namespace's rooms, own-id rooms included: created,
    /// joined, left, deleted. Changes are reported in order, one at a time, after they have taken
    /// place; the listener may change rooms itself.
    pub fn on_room_change(self, hear: impl Fn(&Io, &RoomChange) + Send + Sync + 'static) -> Self {
        self.with(move |_, handlers| {
            handlers.room_change.push(Box::new(hear));
            Ok(())
        })
    }

    /// Handles an event that a server sends to the servers of its cluster, see
    /// [`Broadcast::server_side_emit`](crate::Broadcast::server_side_emit): an async function of
    /// optionally the [`Io`] and the payload, if the event has one, that answers as handlers do.
    pub fn on_server_side<P: 'static, A: 'static, M: 'static>(
        self,
        event: impl Listen<P, A>,
        handler: impl ServerSide<M, P, A>,
    ) -> Self {
        let name = event_name(&event).map(str::to_owned);
        self.with(move |_, handlers| {
            let name = name?;
            let handler = Box::new(move |io, event: EventRef<'_>| handler.start(io, event));
            if handlers.server_side.insert(name.clone(), handler).is_some() {
                return Err(BuildError::DuplicateEvent { event: name });
            }
            Ok(())
        })
    }

    /// Handles the events between servers that [`on_server_side`](Namespace::on_server_side) has no handler for: an async
    /// function of the [`Io`] and the event. Without it, a server of this project that asks is told that there is no handler,
    /// and one of Node has no answer.
    ///
    /// ```
    /// use sockeye::{Io, Namespace, ServerSideEvent};
    ///
    /// async fn unknown(_: Io, ServerSideEvent { event, .. }: ServerSideEvent) {
    ///     tracing::warn!(event = event.name, "an event between servers that is not known here");
    /// }
    ///
    /// let namespace: Namespace = Namespace::new("/").server_side_fallback(unknown);
    /// # drop(namespace);
    /// ```
    pub fn server_side_fallback<F, Fut, R, A: 'static, M: 'static>(self, handler: F) -> Self
    where
        F: Fn(Io, ServerSideEvent) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = R> + Send + 'static,
        R: IntoAck<A, M>,
    {
        self.with(move |_, handlers| {
            handlers.server_side_fallback = Some(Box::new(move |io, event| {
                Box::pin(handler(io, event).map(|answer| answer.into_ack(true)))
            }));
            Ok(())
        })
    }

    /// Includes the `T` that was [`set`](Socket::set) on a socket when the socket is fetched, on
    /// this server or another one of its cluster:
    /// [`RemoteSocket::data`](crate::RemoteSocket::data). It is sent between servers, so serde has
    /// to be able to write it.
    ///
    /// It is the whole of what Node calls `socket.data`, so nothing else can be shared beside it;
    /// for several types, or members of Node's object, use [`share_as`](Namespace::share_as).
    ///
    /// ```
    /// use serde::{Deserialize, Serialize};
    /// use sockeye::{Io, Namespace};
    ///
    /// #[derive(Serialize, Deserialize)]
    /// struct User { name: String }
    ///
    /// let namespace: Namespace = Namespace::new("/").share::<User>();
    ///
    /// async fn names(io: &Io) -> Result<Vec<String>, Box<dyn std::error::Error>> {
    ///     let mut names = Vec::new();
    ///     for socket in io.to("lobby").fetch().await? {
    ///         names.extend(socket.data::<User>()?.map(|user| user.name));
    ///     }
    ///     Ok(names)
    /// }
    /// # let _ = (namespace, names);
    /// ```
    ///
    /// # Errors
    /// Building the server fails with [`BuildError::SharedWhole`] when the namespace shares anything
    /// else.
    pub fn share<T: Serialize + DeserializeOwned + Send + Sync + 'static>(self) -> Self {
        self.with(move |_, handlers| handlers.shared.declare::<T>(None))
    }

    /// As [`share`](Namespace::share), as a member of the data: `share_as::<User>("user")` is
    /// `socket.data.user` of Node's servers. Several types, each under a name of its own.
    ///
    /// ```
    /// use serde::{Deserialize, Serialize};
    /// use sockeye::{DataError, Namespace, RemoteSocket};
    ///
    /// #[derive(Serialize, Deserialize)]
    /// struct User { name: String }
    ///
    /// #[derive(Serialize, Deserialize)]
    /// struct Seat(u32);
    ///
    /// let namespace: Namespace =
    ///     Namespace::new("/").share_as::<User>("user").share_as::<Seat>("seat");
    ///
    /// fn seat_of(socket: &RemoteSocket) -> Result<Option<u32>, DataError> {
    ///     Ok(socket.data::<Seat>()?.map(|seat| seat.0))
    /// }
    /// # let _ = (namespace, seat_of);
    /// ```
    ///
    /// # Errors
    /// Building the server fails with [`BuildError::DuplicateShare`] when a name or a type is shared
    /// twice, with [`BuildError::SharedWhole`] when a type is shared as the whole data.
    pub fn share_as<T: Serialize + DeserializeOwned + Send + Sync + 'static>(
        self,
        member: impl Into<Cow<'static, str>>,
    ) -> Self {
        let member = member.into();
        self.with(move |_, handlers| handlers.shared.declare::<T>(Some(member)))
    }

    /// With recovery: `on_connect` does not run for a client that claims to continue an earlier
    /// connection. Then only its private id identifies it.
    pub fn skip_on_connect_when_recovered(self) -> Self {
        self.with(move |_, handlers| {
            handlers.skip_admission_when_recovered = true;
            Ok(())
        })
    }

    /// With recovery: compares what `on_connect` stored as `T` for the earlier connection and for
    /// the one that claims to continue it. If it is not the same user (or one of them has no `T`),
    /// the claim fails and the client gets a new session.
    pub fn same_user<T: Send + Sync + 'static>(
        self,
        is_same: impl Fn(&T, &T) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.with(move |_, handlers| {
            handlers.same_user = Some(Box::new(move |old, new| {
                matches!((old.get(), new.get()), (Some(old), Some(new)) if is_same(&old, &new))
            }));
            Ok(())
        })
    }

    /// Supports the outboxes of our clients: an event that is sent again, because its answer was
    /// lost, is answered as it was the first time and not handled again. Nothing changes for other
    /// clients. (`docs/reliable.md` has the details.)
    pub fn reliable(self, rules: Reliable) -> Self {
        self.with(move |_, handlers| {
            handlers.reliable = Some(rules);
            Ok(())
        })
    }

    /// Sets how [presence](crate::Presence) behaves in this namespace and how much it may keep.
    /// Without it the defaults of [`PresenceRules`] hold. The last call counts.
    pub fn presence(self, rules: PresenceRules) -> Self {
        self.with(move |_, handlers| {
            handlers.presence = DeclaredRules::checked(rules)?;
            Ok(())
        })
    }

    /// Lets a connected client send new credentials: `socket.emit(event, auth, ack)` runs the
    /// connect handlers again with this `auth`, on the same socket. They are the place to call
    /// [`set_expiry`](Socket::set_expiry) again and to [`set`](Socket::set) the user it is now.
    ///
    /// When they return `Ok`, the ack has no value; otherwise it is the error `refused` with their
    /// message and data (`internal` if they failed), and nothing changes: the socket still ends at
    /// its old expiry, unless a handler disconnects it.
    pub fn reauthenticate_on(self, event: impl Into<String>) -> Self {
        let event = event.into();
        self.with(move |_, handlers| {
            event_name::<&str>(&event.as_str())?;
            handlers.reauthentication = Some(event);
            Ok(())
        })
    }

    /// How many handlers of one socket may run at the same time; further events wait, in order.
    /// Default 64; 1 is strictly serial.
    pub fn concurrent_handlers_max(self, max: NonZeroU32) -> Self {
        self.with(move |_, handlers| {
            handlers.concurrent_handlers_max = max.get();
            Ok(())
        })
    }

    fn with(
        mut self,
        part: impl FnOnce(&Arc<S>, &mut Handlers) -> Result<(), BuildError> + Send + 'static,
    ) -> Self {
        self.parts.push(Box::new(part));
        self
    }

    pub(crate) fn bind(self, state: &Arc<S>) -> Result<(Path, Handlers), BuildError> {
        if let Path::Fixed(name) = &self.path
            && name.contains(',')
        {
            return Err(BuildError::InvalidNamespace(name.to_string()));
        }
        let mut handlers = Handlers::new();
        for part in self.parts {
            part(state, &mut handlers)?;
        }
        if let Some(event) = handlers.reauthentication.take() {
            let handler = reauthentication(handlers.admission.clone());
            let registered = Registered::new(&event, handler);
            if handlers.events.insert(event.clone(), registered).is_some() {
                return Err(BuildError::DuplicateEvent { event });
            }
        }
        if handlers.fallback.is_none() && !handlers.guards.is_empty() {
            // Guards see unhandled events too.
            let nothing: EventHandler = Arc::new(|_| Ok(Box::pin(ready(Ok(None)))));
            handlers.fallback = Some(Registered::new("", nothing));
        }
        Ok((self.path, handlers))
    }
}

/// The names that a declaration matches.
#[derive(Debug)]
pub(crate) enum Path {
    Fixed(Cow<'static, str>),
    Dynamic { name: String, matcher: Matcher },
}

impl Path {
    /// The namespace that every server has.
    pub(crate) const fn main() -> Self {
        Path::Fixed(Cow::Borrowed("/"))
    }

    pub(crate) fn is_main(&self) -> bool {
        matches!(self, Path::Fixed(name) if name == "/")
    }

    /// The name of the declaration; empty if it has none.
    pub(crate) fn name(&self) -> &str {
        match self {
            Path::Fixed(name) => name,
            Path::Dynamic { name, .. } => name,
        }
    }
}

impl<S> fmt::Debug for Namespace<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Namespace").field("path", &self.path).finish_non_exhaustive()
    }
}

/// A handler without an answer, with the state bound into it.
fn bound<S, M, V>(handler: impl NotificationHandler<M, S, V>, state: &Arc<S>) -> NotificationFn<V>
where
    S: Send + Sync + 'static,
{
    let state = Arc::clone(state);
    Box::new(move |socket, value| handler.start(Context::of_socket(&socket, &state), value))
}

/// The decision of a rule that could not start.
fn refused(refusal: Refuse) -> Deciding {
    Box::pin(ready(Err(refusal)))
}

/// The handler that runs the connect handlers again, for a client that sends new credentials.
fn reauthentication(admission: Option<Admission>) -> EventHandler {
    Arc::new(move |call| {
        let auth = if call.event.args.is_empty() { "{}" } else { call.event.args };
        let visitor = Visitor::with_auth(call.socket.clone(), auth);
        let running = admission.as_ref().map(|admission| admission(visitor));
        let (socket, auth) = (call.socket.clone(), auth.to_owned());
        let is_wanted = call.responder.is_some();
        Ok(Box::pin(async move {
            if let Some(running) = running {
                running.await?;
            }
            socket.set_auth(&auth);
            ().into_ack(is_wanted)
        }))
    })
}

/// Two connect handlers as one.
fn one_after_the_other(first: Admission, second: Admission) -> Admission {
    Arc::new(move |visitor| {
        let (running, second) = (first(visitor.clone()), Arc::clone(&second));
        Box::pin(async move {
            running.await?;
            second(visitor).await
        })
    })
}
