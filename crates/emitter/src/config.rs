//! How the servers of the cluster write, and what a message is in that form.

use redis::Cmd;
use sockeye_cluster_proto::channels::{
    Channels, ClassicChannels, PREFIX, Streams, SubscriptionMode,
};
use sockeye_cluster_proto::messages::{self, Entry};
use sockeye_cluster_proto::{Body, Limits, Message, classic};

/// The form in which the servers of a cluster write to each other, and its options, which have to be those of the servers.
///
/// ```
/// use sockeye_emitter::{EmitterConfig, SubscriptionMode};
///
/// let config = EmitterConfig::sharded().prefix("shop").subscription_mode(SubscriptionMode::Static);
/// # drop(config);
/// ```
#[derive(Debug, Clone)]
pub struct EmitterConfig {
    form: Form,
    prefix: String,
    mode: SubscriptionMode,
    stream_count: u32,
    max_len: u64,
    pub(crate) message_bytes_max: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Classic,
    Sharded,
    Streams,
}

impl EmitterConfig {
    fn new(form: Form) -> Self {
        Self {
            form,
            prefix: PREFIX.into(),
            mode: SubscriptionMode::default(),
            stream_count: 1,
            max_len: 10_000,
            message_bytes_max: Limits::default().message_bytes_max,
        }
    }

    /// Servers with `ClassicBus`, or Node's with `createAdapter`.
    #[must_use]
    pub fn classic() -> Self {
        Self::new(Form::Classic)
    }

    /// Servers with `ShardedBus`, or Node's with `createShardedAdapter`. Redis 7.
    #[must_use]
    pub fn sharded() -> Self {
        Self::new(Form::Sharded)
    }

    /// Servers with `StreamsBus`, or Node's with `@socket.io/redis-streams-adapter`.
    #[must_use]
    pub fn streams() -> Self {
        Self::new(Form::Streams)
    }

    /// How channels begin, or the name of the stream: the options `key`, `channelPrefix` and `streamName` of Node's
    /// adapters. Default `socket.io`.
    #[must_use]
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Which rooms have channels of their own, with [`sharded`](Self::sharded). Default [`SubscriptionMode::Dynamic`].
    #[must_use]
    pub fn subscription_mode(mut self, mode: SubscriptionMode) -> Self {
        self.mode = mode;
        self
    }

    /// How many streams there are, with [`streams`](Self::streams): `streamCount`. Default 1.
    #[must_use]
    pub fn stream_count(mut self, count: u32) -> Self {
        self.stream_count = count;
        self
    }

    /// About how many entries a stream keeps, with [`streams`](Self::streams): `maxLen`. Default 10,000.
    #[must_use]
    pub fn max_len(mut self, entries: u64) -> Self {
        self.max_len = entries;
        self
    }

    /// The most bytes of a message on the wire; a longer one is refused. Default 64 MiB, which is what servers of this
    /// project read.
    #[must_use]
    pub fn message_bytes_max(mut self, bytes: usize) -> Self {
        self.message_bytes_max = bytes;
        self
    }

    /// Whether the answer to a message in a cluster of Redis servers has all that heard it. `PUBLISH` counts those of one
    /// server of the cluster only.
    pub(crate) fn is_counted(&self, is_cluster: bool) -> bool {
        match self.form {
            Form::Classic => !is_cluster,
            Form::Sharded => true,
            Form::Streams => false,
        }
    }

    /// The command that publishes a message, and the bytes of the message.
    pub(crate) fn command(&self, message: &Message<'_>) -> Option<(Cmd, usize)> {
        let namespace = &message.namespace;
        Some(match self.form {
            Form::Classic => {
                let channels = ClassicChannels::new(&*self.prefix);
                let channel = match &message.body {
                    Body::Emit { targets, .. } => match &*targets.rooms {
                        [room] => channels.room(namespace, room),
                        _ => channels.broadcasts(namespace),
                    },
                    _ => channels.requests(namespace),
                };
                publish("PUBLISH", &channel, &classic::encode(message)?)
            }
            Form::Sharded => {
                let channels = Channels::new(&*self.prefix);
                let channel = match self.mode.room_of(&message.body) {
                    Some(room) => channels.room(namespace, room),
                    None => channels.all(namespace),
                };
                publish("SPUBLISH", &channel, &messages::encode(message))
            }
            Form::Streams => {
                let streams = Streams {
                    name: self.prefix.clone(),
                    count: self.stream_count,
                    ..Streams::default()
                };
                let entry = Entry::of(message);
                let data = entry.data.as_deref().unwrap_or("{}");
                let mut command = redis::cmd("XADD");
                command.arg(streams.stream_of(namespace));
                command.arg("MAXLEN").arg("~").arg(self.max_len).arg("*");
                command.arg("uid").arg(&*entry.uid).arg("nsp").arg(&*entry.nsp);
                command.arg("type").arg(&*entry.kind).arg("data").arg(data);
                (command, data.len())
            }
        })
    }
}

fn publish(verb: &str, channel: &str, payload: &[u8]) -> (Cmd, usize) {
    let mut command = redis::cmd(verb);
    command.arg(channel).arg(payload);
    (command, payload.len())
}
