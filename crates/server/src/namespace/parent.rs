//! The namespaces that a dynamic declaration has made.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use super::active::ActiveNamespace;
use crate::broadcast::Broadcast;
use crate::broadcast::io::Io;

/// All namespaces that one dynamic declaration has made so far, as one target: the official
/// ParentNamespace, and all its verbs. See [`Server::parent_namespace`](crate::Server::parent_namespace).
///
/// ```
/// # async fn run(server: &sockeye::Server) -> Result<(), Box<dyn std::error::Error>> {
/// if let Some(rooms) = server.parent_namespace("/room-{id}") {
///     rooms.to("admins").emit("notice", "closing in five minutes")?;
///     let everybody = rooms.fetch().await?;
///     # drop(everybody);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use = "it does nothing until it ends in a verb such as `emit`"]
pub struct ParentNamespace {
    everybody: Broadcast,
}

impl ParentNamespace {
    pub(crate) fn new(children: Vec<Arc<ActiveNamespace>>) -> Self {
        Self { everybody: Broadcast::over(children) }
    }

    /// The namespaces, each as its own target.
    pub fn children(&self) -> impl Iterator<Item = Io> {
        self.everybody.namespaces().iter().cloned().map(Io::new)
    }
}

impl Io {
    /// The namespaces a dynamic declaration has made, see
    /// [`Server::parent_namespace`](crate::Server::parent_namespace).
    pub fn parent_namespace(&self, name: &str) -> Option<ParentNamespace> {
        let siblings = self.active_namespace().siblings()?;
        siblings.children_of(name).map(ParentNamespace::new)
    }
}

/// The verbs, for everybody in all of the namespaces.
impl Deref for ParentNamespace {
    type Target = Broadcast;

    fn deref(&self) -> &Broadcast {
        &self.everybody
    }
}

impl fmt::Debug for ParentNamespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ParentNamespace")
            .field("children", &self.everybody.namespaces().len())
            .finish()
    }
}
