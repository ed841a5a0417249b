//! The cached member list of a room that is sent to again and again.

use sockeye_engine as engine;

use crate::broadcast::delivery::Delivery;
use crate::socket::Socket;

/// The cached member list of a room, valid until somebody joins or leaves it.
pub(crate) struct MemberCache {
    /// Sessions of those that take a packet in the protocol's own form, whatever it is.
    sessions: engine::MemberList,
    /// Those that are not yet connected, or take other forms.
    others: Vec<Socket>,
}

impl MemberCache {
    pub(crate) fn new(members: &mut dyn Iterator<Item = &Socket>) -> Self {
        let mut others = Vec::new();
        let sessions = members.filter_map(|socket| {
            let takes_any =
                socket.is_connected() && !socket.is_v2() && socket.link().parser().is_none();
            if !takes_any {
                others.push(socket.clone());
            }
            takes_any.then(|| socket.session().clone())
        });
        MemberCache { sessions: engine::MemberList::new(sessions), others }
    }

    /// Sends a packet to all of them, or to all but one.
    pub(crate) fn send(&self, mut delivery: Delivery<'_>, except: Option<&Socket>) {
        self.sessions.send(delivery.packet(), except.map(Socket::session));
        for socket in self.others.iter().filter(|socket| Some(*socket) != except) {
            delivery.add(socket);
        }
        delivery.send();
    }

    /// How many members there are.
    pub(crate) fn len(&self) -> usize {
        self.sessions.len() + self.others.len()
    }
}
