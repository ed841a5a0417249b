//! Which extensions of a request outlive it.

use std::any::{TypeId, type_name};
use std::fmt;

use http::Extensions;

/// The types of those request extensions that a session's
/// [`Handshake`](crate::Handshake) keeps. By default none.
///
/// Extensions are what the layers around the engine have learnt of a request: who is logged in, the
/// id of a trace. They are kept by type and not as a whole, because a session lives long and most of
/// them are for the request alone: axum puts in the request's URI, which holds on to the buffer that
/// the request was read into.
///
/// ```
/// use sockeye_engine::{Config, KeptExtensions};
///
/// #[derive(Clone)]
/// struct User(String);
///
/// let kept_extensions = KeptExtensions::new().with::<User>();
/// let config = Config { kept_extensions, ..Config::default() };
/// # drop(config);
/// ```
#[derive(Clone, Default)]
pub struct KeptExtensions {
    kinds: Vec<Kind>,
}

#[derive(Clone, Copy)]
struct Kind {
    id: TypeId,
    name: &'static str,
    copy: fn(&Extensions, &mut Extensions),
}

impl KeptExtensions {
    /// None.
    pub fn new() -> Self {
        KeptExtensions::default()
    }

    /// Keeps the extension of type `T` too, of each request that has one. It is cloned, and dropped
    /// with the session. A type named again is kept once.
    #[must_use]
    pub fn with<T: Clone + Send + Sync + 'static>(mut self) -> Self {
        self.add(Kind { id: TypeId::of::<T>(), name: type_name::<T>(), copy: copy::<T> });
        self
    }

    /// Keeps those of the other too.
    #[must_use]
    pub fn and(mut self, other: KeptExtensions) -> Self {
        other.kinds.into_iter().for_each(|kind| self.add(kind));
        self
    }

    fn add(&mut self, kind: Kind) {
        if self.kinds.iter().all(|other| other.id != kind.id) {
            self.kinds.push(kind);
        }
    }

    /// Copies what is to be kept. Nothing is allocated when there is nothing to keep.
    pub(crate) fn of(&self, extensions: &Extensions) -> Extensions {
        let mut kept = Extensions::new();
        self.kinds.iter().for_each(|kind| (kind.copy)(extensions, &mut kept));
        kept
    }
}

impl fmt::Debug for KeptExtensions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.kinds.iter().map(|kind| kind.name)).finish()
    }
}

fn copy<T: Clone + Send + Sync + 'static>(from: &Extensions, to: &mut Extensions) {
    if let Some(value) = from.get::<T>() {
        to.insert(value.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Debug, PartialEq)]
    struct User(&'static str);

    #[test]
    fn only_the_types_that_were_named_are_kept() {
        let mut extensions = Extensions::new();
        extensions.insert(User("ada"));
        extensions.insert(7_u8);
        assert!(KeptExtensions::new().of(&extensions).is_empty());
        let users = KeptExtensions::new().with::<User>().with::<u16>();
        let kept = users.of(&extensions);
        assert_eq!((kept.len(), kept.get()), (1, Some(&User("ada"))));
        let both = users.clone().and(KeptExtensions::new().with::<u8>()).of(&extensions);
        assert_eq!((both.len(), both.get::<u8>()), (2, Some(&7)));
        let twice = users.clone().with::<User>().and(users);
        assert_eq!(twice.kinds.len(), 2, "{twice:?}");
    }
}
