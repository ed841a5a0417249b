//! Connecting to namespaces and leaving them: the admission, and what follows.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use sockeye_engine::HandlerError;
use sockeye_socket_proto::{LogCauses, LogText, decode_args, encode_connect_error, encode_error};
use tokio::time::Instant;
use tracing::field::display;

use super::deadlines::Due;
use super::spans::{handler_span, traced};
use super::tasks::{Question, Task};
use super::v2::{self, is_v2};
use super::{Entry, Sockets};
use crate::cluster::sessions::RestoredSession;
use crate::cold_state::ColdState;
use crate::error::Refuse;
use crate::guarantees::recovery::log::Log;
use crate::guarantees::recovery::{Recovery, RecoveryFailure};
use crate::namespace::active::ActiveNamespace;
use crate::namespace::handlers::Moment;
use crate::namespace::registry::Found;
use crate::namespace::visitor::Visitor;
use crate::server::metrics;
use crate::socket::disconnect_reason::DisconnectReason;
use crate::socket::expiry::Expired;
use crate::socket::{Origin, Socket};

/// The part of `auth` with which a client claims recovery: its private id, the last offset it saw.
#[derive(serde::Deserialize)]
struct RecoveryRequest {
    pid: String,
    offset: Option<String>,
}

impl Sockets {
    /// Handles a connect packet. A client may send another before the reply, with or without
    /// leaving in between. Each is decided and answered separately, as by the official server; the
    /// socket admitted last stays, and the one before it ends.
    pub(super) fn connect(&mut self, namespace: &str, auth: &str) -> Result<(), HandlerError> {
        if self.find_joined(namespace).is_some() {
            // We may have disconnected it already, and the client connects again.
            self.run_commands();
        }
        if self.find_joined(namespace).is_some_and(|index| !self.entries[index].is_fresh) {
            return self.refuse("a second connect to one namespace");
        }
        self.forget_end(namespace);
        let auth = if auth.is_empty() { "{}" } else { auth };
        let deciding = self.work.as_ref().map_or(0, |work| work.deciding);
        let joined = self.entries.iter().filter(|entry| !entry.is_joining).count();
        if joined + deciding >= self.config.namespaces_per_session_max {
            self.refuse_connect(namespace, "session_limit", &Refuse::new("Too many namespaces"));
            return Ok(());
        }
        self.route(namespace, auth, 0);
        Ok(())
    }

    /// Handles a disconnect packet. While the admission is undecided, no handler learns of it.
    pub(super) fn leave(&mut self, namespace: &str) -> Result<(), HandlerError> {
        let mut was_there = self.forget_end(namespace);
        if let Some(work) = &mut self.work {
            let before = work.asking.len();
            work.asking.retain(|(_, name)| **name != *namespace);
            was_there |= work.asking.len() < before;
        }
        while let Some(index) = self.find(namespace) {
            self.end(index, DisconnectReason::ClientDisconnect);
            was_there = true;
        }
        if was_there { Ok(()) } else { self.refuse("a client leaves where it is not") }
    }

    /// Remembers that a namespace refused or disconnected the client: it may leave before it reads
    /// that, which does not break the protocol.
    pub(super) fn remember_end(&mut self, namespace: &str) {
        let ended = self.ended.get_or_default();
        if ended.len() >= self.config.namespaces_per_session_max {
            ended.pop_front();
        }
        ended.push_back(hash(namespace));
    }

    /// Returns whether it was remembered.
    fn forget_end(&mut self, namespace: &str) -> bool {
        let Some(ended) = self.ended.get_mut() else { return false };
        let (before, ended_now) = (ended.len(), hash(namespace));
        ended.retain(|other| *other != ended_now);
        let was_there = ended.len() < before;
        if ended.is_empty() {
            self.ended.take();
        }
        was_there
    }

    /// Finds the namespace, asking the dynamic declarations from number `from` on.
    fn route(&mut self, namespace: &str, auth: &str, from: usize) {
        match self.namespaces.find(namespace, &self.link, auth, from) {
            Found::Active(active) => self.claim(active, auth),
            Found::Full(refusal) => self.refuse_connect(namespace, "server_limit", &refusal),
            Found::Nothing => {
                let refusal = "Invalid namespace";
                let sid = self.link.session.id().shortened();
                tracing::debug!(%sid, nsp = namespace, refusal, "visitor refused");
                metrics::refused("unknown_namespace");
                self.remember_end(namespace);
                // An error object for clients of every revision.
                let mut text = String::new();
                encode_connect_error(&mut text, namespace, refusal, "");
                self.link.send(&text, &[]);
            }
            Found::Asking(asking) => {
                let question = self.ask(namespace, auth);
                self.work().fresh.push_back(Task::Asking { question, asking });
            }
        }
    }

    /// Remembers a connect packet that waits for an answer.
    fn ask(&mut self, namespace: &str, auth: &str) -> Question {
        let work = self.work();
        let number = work.next_question;
        work.next_question += 1;
        work.asking.push((number, namespace.into()));
        work.deciding += 1;
        Question { number, namespace: namespace.into(), auth: auth.into() }
    }

    /// Whether a connect packet waits still: the client may have left meanwhile, or the session ended.
    fn is_asking(&mut self, number: u64) -> bool {
        let asking = &mut self.work().asking;
        let index = asking.iter().position(|(other, _)| *other == number);
        index.map(|index| asking.swap_remove(index)).is_some()
    }

    pub(super) fn answered(&mut self, question: Question, parent: usize, is_yes: bool) {
        let Question { number, namespace, auth } = question;
        if !self.is_asking(number) {
            return;
        }
        if is_yes {
            match self.namespaces.child(&namespace, &self.link, parent, Vec::new()) {
                Ok(active) => self.claim(active, &auth),
                Err(refusal) => self.refuse_connect(&namespace, "server_limit", &refusal),
            }
        } else {
            self.route(&namespace, &auth, parent + 1);
        }
    }

    /// Refuses a client because there are too many namespaces.
    fn refuse_connect(&mut self, namespace: &str, reason: &'static str, refusal: &Refuse) {
        metrics::refused(reason);
        let sid = self.link.session.id().shortened();
        tracing::debug!(%sid, nsp = namespace, %refusal, "visitor refused");
        self.send_refusal(namespace, refusal);
    }

    /// Makes the socket, with a recovery claim if the client sent one and that session is known.
    fn claim(&mut self, active: Arc<ActiveNamespace>, auth: &str) {
        let Some(log) = &active.log else {
            return self.join(active, auth, Origin::New);
        };
        let request = decode_args::<RecoveryRequest>(auth, &[]);
        if let (Ok(RecoveryRequest { pid, offset }), Some(cluster)) =
            (&request, active.sessions_kept_by())
        {
            let restoring = cluster.restore_session(&active.path, pid, offset.as_deref());
            let (question, pid) = (self.ask(&active.path, auth), pid.as_str().into());
            let restoring = Task::Restoring { question, pid, active, restoring };
            return self.work().fresh.push_back(restoring);
        }
        let origin = match request {
            Ok(RecoveryRequest { pid, offset }) => {
                log.claim(&pid, offset.as_deref()).map_or_else(Origin::Failed, Origin::Claim)
            }
            Err(_) => Origin::New,
        };
        self.join(active, auth, origin);
    }

    /// The cluster has looked for the session of a client that has come back.
    pub(super) fn restored(
        &mut self,
        question: &Question,
        pid: &str,
        active: Arc<ActiveNamespace>,
        restored: Result<RestoredSession, RecoveryFailure>,
    ) {
        // Otherwise it is put back.
        if self.is_asking(question.number) {
            let claim = restored.and_then(|restored| {
                Log::<Socket>::claim_restored(pid, restored).ok_or(RecoveryFailure::UnknownSession)
            });
            let origin = claim.map_or_else(Origin::Failed, Origin::Claim);
            self.join(active, &question.auth, origin);
        }
    }

    fn join(&mut self, active: Arc<ActiveNamespace>, auth: &str, origin: Origin) {
        let is_claim = matches!(origin, Origin::Claim(_));
        let socket = self.namespaces.enter(active, &self.link, origin, auth);
        self.entries.reserve_exact(1);
        self.entries.push(Entry {
            socket: socket.clone(),
            is_joining: true,
            is_fresh: false,
            running: 0,
            waiting: ColdState::default(),
        });
        let handlers = &socket.active_namespace().handlers;
        let is_trusted = is_claim && handlers.skip_admission_when_recovered;
        let Some(admission) = handlers.admission.as_ref().filter(|_| !is_trusted) else {
            return self.decide(&socket, Ok(()));
        };
        let span = handler_span(&socket, Moment::Connect.as_str());
        let admit = || admission(Visitor::of_socket(socket.clone()));
        let running = traced(span.in_scope(admit), span);
        let work = self.work();
        work.deciding += 1;
        work.fresh.push_back(Task::Admission { socket, running });
    }

    /// Carries out the decision of the connect handlers.
    pub(super) fn decide(&mut self, socket: &Socket, decision: Result<(), Refuse>) {
        let is_gone = self.find_socket(socket).is_none();
        if let Err(refusal) = decision {
            if !is_gone {
                self.turn_away(socket, &refusal);
            }
            if refusal.is_internal() {
                let handlers = &socket.active_namespace().handlers;
                handlers.report_at(socket, Moment::Connect, refusal.into());
            }
            return;
        }
        if is_gone {
            return;
        }
        if let Some(before) = self.find_joined(socket.namespace()) {
            self.end(before, DisconnectReason::ClientDisconnect);
        }
        match socket.admit() {
            Ok(true) => {}
            Ok(false) => return,
            Err(failure) => {
                tracing::debug!(sid = %self.link.session.id().shortened(), %failure, "not recovered");
                self.forget(socket);
                socket.end(DisconnectReason::ServerDisconnect);
                let auth = socket.auth_json();
                return self.join(
                    Arc::clone(socket.active_namespace()),
                    &auth,
                    Origin::Failed(failure),
                );
            }
        }
        if let Some(entry) = self.entries.iter_mut().find(|entry| entry.socket == *socket) {
            entry.is_joining = false;
            entry.is_fresh = true;
            self.has_fresh = true;
        }
        match socket.recovery() {
            Recovery::New => {}
            Recovery::Recovered => socket.active_namespace().handlers.metrics.recovery("recovered"),
            Recovery::Failed(failure) => {
                socket.active_namespace().handlers.metrics.recovery(failure.as_str());
            }
        }
        self.deadlines.set(Due::Joined, None);
        tracing::debug!(sid = %self.link.session.id().shortened(), nsp = socket.namespace(), socket = %socket.id_in_logs(), "connected");
        for connected in &socket.active_namespace().handlers.connected {
            self.observe(socket, Moment::Connected, || connected(socket.clone(), ()));
        }
    }

    /// Ends a socket that is not admitted, and tells its client.
    fn turn_away(&mut self, socket: &Socket, refusal: &Refuse) {
        let cause = refusal.source().map(|cause| display(LogCauses(cause)));
        tracing::debug!(sid = %self.link.session.id().shortened(), nsp = socket.namespace(), refusal = %LogText(refusal), cause, "visitor refused");
        self.forget(socket);
        if socket.end(DisconnectReason::ServerDisconnect) {
            metrics::refused("handler");
            self.send_refusal(socket.namespace(), refusal);
        }
        self.namespaces.clean_up(socket.active_namespace());
    }

    fn forget(&mut self, socket: &Socket) {
        self.entries.retain(|entry| entry.socket != *socket);
    }

    fn send_refusal(&mut self, namespace: &str, refusal: &Refuse) {
        self.remember_end(namespace);
        let mut text = String::new();
        if is_v2(&self.link.session) {
            encode_error(&mut text, namespace, &v2::refusal(refusal));
        } else {
            encode_connect_error(&mut text, namespace, refusal.message(), refusal.data());
        }
        self.link.send(&text, &[]);
    }

    /// Warns and ends sockets whose expiry is due, and sets the deadline for the next.
    pub(super) fn check_expiry(&mut self) {
        let now = Instant::now();
        let mut next = None;
        for index in (0..self.entries.len()).rev() {
            match self.entries[index].socket.check_expiry(now) {
                Ok(Some(at)) => next = Some(next.map_or(at, |next: Instant| next.min(at))),
                Ok(None) => {}
                Err(Expired) => {
                    self.entries[index].socket.send_disconnect();
                    self.end(index, DisconnectReason::Expired);
                }
            }
        }
        self.deadlines.set(Due::Expiry, next);
    }

    pub(super) fn end_all(&mut self, reason: DisconnectReason) {
        for index in (0..self.entries.len()).rev() {
            self.end(index, reason);
        }
    }

    pub(super) fn end(&mut self, index: usize, reason: DisconnectReason) {
        self.entries[index].socket.end(reason);
        self.remove(index, reason);
    }

    /// Removes a socket that has ended and calls its disconnect handler.
    pub(super) fn remove(&mut self, index: usize, reason: DisconnectReason) {
        let entry = self.entries.swap_remove(index);
        if let Some(waiting) = entry.waiting.get() {
            self.waiting_events -= waiting.len();
            self.waiting_bytes -=
                waiting.iter().map(|waiting| waiting.event.bytes()).sum::<usize>();
        }
        self.namespaces.clean_up(entry.socket.active_namespace());
        if entry.is_joining {
            return;
        }
        let socket = entry.socket;
        tracing::debug!(sid = %self.link.session.id().shortened(), nsp = socket.namespace(), socket = %socket.id_in_logs(), %reason, "disconnected");
        for disconnect in &socket.active_namespace().handlers.disconnect {
            self.observe(&socket, Moment::Disconnect, || disconnect(socket.clone(), reason));
        }
    }
}

fn hash(namespace: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    namespace.hash(&mut hasher);
    hasher.finish()
}
