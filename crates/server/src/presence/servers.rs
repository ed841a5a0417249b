//! The servers of a cluster, as far as presence is concerned: what is to be told to them, and what they have told.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::change::PresenceChange;
use crate::rooms::room::Room;
use crate::session::deadlines::after;
use crate::socket::id::SocketId;

/// How long changes are gathered before they are told.
const GATHERED_FOR: Duration = Duration::from_millis(5);
/// Changes that are told at once, without waiting.
const GATHERED_MAX: usize = 512;
/// The servers of the cluster, as far as presence is concerned.
#[derive(Default)]
pub(super) struct Servers {
    /// Whether there are others to tell.
    pub(super) are_told: bool,
    /// How many changes of this server were told.
    pub(super) version: u64,
    /// Those that were not yet.
    changes: Vec<PresenceChange>,
    /// When they are.
    pub(super) due: Option<Instant>,
    pub(super) others: HashMap<Arc<str>, Other>,
    /// The number of the last server that became known.
    last_number: u64,
}

/// Another server.
#[derive(Default)]
pub(super) struct Other {
    pub(super) number: u64,
    /// The users of its connections.
    pub(super) connections: HashMap<(Room, SocketId), Arc<str>>,
    /// Those that were in none of the pieces that have come, while its connections come in pieces.
    pub(super) unconfirmed: Option<HashSet<(Room, SocketId)>>,
    /// It is gone, and is forgotten with the last of its connections.
    pub(super) is_gone: bool,
}

impl Servers {
    pub(super) fn new(are_told: bool) -> Self {
        Self { are_told, ..Self::default() }
    }

    pub(super) fn other(&mut self, server: &Arc<str>) -> &mut Other {
        let last_number = &mut self.last_number;
        self.others.entry(Arc::clone(server)).or_insert_with(|| {
            *last_number += 1;
            Other { number: *last_number, ..Other::default() }
        })
    }

    /// Notes something to tell.
    pub(super) fn note(&mut self, now: Instant, change: PresenceChange) {
        if !self.are_told {
            return;
        }
        self.changes.push(change);
        let is_due = self.changes.len() >= GATHERED_MAX;
        let due = if is_due { now } else { after(now, GATHERED_FOR) };
        self.due = Some(self.due.map_or(due, |before| before.min(due)));
    }

    /// The changes to tell, and how many were told before, if it is time.
    pub(super) fn take(&mut self, now: Instant) -> Option<(u64, Vec<PresenceChange>)> {
        self.due.take_if(|due| *due <= now)?;
        let from = self.version;
        self.version += self.changes.len() as u64;
        Some((from, std::mem::take(&mut self.changes)))
    }
}
