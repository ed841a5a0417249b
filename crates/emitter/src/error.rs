//! What goes wrong, and what to do about it.

use redis::RedisError;
use sockeye_socket_proto::EmitError;

/// Why nothing was published, or nothing is known of it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// The event's name is reserved, or its payload cannot be encoded. Nothing was published.
    #[error(transparent)]
    Event(#[from] EmitError),
    /// The message has more bytes than
    /// [`EmitterConfig::message_bytes_max`](crate::EmitterConfig::message_bytes_max). Nothing was published.
    #[error("the message has {actual} bytes, {limit} at most are published")]
    TooLarge {
        /// Its bytes on the wire.
        actual: usize,
        /// The limit.
        limit: usize,
    },
    /// Redis refused it. Nothing was published.
    #[error("Redis refuses it ({code}): {advice}")]
    Refused {
        /// The word that the answer of Redis begins with, such as `NOPERM`.
        code: String,
        /// What can be done about it.
        advice: &'static str,
        /// What Redis says.
        source: RedisError,
    },
    /// There is no connection to Redis, or it was lost before the answer: then it may have been published. The next call
    /// connects anew.
    #[error("no answer from Redis at {address}")]
    Connection {
        /// The address, without its password.
        address: String,
        /// The reason.
        source: RedisError,
    },
}

impl PublishError {
    pub(crate) fn of(source: RedisError, address: String) -> Self {
        let code = code(&source);
        match code.as_deref().map(|code| (code, advice(code))) {
            Some((code, advice)) => Self::Refused { code: code.to_owned(), advice, source },
            None => Self::Connection { address, source },
        }
    }

    /// Whether another connection may help: there is none, or it leads to a server that is not the main one any more.
    pub(crate) fn is_of_connection(&self) -> bool {
        match self {
            Self::Connection { .. } => true,
            Self::Refused { code, .. } => matches!(&**code, "READONLY" | "NOAUTH" | "LOADING"),
            _ => false,
        }
    }
}

/// The word that the answer of Redis begins with. A refused login is an error of the connection, with Redis' answer as its
/// detail.
fn code(error: &RedisError) -> Option<String> {
    if let Some(code) = error.code() {
        return Some(code.to_owned());
    }
    if error.kind() != redis::ErrorKind::AuthenticationFailed {
        return None;
    }
    let detail = error.detail().unwrap_or_default();
    let word = detail
        .split([' ', ':'])
        .find(|word| word.len() > 3 && word.bytes().all(|byte| byte.is_ascii_uppercase()));
    Some(word.unwrap_or("WRONGPASS").to_owned())
}

fn advice(code: &str) -> &'static str {
    match code {
        "NOAUTH" => {
            "it asks for a login: write the user and the password before the host, redis://user:password@host"
        }
        "WRONGPASS" => "the user or the password is wrong, or the user is switched off",
        "NOPERM" => {
            "the user has no right to this command or channel: let `ACL SETUSER` allow PUBLISH or SPUBLISH with the \
             channels, or XADD with the key"
        }
        "OOM" => "its memory is full: raise `maxmemory`, or let it evict keys",
        "MISCONF" => {
            "it cannot write to its disk and takes nothing: look at its log, and at the space on its disk"
        }
        "READONLY" => {
            "it is a replica: name the main server, or the sentinels by redis-sentinel://"
        }
        "LOADING" => "it reads its data after a start: try again",
        "CLUSTERDOWN" => "its cluster is incomplete: look at `CLUSTER INFO`",
        "MOVED" | "ASK" | "CROSSSLOT" => "it is one of a cluster: write redis-cluster://",
        "WRONGTYPE" => {
            "the name of the stream is that of a key of another kind: look at the prefix"
        }
        _ => "see what Redis says, the source of this error",
    }
}
