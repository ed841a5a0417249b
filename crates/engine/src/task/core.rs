//! What every packet of a session passes, by whichever transport it comes: the state of the
//! protocol, then the application's handler.

use std::time::Instant;

use sockeye_engine_proto::{
    CloseReason, DecodeError, Loss, Message, Packet, SessionError, TransportChange, TransportId,
    TransportKind,
};
use sockeye_net::Rate;
use sockeye_ws::Event as Frame;

use super::protocol::SessionProtocol;
use crate::application::SessionHandler;
use crate::session::Session;
use crate::session::close_detail::CloseDetail;
use crate::session::observer::Observer;

/// The state of a session and its handler.
pub(super) struct Core<H, P> {
    pub(super) handle: Session,
    pub(super) protocol: P,
    /// `None` before the first turn.
    pub(super) handler: Option<H>,
    /// Where packets are limited.
    pub(super) rate: Option<Box<Rate>>,
    /// The time of this turn.
    pub(super) now: Instant,
}

impl<H: SessionHandler, P: SessionProtocol> Core<H, P> {
    /// Whether the handler takes messages.
    pub(super) fn is_ready(&self) -> bool {
        self.handler.as_ref().is_some_and(SessionHandler::is_ready)
    }

    /// Whether more may be read. Once the session closes, what still comes is dropped.
    pub(super) fn may_read(&self) -> bool {
        self.handler.is_some() && (!self.protocol.is_open() || self.is_ready())
    }

    /// Counts a packet. `false`: it is one too many, which ends the session.
    pub(super) fn admits(&mut self, via: TransportId) -> bool {
        let Some(rate) = &mut self.rate else { return true };
        let Some(limit) = self.handle.config().packets_per_second_max else { return true };
        if rate.admit(limit, self.now) {
            return true;
        }
        self.change(via, TransportChange::Broken, CloseDetail::PacketRate { limit });
        false
    }

    /// Takes in a frame of a WebSocket.
    pub(super) fn frame(&mut self, via: TransportId, frame: Frame<'_>) {
        let form = self.protocol.form();
        match frame {
            Frame::Text(text) => match P::plain_message(form, text) {
                Some(message) if self.handle.observer().is_none() => {
                    self.take(via, Packet::Message(message));
                }
                _ => {
                    // The frame counted as one packet.
                    let mut is_first = true;
                    P::read(form, Message::Text(text), |packet| {
                        if std::mem::take(&mut is_first) || self.admits(via) {
                            self.decoded(via, packet);
                        }
                    });
                }
            },
            Frame::Binary(data) => {
                P::read(form, Message::Binary(data), |packet| self.decoded(via, packet));
            }
            Frame::Ping(_) => {}
            Frame::Pong(_) => self.protocol.handle_pong(self.now),
            Frame::Close(frame) => {
                let code = frame.map(|frame| frame.code);
                self.lose(via, Loss::Closed, CloseDetail::CloseFrame(code));
            }
        }
    }

    pub(super) fn decoded(&mut self, via: TransportId, packet: Result<Packet<'_>, DecodeError>) {
        match packet {
            Ok(packet) => {
                if let Some(observer) = self.handle.observer() {
                    self.observe(observer, via, &packet);
                }
                self.take(via, packet);
            }
            Err(_) if self.protocol.is_closed() => {}
            Err(error) => {
                tracing::debug!(sid = %self.handle.id().shortened(), %error, "bad packet");
                self.protocol.handle_malformed(via, self.now);
                if self.protocol.is_closed() {
                    self.handle.note_detail(CloseDetail::BadPacket(error));
                }
            }
        }
    }

    /// Takes in a packet, once whoever observes knows of it.
    fn take(&mut self, via: TransportId, packet: Packet<'_>) {
        if self.protocol.is_closed() {
            return;
        }
        let closes = packet == Packet::Close;
        match self.protocol.handle_packet(via, packet, self.now) {
            Ok(Some(message)) => self.message(message),
            // What follows in this read is to find the session where it lives now.
            Ok(None)
                if self.protocol.transport() == via && via.kind() != TransportKind::Polling =>
            {
                if self.handle.set_transport(via.kind())
                    && let Some(observer) = self.handle.observer()
                {
                    observer.upgraded(&self.handle, via.kind());
                }
            }
            Ok(None) if closes && self.protocol.is_closed() => {
                self.handle.note_detail(CloseDetail::ClosePacket);
            }
            Ok(None) => {}
            Err(error) => {
                if error == SessionError::HeartbeatDirection {
                    self.handle.note_detail(CloseDetail::HeartbeatDirection);
                }
                tracing::debug!(sid = %self.handle.id().shortened(), %error, "packet refused");
            }
        }
    }

    /// Tells of a packet, unless a probe brings it or the session closes.
    #[cold]
    fn observe(&self, observer: &dyn Observer, via: TransportId, packet: &Packet<'_>) {
        if !self.protocol.is_open() || self.protocol.transport() != via {
            return;
        }
        observer.packet(&self.handle, packet);
        if self.protocol.is_heartbeat(packet) {
            observer.heartbeat(&self.handle);
        }
    }

    fn message(&mut self, message: Message<'_>) {
        let Some(handler) = &mut self.handler else { return };
        if handler.message(message).is_err() {
            self.handle.note_detail(CloseDetail::Refused);
            self.handle.close(match self.handle.transport() {
                TransportKind::WebSocket => CloseReason::ForcedClose,
                _ => CloseReason::ForcedServerClose,
            });
        }
        if self.handle.is_closing() {
            self.protocol.close(CloseReason::ForcedServerClose, self.now);
        }
    }

    /// Tells the session that a transport is lost, and notes `detail` if that ends it.
    pub(super) fn lose(
        &mut self,
        via: TransportId,
        loss: Loss,
        detail: impl Into<Option<CloseDetail>>,
    ) {
        self.change(via, TransportChange::Lost(loss), detail);
    }

    /// Tells the session what happened to a transport, and notes `detail` if that ends it.
    pub(super) fn change(
        &mut self,
        via: TransportId,
        change: TransportChange,
        detail: impl Into<Option<CloseDetail>>,
    ) {
        let before = self.protocol.is_closed();
        self.protocol.handle_transport(via, change, self.now);
        if let Some(detail) = detail.into()
            && !before
            && self.protocol.is_closed()
        {
            self.handle.note_detail(detail);
        }
    }
}
