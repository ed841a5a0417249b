//! The names of the channels and streams that servers use, and what goes where.
//!
//! Names are made of a prefix (`socket.io`, an option of every adapter), of the namespace, whose slash belongs to it, and
//! of a room or a server, with `#` between and behind them.

use crate::message::Body;

/// The prefix that all official adapters have if none is set.
pub const PREFIX: &str = "socket.io";

/// The channels of the [classic](crate::classic) form, for one prefix (there the option is called `key`).
///
/// ```
/// use sockeye_cluster_proto::channels::ClassicChannels;
///
/// let channels = ClassicChannels::default();
/// assert_eq!(channels.room("/", "lobby"), "socket.io#/#lobby#");
/// assert_eq!(channels.pattern("/"), "socket.io#/#*");
/// assert_eq!(channels.requests("/chat"), "socket.io-request#/chat#");
/// assert_eq!(channels.room_of("/", "socket.io#/#lobby#"), Some("lobby"));
/// assert_eq!(channels.room_of("/", "socket.io#/#"), Some(""));
/// assert_eq!(channels.room_of("/chat", "socket.io#/#lobby#"), None);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClassicChannels {
    key: String,
}

impl Default for ClassicChannels {
    fn default() -> Self {
        Self::new(PREFIX)
    }
}

impl ClassicChannels {
    /// Those of one prefix.
    pub fn new(key: impl Into<String>) -> Self {
        Self { key: key.into() }
    }

    /// Broadcasts to all, to several rooms, to none.
    pub fn broadcasts(&self, namespace: &str) -> String {
        format!("{}#{namespace}#", self.key)
    }

    /// Broadcasts to exactly one room.
    pub fn room(&self, namespace: &str, room: &str) -> String {
        format!("{}#{namespace}#{room}#", self.key)
    }

    /// The pattern by which a server subscribes to all broadcasts of a namespace. What has a meaning in patterns is
    /// escaped.
    pub fn pattern(&self, namespace: &str) -> String {
        let mut pattern = String::new();
        for character in self.broadcasts(namespace).chars() {
            if matches!(character, '*' | '?' | '[' | ']' | '\\' | '^') {
                pattern.push('\\');
            }
            pattern.push(character);
        }
        pattern.push('*');
        pattern
    }

    /// The room that a channel of broadcasts is for; empty: it is for all. `None`: it is no channel of the namespace.
    pub fn room_of<'c>(&self, namespace: &str, channel: &'c str) -> Option<&'c str> {
        let rest = channel.strip_prefix(&*self.key)?.strip_prefix('#')?;
        let rest = rest.strip_prefix(namespace)?.strip_prefix('#')?;
        if rest.is_empty() { Some("") } else { rest.strip_suffix('#') }
    }

    /// Requests. Redis counts its subscribers to tell how many servers a namespace has.
    pub fn requests(&self, namespace: &str) -> String {
        format!("{}-request#{namespace}#", self.key)
    }

    /// Answers to any server.
    pub fn answers(&self, namespace: &str) -> String {
        format!("{}-response#{namespace}#", self.key)
    }

    /// Answers to one server, if servers publish there (the option `publishOnSpecificResponseChannel`).
    pub fn answers_to(&self, namespace: &str, server: &str) -> String {
        format!("{}-response#{namespace}#{server}#", self.key)
    }
}

/// The channels of [numbered messages](crate::messages), for one prefix (the option `channelPrefix`): those of the
/// sharded adapter, and of the adapter for streams for what it does not keep.
///
/// ```
/// use sockeye_cluster_proto::channels::Channels;
///
/// let channels = Channels::default();
/// assert_eq!(channels.all("/"), "socket.io#/#");
/// assert_eq!(channels.server("/", "0123456789abcdef"), "socket.io#/#0123456789abcdef#");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Channels {
    prefix: String,
}

impl Default for Channels {
    fn default() -> Self {
        Self::new(PREFIX)
    }
}

impl Channels {
    /// Those of one prefix.
    pub fn new(prefix: impl Into<String>) -> Self {
        Self { prefix: prefix.into() }
    }

    /// What is for all servers of a namespace. Redis counts its subscribers to tell how many servers there are.
    pub fn all(&self, namespace: &str) -> String {
        format!("{}#{namespace}#", self.prefix)
    }

    /// Answers to one server.
    pub fn server(&self, namespace: &str, server: &str) -> String {
        format!("{}#{namespace}#{server}#", self.prefix)
    }

    /// Broadcasts to one room, where servers subscribe to rooms.
    pub fn room(&self, namespace: &str, room: &str) -> String {
        format!("{}#{namespace}#{room}#", self.prefix)
    }
}

/// Whether the servers of a cluster with the sharded adapter subscribe to each of their rooms (the option
/// `subscriptionMode`). It has to be the same on all of them.
///
/// A room is private if its name is the id of a socket that is on this server.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum SubscriptionMode {
    /// To none: one channel for all.
    Static,
    /// To public rooms. The default.
    #[default]
    Dynamic,
    /// To public and to private rooms.
    DynamicPrivate,
}

impl SubscriptionMode {
    /// Whether a server that has this room subscribes to its channel.
    pub fn subscribes_to(self, is_private: bool) -> bool {
        match self {
            SubscriptionMode::Static => false,
            SubscriptionMode::Dynamic => !is_private,
            SubscriptionMode::DynamicPrivate => true,
        }
    }

    /// The room whose channel a message is published to; `None`: the channel of all.
    ///
    /// It is a broadcast without acks to exactly one room. With [`Dynamic`](Self::Dynamic) its name must not have 20
    /// UTF-16 units: the sender takes those for ids of sockets, to whose channels nobody is subscribed. A public room
    /// whose name is that long has subscribers who hear nothing there; it works by the channel of all.
    ///
    /// ```
    /// use sockeye_cluster_proto::channels::SubscriptionMode;
    /// use sockeye_cluster_proto::{Body, Emitted, Flags, Targets};
    ///
    /// let body = |room: &'static str| Body::Emit {
    ///     targets: Targets::room(room),
    ///     flags: Flags::default(),
    ///     event: Emitted { name: "news".into(), args: "", attachments: &[] },
    ///     request: None,
    /// };
    /// let mode = SubscriptionMode::Dynamic;
    /// assert_eq!(mode.room_of(&body("lobby")), Some("lobby"));
    /// assert_eq!(mode.room_of(&body("twenty-letters-long!")), None);
    /// assert_eq!(SubscriptionMode::Static.room_of(&body("lobby")), None);
    /// ```
    pub fn room_of<'b>(self, body: &'b Body<'_>) -> Option<&'b str> {
        let Body::Emit { targets, request: None, .. } = body else { return None };
        let [room] = &*targets.rooms else { return None };
        let is_published = match self {
            SubscriptionMode::Static => false,
            SubscriptionMode::Dynamic => room.encode_utf16().count() != SOCKET_ID_UNITS,
            SubscriptionMode::DynamicPrivate => true,
        };
        is_published.then_some(&**room)
    }
}

/// The length of a socket's id, by which senders tell them from rooms.
const SOCKET_ID_UNITS: usize = 20;

/// The streams of the adapter for Redis streams.
///
/// ```
/// use sockeye_cluster_proto::channels::Streams;
///
/// let one = Streams::default();
/// assert_eq!(one.stream_of("/"), "socket.io");
/// let five = Streams { count: 5, ..Streams::default() };
/// assert_eq!(five.stream_of("/"), "socket.io-2");
/// assert_eq!(five.names(), ["socket.io-0", "socket.io-1", "socket.io-2", "socket.io-3", "socket.io-4"]);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Streams {
    /// The name, or with several how their names begin: the option `streamName`, default `socket.io`.
    pub name: String,
    /// How many there are: the option `streamCount`, default 1.
    pub count: u32,
    /// How the keys of sessions begin: the option `sessionKeyPrefix`, default `sio:session:`.
    pub session_prefix: String,
}

impl Default for Streams {
    fn default() -> Self {
        Self { name: PREFIX.into(), count: 1, session_prefix: "sio:session:".into() }
    }
}

impl Streams {
    /// The stream of a namespace.
    ///
    /// The hash that chooses among several may be negative, and then so is the number in the name. Node's servers write
    /// to such a stream and read it nowhere, so that nothing of that namespace reaches another server of theirs: that
    /// is as it is, and a server of ours reads it as well.
    pub fn stream_of(&self, namespace: &str) -> String {
        if self.count <= 1 {
            return self.name.clone();
        }
        let number = i64::from(hash(namespace)) % i64::from(self.count);
        format!("{}-{number}", self.name)
    }

    /// The streams that Node's servers read.
    pub fn names(&self) -> Vec<String> {
        match self.count {
            0 | 1 => vec![self.name.clone()],
            count => (0..count).map(|number| format!("{}-{number}", self.name)).collect(),
        }
    }

    /// The key under which the session of this private id is kept.
    pub fn session_key(&self, pid: &str) -> String {
        format!("{}{pid}", self.session_prefix)
    }

    /// Whether a message is kept in the stream. What asks is not, and is published like answers.
    pub fn keeps(body: &Body<'_>) -> bool {
        !(body.is_answer()
            || matches!(
                body,
                Body::Emit { request: Some(_), .. }
                    | Body::ServerSideEmit { .. }
                    | Body::Fetch { .. }
            ))
    }
}

/// Java's hash of a text, of its UTF-16 units.
fn hash(text: &str) -> i32 {
    let add = |hash: i32, unit: u16| hash.wrapping_mul(31).wrapping_add(i32::from(unit));
    text.encode_utf16().fold(0, add)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The expected names come from Node.
    #[test]
    fn namespaces_are_spread_over_streams_as_node_spreads_them() {
        let five = Streams { count: 5, ..Streams::default() };
        for (namespace, stream) in STREAMS {
            assert_eq!(five.stream_of(namespace), stream, "{namespace}");
        }
    }

    const STREAMS: [(&str, &str); 6] = [
        ("/", "socket.io-2"),
        ("/chat", "socket.io-3"),
        ("/game", "socket.io-2"),
        ("/한국어", "socket.io-1"),
        ("/support", "socket.io--2"),
        ("/😀", "socket.io-1"),
    ];

    #[test]
    fn what_has_a_meaning_in_patterns_is_escaped() {
        let channels = ClassicChannels::new("a*");
        assert_eq!(channels.pattern("/[b]?"), r"a\*#/\[b\]\?#*");
    }

    #[test]
    fn a_room_may_have_any_name() {
        let channels = ClassicChannels::default();
        for room in ["a", "a#b", "#", "socket.io#/#", "한"] {
            assert_eq!(channels.room_of("/", &channels.room("/", room)), Some(room));
        }
        assert_eq!(channels.room_of("/", "socket.io#/#no end"), None);
        assert_eq!(channels.room_of("/", "other#/#a#"), None);
    }
}
