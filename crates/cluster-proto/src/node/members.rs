//! The servers that are known.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use crate::heartbeat::Heartbeat;

/// The servers that are known, by their ids.
#[derive(Debug)]
pub(super) struct Members {
    by_uid: BTreeMap<Arc<str>, Member>,
    max: usize,
}

/// A server.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) name: Arc<str>,
    generation: u64,
    /// Whether it is one of this project.
    pub(super) is_ours: bool,
    /// Its namespaces; `None`: any.
    namespaces: Option<BTreeSet<Box<str>>>,
    /// How many changes of presence it has told, by namespace, when it last said so.
    presence: BTreeMap<Box<str>, u64>,
    /// When it is taken for gone.
    until: Instant,
}

/// A server's id and name.
type Known = (Arc<str>, Arc<str>);

impl Members {
    pub(super) fn new(max: usize) -> Self {
        Self { by_uid: BTreeMap::new(), max }
    }

    pub(super) fn get(&self, uid: &str) -> Option<&Member> {
        self.by_uid.get(uid)
    }

    /// The servers of a namespace: their ids and names, in the order of their ids.
    pub(super) fn of<'a>(&'a self, namespace: &'a str) -> impl Iterator<Item = Known> + 'a {
        let is_in = move |member: &Member| {
            let in_it = |names: &BTreeSet<Box<str>>| names.contains(namespace);
            member.namespaces.as_ref().is_none_or(in_it)
        };
        let members = self.by_uid.iter().filter(move |(_, member)| is_in(member));
        members.map(|(uid, member)| (Arc::clone(uid), Arc::clone(&member.name)))
    }

    /// The servers that have told of presence in a namespace, and how many changes.
    pub(super) fn presence_of(&self, namespace: &str) -> Vec<(Arc<str>, u64)> {
        let counted = self
            .by_uid
            .iter()
            .filter_map(|(uid, member)| Some((Arc::clone(uid), *member.presence.get(namespace)?)));
        counted.collect()
    }

    /// The server that a heartbeat shows to be gone: it had the same name at an earlier start.
    pub(super) fn predecessor(&self, said: &Heartbeat<'_>) -> Option<Arc<str>> {
        let is_before = |(uid, member): &(&Arc<str>, &Member)| {
            member.is_ours
                && *member.name == *said.name
                && member.generation < said.generation
                && ***uid != *said.uid
        };
        self.by_uid.iter().find(is_before).map(|(uid, _)| Arc::clone(uid))
    }

    /// A server has said of itself. Returns it if it was not known as one of ours.
    pub(super) fn heard(&mut self, said: &Heartbeat<'_>, until: Instant) -> Option<Known> {
        let namespaces = said.namespaces.as_ref();
        let namespaces =
            namespaces.map(|names| names.iter().map(|name| name.as_ref().into()).collect());
        let presence = said.presence.iter().map(|(name, count)| (name.as_ref().into(), *count));
        let presence = presence.collect();
        if let Some(member) = self.by_uid.get_mut(&*said.uid)
            && member.is_ours
        {
            (member.namespaces, member.until) = (namespaces, until);
            member.presence = presence;
            return None;
        }
        if !self.has_room_for(&said.uid) {
            return None;
        }
        let (uid, name): Known = (said.uid.as_ref().into(), said.name.as_ref().into());
        let member = Member {
            name: Arc::clone(&name),
            generation: said.generation,
            is_ours: true,
            namespaces,
            presence,
            until,
        };
        self.by_uid.insert(Arc::clone(&uid), member);
        Some((uid, name))
    }

    /// A server has sent a message in a namespace. `is_news`: one that is not known is there from now on, and returned.
    pub(super) fn spoke(
        &mut self,
        uid: &str,
        namespace: &str,
        is_news: bool,
        until: Instant,
    ) -> Option<Known> {
        if let Some(member) = self.by_uid.get_mut(uid) {
            member.until = member.until.max(until);
            if let Some(namespaces) = &mut member.namespaces
                && !member.is_ours
                && !namespaces.contains(namespace)
                && namespaces.len() < NAMESPACES_MAX
            {
                namespaces.insert(namespace.into());
            }
            return None;
        }
        if !is_news || !self.has_room_for(uid) {
            return None;
        }
        let known: Arc<str> = uid.into();
        let member = Member {
            name: Arc::clone(&known),
            generation: 0,
            is_ours: false,
            namespaces: Some(BTreeSet::from([namespace.into()])),
            presence: BTreeMap::new(),
            until,
        };
        self.by_uid.insert(Arc::clone(&known), member);
        Some((Arc::clone(&known), known))
    }

    /// A server has left a namespace. True: that was its last.
    pub(super) fn left(&mut self, uid: &str, namespace: &str) -> bool {
        let Some(member) = self.by_uid.get_mut(uid) else { return false };
        let Some(namespaces) = &mut member.namespaces else { return false };
        namespaces.remove(namespace);
        namespaces.is_empty() && !member.is_ours
    }

    /// Forgets a server.
    pub(super) fn remove(&mut self, uid: &str) -> Option<Known> {
        let (uid, member) = self.by_uid.remove_entry(uid)?;
        Some((uid, member.name))
    }

    /// A server whose time is over.
    pub(super) fn overdue(&self, now: Instant) -> Option<Arc<str>> {
        let overdue = self.by_uid.iter().find(|(_, member)| member.until <= now);
        overdue.map(|(uid, _)| Arc::clone(uid))
    }

    pub(super) fn next_timeout(&self) -> Option<Instant> {
        self.by_uid.values().map(|member| member.until).min()
    }

    /// Whether a server can be remembered.
    fn has_room_for(&self, uid: &str) -> bool {
        self.by_uid.len() < self.max || self.by_uid.contains_key(uid)
    }

    pub(super) fn check(&self) {
        debug_assert!(self.by_uid.len() <= self.max, "no more servers than allowed");
    }
}

/// Namespaces that are remembered of a server that does not list them.
const NAMESPACES_MAX: usize = 1_024;
