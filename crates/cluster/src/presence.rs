//! Who is present, as the servers of this project tell each other.

use std::sync::Arc;

use serde_json::value::RawValue;
use sockeye::{
    PresenceChange, PresenceChangeKind, PresenceMetadata, PresencePiece, PresentHere, Room,
};
use sockeye_cluster_proto::node::PresenceVerdict;
use sockeye_cluster_proto::{OwnMessage, PresenceChanged, PresencePart, PresentConnection};

use crate::bus::{Arrivals, Bus};
use crate::cluster::Shared;

/// Connections in one message.
const CONNECTIONS_MAX: usize = 512;

impl<B: Bus> Shared<B> {
    /// Tells the others of changes. `from`: how many were told before.
    pub(crate) fn tell_presence(&self, namespace: &str, from: u64, changes: &[PresenceChange]) {
        let mut from = from;
        for changes in changes.chunks(CONNECTIONS_MAX) {
            let count = changes.len() as u64;
            let said = PresenceChanged {
                uid: (&*self.uid).into(),
                nsp: namespace.into(),
                from,
                changes: changes.iter().map(written).collect(),
            };
            self.send_own(None, &OwnMessage::PresenceChanged(said));
            from += count;
        }
        self.node().set_presence_told(namespace, from);
    }

    /// Tells one server of all who are present by this server's sockets.
    pub(crate) fn tell_all_presence(&self, to: &str, namespace: &str) {
        let Some((version, all)) = self.local().and_then(|it| it.presence_part(namespace)) else {
            return;
        };
        let mut pieces: Vec<_> = all.chunks(CONNECTIONS_MAX).collect();
        if pieces.is_empty() {
            pieces.push(&[]);
        }
        let count = pieces.len();
        for (number, connections) in (0u32..).zip(pieces) {
            let said = PresencePart {
                uid: (&*self.uid).into(),
                nsp: namespace.into(),
                version,
                piece: number,
                is_last: number as usize + 1 == count,
                connections: connections.iter().map(written).collect(),
            };
            self.send_own(Some(to), &OwnMessage::PresencePart(said));
        }
    }

    /// Takes what another server tells.
    pub(crate) fn hear_presence_changed(&self, said: &PresenceChanged<'_>) {
        let _order = self.order.lock();
        let verdict = self.with_node_in_order(|node| node.handle_presence_changed(said));
        if let (PresenceVerdict::Apply { known }, Some(server)) = (verdict, self.local()) {
            let uid: Arc<str> = said.uid.as_ref().into();
            let changes = said.changes.iter().skip(known).filter_map(read).collect();
            server.apply_presence(&said.nsp, &uid, changes);
        }
    }

    pub(crate) fn hear_presence_part(&self, said: &PresencePart<'_>) {
        let _order = self.order.lock();
        let verdict = self.with_node_in_order(|node| node.handle_presence_part(said));
        if let (PresenceVerdict::Replace { is_first, is_last }, Some(server)) =
            (verdict, self.local())
        {
            let uid: Arc<str> = said.uid.as_ref().into();
            let connections = said.connections.iter().filter_map(read).collect();
            let piece = PresencePiece { is_first, is_last };
            server.replace_presence(&said.nsp, &uid, connections, piece);
        }
    }
}

fn written(change: &PresenceChange) -> PresentConnection<'_> {
    let mut written = PresentConnection {
        room: change.room.as_str().into(),
        socket: change.socket.as_str().into(),
        user: None,
        since: 0,
        user_since: 0,
        metadata: None,
        is_lost: false,
    };
    match &change.kind {
        PresenceChangeKind::Present(present) => {
            written.user = Some((&*present.user).into());
            (written.since, written.user_since) = (present.since, present.user_since);
            written.metadata = Some(present.metadata.raw());
            written.is_lost = present.is_lost;
        }
        PresenceChangeKind::Lost => written.is_lost = true,
        _ => {}
    }
    written
}

/// `None`: the id is none of a socket.
fn read(said: &PresentConnection<'_>) -> Option<PresenceChange> {
    let kind = match &said.user {
        Some(user) => {
            let metadata = said.metadata.map_or_else(null, ToOwned::to_owned);
            PresenceChangeKind::Present(PresentHere {
                user: user.as_ref().into(),
                user_since: said.user_since,
                since: said.since,
                metadata: PresenceMetadata::from_json(metadata),
                is_lost: said.is_lost,
            })
        }
        None if said.is_lost => PresenceChangeKind::Lost,
        None => PresenceChangeKind::Left,
    };
    Some(PresenceChange { room: Room::from(&*said.room), socket: said.socket.parse().ok()?, kind })
}

fn null() -> Box<RawValue> {
    RawValue::NULL.to_owned()
}
