//! The link from clients to the manager's task.

use std::sync::Arc;

use futures_util::task::AtomicWaker;
use parking_lot::Mutex;
use sockeye_engine_proto::TransportKind;

use crate::socket::Socket;

/// The state that the clients of one connection share with its manager.
#[derive(Debug, Default)]
pub(crate) struct ManagerLink {
    /// Wakes the manager, which then looks at all its sockets.
    pub(crate) waker: AtomicWaker,
    /// The transport of the session's messages; `None` while there is no session.
    pub(crate) transport: Mutex<Option<TransportKind>>,
    new_sockets: Mutex<NewSockets>,
}

/// Sockets that the manager has not taken yet.
#[derive(Debug, Default)]
struct NewSockets {
    sockets: Vec<Arc<Socket>>,
    is_closed: bool,
}

impl ManagerLink {
    /// Gives the manager one more socket. `false`: it has ended.
    pub(crate) fn add_socket(&self, socket: Arc<Socket>) -> bool {
        let mut new = self.new_sockets.lock();
        if new.is_closed {
            return false;
        }
        new.sockets.push(socket);
        drop(new);
        self.waker.wake();
        true
    }

    /// For the manager: takes the sockets that were added.
    pub(crate) fn take_new_sockets(&self) -> Vec<Arc<Socket>> {
        std::mem::take(&mut self.new_sockets.lock().sockets)
    }

    /// For the manager: puts back sockets that cannot join yet, before those added meanwhile.
    pub(crate) fn put_back(&self, sockets: Vec<Arc<Socket>>) {
        if !sockets.is_empty() {
            self.new_sockets.lock().sockets.splice(0..0, sockets);
        }
    }

    /// For the manager: closes the link unless a socket was added meanwhile. Whether it is closed.
    pub(crate) fn close(&self) -> bool {
        let mut new = self.new_sockets.lock();
        new.is_closed = new.sockets.is_empty();
        new.is_closed
    }
}
