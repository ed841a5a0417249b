//! The upgrade of a [`Session`] from polling to a WebSocket, which is its *probe* until it takes over.
//!
//! A server answers `2probe` and then ends parked polls by a noop, so that the client can come to rest;
//! a client that has `3probe` sends `5` when neither a GET nor a POST is under way.
//!
//! | a packet, while a server's session has a probe | what becomes of it |
//! |---|---|
//! | by POST | as ever: polling is the session's transport until `5` |
//! | by POST, its body read only after `5` | lost, with 400 and code 3 |
//! | on the probe, `2probe` or `5` | the steps of the upgrade; what follows `5` in one read counts |
//! | on the probe, any other | lost, and the probe is closed: polling goes on |
//! | from the server, a poll parked | that poll carries it |
//! | from the server, none parked | it waits; with `5` it goes out on the WebSocket, in order, behind `3probe` |
//!
//! That a POST is read before the probe, and that the queue moves with `5`, is the driver's (in
//! `sockeye-engine`: `task/receive.rs`, and `adopt_probe` in `task/act.rs`).

use std::time::{Duration, Instant};

use super::{Event, Heartbeat, Phase, Role, Session};
use crate::packet::{Control, Packet};
use crate::transport::{Revision, TransportId, TransportKind};

/// An upgrade in progress.
#[derive(Debug)]
pub(super) struct Probe {
    pub(super) id: TransportId,
    pub(super) stage: Stage,
    pub(super) ends_at: Instant,
    /// Server: when a parked poll is next ended by a noop.
    pub(super) noop_at: Option<Instant>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Established. A client has sent `2probe`.
    Opened,
    /// `3probe` was sent (server) or arrived (client).
    Probed,
}

impl Session {
    pub(super) fn is_probe(&self, via: TransportId) -> bool {
        self.probe.as_ref().is_some_and(|probe| probe.id == via)
    }

    /// Client: polling is to come to rest because the probe was answered.
    pub(super) fn is_pausing(&self) -> bool {
        self.role == Role::Client
            && self.probe.as_ref().is_some_and(|probe| probe.stage == Stage::Probed)
    }

    pub(super) fn handle_opened(&mut self, via: TransportId, now: Instant) {
        if via == self.main {
            return;
        }
        let upgradable = self.phase == Phase::Open
            && self.main.kind() == TransportKind::Polling
            && via.kind() != TransportKind::Polling
            && self.probe.is_none();
        if !upgradable {
            self.send(via, Control::Close);
            return;
        }
        self.probe = Some(Probe {
            id: via,
            stage: Stage::Opened,
            ends_at: now + self.config.upgrade_timeout,
            noop_at: None,
        });
        if self.role == Role::Client {
            self.send(via, Control::ProbePing);
        }
    }

    pub(super) fn server_probe_packet(&mut self, packet: Packet<'_>, now: Instant) {
        let Some(probe) = &mut self.probe else { return };
        match packet {
            Packet::Ping("probe") => {
                let id = probe.id;
                probe.noop_at = Some(now + NOOP_INTERVAL);
                if probe.stage == Stage::Opened {
                    probe.stage = Stage::Probed;
                    self.events.push_back(Event::Upgrading);
                }
                self.send(id, Control::ProbePong);
            }
            Packet::Upgrade => {
                if self.writable {
                    self.send(self.main, Control::Noop);
                }
                self.become_main(now);
            }
            _ => self.close_probe(),
        }
    }

    pub(super) fn client_probe_packet(&mut self, packet: Packet<'_>) {
        let Some(probe) = &mut self.probe else { return };
        if packet == Packet::Pong("probe") && probe.stage == Stage::Opened {
            probe.stage = Stage::Probed;
            self.events.push_back(Event::Upgrading);
        } else {
            self.close_probe();
        }
    }

    /// Takes the last step of an upgrade once polling has come to rest.
    pub(super) fn advance_upgrade(&mut self, now: Instant) {
        if self.is_pausing() && !self.polling && self.writable && self.phase != Phase::Closed {
            if let Some(probe) = &self.probe {
                self.send(probe.id, Control::Upgrade);
            }
            self.become_main(now);
        }
    }

    /// The probe takes over.
    fn become_main(&mut self, now: Instant) {
        let Some(probe) = self.probe.take() else {
            return;
        };
        let from = self.main;
        self.main = probe.id;
        self.writable = true;
        self.polling = false;
        self.unsent.noop = false;
        if let (Role::Server, Revision::V4, Heartbeat::Awaited { by, .. }) =
            (self.role, self.revision, &mut self.heartbeat)
        {
            // The official server stops waiting for this pong; here it gets the whole time again.
            *by = now + self.config.ping_timeout;
        }
        if self.phase == Phase::Closing {
            self.unsent.close = true;
            self.unsent.close_sent = false;
            self.phase_ends_at = Some(now + self.close_timeout());
        }
        self.events.push_back(Event::Upgraded { from, to: probe.id });
    }

    pub(super) fn close_probe(&mut self) {
        if let Some(probe) = self.probe.take() {
            self.send(probe.id, Control::Close);
        }
    }
}

/// How often a parked poll is ended while a client is about to upgrade (Engine.IO v4 "Upgrade";
/// the interval is the official server's).
pub(super) const NOOP_INTERVAL: Duration = Duration::from_millis(100);
