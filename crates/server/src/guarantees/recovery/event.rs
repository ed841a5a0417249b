//! The events in the log.

use std::sync::Arc;

use sockeye_engine::Encoded;
use tokio::time::Instant;

use crate::rooms::room::Room;
use crate::rooms::targets::Targets;

/// An event in the log.
pub(super) struct LoggedEvent {
    pub(super) at: Instant,
    pub(super) packet: Arc<Encoded>,
    /// The bytes that it takes, see [`held_bytes`].
    pub(super) bytes: usize,
    pub(super) targets: Targets,
}

/// The bytes that an event takes while it is kept: its text and the form sent to clients, which its
/// packet keeps, and its targets.
pub(super) fn held_bytes(packet: &Encoded, targets: &Targets) -> usize {
    let text = packet.text().map_or(0, str::len);
    let attachments = packet.attachments().iter().map(|attachment| {
        let times = if attachment.len() > COPIED_BYTES_MAX { 1 } else { 2 };
        times * attachment.len() + ATTACHMENT_BYTES
    });
    let rooms = targets.rooms.iter().chain(&targets.except);
    2 * text + attachments.sum::<usize>() + rooms.map(room_bytes).sum::<usize>() + EVENT_BYTES
}

/// The bytes that a room takes in a list or a table.
pub(super) fn room_bytes(room: &Room) -> usize {
    ROOM_BYTES + room.as_str().len()
}

/// An event's bytes without its text: its entry in the log, its packet, and what the allocator adds.
const EVENT_BYTES: usize = size_of::<LoggedEvent>() + size_of::<Encoded>() + 128;
/// The bytes of an attachment without its content.
const ATTACHMENT_BYTES: usize = 128;
/// Longer attachments are shared with the form sent to clients, not copied.
const COPIED_BYTES_MAX: usize = 4096;
/// The bytes of a room without its name.
const ROOM_BYTES: usize = 64;
