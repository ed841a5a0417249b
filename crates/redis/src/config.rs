//! How a server takes part in a cluster over Redis: the options of the official adapters, which have to be the same on
//! all servers.

use sockeye_cluster_proto::channels::{PREFIX, SubscriptionMode};

/// The options of `createAdapter` of `@socket.io/redis-adapter`.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ClassicConfig {
    /// How channels begin: `key`. Default `socket.io`.
    pub key: String,
    /// Whether answers go to the server that asked alone: `publishOnSpecificResponseChannel`. Default no.
    pub specific_response_channel: bool,
}

impl Default for ClassicConfig {
    fn default() -> Self {
        Self { key: PREFIX.into(), specific_response_channel: false }
    }
}

/// The options of `createShardedAdapter` of `@socket.io/redis-adapter`, for Redis 7.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ShardedConfig {
    /// How channels begin: `channelPrefix`. Default `socket.io`.
    pub prefix: String,
    /// `subscriptionMode`.
    pub mode: SubscriptionMode,
}

impl Default for ShardedConfig {
    fn default() -> Self {
        Self { prefix: PREFIX.into(), mode: SubscriptionMode::default() }
    }
}

/// The channels of what only servers of this project understand. No pattern or channel of Node's servers is among them, and
/// none of those that Redis counts.
#[derive(Debug, Clone)]
pub(crate) struct OwnChannels {
    all: String,
}

impl OwnChannels {
    pub(crate) fn new(prefix: &str) -> Self {
        Self { all: format!("sockeye:{prefix}") }
    }

    /// What is for all of them.
    pub(crate) fn all(&self) -> String {
        self.all.clone()
    }

    /// What is for one of them.
    pub(crate) fn server(&self, uid: &str) -> String {
        format!("{}:{uid}", self.all)
    }

    /// What is for one of them, or for all.
    pub(crate) fn to(&self, uid: Option<&str>) -> String {
        uid.map_or_else(|| self.all(), |uid| self.server(uid))
    }

    /// Whether a channel that is subscribed to is one of them.
    pub(crate) fn is_own(&self, channel: &str) -> bool {
        channel.strip_prefix(&self.all).is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
    }
}
