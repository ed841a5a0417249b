//! The server's side of [`Session`].

use std::sync::Arc;
use std::time::Instant;

use super::{Heartbeat, Phase, Ping, Role, Session, SessionError};
use crate::close::CloseReason;
use crate::config::Config;
use crate::id::SessionId;
use crate::packet::{Control, Message, Packet};
use crate::session::Event;
use crate::transport::{Revision, TransportId, TransportKind};

impl Session {
    /// A server accepts a session that arrived on `via`. OPEN goes out at once on a WebSocket; on
    /// polling when the handshake's request is reported as
    /// [`Writable`](super::TransportChange::Writable).
    pub fn accept(
        config: Arc<Config>,
        revision: Revision,
        id: SessionId,
        via: TransportId,
        now: Instant,
    ) -> Self {
        let mut session = Session::new(config, Role::Server, id, via);
        session.revision = revision;
        session.phase = Phase::Open;
        session.unsent.open = true;
        match revision {
            Revision::V3 => session.await_client_ping(now),
            Revision::V4 => session.schedule_ping(now),
        }
        session.events.push_back(Event::Opened);
        session
    }

    pub(super) fn server_packet<'a>(
        &mut self,
        via: TransportId,
        packet: Packet<'a>,
        now: Instant,
    ) -> Result<Option<Message<'a>>, SessionError> {
        if self.is_probe(via) {
            self.server_probe_packet(packet, now);
            return Ok(None);
        }
        if via != self.main {
            return Ok(None);
        }
        if self.revision == Revision::V4 && !matches!(packet, Packet::Pong(_)) {
            self.extend_pong_deadline(now);
        }
        match packet {
            Packet::Message(message) => Ok((self.phase == Phase::Open).then_some(message)),
            Packet::Pong(_) if self.revision == Revision::V4 => {
                // It cannot answer what has not left.
                if !matches!(self.heartbeat, Heartbeat::Awaited { ping, .. } if ping != Ping::Written)
                {
                    self.schedule_ping(now);
                }
                Ok(None)
            }
            Packet::Ping(_) if self.revision == Revision::V3 => {
                self.unsent.pong = true;
                self.await_client_ping(now);
                Ok(None)
            }
            Packet::Ping(_) | Packet::Pong(_) => {
                self.end(CloseReason::TransportError);
                Err(SessionError::HeartbeatDirection)
            }
            Packet::Close if via.kind().takes_posts() => {
                if self.writable && via.kind() == TransportKind::Polling {
                    self.send(via, Control::Noop);
                    self.unsent.released = true;
                }
                self.end(CloseReason::TransportClose);
                Ok(None)
            }
            Packet::Close | Packet::Open(_) | Packet::Upgrade | Packet::Noop => Ok(None),
        }
    }

    /// Revision 4: the server pings.
    fn schedule_ping(&mut self, now: Instant) {
        self.heartbeat = Heartbeat::Scheduled { at: now + self.config.ping_interval };
    }

    /// Revision 3: the client pings, every `ping_interval`.
    fn await_client_ping(&mut self, now: Instant) {
        let by = now + self.config.ping_interval + self.config.ping_timeout;
        self.heartbeat = Heartbeat::Awaited { by, extended: false, ping: Ping::Written };
    }

    /// A peer that sends is alive, even when its pong waits behind a large message: the first
    /// packet after a ping gives it the whole time again, once.
    fn extend_pong_deadline(&mut self, now: Instant) {
        if let Heartbeat::Awaited { by, extended: extended @ false, .. } = &mut self.heartbeat {
            *by = now + self.config.ping_timeout;
            *extended = true;
        }
    }
}
