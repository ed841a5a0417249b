//! Looking at what sessions do.

use sockeye_engine_proto::{Packet, TransportKind};

use crate::session::Session;

/// Hears what happens to the sessions of an engine without taking part in it: for logs, counters
/// and tests. Given with [`Hooks::observer`](crate::Hooks::observer); an engine without one does
/// nothing for it.
///
/// These are the events of the official server's `Socket` beside those that
/// [`SessionHandler`](crate::SessionHandler) has. Packets of a probe belong to no session yet and
/// are not among them, nor are the packets that end a transport or a poll: `1`, `5` and `6` that
/// the server sends.
///
/// Everything here is called where it happens and must not block. Sending from here is fine; what
/// is sent is observed as well.
pub trait Observer: Send + Sync + 'static {
    /// A packet arrived on the session's transport; it is about to be looked at. None of a session
    /// that is closing, as those are dropped, and none that cannot be read. Official: `packet`.
    fn packet(&self, session: &Session, packet: &Packet<'_>) {
        let _ = (session, packet);
    }

    /// A packet is about to go out: a message before it is queued, one of many in each of their
    /// sessions, and each attachment as a packet of its own; OPEN, ping and pong when the transport
    /// takes them. A message that an overflow then drops was told of as well. Called where the
    /// message is sent, on whatever thread that is. Official: `packetCreate`.
    fn packet_create(&self, session: &Session, packet: &Packet<'_>) {
        let _ = (session, packet);
    }

    /// The client showed that it is there: a pong came, in revision 3 a ping. Follows
    /// [`packet`](Observer::packet). Official: `heartbeat`.
    fn heartbeat(&self, session: &Session) {
        let _ = session;
    }

    /// A client probes another transport and was answered; it may yet stay where it is. Once for
    /// each probe. Official: `upgrading`.
    fn upgrading(&self, session: &Session, to: TransportKind) {
        let _ = (session, to);
    }

    /// The session lives on another transport from now on. Official: `upgrade`.
    fn upgraded(&self, session: &Session, to: TransportKind) {
        let _ = (session, to);
    }
}
