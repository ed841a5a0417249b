//! The handlers of a namespace, with the server's state bound into them.

use std::collections::HashMap;
use std::sync::Arc;

use sockeye_socket_proto::{EventRef, RawEvent};

use super::visitor::Visitor;
use crate::broadcast::io::Io;
use crate::error::{EventError, Refuse};
use crate::guarantees::client_outbox::Reliable;
use crate::handler::acker::Responder;
use crate::handler::running::{Answering, Running};
use crate::presence::rules::{DeclaredRules, PresenceRules};
use crate::rooms::room::{Room, RoomChange};
use crate::server::metrics::{HandlerMetrics, NamespaceMetrics};
use crate::socket::Socket;
use crate::socket::data::SocketData;
use crate::socket::disconnect_reason::DisconnectReason;
use crate::socket::shared::SharedTypes;

/// A failure in handling an event, for [`Namespace::on_error`](crate::Namespace::on_error).
#[derive(Debug)]
#[non_exhaustive]
pub struct Failure {
    /// The event's name; empty when it was no event (a connect or disconnect handler).
    pub event: String,
    /// The error. A panic has the code `panic`.
    pub error: EventError,
}

/// A handler of one event.
pub(crate) type EventHandler = Arc<dyn Fn(Call<'_>) -> Result<Answering, EventError> + Send + Sync>;
/// The connect handlers.
pub(crate) type Admission = Arc<dyn Fn(Visitor) -> Running<Result<(), Refuse>> + Send + Sync>;
/// A guard, which may refuse an event before its handler.
pub(crate) type EventGuard = Arc<
    dyn Fn(Socket, RawEvent) -> Result<Running<Result<(), EventError>>, EventError> + Send + Sync,
>;
/// A guard that decides whether a visitor may read a room, or the namespace as a whole.
pub(crate) type RoomGuard =
    Box<dyn Fn(&Visitor, Option<Room>) -> Running<Result<(), Refuse>> + Send + Sync>;
/// A handler that returns no answer, such as of a connection or its end.
pub(crate) type NotificationFn<T> =
    Arc<dyn Fn(Socket, T) -> Result<Running<()>, EventError> + Send + Sync>;
/// A handler of one event between servers.
pub(crate) type ServerSideHandler =
    Box<dyn Fn(Io, EventRef<'_>) -> Result<Answering, EventError> + Send + Sync>;

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
    pub(crate) connected: Option<NotificationFn<()>>,
    /// Names are the application's own, so the hash need not withstand attacks.
    pub(crate) events: HashMap<String, Arc<Registered>, foldhash::fast::RandomState>,
    pub(crate) any: Vec<Look<RawEvent>>,
    pub(crate) any_outgoing: Vec<Look<RawEvent>>,
    pub(crate) guards: Vec<EventGuard>,
    pub(crate) fallback: Option<Arc<Registered>>,
    pub(crate) error: Option<Look<Failure>>,
    pub(crate) disconnect: Option<NotificationFn<DisconnectReason>>,
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
    pub(crate) metrics: NamespaceMetrics,
    /// The rules of presence, and its share of the memory.
    pub(crate) presence: DeclaredRules,
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
}

impl Handlers {
    /// No handlers: everybody is admitted, nothing is handled.
    pub(crate) fn new() -> Self {
        Self {
            admission: None,
            read: Vec::new(),
            connected: None,
            events: HashMap::default(),
            any: Vec::new(),
            any_outgoing: Vec::new(),
            guards: Vec::new(),
            fallback: None,
            error: None,
            disconnect: None,
            concurrent_handlers_max: 64,
            same_user: None,
            skip_admission_when_recovered: false,
            reauthentication: None,
            reliable: None,
            room_change: Vec::new(),
            shared: SharedTypes::default(),
            server_side: HashMap::new(),
            metrics: NamespaceMetrics::noop(),
            presence: DeclaredRules::new(PresenceRules::default()),
        }
    }

    /// The event that watchers of outgoing events are called with; `None` if there are no watchers.
    pub(crate) fn outgoing(&self, event: EventRef<'_>) -> Option<RawEvent> {
        (!self.any_outgoing.is_empty()).then(|| event.to_raw_event())
    }

    /// Calls the watchers of outgoing events for one socket.
    pub(crate) fn look_outgoing(&self, socket: &Socket, event: &RawEvent) {
        self.any_outgoing.iter().for_each(|look| look(socket, event));
    }

    pub(crate) fn report(&self, socket: &Socket, event: &str, error: EventError) {
        self.metrics.handler_failed(event, self.events.contains_key(event), error.code());
        match &self.error {
            Some(report) => report(socket, &Failure { event: event.to_owned(), error }),
            None if error.code() == "decode" => {
                tracing::debug!(socket = %socket.id_in_logs(), nsp = socket.namespace(), event, %error, "event refused");
            }
            None => {
                tracing::warn!(socket = %socket.id_in_logs(), nsp = socket.namespace(), event, %error, "event failed");
            }
        }
    }
}
