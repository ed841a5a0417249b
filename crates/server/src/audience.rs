//! The members of a room that is sent to again and again.

use sockeye_engine as engine;

use crate::delivery::Delivery;
use crate::socket::Socket;

/// Sockets, kept from one broadcast to the next as long as nobody comes or goes.
pub(crate) struct Audience {
    /// Sessions of those that take a packet in the protocol's own form, whatever it is.
    sessions: engine::Audience,
    /// Those that are not yet connected, or take other forms.
    others: Vec<Socket>,
}

impl Audience {
    pub(crate) fn new(members: &mut dyn Iterator<Item = &Socket>) -> Self {
        let mut others = Vec::new();
        let sessions = members.filter_map(|socket| {
            let takes_any =
                socket.is_connected() && !socket.is_old() && socket.link().parser().is_none();
            if !takes_any {
                others.push(socket.clone());
            }
            takes_any.then(|| socket.session().clone())
        });
        Audience { sessions: engine::Audience::new(sessions), others }
    }

    /// Sends a packet to all of them, or to all but one.
    pub(crate) fn send(&self, mut delivery: Delivery<'_>, except: Option<&Socket>) {
        self.sessions.send(delivery.packet(), except.map(Socket::session));
        for socket in self.others.iter().filter(|socket| Some(*socket) != except) {
            delivery.add(socket);
        }
        delivery.send();
    }
}
