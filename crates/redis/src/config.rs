//! How a server takes part in a cluster over Redis: the options of the official adapters, which have to be the same on
//! all servers.

use std::time::Duration;

use sockeye_cluster_proto::channels::{PREFIX, Streams, SubscriptionMode};

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

/// The options of `createAdapter` of `@socket.io/redis-streams-adapter`. (Its `onlyPlaintext` has no counterpart: whether
/// there is binary data is known here without looking for it.)
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct StreamsConfig {
    /// The name of the stream, or with several how their names begin: `streamName`. Default `socket.io`.
    pub stream_name: String,
    /// How many streams there are, among which namespaces are spread: `streamCount`. Each takes a connection. Default 1.
    pub stream_count: u32,
    /// How channels begin: `channelPrefix`. Default `socket.io`.
    pub channel_prefix: String,
    /// Whether what is not kept goes by channels of one shard, for a cluster of Redis 7: `useShardedPubSub`. Default no.
    pub use_sharded_pub_sub: bool,
    /// Entries that a stream keeps, about: `maxLen`. Default 10,000.
    pub max_len: usize,
    /// Entries that are read at once: `readCount`. Default 100.
    pub read_count: usize,
    /// How long Redis waits for an entry before it answers that there is none: `blockTimeInMs`. Default 5 s.
    pub block_time: Duration,
    /// How the keys of sessions begin: `sessionKeyPrefix`. Default `sio:session:`.
    pub session_key_prefix: String,
}

impl Default for StreamsConfig {
    fn default() -> Self {
        let Streams { name, count, session_prefix } = Streams::default();
        Self {
            stream_name: name,
            stream_count: count,
            channel_prefix: PREFIX.into(),
            use_sharded_pub_sub: false,
            max_len: 10_000,
            read_count: 100,
            block_time: Duration::from_secs(5),
            session_key_prefix: session_prefix,
        }
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
