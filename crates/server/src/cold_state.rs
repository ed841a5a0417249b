//! Collections that are empty for most sockets most of the time.

/// Takes one word while nothing was put in.
#[derive(Debug, Default)]
pub(crate) struct ColdState<C>(Option<Box<C>>);

impl<C: Default> ColdState<C> {
    /// The collection, if anything was ever put in.
    pub(crate) fn get(&self) -> Option<&C> {
        self.0.as_deref()
    }

    /// As [`get`](ColdState::get), to change.
    pub(crate) fn get_mut(&mut self) -> Option<&mut C> {
        self.0.as_deref_mut()
    }

    /// The collection, to put something in.
    pub(crate) fn get_or_default(&mut self) -> &mut C {
        self.0.get_or_insert_default()
    }

    /// What is in it; nothing stays.
    pub(crate) fn take(&mut self) -> C {
        self.0.take().map(|collection| *collection).unwrap_or_default()
    }
}
