//! What is offered.

use std::collections::HashMap;
use std::fmt;

/// The namespaces and rooms that have feeds.
#[derive(Default)]
pub(super) struct Offers {
    /// Namespaces with all their rooms, by name.
    namespaces: Vec<String>,
    /// Single rooms, by the name of their namespace.
    rooms: HashMap<String, Vec<String>>,
    /// Whatever else.
    rule: Option<Box<Rule>>,
}

type Rule = dyn Fn(&str) -> bool + Send + Sync;

impl Offers {
    pub(super) fn add_namespace(&mut self, name: &str) {
        self.namespaces.push(with_slash(name));
    }

    pub(super) fn add_room(&mut self, namespace: &str, room: &str) {
        self.rooms.entry(with_slash(namespace)).or_default().push(room.to_owned());
    }

    pub(super) fn set_rule(&mut self, rule: impl Fn(&str) -> bool + Send + Sync + 'static) {
        self.rule = Some(Box::new(rule));
    }

    /// Whether a namespace, or a room in it, is offered.
    pub(super) fn has(&self, namespace: &str, room: Option<&str>) -> bool {
        self.namespaces.iter().any(|name| name == namespace)
            || room.is_some_and(|room| self.has_room(namespace, room))
            || self.rule.as_ref().is_some_and(|rule| rule(namespace))
    }

    /// Whether a room is offered by its name, and so kept when nobody reads it.
    pub(super) fn has_room(&self, namespace: &str, room: &str) -> bool {
        self.rooms.get(namespace).is_some_and(|rooms| rooms.iter().any(|name| name == room))
    }

    /// The namespaces that are named.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.namespaces.iter().chain(self.rooms.keys()).map(String::as_str)
    }

    /// The rooms that are offered by name.
    pub(super) fn rooms(&self) -> impl Iterator<Item = (&str, &str)> {
        self.rooms.iter().flat_map(|(namespace, rooms)| {
            rooms.iter().map(|room| (namespace.as_str(), room.as_str()))
        })
    }
}

/// The name of a namespace, however it was written.
pub(super) fn with_slash(name: &str) -> String {
    if name.starts_with('/') { name.to_owned() } else { format!("/{name}") }
}

impl fmt::Debug for Offers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Offers")
            .field("namespaces", &self.namespaces)
            .field("rooms", &self.rooms)
            .field("rule", &self.rule.is_some())
            .finish()
    }
}
