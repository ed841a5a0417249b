//! Collections that are empty for most sockets most of the time.

/// A collection that takes one word until something is added.
#[derive(Debug, Default)]
pub(crate) struct ColdState<C>(Option<Box<C>>);

impl<C: Default> ColdState<C> {
    /// The collection, if something was added since it was last taken.
    pub(crate) fn get(&self) -> Option<&C> {
        self.0.as_deref()
    }

    /// As [`get`](ColdState::get), mutable.
    pub(crate) fn get_mut(&mut self) -> Option<&mut C> {
        self.0.as_deref_mut()
    }

    /// The collection, to add something.
    pub(crate) fn get_or_default(&mut self) -> &mut C {
        self.0.get_or_insert_default()
    }

    /// Takes the collection out, which frees its memory here.
    pub(crate) fn take(&mut self) -> C {
        self.0.take().map(|collection| *collection).unwrap_or_default()
    }
}
