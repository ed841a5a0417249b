//! Listeners of what is sent on this server, whoever it is for.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::RwLock;

use crate::cluster::operation::Operation;

/// The listeners of a server; none in most.
#[derive(Default)]
pub(crate) struct EmitListeners {
    is_any: AtomicBool,
    all: RwLock<Vec<Arc<Listener>>>,
}

type Listener = dyn Fn(&Operation<'_>) + Send + Sync;

impl EmitListeners {
    pub(crate) fn add(&self, listener: Arc<Listener>) {
        self.all.write().push(listener);
        self.is_any.store(true, Ordering::Release);
    }

    /// Calls all, with an operation that is made if there are any.
    pub(crate) fn call<'a>(&self, operation: impl FnOnce() -> Operation<'a>) {
        if self.is_any.load(Ordering::Acquire) {
            let operation = operation();
            self.all.read().iter().for_each(|listener| listener(&operation));
        }
    }
}

impl fmt::Debug for EmitListeners {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmitListeners").field("len", &self.all.read().len()).finish()
    }
}
