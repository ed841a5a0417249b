//! What rooms need of a store.

use async_trait::async_trait;

/// Rooms.
#[async_trait]
pub trait RoomStore {}
