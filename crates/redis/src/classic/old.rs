//! Requests that are no messages of today: those of servers with adapters of old, and `allRooms()`.

use std::sync::Arc;
use std::time::Duration;

use sockeye::{Action, Flags, Operation, Reply, Room, TargetsRef};
use sockeye_cluster_proto::classic::{self, Change, Request};

use super::Arrivals;

impl Arrivals {
    /// Carries one out and answers it. Its sender answers itself.
    pub(super) fn answer_old(&self, request: &Request<'_>, namespace: &Arc<str>) {
        let Some(local) = self.inbox.local() else { return };
        let sender = match request {
            Request::Rooms { sender, .. }
            | Request::Ids { sender, .. }
            | Request::OneSocket { sender, .. } => sender.as_deref(),
            _ => return,
        };
        if sender == Some(&*self.uid) {
            return;
        }
        let channel = match sender.filter(|_| self.specific_response_channel) {
            Some(sender) => self.channels.answers_to(namespace, sender),
            None => self.channels.answers(namespace),
        };
        let publisher = self.publisher.clone();
        let answer = move |bytes: Vec<u8>| publisher.publish("PUBLISH", &channel, &bytes);
        let flags = Flags { is_volatile: false, may_compress: true, timeout: Duration::ZERO };
        let operation = |rooms, action| {
            let targets = TargetsRef { rooms, ..TargetsRef::default() };
            Operation { namespace, targets, flags, action }
        };
        match request {
            Request::Rooms { request, .. } => {
                let rooms = local.rooms(namespace);
                answer(classic::encode_rooms(request, rooms.iter().map(Room::as_str)));
            }
            Request::Ids { rooms, request, .. } => {
                let rooms: Vec<Room> = rooms.iter().map(|room| Room::from(room.as_ref())).collect();
                let request = request.to_string();
                local.apply(&operation(&rooms, Action::Ids), move |reply| {
                    if let Reply::Ids(ids) = reply {
                        let ids = ids.iter().map(|id| id.as_str());
                        answer(classic::encode_ids(&request, ids));
                    }
                });
            }
            Request::OneSocket { socket, change, request, .. } => {
                if !local.has_room(namespace, socket) {
                    return;
                }
                let socket = [Room::from(socket.as_ref())];
                let rooms = match change {
                    Change::Join(room) | Change::Leave(room) => vec![Room::from(room.as_ref())],
                    Change::Disconnect(_) => Vec::new(),
                };
                let action = match change {
                    Change::Join(_) => Action::Join(&rooms),
                    Change::Leave(_) => Action::Leave(&rooms),
                    Change::Disconnect(false) => Action::Disconnect,
                    Change::Disconnect(true) => Action::CloseSessions,
                };
                local.apply(&operation(&socket, action), |_| ());
                answer(classic::encode_done(request));
            }
            _ => {}
        }
    }
}
