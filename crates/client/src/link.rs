//! The way from handles to the session's task.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use futures_util::task::AtomicWaker;
use parking_lot::Mutex;
use sockeye_engine_proto::TransportKind;

use crate::socket::Socket;

/// Shared by all handles of one session.
#[derive(Debug, Default)]
pub(crate) struct Link {
    pub(crate) waker: AtomicWaker,
    /// 0: none, 1: polling, 2: WebSocket.
    transport: AtomicU8,
    arrivals: Mutex<Arrivals>,
}

#[derive(Debug, Default)]
struct Arrivals {
    sockets: Vec<Arc<Socket>>,
    closed: bool,
}

impl Link {
    /// Has the task look at its sockets.
    pub(crate) fn wake(&self) {
        self.waker.wake();
    }

    /// Gives the task one more socket. `false`: it has ended.
    pub(crate) fn attach(&self, socket: Arc<Socket>) -> bool {
        let mut arrivals = self.arrivals.lock();
        if arrivals.closed {
            return false;
        }
        arrivals.sockets.push(socket);
        drop(arrivals);
        self.wake();
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

    pub(crate) fn set_transport(&self, transport: Option<TransportKind>) {
        let number = match transport {
            None => 0,
            Some(TransportKind::Polling) => 1,
            Some(_) => 2,
        };
        self.transport.store(number, Ordering::Relaxed);
    }

    /// What the session's messages travel on; `None` while there is no session.
    pub(crate) fn transport(&self) -> Option<TransportKind> {
        match self.transport.load(Ordering::Relaxed) {
            0 => None,
            1 => Some(TransportKind::Polling),
            _ => Some(TransportKind::WebSocket),
        }
    }
}
