//! A response whose body is written by somebody else: who wants the byte stream behind the head.

use std::any::TypeId;
use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::stream::Stream;

/// In the extensions of a response whose body somebody else writes, for as long as the connection
/// lasts: it is given the byte stream once the head was written.
///
/// [`HttpServer`](super::HttpServer) hands a connection of HTTP/1.1 over. Elsewhere, and where somebody
/// in between has put a body of another type in its place, the body starts it itself, with a stream that
/// it reads from.
#[derive(Clone)]
pub struct HandOver {
    start: Arc<Mutex<Option<Start>>>,
    body: TypeId,
}

type Start = Box<dyn FnOnce(Stream) + Send>;

impl HandOver {
    /// Beside a body of type `B`. `start` is called once, by whoever is the first.
    pub fn new<B: 'static>(start: impl FnOnce(Stream) + Send + 'static) -> Self {
        Self { start: Arc::new(Mutex::new(Some(Box::new(start)))), body: TypeId::of::<B>() }
    }

    /// Hands the stream over; false if that happened before.
    pub fn start(&self, stream: Stream) -> bool {
        let start = self.start.lock().take();
        start.map(|start| start(stream)).is_some()
    }

    /// Whether this is still the body that came with it.
    pub(super) fn is_beside<B: 'static>(&self) -> bool {
        self.body == TypeId::of::<B>()
    }
}

impl fmt::Debug for HandOver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HandOver").finish_non_exhaustive()
    }
}
