//! What invitations need of a store.

use async_trait::async_trait;

/// Invitations.
#[async_trait]
pub trait InvitationStore {}
