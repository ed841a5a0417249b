//! Whoever asks to be let into a namespace, and what is asked of them.

use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt;
use parking_lot::Mutex;
use serde::de::DeserializeOwned;
use sockeye_engine::Handshake;
use sockeye_socket_proto::{LogCauses, LogText, PayloadError, decode_args};
use tracing::field::display;

use super::active::ActiveNamespace;
use crate::broadcast::io::Io;
use crate::error::Refuse;
use crate::handler::running::panic_message;
use crate::rooms::room::Room;
use crate::socket::Socket;
use crate::socket::data::SocketData;
use crate::socket::id::SocketId;

/// A client that connects, or a reader over plain HTTP: whoever asks to be let into a namespace. A
/// handle, cheap to clone.
///
/// Rules in [`on_connect`](crate::Namespace::on_connect) that ask for a `Visitor` are the same for
/// both. A client has a [`socket`](Visitor::socket), and what a rule [`set`](Visitor::set)s on the
/// visitor is the socket's. A reader comes by [`Server::admit`](crate::Server::admit), and has none;
/// what it may read [`on_read`](crate::Namespace::on_read) decides.
///
/// ```
/// use sockeye::{Namespace, Refuse, Visitor};
///
/// struct User(String);
///
/// async fn admit(visitor: Visitor) -> Result<(), Refuse> {
///     let name = visitor.handshake().query("name").ok_or_else(|| Refuse::new("who are you?"))?;
///     visitor.set(User(name.into_owned()));
///     Ok(())
/// }
///
/// let namespace: Namespace = Namespace::new("/news").on_connect(admit);
/// # drop(namespace);
/// ```
#[derive(Clone)]
pub struct Visitor {
    who: Who,
    /// `None`: nothing was sent.
    auth: Option<Arc<str>>,
}

#[derive(Clone)]
enum Who {
    Socket(Socket),
    Reader(Arc<Reader>),
}

/// A reader over plain HTTP.
struct Reader {
    namespace: Arc<ActiveNamespace>,
    handshake: Arc<Handshake>,
    data: Mutex<SocketData>,
}

impl Visitor {
    /// The client of a socket, with what it showed when it connected.
    pub(crate) fn of_socket(socket: Socket) -> Self {
        Self { auth: socket.kept_auth(), who: Who::Socket(socket) }
    }

    /// The client of a socket, which shows something else now.
    pub(crate) fn with_auth(socket: Socket, auth: &str) -> Self {
        Self { who: Who::Socket(socket), auth: Some(auth.into()) }
    }

    pub(crate) fn reader(
        namespace: Arc<ActiveNamespace>,
        handshake: Arc<Handshake>,
        auth: &str,
    ) -> Self {
        let reader = Reader { namespace, handshake, data: Mutex::default() };
        Self { who: Who::Reader(Arc::new(reader)), auth: Some(auth.into()) }
    }

    /// The socket of a client that connects; `None` of a reader. The client is not told yet that it
    /// is connected while `on_connect` decides.
    pub fn socket(&self) -> Option<&Socket> {
        match &self.who {
            Who::Socket(socket) => Some(socket),
            Who::Reader(_) => None,
        }
    }

    /// The name of the namespace that is asked for, with its slash.
    pub fn namespace(&self) -> &str {
        &self.active_namespace().path
    }

    /// A part of a dynamic namespace's name: `id` of `/room-{id}`.
    pub fn param(&self, part: &str) -> Option<&str> {
        self.active_namespace().param(part)
    }

    /// The namespace, to reach its sockets.
    pub fn io(&self) -> Io {
        Io::new(Arc::clone(self.active_namespace()))
    }

    /// The request: of a client the one that opened its session, of a reader its own. It has the
    /// headers, the query, the peer's address, and the
    /// [extensions that are kept](crate::ServerBuilder::keep_extension).
    pub fn handshake(&self) -> &Arc<Handshake> {
        match &self.who {
            Who::Socket(socket) => socket.handshake(),
            Who::Reader(reader) => &reader.handshake,
        }
    }

    /// What is shown as `auth`, now: a client that [shows new
    /// credentials](crate::Namespace::reauthenticate_on) is asked about these. A rule has it as its
    /// last argument too.
    ///
    /// # Errors
    /// [`PayloadError`] when it is not a `T`.
    pub fn auth<T: DeserializeOwned>(&self) -> Result<T, PayloadError> {
        decode_args(self.auth_json(), &[])
    }

    /// The same as JSON; `{}` when nothing was sent.
    pub fn auth_json(&self) -> &str {
        self.auth.as_deref().unwrap_or("{}")
    }

    /// Keeps a value with the visitor, one for each type; a second one replaces the first. Of a
    /// client it is kept with the socket, where handlers find it as [`Local`](crate::Local). Of a
    /// reader it is there for the rules after this one.
    pub fn set<T: Send + Sync + 'static>(&self, value: T) {
        match &self.who {
            Who::Socket(socket) => socket.set(value),
            Who::Reader(reader) => reader.data.lock().set(value),
        }
    }

    /// The value of this type.
    pub fn get<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        match &self.who {
            Who::Socket(socket) => socket.get(),
            Who::Reader(reader) => reader.data.lock().get(),
        }
    }

    /// Asks the namespace's [`on_read`](crate::Namespace::on_read) whether this visitor may read a
    /// room without being in it. Without an `on_read` nobody may.
    ///
    /// The room of a socket's own id is never read, whatever the rules say: what is sent there is
    /// for one client. As nobody can know all ids that were once in use, or are on the other servers of a
    /// cluster, every name counts that could be one: 20 letters, digits, `-` and `_`, or the
    /// namespace's name and `#` before anything (Socket.IO 2). Where
    /// [`generate_id`](sockeye_engine::Hooks::generate_id) makes session ids of another form, those of
    /// Socket.IO 2 in `/` count while they are connected to this server.
    ///
    /// The answer holds for this moment: ask anew before anything is read later.
    ///
    /// # Errors
    /// [`Refuse`] with what the reader may be told. It is logged with the level debug, a failure of
    /// a rule (an error that is no `Refuse`) with the level warn and its causes, a panic with the
    /// level error.
    ///
    /// # Cancel safety
    /// Safe: the rules are dropped where they stand. They have
    /// [`connect_timeout`](crate::Config::connect_timeout) to answer.
    ///
    /// ```
    /// use sockeye::{Refuse, Visitor};
    ///
    /// async fn look(visitor: &Visitor) -> Result<(), Refuse> {
    ///     visitor.may_read("news").await
    /// }
    /// ```
    pub async fn may_read(&self, room: impl Into<Room>) -> Result<(), Refuse> {
        self.ask_guards(Some(room.into())).await
    }

    /// The same for what is sent to everybody in the namespace.
    ///
    /// # Errors
    /// [`Refuse`], as of [`may_read`](Visitor::may_read).
    ///
    /// # Cancel safety
    /// Safe, as [`may_read`](Visitor::may_read) is.
    pub async fn may_read_namespace(&self) -> Result<(), Refuse> {
        self.ask_guards(None).await
    }

    async fn ask_guards(&self, room: Option<Room>) -> Result<(), Refuse> {
        let running = async {
            let guards = &self.active_namespace().handlers.read;
            if guards.is_empty() {
                return Err(Refuse::new(CLOSED));
            }
            if room.as_ref().is_some_and(|room| self.may_be_of_one_socket(room)) {
                return Err(Refuse::new(OF_ONE_SOCKET));
            }
            for guard in guards {
                guard(self, room.clone()).await?;
            }
            Ok(())
        };
        self.decide("on_read", running).await
    }

    /// Asks the connect handlers about a reader.
    pub(crate) async fn ask_connect_handlers(&self) -> Result<(), Refuse> {
        let Some(admission) = &self.active_namespace().handlers.admission else { return Ok(()) };
        self.decide("on_connect", async { admission(self.clone()).await }).await
    }

    /// Runs rules to their end. One that panics, or takes too long, refuses this visitor alone.
    async fn decide(
        &self,
        rules: &'static str,
        running: impl Future<Output = Result<(), Refuse>>,
    ) -> Result<(), Refuse> {
        let nsp = self.namespace();
        let time = self.active_namespace().config.connect_timeout;
        let running = tokio::time::timeout(time, AssertUnwindSafe(running).catch_unwind());
        let decision = match running.await {
            Ok(Ok(decision)) => decision,
            Ok(Err(panic)) => {
                tracing::error!(nsp, rules, panic = panic_message(&*panic), "a rule panicked");
                return Err(Refuse::internal());
            }
            Err(_) => Err(Refuse::new(TOO_SLOW)),
        };
        decision.inspect_err(|refusal| {
            let cause = refusal.source().map(|cause| display(LogCauses(cause)));
            let (refusal, is_internal) = (LogText(refusal), refusal.is_internal());
            if is_internal {
                tracing::warn!(nsp, rules, %refusal, cause, "a rule failed");
            } else {
                tracing::debug!(nsp, rules, %refusal, cause, "visitor refused");
            }
        })
    }

    /// Whether a room may be a socket's own, now or once.
    fn may_be_of_one_socket(&self, room: &Room) -> bool {
        let (name, namespace) = (room.as_str(), self.active_namespace());
        SocketId::has_form_of_one(name, &namespace.path) || namespace.adapter.socket(name).is_some()
    }

    pub(crate) fn active_namespace(&self) -> &Arc<ActiveNamespace> {
        match &self.who {
            Who::Socket(socket) => socket.active_namespace(),
            Who::Reader(reader) => &reader.namespace,
        }
    }
}

impl fmt::Debug for Visitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Visitor")
            .field("namespace", &self.namespace())
            .field("socket", &self.socket())
            .finish_non_exhaustive()
    }
}

const CLOSED: &str =
    "nobody reads this namespace from outside: it has no rule in `Namespace::on_read`";
const OF_ONE_SOCKET: &str =
    "a room whose name could be the id of a socket is not read from outside";
const TOO_SLOW: &str = "whether you may come in was not decided in time";
