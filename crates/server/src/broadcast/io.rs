//! The handle of a namespace.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use super::Broadcast;
use crate::namespace::active::ActiveNamespace;
use crate::socket::Socket;

/// The handle of a namespace, usable from anywhere and cheap to clone. It has the verbs of
/// [`Broadcast`], for everybody in it.
///
/// ```
/// # fn run(io: &sockeye::Io) -> Result<(), sockeye::EmitError> {
/// io.emit("news", "to everybody in the namespace")?;
/// io.to("lobby").except("muted").emit("news", "to some")?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Io {
    everybody: Broadcast,
}

impl Io {
    pub(crate) fn new(namespace: Arc<ActiveNamespace>) -> Self {
        Self { everybody: Broadcast::over([namespace]) }
    }

    /// Another namespace of the same server, if it exists and the server still does.
    pub fn of(&self, path: &str) -> Option<Io> {
        let siblings = self.active_namespace().siblings()?;
        siblings.get(path).map(Io::new)
    }

    /// The namespace's name, with its slash.
    pub fn namespace(&self) -> &str {
        &self.active_namespace().path
    }

    /// The socket of this id, if it is connected to the namespace on this server.
    pub fn socket(&self, id: &str) -> Option<Socket> {
        self.active_namespace().adapter.socket(id)
    }

    /// Everybody in the namespace: the operator without any room yet.
    pub fn everybody(&self) -> Broadcast {
        self.everybody.clone()
    }

    pub(crate) fn active_namespace(&self) -> &Arc<ActiveNamespace> {
        &self.everybody.namespaces()[0]
    }
}

/// The verbs, for everybody in the namespace.
impl Deref for Io {
    type Target = Broadcast;

    fn deref(&self) -> &Broadcast {
        &self.everybody
    }
}

impl fmt::Debug for Io {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Io").field("namespace", &self.namespace()).finish()
    }
}
