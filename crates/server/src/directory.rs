//! The namespaces of a server at run time: the fixed ones, and those that clients' names make.

mod children;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;

use self::children::Children;
use crate::adapter::Adapter;
use crate::audience::Audience;
use crate::behaviour::Behaviour;
use crate::broadcast::Io;
use crate::config::Config;
use crate::error::{BuildError, Refuse};
use crate::link::Link;
use crate::matcher::{Decision, Matcher, Params, Verdict};
use crate::namespace::Path;
use crate::recovery::{Absences, Log};
use crate::reliable::Outboxes;
use crate::socket::{Origin, Socket};

/// One namespace.
pub(crate) struct Live {
    pub(crate) path: Arc<str>,
    /// The parts of a dynamic name.
    pub(crate) params: Params,
    pub(crate) behaviour: Arc<Behaviour>,
    pub(crate) adapter: Adapter<Socket, Audience>,
    /// Shared by all sockets, so that one broadcast packet with one id serves all.
    pub(crate) next_ack: AtomicU64,
    pub(crate) config: Arc<Config>,
    /// With recovery: what was sent, and whose state is kept.
    pub(crate) log: Option<Arc<Log>>,
    /// Whose events are handled once, if that is asked for.
    pub(crate) outboxes: Option<Arc<Outboxes>>,
    /// Which of the dynamic declarations made it.
    parent: Option<usize>,
    directory: Weak<Directory>,
    /// Somebody is telling changes of rooms.
    is_telling: AtomicBool,
}

pub(crate) struct Directory {
    config: Arc<Config>,
    new_namespace: Option<NewNamespace>,
    fixed: HashMap<String, Arc<Live>>,
    parents: Vec<Parent>,
    /// Those of the fixed namespaces, and of the parents.
    outboxes: Vec<Arc<Outboxes>>,
    children: Mutex<Children>,
    this: Weak<Directory>,
}

/// Hears of namespaces that clients' names make.
pub(crate) type NewNamespace = Box<dyn Fn(&Io) + Send + Sync>;

struct Parent {
    /// By which the application calls it.
    name: String,
    matcher: Matcher,
    behaviour: Arc<Behaviour>,
    shared: Shared,
}

/// What all namespaces of one declaration have together: it is bounded however many they are.
#[derive(Clone)]
struct Shared {
    outboxes: Option<Arc<Outboxes>>,
    absences: Option<Arc<Absences>>,
}

impl Shared {
    fn new(behaviour: &Behaviour, config: &Config) -> Self {
        let outboxes = behaviour.reliable.clone().map(Outboxes::new);
        Self { outboxes, absences: config.recovery.as_ref().map(Absences::new) }
    }
}

/// Where a client that asks for a name is to go.
pub(crate) enum Found {
    Live(Arc<Live>),
    Nothing,
    /// It would be made, but there are too many.
    Full(Refuse),
    /// Somebody has to be asked first; the answer is for [`Directory::child`].
    Asking(Asking),
}

/// A dynamic declaration is deciding about a name.
pub(crate) struct Asking {
    pub(crate) parent: usize,
    pub(crate) decision: Decision,
}

impl Live {
    pub(crate) fn directory(&self) -> Option<Arc<Directory>> {
        self.directory.upgrade()
    }

    /// Tells what changed in the rooms, in its order and without holding a lock: whoever listens
    /// may change more, and that is told after it.
    pub(crate) fn tell_room_changes(self: &Arc<Self>) {
        if self.behaviour.room_change.is_empty() {
            return;
        }
        let io = Io::new(self.clone());
        loop {
            if self.is_telling.swap(true, Ordering::AcqRel) {
                // Whoever tells looks again when it is done.
                return;
            }
            let telling = Telling(self);
            loop {
                let changes = self.adapter.take_changes();
                if changes.is_empty() {
                    break;
                }
                for change in &changes {
                    self.behaviour.room_change.iter().for_each(|hear| hear(&io, change));
                }
            }
            drop(telling);
            if !self.adapter.has_changes() {
                return;
            }
        }
    }
}

/// Ends the telling, also when a listener panics.
struct Telling<'a>(&'a Live);

impl Drop for Telling<'_> {
    fn drop(&mut self) {
        self.0.is_telling.store(false, Ordering::Release);
    }
}

impl Directory {
    pub(crate) fn new(
        declared: Vec<(Path, Behaviour)>,
        config: &Arc<Config>,
        new_namespace: Option<NewNamespace>,
    ) -> Result<Arc<Self>, BuildError> {
        let mut fixed = HashMap::new();
        let mut parents = Vec::new();
        for (path, behaviour) in declared {
            match path {
                Path::Dynamic { name, matcher } => {
                    let shared = Shared::new(&behaviour, config);
                    let behaviour = Arc::new(behaviour);
                    parents.push(Parent { name, matcher, behaviour, shared });
                }
                Path::Fixed(name) => {
                    let name = name.into_owned();
                    if fixed.insert(name.clone(), behaviour).is_some() {
                        return Err(BuildError::DuplicateNamespace(name));
                    }
                }
            }
        }
        fixed.entry("/".to_owned()).or_insert_with(Behaviour::new);
        Ok(Arc::new_cyclic(|this| {
            let live = |(path, behaviour): (String, Behaviour)| {
                let shared = Shared::new(&behaviour, config);
                let behaviour = Arc::new(behaviour);
                let name = path.as_str().into();
                let live = new_live(name, Vec::new(), behaviour, shared, config, this);
                (path, Arc::new(live))
            };
            let fixed: HashMap<_, _> = fixed.into_iter().map(live).collect();
            let of_fixed = fixed.values().filter_map(|live| live.outboxes.as_ref());
            let of_parents = parents.iter().filter_map(|parent| parent.shared.outboxes.as_ref());
            let outboxes = of_fixed.chain(of_parents).cloned().collect();
            Self {
                config: config.clone(),
                new_namespace,
                fixed,
                parents,
                outboxes,
                children: Mutex::default(),
                this: this.clone(),
            }
        }))
    }

    /// The namespace of this name, if it is there.
    pub(crate) fn get(&self, path: &str) -> Option<Arc<Live>> {
        self.fixed.get(path).cloned().or_else(|| self.children.lock().get(path).cloned())
    }

    /// Every namespace there is.
    pub(crate) fn all(&self) -> Vec<Arc<Live>> {
        let children = self.children.lock();
        self.fixed.values().chain(children.all()).cloned().collect()
    }

    /// Where a client goes that asks for `path`, the dynamic declarations before `from` left out.
    pub(crate) fn find(&self, path: &str, link: &Link, auth: &str, from: usize) -> Found {
        if let Some(live) = self.get(path) {
            return Found::Live(live);
        }
        for (parent, declared) in self.parents.iter().enumerate().skip(from) {
            match declared.matcher.ask(path, auth) {
                Verdict::No => {}
                Verdict::Yes(params) => {
                    let child = self.child(path, link, parent, params);
                    return child.map_or_else(Found::Full, Found::Live);
                }
                Verdict::Later(decision) => return Found::Asking(Asking { parent, decision }),
            }
        }
        Found::Nothing
    }

    /// The child of this name, made for this session if it is not there yet.
    pub(crate) fn child(
        &self,
        path: &str,
        link: &Link,
        parent: usize,
        params: Params,
    ) -> Result<Arc<Live>, Refuse> {
        let mut children = self.children.lock();
        if let Some(live) = children.get(path) {
            return Ok(live.clone());
        }
        let has_room = children.make_room(link, &self.config);
        let removed = children.take_removed();
        if let Err(refusal) = has_room {
            drop(children);
            return Err(refusal);
        }
        let gone = children.take_gone(path).filter(|live| live.parent == Some(parent));
        let live = gone.unwrap_or_else(|| {
            let Parent { behaviour, shared, .. } = &self.parents[parent];
            let (behaviour, shared) = (behaviour.clone(), shared.clone());
            let live = new_live(path.into(), params, behaviour, shared, &self.config, &self.this);
            Arc::new(Live { parent: Some(parent), ..live })
        });
        children.insert(live.clone(), link);
        drop(children);
        drop(removed);
        if let Some(hear) = &self.new_namespace {
            hear(&Io::new(live.clone()));
        }
        Ok(live)
    }

    /// The namespaces that a dynamic declaration has made so far; `None` when none is called so.
    pub(crate) fn family(&self, name: &str) -> Option<Vec<Arc<Live>>> {
        let parent = self.parents.iter().position(|parent| parent.name == name)?;
        let children = self.children.lock();
        let of_it = children.all().filter(|child| child.parent == Some(parent));
        Some(of_it.cloned().collect())
    }

    /// Makes a socket and gives it its place. When the child it is for was cleaned up meanwhile,
    /// the one that took its place, or it comes back.
    pub(crate) fn enter(
        &self,
        live: Arc<Live>,
        link: &Arc<Link>,
        origin: Origin,
        auth: &str,
    ) -> Socket {
        let insert = |live: Arc<Live>| {
            let socket = Socket::new(live.clone(), link.clone(), origin, auth);
            live.adapter.insert(socket.key(), socket.clone());
            socket
        };
        if live.parent.is_none() {
            return insert(live);
        }
        let mut children = self.children.lock();
        let live = match children.get(&live.path) {
            Some(live) => live.clone(),
            None => {
                children.insert(live.clone(), link);
                live
            }
        };
        children.fill(&live.path);
        insert(live)
    }

    /// Forgets, from time to time, what was kept for recovery and outboxes and is too old. Ends with the server.
    pub(crate) fn start_sweeping(&self) {
        let behaviours = self.fixed.values().map(|live| &live.behaviour);
        let behaviours = behaviours.chain(self.parents.iter().map(|parent| &parent.behaviour));
        let ages = behaviours.filter_map(|behaviour| Some(behaviour.reliable.as_ref()?.age()));
        let absence = self.config.recovery.as_ref().map(|recovery| recovery.max_disconnection);
        let Some(shortest) = ages.chain(absence).min() else {
            return;
        };
        let (this, pause) = (self.this.clone(), shortest / 2);
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(pause.max(SWEEP_PAUSE_MIN)).await;
                let Some(directory) = this.upgrade() else {
                    return;
                };
                directory.outboxes.iter().for_each(|outboxes| outboxes.sweep());
                for live in directory.all() {
                    live.log.as_ref().map(|log| log.sweep());
                    directory.clean_up(&live);
                }
            }
        });
    }

    /// A socket has left, or was refused: a child without sockets is removed if the configuration
    /// says so, and otherwise when its place is needed.
    pub(crate) fn clean_up(&self, live: &Arc<Live>) {
        if live.parent.is_none() {
            return;
        }
        let mut children = self.children.lock();
        let is_this = children.get(&live.path).is_some_and(|child| Arc::ptr_eq(child, live));
        if !is_this || !live.adapter.is_empty() {
            return;
        }
        let may_go = self.config.cleanup_empty_child_namespaces
            && live.log.as_ref().is_none_or(|log| log.sweep());
        if may_go {
            children.remove(&live.path);
        } else {
            children.leave_empty(&live.path);
        }
        let removed = children.take_removed();
        drop(children);
        drop(removed);
    }
}

/// However short the absences: a sweep is not free.
const SWEEP_PAUSE_MIN: Duration = Duration::from_secs(1);

fn new_live(
    path: Arc<str>,
    params: Params,
    behaviour: Arc<Behaviour>,
    Shared { outboxes, absences }: Shared,
    config: &Arc<Config>,
    directory: &Weak<Directory>,
) -> Live {
    Live {
        path,
        params,
        adapter: Adapter::new(!behaviour.room_change.is_empty()),
        behaviour,
        outboxes,
        next_ack: AtomicU64::new(0),
        config: config.clone(),
        log: config.recovery.clone().zip(absences).map(|(recovery, absences)| {
            // From a ping that was answered late to the end of the next one, put off once.
            let unnoticed_max = config.engine.ping_interval + 3 * config.engine.ping_timeout;
            Log::new(recovery, unnoticed_max, absences)
        }),
        parent: None,
        directory: directory.clone(),
        is_telling: AtomicBool::new(false),
    }
}
