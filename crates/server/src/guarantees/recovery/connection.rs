//! The connection trait: what recovery needs of a socket.

use std::net::IpAddr;

use crate::rooms::room::Room;
use crate::socket::data::SocketData;
use crate::socket::id::SocketId;

/// A socket, as far as recovery needs it.
pub(crate) trait Connection: Clone + Send + Sync + 'static {
    fn id(&self) -> SocketId;

    /// The private id under which its session is kept, once it is admitted.
    fn pid(&self) -> Option<&SocketId>;

    /// The address of its client.
    fn address(&self) -> Option<IpAddr>;

    fn data(&self) -> SocketData;

    /// The rooms it is in, its own first.
    fn rooms(&self) -> Vec<Room>;

    /// Whether it is in a room that is not its own.
    fn is_in(&self, room: &Room) -> bool;

    /// The numbers of the events that it holds back until it is admitted, in order.
    fn held_numbers(&self) -> Vec<u64>;

    /// The highest number that it received in the offset of an event that is not kept.
    fn stamped(&self) -> u64;

    /// Whether a packet for it was dropped.
    fn has_dropped(&self) -> bool;

    /// Ends it: its client has come back on another connection.
    fn replace(&self);
}
