//! The client's side of [`Session`].

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Heartbeat, Phase, Ping, Role, Session, SessionError};
use crate::close::CloseReason;
use crate::config::Config;
use crate::id::SessionId;
use crate::open::OpenData;
use crate::packet::{Message, Packet};
use crate::session::Event;
use crate::transport::{TransportId, TransportKind};

impl Session {
    /// A client initiates a session over `via`: polling, whose first GET
    /// [`poll_wanted`](Session::poll_wanted) asks for, or a WebSocket that is established.
    pub fn initiate(config: Arc<Config>, via: TransportId, now: Instant) -> Self {
        let mut session = Session::new(config, Role::Client, SessionId::from(""), via);
        session.phase_ends_at = Some(now + session.config.open_timeout);
        session
    }

    /// Client: whether the next GET should be sent now. Never while polling comes to rest for an
    /// upgrade.
    pub fn poll_wanted(&self) -> bool {
        self.role == Role::Client
            && self.phase != Phase::Closed
            && self.main.kind() == TransportKind::Polling
            && !self.polling
            && !self.is_pausing()
            && !self.unsent.close_sent
    }

    /// Client: whether to open a WebSocket for an upgrade and report it as
    /// [`Opened`](super::TransportChange::Opened). The driver tries once.
    pub fn upgrade_wanted(&self) -> bool {
        self.role == Role::Client
            && self.phase == Phase::Open
            && self.config.upgrade
            && self.main.kind() == TransportKind::Polling
            && self.probe.is_none()
            && self.open_data.as_ref().is_some_and(|data| data.offers(TransportKind::WebSocket))
    }

    pub(super) fn client_packet<'a>(
        &mut self,
        via: TransportId,
        packet: Packet<'a>,
        now: Instant,
    ) -> Result<Option<Message<'a>>, SessionError> {
        if self.is_probe(via) {
            self.client_probe_packet(packet);
            self.advance_upgrade(now);
            return Ok(None);
        }
        if via != self.main {
            return Ok(None);
        }
        match packet {
            Packet::Open(data) if self.phase == Phase::Opening => self.opened(data, now),
            Packet::Close if via.kind() == TransportKind::Polling => {
                self.writable = false;
                self.end(CloseReason::TransportClose);
                Ok(None)
            }
            Packet::Message(_) | Packet::Ping(_) if self.phase == Phase::Opening => {
                self.end(CloseReason::TransportError);
                Err(SessionError::NotOpen)
            }
            Packet::Message(message) => Ok((self.phase == Phase::Open).then_some(message)),
            Packet::Ping(_) => {
                self.unsent.pong = true;
                self.await_ping(now);
                Ok(None)
            }
            Packet::Open(_) | Packet::Close | Packet::Pong(_) | Packet::Upgrade | Packet::Noop => {
                Ok(None)
            }
        }
    }

    fn opened<'a>(
        &mut self,
        data: &str,
        now: Instant,
    ) -> Result<Option<Message<'a>>, SessionError> {
        match OpenData::from_json(data) {
            Ok(data) => {
                self.id = SessionId::from(data.sid.as_str());
                self.open_data = Some(Box::new(data));
                self.phase = Phase::Open;
                self.phase_ends_at = None;
                self.await_ping(now);
                self.events.push_back(Event::Opened);
                Ok(None)
            }
            Err(error) => {
                self.end(CloseReason::ParseError);
                Err(SessionError::Open(error))
            }
        }
    }

    fn await_ping(&mut self, now: Instant) {
        let Some(data) = &self.open_data else { return };
        let wait = data.ping_interval.saturating_add(data.ping_timeout).min(HEARTBEAT_MS_MAX);
        let by = now + Duration::from_millis(wait);
        self.heartbeat = Heartbeat::Awaited { by, extended: false, ping: Ping::Written };
    }
}

/// A year: a server that announces more is taken at this, so that times can be added.
const HEARTBEAT_MS_MAX: u64 = 365 * 24 * 60 * 60 * 1000;
