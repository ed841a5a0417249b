use std::sync::Arc;

pub use sockeye_socket_proto::{
    AckError, EmitError, EncodeError, EventError, PayloadError, Refuse, RemoteError, ReservedName,
};

/// The reason why the servers of a cluster could not be asked. It cannot happen to a server alone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ClusterError {
    /// Some servers did not answer in time.
    #[error("{} servers did not answer in time: {}", missing.len(), missing.join(", "))]
    Timeout {
        /// Their names, as the cluster calls them.
        missing: Vec<String>,
    },
}

impl ClusterError {
    pub(crate) fn timeout(missing: impl IntoIterator<Item = Arc<str>>) -> Self {
        Self::Timeout { missing: missing.into_iter().map(|name| (*name).to_owned()).collect() }
    }
}

/// What a program from Node means by a handler of this name.
fn in_place_of(reserved: &ReservedName) -> &'static str {
    match reserved.name.as_str() {
        "connect" => ": what runs for each new socket is `Namespace::on_connected(..)`",
        "disconnect" | "disconnecting" => {
            ": what runs at a socket's end is `Namespace::on_disconnect(..)`"
        }
        _ => "",
    }
}

/// The reason why a server cannot be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// Two namespaces have the same name.
    #[error("namespace {0:?} is declared twice")]
    DuplicateNamespace(String),
    /// Two handlers for one event in one namespace.
    #[error("a namespace has two handlers for the event {event:?}")]
    DuplicateEvent {
        /// The event.
        event: String,
    },
    /// A handler for an event whose name is reserved.
    #[error("{0}{hint}", hint = in_place_of(.0))]
    ReservedEvent(#[from] ReservedName),
    /// A namespace whose name has a comma, which ends it on the wire.
    #[error("namespace {0:?} must not contain a comma")]
    InvalidNamespace(String),
    /// A type is shared as the whole of a socket's data, and something else beside it.
    #[error(
        "`{type_name}` is shared as the whole data of a namespace's sockets, so nothing else can be: \
         share each type by `share_as::<T>(\"member\")`"
    )]
    SharedWhole {
        /// The type.
        type_name: &'static str,
    },
    /// A member of the sockets' data, or a type of it, is shared twice in one namespace.
    #[error("a namespace shares {name:?} twice: each member and each type can be shared once")]
    DuplicateShare {
        /// The member's name, or that of the type.
        name: String,
    },
    /// A value given to the builder means nothing.
    #[error("{method}: {message}")]
    InvalidValue {
        /// The builder's method.
        method: &'static str,
        /// What is wrong with the value, and what to write.
        message: String,
    },
    /// A configuration that the engine refuses.
    #[error(transparent)]
    Config(#[from] sockeye_engine::ConfigError),
}
