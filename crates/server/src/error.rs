use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::sync::Arc;

use serde::Serialize;
use serde_json::value::RawValue;
pub use sockeye_socket_proto::{
    AckError, EmitError, EncodeError, EventError, PayloadError, RemoteError, ReservedName,
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

/// The refusal of a connection to a namespace: the client gets `connect_error` with this message.
#[derive(Debug)]
pub struct Refuse {
    message: Cow<'static, str>,
    data: Option<Box<RawValue>>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl Refuse {
    /// Refuses with a message, `err.message` at the client.
    pub fn new(message: impl Into<Cow<'static, str>>) -> Self {
        Self { message: message.into(), data: None, source: None }
    }

    /// Adds details, `err.data` at the client. Data that JSON cannot represent is left out, which
    /// is logged.
    #[must_use]
    pub fn with_data(mut self, data: &impl Serialize) -> Self {
        match serde_json::value::to_raw_value(data) {
            Ok(data) => self.data = Some(data),
            Err(error) => tracing::warn!(%error, "the data of a refusal cannot be written as JSON"),
        }
        self
    }

    /// The message.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The details as JSON; empty when there are none.
    pub fn data(&self) -> &str {
        self.data.as_ref().map_or("", |data| data.get())
    }
}

impl fmt::Display for Refuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for Refuse {
    /// The cause, which the client does not get: the rejection of an extractor.
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as &dyn Error)
    }
}

impl From<EventError> for Refuse {
    fn from(error: EventError) -> Self {
        // The cause quotes an `auth` that does not decode, which must not be logged.
        let cause = error.source().filter(|_| error.code() != "decode");
        let source = cause.map(|_| error.to_string().into());
        Self { message: error.message().to_owned().into(), data: None, source }
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
    #[error(transparent)]
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_message_and_data() {
        assert_eq!(Refuse::new("no").data(), "");
        assert_eq!(Refuse::new("no").with_data(&[1]).data(), "[1]");
    }
}
