//! The handlers of a namespace, with the server's state bound into them.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use sockeye_engine::KeptExtensions;
use sockeye_socket_proto::{EventRef, RawEvent};

use super::visitor::Visitor;
use crate::broadcast::io::Io;
use crate::cluster::server_side_event::ServerSideEvent;
use crate::error::EventError;
use crate::guarantees::client_outbox::Reliable;
use crate::handler::acker::Responder;
use crate::handler::running::Answering;
use crate::handler::{Deciding, Notifying};
use crate::presence::rules::{DeclaredRules, PresenceRules};
use crate::rooms::room::{Room, RoomChange};
use crate::server::metrics::{HandlerMetrics, NamespaceMetrics};
use crate::socket::Socket;
use crate::socket::data::SocketData;
use crate::socket::disconnect_reason::DisconnectReason;
use crate::socket::shared::SharedTypes;

/// A failure of a handler, guard or extractor, for
/// [`Namespace::on_error`](crate::Namespace::on_error). As text it is one line with all causes, for
/// logs.
#[derive(Debug)]
#[non_exhaustive]
pub struct Failure {
    /// The event's name, which a client chose if nobody declared it; `(connect)`, `(connected)` or
    /// `(disconnect)` when a handler of those failed.
    pub event: String,
    /// The error. A panic has the code `panic`.
    pub error: EventError,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} failed: {}", self.event, self.error)
    }
}

/// A handler of something that is no event.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Moment {
    Connect,
    Connected,
    Disconnect,
}

impl Moment {
    /// Its name where an event's name stands.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Moment::Connect => "(connect)",
            Moment::Connected => "(connected)",
            Moment::Disconnect => "(disconnect)",
        }
    }
}

/// A handler of one event.
pub(crate) type EventHandler = Arc<dyn Fn(Call<'_>) -> Result<Answering, EventError> + Send + Sync>;
/// The connect handlers.
pub(crate) type Admission = Arc<dyn Fn(Visitor) -> Deciding + Send + Sync>;
/// A guard, which may refuse an event before its handler.
pub(crate) type EventGuard =
    Arc<dyn Fn(Socket, RawEvent) -> Result<Notifying, EventError> + Send + Sync>;
/// A guard that decides whether a visitor may read a room, or the namespace as a whole.
pub(crate) type RoomGuard = Box<dyn Fn(&Visitor, Option<Room>) -> Deciding + Send + Sync>;
/// A handler that returns no answer, such as of a connection or its end.
pub(crate) type NotificationFn<T> =
    Box<dyn Fn(Socket, T) -> Result<Notifying, EventError> + Send + Sync>;
/// A handler of one event between servers.
pub(crate) type ServerSideHandler =
    Box<dyn Fn(Io, EventRef<'_>) -> Result<Answering, EventError> + Send + Sync>;

/// The handler of those that have none.
pub(crate) type ServerSideFallback = Box<dyn Fn(Io, ServerSideEvent) -> Answering + Send + Sync>;

/// The arguments of one call of a handler.
pub(crate) struct Call<'a> {
    pub(crate) socket: &'a Socket,
    pub(crate) responder: Option<Responder>,
    pub(crate) event: EventRef<'a>,
}

/// A watcher of events.
type Look<T> = Box<dyn Fn(&Socket, &T) + Send + Sync>;

/// The handlers of a namespace with the server's state bound into them.
pub(crate) struct Handlers {
    pub(crate) admission: Option<Admission>,
    /// The `on_read` guards. Without any, no visitor may read.
    pub(crate) read: Vec<RoomGuard>,
    pub(crate) connected: Vec<NotificationFn<()>>,
    /// Names are the application's own, so the hash need not withstand attacks.
    pub(crate) events: HashMap<String, Arc<Registered>, foldhash::fast::RandomState>,
    pub(crate) any: Vec<Look<RawEvent>>,
    pub(crate) any_outgoing: Vec<Look<RawEvent>>,
    pub(crate) guards: Vec<EventGuard>,
    pub(crate) fallback: Option<Arc<Registered>>,
    pub(crate) error: Option<Look<Failure>>,
    pub(crate) disconnect: Vec<NotificationFn<DisconnectReason>>,
    pub(crate) concurrent_handlers_max: u32,
    /// Decides whether a connection and the one it claims to continue are of the same user.
    pub(crate) same_user: Option<SameUser>,
    pub(crate) skip_admission_when_recovered: bool,
    /// The event by which a client sends new credentials.
    pub(crate) reauthentication: Option<String>,
    /// The rules of clients' outboxes, whose events are handled once; `None`: not supported.
    pub(crate) reliable: Option<Reliable>,
    pub(crate) room_change: Vec<RoomListener>,
    /// The data that is included when a socket is fetched.
    pub(crate) shared: SharedTypes,
    /// Events from other servers.
    pub(crate) server_side: HashMap<String, ServerSideHandler>,
    pub(crate) server_side_fallback: Option<ServerSideFallback>,
    pub(crate) metrics: NamespaceMetrics,
    /// The rules of presence, and its share of the memory.
    pub(crate) presence: DeclaredRules,
    /// The request extensions that extractors read.
    pub(crate) kept_extensions: KeptExtensions,
}

/// See [`Namespace::on_room_change`](crate::Namespace::on_room_change).
pub(crate) type RoomListener = Box<dyn Fn(&Io, &RoomChange) + Send + Sync>;

/// See [`Handlers::same_user`]; the arguments are the old data and the new.
pub(crate) type SameUser = Box<dyn Fn(&SocketData, &SocketData) -> bool + Send + Sync>;

/// An event and its handler.
pub(crate) struct Registered {
    /// Empty for the fallback.
    pub(crate) event: String,
    pub(crate) handler: EventHandler,
    pub(crate) metrics: HandlerMetrics,
}

impl Registered {
    pub(crate) fn new(event: &str, handler: EventHandler) -> Arc<Self> {
        Arc::new(Self { event: event.to_owned(), handler, metrics: HandlerMetrics::noop() })
    }

    /// The fallback as the handler of one event, under whose name it is reported.
    pub(crate) fn for_event(&self, event: &str) -> Self {
        let (handler, metrics) = (Arc::clone(&self.handler), self.metrics.clone());
        Self { event: event.to_owned(), handler, metrics }
    }
}

impl Handlers {
    /// No handlers: everybody is admitted, nothing is handled.
    pub(crate) fn new() -> Self {
        Self {
            admission: None,
            read: Vec::new(),
            connected: Vec::new(),
            events: HashMap::default(),
            any: Vec::new(),
            any_outgoing: Vec::new(),
            guards: Vec::new(),
            fallback: None,
            error: None,
            disconnect: Vec::new(),
            concurrent_handlers_max: 64,
            same_user: None,
            skip_admission_when_recovered: false,
            reauthentication: None,
            reliable: None,
            room_change: Vec::new(),
            shared: SharedTypes::default(),
            server_side: HashMap::new(),
            server_side_fallback: None,
            metrics: NamespaceMetrics::noop(),
            presence: DeclaredRules::new(PresenceRules::default()),
            kept_extensions: KeptExtensions::new(),
        }
    }

    /// Adds to the request extensions that are kept.
    pub(crate) fn keep(&mut self, add: impl FnOnce(KeptExtensions) -> KeptExtensions) {
        self.kept_extensions = add(std::mem::take(&mut self.kept_extensions));
    }

    /// The event that watchers of outgoing events are called with; `None` if there are no watchers.
    pub(crate) fn outgoing(&self, event: EventRef<'_>) -> Option<RawEvent> {
        (!self.any_outgoing.is_empty()).then(|| event.to_raw_event())
    }

    /// Calls the watchers of outgoing events for one socket.
    pub(crate) fn look_outgoing(&self, socket: &Socket, event: &RawEvent) {
        self.any_outgoing.iter().for_each(|look| look(socket, event));
    }

    /// Reports the failure of an event.
    pub(crate) fn report(&self, socket: &Socket, event: &str, error: EventError) {
        self.metrics.handler_failed(event, self.events.contains_key(event), error.code());
        self.tell(socket, event, error);
    }

    /// Reports the failure of a handler of something that is no event.
    pub(crate) fn report_at(&self, socket: &Socket, moment: Moment, error: EventError) {
        self.metrics.handler_failed(moment.as_str(), true, error.code());
        self.tell(socket, moment.as_str(), error);
    }

    /// What a client can bring about by itself is logged where nobody has to read it.
    fn tell(&self, socket: &Socket, event: &str, error: EventError) {
        let (id, nsp) = (socket.id_in_logs(), socket.namespace());
        match &self.error {
            Some(report) => report(socket, &Failure { event: event.to_owned(), error }),
            None if error.is_internal() => {
                tracing::warn!(socket = %id, nsp, event, %error, "event failed");
            }
            None => tracing::debug!(socket = %id, nsp, event, %error, "event refused"),
        }
    }
}
