//! The store's part of the feature of the same name.

use async_trait::async_trait;

use super::Sqlite;
use crate::invitations::store::InvitationStore;

#[async_trait]
impl InvitationStore for Sqlite {}
