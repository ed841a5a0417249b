//! The namespaces of a server at run time: the fixed ones, and those that clients' names make.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;

use super::Path;
use super::active::{ActiveNamespace, ServerContext, Shared, Siblings};
use super::children::Children;
use super::handlers::Handlers;
use super::matcher::{Decision, Matcher, Params, Verdict};
use crate::broadcast::io::Io;
use crate::broadcast::listeners::EmitListeners;
use crate::cluster::Cluster;
use crate::error::{BuildError, Refuse};
use crate::guarantees::client_outbox::Outboxes;
use crate::server::config::Config;
use crate::session::link::SessionLink;
use crate::socket::{Origin, Socket};

/// The namespaces of a server.
pub(crate) struct Namespaces {
    server: ServerContext,
    new_namespace: Option<NewNamespace>,
    fixed: HashMap<String, Arc<ActiveNamespace>>,
    parents: Vec<Parent>,
    /// The outboxes of the fixed namespaces, and of the parents.
    outboxes: Vec<Arc<Outboxes>>,
    children: Mutex<Children>,
    this: Weak<Namespaces>,
}

/// The listener that is called with each namespace that a client's name makes.
pub(crate) type NewNamespace = Box<dyn Fn(&Io) + Send + Sync>;

/// A dynamic declaration: the official ParentNamespace.
struct Parent {
    /// The name by which the application finds it.
    name: String,
    matcher: Matcher,
    handlers: Arc<Handlers>,
    shared: Shared,
}

/// The result of looking a name up for a client.
pub(crate) enum Found {
    /// The namespace exists.
    Active(Arc<ActiveNamespace>),
    Nothing,
    /// It would be made, but a limit of their number is reached.
    Full(Refuse),
    /// An async matcher has to be asked first; if it accepts, call [`Namespaces::child`].
    Asking(Asking),
}

/// The question to a dynamic declaration whether it accepts a name.
pub(crate) struct Asking {
    pub(crate) parent: usize,
    pub(crate) decision: Decision,
}

impl Namespaces {
    pub(crate) fn new(
        declared: Vec<(Path, Handlers)>,
        config: &Arc<Config>,
        new_namespace: Option<NewNamespace>,
        cluster: Option<Arc<dyn Cluster>>,
    ) -> Result<Arc<Self>, BuildError> {
        let mut fixed = HashMap::new();
        let mut parents = Vec::new();
        for (path, handlers) in declared {
            match path {
                Path::Dynamic { name, matcher } => {
                    let shared = Shared::new(&handlers, config);
                    let handlers = Arc::new(handlers);
                    parents.push(Parent { name, matcher, handlers, shared });
                }
                Path::Fixed(name) => {
                    let name = name.into_owned();
                    if fixed.insert(name.clone(), handlers).is_some() {
                        return Err(BuildError::DuplicateNamespace(name));
                    }
                }
            }
        }
        Ok(Arc::new_cyclic(|this| {
            let siblings: Weak<dyn Siblings> = Weak::clone(this) as _;
            let listeners = Arc::default();
            let server = ServerContext { config: Arc::clone(config), cluster, listeners, siblings };
            let active = |(path, handlers): (String, Handlers)| {
                let shared = Shared::new(&handlers, config);
                let handlers = Arc::new(handlers);
                let name = path.as_str().into();
                let active =
                    ActiveNamespace::new(name, Vec::new(), handlers, shared, None, &server);
                (path, Arc::new(active))
            };
            let fixed: HashMap<_, _> = fixed.into_iter().map(active).collect();
            let of_fixed = fixed.values().filter_map(|active| active.outboxes.as_ref());
            let of_parents = parents.iter().filter_map(|parent| parent.shared.outboxes.as_ref());
            let outboxes = of_fixed.chain(of_parents).cloned().collect();
            Self {
                server,
                new_namespace,
                fixed,
                parents,
                outboxes,
                children: Mutex::default(),
                this: Weak::clone(this),
            }
        }))
    }

    /// Listeners of what is sent in any of them.
    pub(crate) fn listeners(&self) -> &EmitListeners {
        &self.server.listeners
    }

    /// Every namespace that exists.
    pub(crate) fn all(&self) -> Vec<Arc<ActiveNamespace>> {
        let children = self.children.lock();
        self.fixed.values().chain(children.all()).cloned().collect()
    }

    /// The name of the dynamic declaration that made a namespace.
    pub(crate) fn parent_name(&self, active: &ActiveNamespace) -> Option<&str> {
        active.parent.map(|parent| self.parents[parent].name.as_str())
    }

    /// Looks `path` up for a client, without the dynamic declarations before number `from`.
    pub(crate) fn find(&self, path: &str, link: &SessionLink, auth: &str, from: usize) -> Found {
        if let Some(active) = self.get(path) {
            return Found::Active(active);
        }
        for (parent, declared) in self.parents.iter().enumerate().skip(from) {
            match declared.matcher.ask(path, auth) {
                Verdict::No => {}
                Verdict::Yes(params) => {
                    let child = self.child(path, link, parent, params);
                    return child.map_or_else(Found::Full, Found::Active);
                }
                Verdict::Later(decision) => return Found::Asking(Asking { parent, decision }),
            }
        }
        Found::Nothing
    }

    /// The child of this name, made for this session if it does not exist yet.
    pub(crate) fn child(
        &self,
        path: &str,
        link: &SessionLink,
        parent: usize,
        params: Params,
    ) -> Result<Arc<ActiveNamespace>, Refuse> {
        let mut children = self.children.lock();
        if let Some(active) = children.get(path) {
            return Ok(Arc::clone(active));
        }
        let has_room = children.make_room(link, &self.server.config);
        let removed = self.take_removed(&mut children);
        if let Err(refusal) = has_room {
            drop(children);
            return Err(refusal);
        }
        let gone = children.take_gone(path).filter(|active| active.parent == Some(parent));
        let active = gone.unwrap_or_else(|| self.make(path, parent, params));
        self.insert(&mut children, &active, link);
        drop(children);
        drop(removed);
        self.announce(&active);
        Ok(active)
    }

    /// The namespace of this name, made for the application if a dynamic declaration accepts it; from then on it is kept.
    pub(crate) fn open(&self, path: &str) -> Option<Arc<ActiveNamespace>> {
        if let Some(active) = self.fixed.get(path) {
            return Some(Arc::clone(active));
        }
        let accept = |(number, declared): (usize, &Parent)| match declared.matcher.ask(path, "{}") {
            Verdict::Yes(params) => Some((number, params)),
            // A function decides with what a client says.
            Verdict::No | Verdict::Later(_) => None,
        };
        let (parent, params) = self.parents.iter().enumerate().find_map(accept)?;
        let mut children = self.children.lock();
        if let Some(active) = children.get(path).cloned() {
            children.keep(Arc::clone(&active));
            return Some(active);
        }
        let gone = children.take_gone(path).filter(|active| active.parent == Some(parent));
        let active = gone.unwrap_or_else(|| self.make(path, parent, params));
        children.keep(Arc::clone(&active));
        if let Some(cluster) = &self.server.cluster {
            cluster.open(path);
        }
        drop(children);
        self.announce(&active);
        Some(active)
    }

    fn make(&self, path: &str, parent: usize, params: Params) -> Arc<ActiveNamespace> {
        let Parent { handlers, shared, .. } = &self.parents[parent];
        let (handlers, shared) = (Arc::clone(handlers), shared.clone());
        let (path, parent) = (path.into(), Some(parent));
        Arc::new(ActiveNamespace::new(path, params, handlers, shared, parent, &self.server))
    }

    /// Tells the application of one that was made.
    fn announce(&self, active: &Arc<ActiveNamespace>) {
        if let Some(hear) = &self.new_namespace {
            hear(&Io::new(Arc::clone(active)));
        }
    }

    /// Makes a socket and adds it to its namespace. A child that was removed meanwhile is added
    /// again, unless another has its name by now: then the socket is added to that one.
    pub(crate) fn enter(
        &self,
        active: Arc<ActiveNamespace>,
        link: &Arc<SessionLink>,
        origin: Origin,
        auth: &str,
    ) -> Socket {
        let insert = |active: Arc<ActiveNamespace>| {
            let socket = Socket::new(Arc::clone(&active), Arc::clone(link), origin, auth);
            active.adapter.insert(socket.key(), socket.clone());
            socket
        };
        if active.parent.is_none() {
            return insert(active);
        }
        let mut children = self.children.lock();
        let active = match children.get(&active.path) {
            Some(active) => Arc::clone(active),
            None => {
                self.insert(&mut children, &active, link);
                active
            }
        };
        children.fill(&active.path);
        insert(active)
    }

    /// Starts the task that drops what recovery and outboxes kept too long. Ends with the server.
    pub(crate) fn start_sweeping(&self) {
        let behaviours = self.fixed.values().map(|active| &active.handlers);
        let behaviours = behaviours.chain(self.parents.iter().map(|parent| &parent.handlers));
        let ages = behaviours.filter_map(|handlers| Some(handlers.reliable.as_ref()?.age()));
        let absence =
            self.server.config.recovery.as_ref().map(|recovery| recovery.max_disconnection);
        let Some(shortest) = ages.chain(absence).min() else {
            return;
        };
        let (this, pause) = (Weak::clone(&self.this), shortest / 2);
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(pause.max(SWEEP_PAUSE_MIN)).await;
                let Some(namespaces) = this.upgrade() else {
                    return;
                };
                namespaces.outboxes.iter().for_each(|outboxes| outboxes.sweep());
                for active in namespaces.all() {
                    active.log.as_ref().map(|log| log.sweep());
                    namespaces.clean_up(&active);
                }
            }
        });
    }

    /// Removes a child without sockets, after one has left or was refused, if the configuration
    /// says so; otherwise it is removed when there are too many.
    pub(crate) fn clean_up(&self, active: &Arc<ActiveNamespace>) {
        if active.parent.is_none() {
            return;
        }
        let mut children = self.children.lock();
        let is_this = children.get(&active.path).is_some_and(|child| Arc::ptr_eq(child, active));
        if !is_this || !active.adapter.is_empty() {
            return;
        }
        let may_go = self.server.config.cleanup_empty_child_namespaces
            && active.log.as_ref().is_none_or(|log| log.sweep());
        if may_go {
            children.remove(&active.path);
        } else {
            children.leave_empty(&active.path);
        }
        let removed = self.take_removed(&mut children);
        drop(children);
        drop(removed);
    }

    /// Adds a child, and tells the cluster of it while no other can be added or removed.
    fn insert(&self, children: &mut Children, active: &Arc<ActiveNamespace>, link: &SessionLink) {
        children.insert(Arc::clone(active), link);
        if let Some(cluster) = &self.server.cluster {
            cluster.open(&active.path);
        }
    }

    /// Takes the children that were removed, which the caller drops without the lock, and tells the
    /// cluster of them.
    fn take_removed(&self, children: &mut Children) -> Vec<Arc<ActiveNamespace>> {
        let removed = children.take_removed();
        if let Some(cluster) = &self.server.cluster {
            removed.iter().for_each(|active| cluster.close(&active.path));
        }
        removed
    }
}

/// The least time between two sweeps, however short the absences, since a sweep costs time.
const SWEEP_PAUSE_MIN: Duration = Duration::from_secs(1);

impl Siblings for Namespaces {
    fn get(&self, path: &str) -> Option<Arc<ActiveNamespace>> {
        self.fixed.get(path).cloned().or_else(|| self.children.lock().get(path).cloned())
    }

    fn all(&self) -> Vec<Arc<ActiveNamespace>> {
        Namespaces::all(self)
    }

    fn children_of(&self, parent: &str) -> Option<Vec<Arc<ActiveNamespace>>> {
        let parent = self.parents.iter().position(|declared| declared.name == parent)?;
        let children = self.children.lock();
        let of_it = children.all().filter(|child| child.parent == Some(parent));
        Some(of_it.cloned().collect())
    }
}
