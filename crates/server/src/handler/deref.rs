//! Extractors read as what they hold.

use std::ops::{Deref, DerefMut};

use super::given::{PathParam, State};

/// The state, or the part of it: `app.name` for an argument `app: State<App>`.
impl<T> Deref for State<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

/// It is the handler's own copy.
impl<T> DerefMut for State<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

/// The value: `id.len()` for an argument `id: PathParam<String>`.
impl<T> Deref for PathParam<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extractors_are_read_as_what_they_hold() {
        let mut names = State(vec!["ann"]);
        names.push("bob");
        assert_eq!((names.len(), names[1]), (2, "bob"));
        assert_eq!(PathParam("doc-7".to_owned()).strip_prefix("doc-"), Some("7"));
    }
}
