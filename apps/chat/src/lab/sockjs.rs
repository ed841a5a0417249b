//! The road `sockjs`: each event is a message of its own.

use std::collections::HashMap;
use std::sync::Arc;
use std::task::{Context, Poll};

use parking_lot::Mutex;
use sockeye::engine::Encoded;
use sockeye::sockjs::{
    Application, CloseReason, HandlerError, Handshake, Message, Session, SessionHandler,
};

/// The sessions of a visit. Clones are the same sessions.
#[derive(Clone, Debug, Default)]
pub(crate) struct Listeners(Arc<Mutex<HashMap<u64, Session>>>);

impl Listeners {
    /// Sends a message to all of them. One that reads too slowly is ended by its engine.
    pub(crate) fn send(&self, text: &str) {
        let packet = Arc::new(Encoded::new(text, Vec::new()));
        for session in self.0.lock().values() {
            session.push(&packet);
        }
    }
}

impl Application for Listeners {
    type Handler = Listener;

    fn open(&self, session: Session, _: Arc<Handshake>) -> Listener {
        let number = session.number();
        self.0.lock().insert(number, session);
        Listener { listeners: self.clone(), number }
    }
}

/// One session, which only listens.
#[derive(Debug)]
pub(crate) struct Listener {
    listeners: Listeners,
    number: u64,
}

impl SessionHandler for Listener {
    fn message(&mut self, _: Message<'_>) -> Result<(), HandlerError> {
        Ok(())
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }

    fn close(&mut self, _: CloseReason) {
        self.listeners.0.lock().remove(&self.number);
    }
}
