//! The store's part of the feature of the same name.

use async_trait::async_trait;

use super::Sqlite;
use crate::admin::store::AdminStore;

#[async_trait]
impl AdminStore for Sqlite {}
