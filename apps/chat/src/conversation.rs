//! The namespace `/chat`: one connection of a page, and as many conversations as it has opened rooms.
//!
//! A room is the library's room `room <id>`, in which only its members are. They come in and are taken out in the
//! store's writer, in stored order: what is said after somebody was removed does not reach them.

use std::collections::HashSet;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use sockeye::{
    Context, DisconnectReason, EventError, Failure, FromContext, Io, Local, Namespace,
    PresenceRules, Refuse, Reliable, Server, Socket, State,
};

use crate::accounts::Caller;
use crate::app::App;
use crate::messages;
use crate::presence::handlers as presence;
use crate::presence::seen::Seen;
use crate::quota::Origin;
use crate::reading::handlers as reading;
use crate::refusal::Refused;
use crate::rooms::handlers as rooms;

/// The namespace.
pub const PATH: &str = "/chat";
/// How long somebody whose connection was lost is shown as being there.
pub const GRACE: Duration = Duration::from_secs(10);
/// The most rooms that one connection has opened.
pub const OPEN_MAX: usize = 90;

/// The namespace with the events of rooms, messages and presence.
pub fn namespace() -> Namespace<App> {
    let chat = Namespace::new(PATH)
        .on_connect(admit)
        .on_connected(presence::arrived)
        .on_disconnect(gone)
        .on_error(report)
        .presence(PresenceRules::default().named().grace(GRACE))
        // Nobody is answered what somebody else was.
        .reliable(Reliable::default().by_user(|caller: &Caller| caller.id.clone()))
        .concurrent_handlers_max(NonZeroU32::MIN);
    presence::on(reading::on(messages::handlers::on(rooms::on(chat))))
}

/// What goes on beside the handlers.
#[derive(Debug)]
pub struct Conversations {
    seen: Seen,
}

impl Conversations {
    /// Takes up what the last start left: passing rooms that nobody returns to, and what is left of those that are
    /// gone.
    pub fn start(app: &App, server: &Server) -> Option<Self> {
        let chat = server.of(PATH)?;
        app.rooms.begin(app, &chat);
        Some(Conversations { seen: Seen::start(app, &chat) })
    }

    /// Stores until when everybody was here, and how far they have read. To be called when all are disconnected.
    pub async fn stop(self, app: &App) {
        app.reading.stop(app).await;
        self.seen.stop(app).await;
    }
}

/// The rooms that a socket has opened, and where it came from.
#[derive(Debug)]
pub struct Open {
    rooms: Mutex<HashSet<String>>,
    /// Where the socket came from.
    pub origin: Origin,
}

impl Open {
    /// Whether this room is among them.
    pub fn has(&self, room: &str) -> bool {
        self.rooms.lock().contains(room)
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.rooms.lock().len()
    }

    /// All of them.
    pub fn all(&self) -> Vec<String> {
        self.rooms.lock().iter().cloned().collect()
    }

    pub(crate) fn add(&self, room: &str) {
        self.rooms.lock().insert(room.to_owned());
    }

    /// Whether it was among them.
    pub(crate) fn remove(&self, room: &str) -> bool {
        self.rooms.lock().remove(room)
    }
}

/// Whoever asks in `/chat`, and where: what most handlers take.
pub(crate) struct Asking {
    pub(crate) app: App,
    pub(crate) socket: Socket,
    pub(crate) caller: Arc<Caller>,
    pub(crate) open: Arc<Open>,
}

impl FromContext<App> for Asking {
    type Rejection = EventError;

    fn from_context(context: &mut Context<'_, App>) -> Result<Self, EventError> {
        let State(app) = State::from_context(context)?;
        let socket = Socket::from_context(context)?;
        let Local(caller) = Local::from_context(context)?;
        let Local(open) = Local::from_context(context)?;
        Ok(Asking { app, socket, caller, open })
    }
}

impl Asking {
    pub(crate) fn io(&self) -> Io {
        self.socket.io()
    }

    /// Whether something of a room may be asked for: it has to be open. Counts as coming in does.
    pub(crate) fn look(&self, room: &str) -> Result<(), Refused> {
        if !self.open.has(room) {
            return Err(Refused::NotOpened);
        }
        Ok(self.app.usage.enter(&self.caller.id, self.open.origin)?)
    }
}

/// The library's room of a room.
pub fn room_key(id: &str) -> String {
    format!("room {id}")
}

/// The library's room of all sockets of a person.
pub fn person_key(id: &str) -> String {
    format!("person {id}")
}

async fn admit(socket: Socket, State(app): State<App>) -> Result<(), Refuse> {
    app.accounts.admit(&socket).await?;
    let address = socket.handshake().address();
    let origin = Origin::of(address.map(|address| address.ip()));
    socket.set(Open { rooms: Mutex::default(), origin });
    Ok(())
}

async fn gone(asking: Asking, reason: DisconnectReason) {
    let Asking { app, socket, caller, open } = asking;
    tracing::info!(socket = %socket.id(), person = caller.id, reason = reason.as_str(), "disconnected");
    let is_by_choice = matches!(
        reason,
        DisconnectReason::ClientDisconnect
            | DisconnectReason::ServerDisconnect
            | DisconnectReason::Expired
    );
    app.ended.note(&caller.id);
    let chat = socket.io();
    for room in open.all() {
        match (reason, is_by_choice) {
            // What they were in is there at the next start.
            (DisconnectReason::ServerShutdown, _) => {}
            (_, true) => app.rooms.left(&app, &chat, &room),
            (_, false) => app.rooms.lost(&app, &chat, &room),
        }
    }
}

/// What a client may cause is for those who debug it; the rest is for the operator.
pub(crate) fn report(socket: &Socket, failure: &Failure) {
    let Failure { event, error, .. } = failure;
    if matches!(error.code(), "internal" | "panic") {
        tracing::error!(socket = %socket.id(), event, %error, "handler failed");
    } else {
        tracing::debug!(socket = %socket.id(), event, %error, "event refused");
    }
}
