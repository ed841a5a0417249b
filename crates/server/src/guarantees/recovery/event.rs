//! What is kept of one event.

use std::sync::Arc;

use sockeye_engine::Encoded;
use tokio::time::Instant;

use crate::rooms::room::Room;
use crate::rooms::targets::Targets;

/// An event that is kept.
pub(super) struct LoggedEvent {
    pub(super) at: Instant,
    pub(super) packet: Arc<Encoded>,
    /// What it takes, see [`held_bytes`].
    pub(super) bytes: usize,
    pub(super) targets: Targets,
}

/// What an event takes while it is kept: the text and the form in which it went to clients, which its
/// packet keeps, and whom it was for.
pub(super) fn held_bytes(packet: &Encoded, targets: &Targets) -> usize {
    let text = packet.text().map_or(0, str::len);
    let attachments = packet.attachments().iter().map(|attachment| {
        let times = if attachment.len() > COPIED_BYTES_MAX { 1 } else { 2 };
        times * attachment.len() + ATTACHMENT_BYTES
    });
    let rooms = targets.rooms.iter().chain(&targets.except);
    2 * text + attachments.sum::<usize>() + rooms.map(room_bytes).sum::<usize>() + EVENT_BYTES
}

/// What a room takes in a list or a table.
pub(super) fn room_bytes(room: &Room) -> usize {
    ROOM_BYTES + room.as_str().len()
}

/// An event beside its text: its entry in the log, its packet, and what the allocator adds.
const EVENT_BYTES: usize = size_of::<LoggedEvent>() + size_of::<Encoded>() + 128;
/// An attachment beside its content.
const ATTACHMENT_BYTES: usize = 128;
/// Longer attachments are shared with the form that clients are sent, not copied.
const COPIED_BYTES_MAX: usize = 4096;
/// A room beside its name.
const ROOM_BYTES: usize = 64;
