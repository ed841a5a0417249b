//! The way from handles to the session's task.

use std::sync::Arc;

use futures_util::task::AtomicWaker;
use parking_lot::Mutex;
use sockeye_engine_proto::TransportKind;

use crate::socket::Socket;

/// Shared by all handles of one session.
#[derive(Debug, Default)]
pub(crate) struct Link {
    /// Has the task look at its sockets.
    pub(crate) waker: AtomicWaker,
    /// What the session's messages travel on; `None` while there is no session.
    pub(crate) transport: Mutex<Option<TransportKind>>,
    arrivals: Mutex<Arrivals>,
}

#[derive(Debug, Default)]
struct Arrivals {
    sockets: Vec<Arc<Socket>>,
    closed: bool,
}

impl Link {
    /// Gives the task one more socket. `false`: it has ended.
    pub(crate) fn attach(&self, socket: Arc<Socket>) -> bool {
        let mut arrivals = self.arrivals.lock();
        if arrivals.closed {
            return false;
        }
        arrivals.sockets.push(socket);
        drop(arrivals);
        self.waker.wake();
        true
    }

    /// For the task: what was attached.
    pub(crate) fn take_arrivals(&self) -> Vec<Arc<Socket>> {
        std::mem::take(&mut self.arrivals.lock().sockets)
    }

    /// For the task: takes back what cannot join yet.
    pub(crate) fn return_arrivals(&self, sockets: Vec<Arc<Socket>>) {
        if !sockets.is_empty() {
            self.arrivals.lock().sockets.splice(0..0, sockets);
        }
    }

    /// For the task: ends the link unless something was attached meanwhile.
    pub(crate) fn close(&self) -> bool {
        let mut arrivals = self.arrivals.lock();
        arrivals.closed = arrivals.sockets.is_empty();
        arrivals.closed
    }
}
