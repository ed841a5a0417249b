use std::fmt;
use std::time::Duration;

use serde::Serialize;
use sockeye_socket_proto::EventName;

use crate::broadcast::Broadcast;
use crate::broadcast::io::Io;
use crate::error::EmitError;
use crate::rooms::room::{IntoRooms, Room};
use crate::socket::Socket;

/// All namespaces that one dynamic declaration has made so far, as one target: `parent.emit(..)` of
/// the official server. See [`Server::parent_namespace`](crate::Server::parent_namespace).
///
/// ```
/// # fn run(server: &sockeye::Server) -> Result<(), sockeye::EmitError> {
/// if let Some(rooms) = server.parent_namespace("/room-{id}") {
///     rooms.to("admins").emit("notice", "closing in five minutes")?;
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use = "a family does nothing until it ends in a verb such as `emit`"]
pub struct ParentNamespace {
    children: Vec<Broadcast>,
}

impl ParentNamespace {
    pub(crate) fn new(children: impl Iterator<Item = Io>) -> Self {
        Self { children: children.map(|io| io.everybody()).collect() }
    }

    /// Adds rooms, those of this name in each of the namespaces; without any, everybody is reached.
    pub fn to(self, rooms: impl IntoRooms) -> Self {
        let rooms: Vec<Room> = rooms.into_rooms();
        self.map(|child| child.to(&rooms))
    }

    /// Leaves out the sockets in these rooms.
    pub fn except(self, rooms: impl IntoRooms) -> Self {
        let rooms: Vec<Room> = rooms.into_rooms();
        self.map(|child| child.except(&rooms))
    }

    /// Only to those who can take it right now.
    pub fn volatile(self) -> Self {
        self.map(Broadcast::volatile)
    }

    /// Whether what is sent may be compressed on its way.
    pub fn compress(self, compress: bool) -> Self {
        self.map(|child| child.compress(compress))
    }

    /// Only on this server.
    pub fn local(self) -> Self {
        self.map(Broadcast::local)
    }

    /// How long acknowledgements are awaited by what [`each`](ParentNamespace::each) gives.
    pub fn timeout(self, after: Duration) -> Self {
        self.map(|child| child.timeout(after))
    }

    /// Sends an event to each of the namespaces.
    ///
    /// # Errors
    /// When it cannot be encoded, or its name is reserved.
    pub fn emit<P: Serialize + ?Sized>(
        self,
        event: impl EventName<P> + Copy,
        payload: &P,
    ) -> Result<(), EmitError> {
        self.children.into_iter().try_for_each(|child| child.emit(event, payload))
    }

    /// Makes the sockets enter rooms.
    pub fn join(self, rooms: impl IntoRooms) {
        let rooms: Vec<Room> = rooms.into_rooms();
        self.children.into_iter().for_each(|child| child.join(&rooms));
    }

    /// Makes the sockets leave rooms.
    pub fn leave(self, rooms: impl IntoRooms) {
        let rooms: Vec<Room> = rooms.into_rooms();
        self.children.into_iter().for_each(|child| child.leave(&rooms));
    }

    /// Disconnects the sockets from their namespaces.
    pub fn disconnect(self) {
        self.children.into_iter().for_each(Broadcast::disconnect);
    }

    /// The sockets on this server that would be reached.
    pub fn sockets(self) -> Vec<Socket> {
        self.children.into_iter().flat_map(Broadcast::sockets).collect()
    }

    /// The operator of each namespace, for what has an answer.
    pub fn each(self) -> impl Iterator<Item = Broadcast> {
        self.children.into_iter()
    }

    fn map(self, f: impl FnMut(Broadcast) -> Broadcast) -> Self {
        Self { children: self.children.into_iter().map(f).collect() }
    }
}

impl fmt::Debug for ParentNamespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ParentNamespace").field("children", &self.children.len()).finish()
    }
}
