//! What admin need of a store.

use async_trait::async_trait;

/// Administration.
#[async_trait]
pub trait AdminStore {}
