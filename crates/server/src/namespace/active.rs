//! A namespace at run time: its handlers, its rooms, and what is kept for its clients.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use super::handlers::Handlers;
use super::matcher::Params;
use crate::broadcast::io::Io;
use crate::broadcast::listeners::EmitListeners;
use crate::cluster::Cluster;
use crate::guarantees::client_outbox::Outboxes;
use crate::guarantees::recovery::absent_sessions::AbsentSessions;
use crate::guarantees::recovery::log::Log;
use crate::presence::state::PresenceSlot;
use crate::rooms::adapter::Adapter;
use crate::rooms::member_cache::MemberCache;
use crate::rooms::room::RoomChange;
use crate::server::config::Config;
use crate::server::snapshot::NamespaceSnapshot;
use crate::socket::Socket;

/// A namespace at run time.
pub(crate) struct ActiveNamespace {
    pub(crate) path: Arc<str>,
    /// The parts of a dynamic name.
    pub(crate) params: Params,
    pub(crate) handlers: Arc<Handlers>,
    pub(crate) adapter: Adapter<Socket, MemberCache<Socket>>,
    /// The id of the next broadcast that asks for acks, and of the next request to one socket: one
    /// packet with one id serves all sockets.
    pub(crate) next_ack: AtomicU64,
    pub(crate) config: Arc<Config>,
    /// The events and sessions kept for recovery.
    pub(crate) log: Option<Arc<Log<Socket>>>,
    /// The client outboxes whose events are handled once.
    pub(crate) outboxes: Option<Arc<Outboxes>>,
    /// The number of the dynamic declaration that made it.
    pub(super) parent: Option<usize>,
    /// The cluster: the other servers.
    pub(crate) cluster: Option<Arc<dyn Cluster>>,
    /// Whether the cluster wants to know of its rooms.
    tells_rooms: bool,
    /// Listeners of what is sent on this server.
    pub(crate) listeners: Arc<EmitListeners>,
    siblings: Weak<dyn Siblings>,
    /// Whether a thread is calling the listeners of room changes.
    is_notifying: AtomicBool,
    /// The presence of its rooms.
    pub(crate) presence: PresenceSlot,
}

/// The values that all namespaces of a server share.
#[derive(Clone)]
pub(super) struct ServerContext {
    pub(super) config: Arc<Config>,
    pub(super) cluster: Option<Arc<dyn Cluster>>,
    pub(super) listeners: Arc<EmitListeners>,
    pub(super) siblings: Weak<dyn Siblings>,
}

/// The other namespaces of the same server.
pub(crate) trait Siblings: Send + Sync {
    /// The namespace of this name, if it exists.
    fn get(&self, path: &str) -> Option<Arc<ActiveNamespace>>;

    /// Every namespace that exists.
    fn all(&self) -> Vec<Arc<ActiveNamespace>>;

    /// The namespaces made by the dynamic declaration of this name; `None` if there is none.
    fn children_of(&self, parent: &str) -> Option<Vec<Arc<ActiveNamespace>>>;
}

/// The values that all namespaces of one declaration share, so one limit holds for all.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) outboxes: Option<Arc<Outboxes>>,
    absent_sessions: Option<Arc<AbsentSessions>>,
}

impl Shared {
    pub(super) fn new(handlers: &Handlers, config: &Config) -> Self {
        let outboxes = handlers.reliable.clone().map(Outboxes::new);
        Self { outboxes, absent_sessions: config.recovery.as_ref().map(AbsentSessions::new) }
    }
}

impl ActiveNamespace {
    /// `parent`: the number of the dynamic declaration that makes it.
    pub(super) fn new(
        path: Arc<str>,
        params: Params,
        handlers: Arc<Handlers>,
        Shared { outboxes, absent_sessions }: Shared,
        parent: Option<usize>,
        server: &ServerContext,
    ) -> Self {
        let ServerContext { config, cluster, listeners, siblings } = server.clone();
        let tells_rooms = cluster.as_ref().is_some_and(|cluster| cluster.watches_rooms());
        let is_watched = tells_rooms || !handlers.room_change.is_empty();
        Self {
            path,
            params,
            adapter: Adapter::new(is_watched, &handlers.metrics.rooms),
            handlers,
            outboxes,
            next_ack: AtomicU64::new(0),
            log: config.recovery.clone().zip(absent_sessions).map(|(recovery, absent_sessions)| {
                // From a ping answered late to the timeout of the next one, postponed once.
                let unnoticed_max = config.engine.ping_interval + 3 * config.engine.ping_timeout;
                let keeps_sessions = cluster.as_ref().is_some_and(|it| it.keeps_sessions());
                Log::new(recovery, unnoticed_max, absent_sessions, keeps_sessions)
            }),
            config,
            parent,
            cluster,
            tells_rooms,
            listeners,
            siblings,
            is_notifying: AtomicBool::new(false),
            presence: PresenceSlot::default(),
        }
    }

    /// Counts of what it holds at this moment.
    pub(crate) fn snapshot(&self, parent: Option<&str>) -> NamespaceSnapshot {
        NamespaceSnapshot {
            name: self.path.as_ref().to_owned(),
            parent: parent.map(str::to_owned),
            sockets: self.adapter.socket_count(),
            rooms: self.adapter.room_count(),
            recovery: self.log.as_ref().map(|log| log.snapshot()),
            outboxes: self.outboxes.as_ref().map(|outboxes| outboxes.snapshot()),
        }
    }

    /// A part of a dynamic name.
    pub(crate) fn param(&self, part: &str) -> Option<&str> {
        self.params.iter().find(|(name, _)| **name == *part).map(|(_, value)| &**value)
    }

    /// The cluster, if it assigns the offsets of events and returns them for delivery.
    pub(crate) fn offsets_from(&self) -> Option<&Arc<dyn Cluster>> {
        let cluster = self.cluster.as_ref().filter(|_| self.log.is_some());
        cluster.filter(|cluster| cluster.assigns_offsets())
    }

    /// The cluster, if it keeps the sessions of clients.
    pub(crate) fn sessions_kept_by(&self) -> Option<&Arc<dyn Cluster>> {
        let keeps = self.log.as_ref().is_some_and(|log| log.keeps_sessions);
        self.cluster.as_ref().filter(|_| keeps)
    }

    /// Tells the cluster that sessions may have changed, if it keeps them. Called without a lock.
    pub(crate) fn tell_of_sessions(&self) {
        if let Some(cluster) = self.sessions_kept_by() {
            cluster.sessions_changed();
        }
    }

    /// The other namespaces, while the server lives.
    pub(crate) fn siblings(&self) -> Option<Arc<dyn Siblings>> {
        self.siblings.upgrade()
    }

    /// Tells the cluster that a room is there, or is there no more.
    fn tell_cluster(&self, change: &RoomChange) {
        let Some(cluster) = self.cluster.as_ref().filter(|_| self.tells_rooms) else { return };
        match change {
            RoomChange::Created { room } => {
                let is_private = self.adapter.socket(room).is_some();
                cluster.room_created(&self.path, room, is_private);
            }
            RoomChange::Deleted { room } => cluster.room_deleted(&self.path, room),
            RoomChange::Joined { .. } | RoomChange::Left { .. } => {}
        }
    }

    /// Tells the cluster of room changes and calls their listeners, in the order of the changes and
    /// without holding a lock. A listener may change more, which is reported after it.
    pub(crate) fn notify_room_changes(self: &Arc<Self>) {
        if self.handlers.room_change.is_empty() && !self.tells_rooms {
            return;
        }
        let io = Io::new(Arc::clone(self));
        loop {
            if self.is_notifying.swap(true, Ordering::AcqRel) {
                // The thread that is calling them checks again when it is done.
                return;
            }
            let notifying = Notifying(self);
            loop {
                let changes = self.adapter.take_changes();
                if changes.is_empty() {
                    break;
                }
                for change in &changes {
                    self.tell_cluster(change);
                    self.handlers.room_change.iter().for_each(|listener| listener(&io, change));
                }
            }
            drop(notifying);
            if !self.adapter.has_changes() {
                return;
            }
        }
    }
}

/// A guard that clears `is_notifying` when dropped, also when a listener panics.
struct Notifying<'a>(&'a ActiveNamespace);

impl Drop for Notifying<'_> {
    fn drop(&mut self) {
        self.0.is_notifying.store(false, Ordering::Release);
    }
}
