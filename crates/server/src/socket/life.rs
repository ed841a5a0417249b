//! From the reply to the end: what a socket is told when it is let in, and what is left of it.

use std::{
    collections::HashSet,
    sync::{Arc, atomic::Ordering},
};

use sockeye_engine::Encoded;
use sockeye_socket_proto::{encode_connect, encode_connected};

use super::{CONNECTED, CONNECTING, DISCONNECTED, Socket};
use crate::{
    AckError, DisconnectReason, Recovery, RecoveryFailure, SocketId, link::Command, locals::Locals,
};

impl Socket {
    /// Tells the client that it is connected, then sends what was held back. `Ok(false)`: the
    /// socket has ended meanwhile. `Err`: it is not who it claims to be, or came too late.
    pub(crate) fn admit(&self) -> Result<bool, RecoveryFailure> {
        let is_admitted = self.admit_quietly();
        self.0.namespace.tell_room_changes();
        is_admitted
    }

    fn admit_quietly(&self) -> Result<bool, RecoveryFailure> {
        let Some(log) = self.0.namespace.log.as_ref().filter(|_| !self.is_old()) else {
            return Ok(self.welcome(None, &[]));
        };
        let Some(claim) = self.0.rare.get().and_then(|rare| rare.claim.as_ref()) else {
            return Ok(log.begin(self, |pid| self.welcome(Some(pid), &[])));
        };
        let is_same_user = |old: &Locals| match &self.0.namespace.behaviour.same_user {
            Some(is_same) => self.with_locals(|new| is_same(old, new)),
            None => true,
        };
        let mut is_admitted = false;
        log.restore(claim, self, is_same_user, |rooms, locals, missed| {
            let key = self.key();
            *self.rare().key.lock() = None;
            self.0.namespace.adapter.rename(&key, self.id());
            self.0.namespace.adapter.join(&self.id(), rooms);
            self.0.locals.lock().fill_from(locals);
            is_admitted = self.welcome(Some(&claim.pid), missed);
        })?;
        Ok(is_admitted)
    }

    /// What was missed, the reply, what was held back.
    fn welcome(&self, pid: Option<&SocketId>, missed: &[&Arc<Encoded>]) -> bool {
        let mut held = self.0.held.lock();
        if self.0.phase.load(Ordering::Acquire) != CONNECTING {
            return false;
        }
        let link = &self.0.link;
        for packet in missed {
            link.push(packet);
        }
        link.send(&self.reply(pid), &[]);
        let again: HashSet<_> = missed.iter().map(|packet| Arc::as_ptr(packet)).collect();
        for packet in held.take().into_iter().filter(|packet| !again.contains(&Arc::as_ptr(packet)))
        {
            link.push(&packet);
        }
        if let Some(pid) = pid {
            self.rare().pid.get_or_init(|| pid.clone());
        }
        self.0.phase.store(CONNECTED, Ordering::Release);
        drop(held);
        self.0.namespace.adapter.admit(&self.0.id);
        true
    }

    /// What is held back until it is admitted.
    pub(crate) fn held_packets(&self) -> HashSet<*const Encoded> {
        self.0.held.lock().get().into_iter().flatten().map(Arc::as_ptr).collect()
    }

    /// The packet that says that the client is connected.
    fn reply(&self, pid: Option<&SocketId>) -> String {
        let mut text = String::new();
        if self.is_old() {
            encode_connect(&mut text, self.namespace(), "");
            return text;
        }
        encode_connected(
            &mut text,
            self.namespace(),
            self.0.id.as_str(),
            pid.map(SocketId::as_str),
        );
        if let Recovery::Failed(failure) = self.0.recovery {
            text.truncate(text.len() - 1);
            text.push_str(",\"recovery\":\"");
            text.push_str(failure.as_str());
            text.push_str("\"}");
        }
        if let Some(outboxes) = &self.0.namespace.outboxes
            && let Some(auth) = self.kept_auth()
            && let Some(key) =
                self.with_locals(|locals| outboxes.accept(self.namespace(), &auth, locals))
        {
            text.truncate(text.len() - 1);
            text.push(',');
            outboxes.write_reply(self.rare().outbox.get_or_init(|| key), &mut text);
            text.push('}');
        }
        text
    }

    /// Ends the socket: no rooms, no acks, nothing sent any more. True for the one call that did.
    pub(crate) fn end(&self, reason: DisconnectReason) -> bool {
        // Under the same lock as the welcome: one is before the other.
        let mut held = self.0.held.lock();
        if self.0.phase.swap(DISCONNECTED, Ordering::AcqRel) == DISCONNECTED {
            return false;
        }
        held.take();
        drop(held);
        let left = self.0.namespace.adapter.remove(&self.key());
        if let (Some(log), Some(pid)) = (&self.0.namespace.log, self.pid()) {
            log.end(pid, reason, left.clone(), self.with_locals(Locals::clone));
        }
        self.rare().left.get_or_init(|| left);
        for (_, waiter) in self.0.acks.lock().take() {
            waiter.resolve(Err(AckError::Disconnected));
        }
        // Last: it is user code.
        self.0.namespace.tell_room_changes();
        true
    }

    /// The client has come back on another connection: this one is over, whether it was noticed
    /// or not.
    pub(crate) fn replace(&self) {
        if self.end(DisconnectReason::TransportClose) {
            self.0.link.command(Command::Replaced(self.clone()));
        }
    }
}
