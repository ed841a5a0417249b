//! Taking in: guests, POST bodies, what WebSockets bring.

use std::task::{Context, Poll};
use std::time::Instant;

use sockeye_engine_proto::{
    self as proto, CloseReason, DecodeError, Loss, Message, Packet, PayloadReader, Revision,
    SessionError, TransportChange, TransportId, TransportKind,
};
use sockeye_net::Rate;
use sockeye_ws::{CloseCode, Connection, Event};

use super::link::{Link, Probe};
use super::{Driver, POLLING, Post};
use crate::application::{Application, SessionHandler};
use crate::detail::CloseDetail;
use crate::inbox::{Answer, Guest, Reply};
use crate::observer::Observer;
use crate::session::Session;

impl<A: Application> Driver<A> {
    pub(super) fn receive_guests(&mut self) {
        for guest in self.handle.take_guests() {
            match guest {
                Guest::Poll(reply) => self.receive_poll(reply),
                Guest::Post(body, form, reply) => {
                    let open = self.polls();
                    match &mut self.polling {
                        Some(polling) if open && polling.post.is_none() => {
                            let reader = PayloadReader::with_form(form);
                            polling.post = Some(Post { body, reader, reply });
                        }
                        _ => self.turn_away(reply),
                    }
                }
                Guest::Violation(detail) => {
                    self.change(POLLING, TransportChange::Broken, Some(detail));
                }
                Guest::WebSocket(opened, base64) => {
                    self.websockets += 1;
                    let id = TransportId::new(TransportKind::WebSocket, self.websockets);
                    let form = self.handle.dialect().binary(base64);
                    let registry = self.ticket.registry();
                    let (link, pipe, framing) = Link::new(id, *opened, form, registry);
                    self.receive_websocket(Probe { link, pipe, framing });
                }
            }
        }
    }

    fn receive_poll(&mut self, reply: Reply) {
        self.drop_given_up_poll();
        let Some(overlaps) = self.polling.as_ref().map(|polling| polling.parked.is_some()) else {
            return self.turn_away(reply);
        };
        if !self.polls() {
            return self.turn_away(reply);
        }
        self.change(POLLING, TransportChange::Writable, Some(CloseDetail::PollOverlap));
        if overlaps {
            let _ = reply.send(Answer::Overlap);
        } else if let Some(polling) = &mut self.polling {
            polling.parked = Some(reply);
            self.handle.shared().outbox.lock().set_parked(true);
        }
    }

    /// Tells the session what happened to a transport, and notes `detail` if that ends it.
    pub(super) fn change(
        &mut self,
        via: TransportId,
        change: TransportChange,
        detail: Option<CloseDetail>,
    ) {
        let before = self.session.is_closed();
        self.session.handle_transport(via, change, self.now);
        if let Some(detail) = detail
            && !before
            && self.session.is_closed()
        {
            self.handle.note_detail(detail);
        }
    }

    fn receive_websocket(&mut self, probe: Probe) {
        let id = probe.link.id;
        self.session.handle_transport(id, TransportChange::Opened, self.now);
        if self.session.probe() == Some(id) {
            self.probe = Some(Box::new(probe));
        } else {
            // The close packet the session owes it is this.
            probe.link.close(probe.pipe, self.ticket.registry());
        }
    }

    /// Whether the session is alive and polls.
    fn polls(&self) -> bool {
        !self.session.is_closed() && self.session.transport() == POLLING
    }

    /// Answers a request that came too late.
    fn turn_away(&self, reply: Reply) {
        let upgraded = !self.session.is_closed() && !self.polls();
        // A request that was given up needs no answer.
        let _ = reply.send(if upgraded { Answer::WrongTransport } else { Answer::UnknownSession });
    }

    /// An aborted poll ends the session, before anything else is looked at.
    fn drop_given_up_poll(&mut self) {
        let Some(polling) = &mut self.polling else {
            return;
        };
        if polling.parked.as_ref().is_some_and(Reply::is_closed) {
            polling.parked = None;
            self.handle.shared().outbox.lock().set_parked(false);
            let lost = TransportChange::Lost(Loss::Failed);
            self.change(POLLING, lost, Some(CloseDetail::PollAborted));
        }
    }

    /// Has the task woken when the parked poll is given up.
    pub(super) fn watch_parked(&mut self, cx: &mut Context<'_>) {
        if let Some(polling) = &mut self.polling
            && let Some(reply) = &mut polling.parked
            && reply.poll_closed(cx).is_ready()
        {
            self.drop_given_up_poll();
        }
    }

    /// Takes in the packets of a POST, as far as the handler is ready for them.
    pub(super) fn read_post(&mut self) {
        let Some(handler) = &mut self.handler else { return };
        let Some(mut post) = self.polling.as_mut().and_then(|polling| polling.post.take()) else {
            return;
        };
        let mut intake = Intake {
            session: &mut self.session,
            handler,
            handle: &self.handle,
            observer: self.handle.observer(),
            rate: self.rate.as_deref_mut(),
            now: self.now,
        };
        loop {
            if !intake.is_ready() {
                if let Some(polling) = &mut self.polling {
                    polling.post = Some(post);
                }
                return;
            }
            match post.reader.next_packet(&post.body) {
                Some(_) if !intake.admits(POLLING) => break,
                Some(packet) => intake.decoded(POLLING, packet),
                None => break,
            }
        }
        let _ = post.reply.send(Answer::Accepted);
    }

    /// Reads the WebSocket the session lives on. `true`: there may be more.
    pub(super) fn read_socket(&mut self, cx: &mut Context<'_>) -> bool {
        let (Some(link), Some(handler)) = (&mut self.socket, &mut self.handler) else {
            return false;
        };
        let mut intake = Intake {
            session: &mut self.session,
            handler,
            handle: &self.handle,
            observer: self.handle.observer(),
            rate: self.rate.as_deref_mut(),
            now: self.now,
        };
        let more = intake.read(link, &mut self.read_bytes_left, cx);
        let ws = &mut link.reader.ws;
        if ws.has_transmit() {
            self.handle.push_owed(|pipe, _| while ws.poll_transmit(None, pipe.tail()) {});
        }
        more
    }

    /// Reads the WebSocket of an upgrade; not while a POST waits, whose packets come first.
    pub(super) fn read_probe(&mut self, cx: &mut Context<'_>) -> bool {
        if self.polling.as_ref().is_some_and(|polling| polling.post.is_some()) {
            return false;
        }
        let (Some(probe), Some(handler)) = (&mut self.probe, &mut self.handler) else {
            return false;
        };
        let mut intake = Intake {
            session: &mut self.session,
            handler,
            handle: &self.handle,
            observer: self.handle.observer(),
            rate: self.rate.as_deref_mut(),
            now: self.now,
        };
        let more = intake.read(&mut probe.link, &mut self.read_bytes_left, cx);
        while probe.link.reader.ws.poll_transmit(None, probe.pipe.tail()) {}
        if probe.link.gone && self.session.transport() != probe.link.id {
            self.probe = None;
        }
        more
    }

    /// Whether something was received that the handler was not ready for.
    pub(super) fn holds_input(&self) -> bool {
        self.polling.as_ref().is_some_and(|polling| polling.post.is_some())
            || self.socket.as_ref().is_some_and(|link| link.reader.holds_input())
            || self.probe.as_ref().is_some_and(|probe| probe.link.reader.holds_input())
    }
}

/// The way of a packet: protocol state first, then the handler.
struct Intake<'a, H> {
    session: &'a mut proto::Session,
    handler: &'a mut H,
    handle: &'a Session,
    observer: Option<&'a dyn Observer>,
    rate: Option<&'a mut Rate>,
    now: Instant,
}

impl<H: SessionHandler> Intake<'_, H> {
    fn is_ready(&self) -> bool {
        // Once the session closes, what still comes is dropped.
        !self.session.is_open() || self.handler.is_ready()
    }

    /// Counts a packet. `false`: it is one too many, which ends the session.
    fn admits(&mut self, via: TransportId) -> bool {
        let (Some(rate), Some(limit)) =
            (&mut self.rate, self.handle.config().packets_per_second_max)
        else {
            return true;
        };
        if rate.admit(limit, self.now) {
            return true;
        }
        let detail = CloseDetail::PacketRate { limit };
        self.change(via, TransportChange::Broken, detail);
        false
    }

    fn decoded(&mut self, via: TransportId, packet: Result<Packet<'_>, DecodeError>) {
        match packet {
            Ok(packet) => self.packet(via, packet),
            Err(error) => self.malformed(via, error),
        }
    }

    fn packet(&mut self, via: TransportId, packet: Packet<'_>) {
        if let Some(observer) = self.observer {
            self.observe(observer, via, packet);
        }
        self.take(via, packet);
    }

    /// [`packet`](Intake::packet), once whoever observes knows of it.
    fn take(&mut self, via: TransportId, packet: Packet<'_>) {
        if self.session.is_closed() {
            return;
        }
        let closes = packet == Packet::Close;
        match self.session.handle_packet(via, packet, self.now) {
            Ok(Some(message)) => self.message(message),
            // What follows in this read is to find the session where it lives now.
            Ok(None) if self.session.transport() == via && via.kind() != TransportKind::Polling => {
                if self.handle.set_websocket()
                    && let Some(observer) = self.observer
                {
                    observer.upgraded(self.handle, via.kind());
                }
            }
            Ok(None) if closes && self.session.is_closed() => {
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
    fn observe(&self, observer: &dyn Observer, via: TransportId, packet: Packet<'_>) {
        if !self.session.is_open() || self.session.transport() != via {
            return;
        }
        observer.packet(self.handle, &packet);
        let beats = match self.session.revision() {
            Revision::V3 => matches!(packet, Packet::Ping(_)),
            _ => matches!(packet, Packet::Pong(_)),
        };
        if beats {
            observer.heartbeat(self.handle);
        }
    }

    fn message(&mut self, message: Message<'_>) {
        if self.handler.message(message).is_err() {
            self.handle.note_detail(CloseDetail::Refused);
            self.handle.close(match self.handle.transport() {
                TransportKind::WebSocket => CloseReason::ForcedClose,
                _ => CloseReason::ForcedServerClose,
            });
        }
        if self.handle.is_closing() {
            self.session.close(self.now);
        }
    }

    fn malformed(&mut self, via: TransportId, error: DecodeError) {
        if !self.session.is_closed() {
            tracing::debug!(sid = %self.handle.id().shortened(), %error, "bad packet");
            self.session.handle_malformed(via, self.now);
            self.note(CloseDetail::BadPacket(error));
        }
    }

    /// What ended the session, if something did just now.
    fn note(&self, detail: CloseDetail) {
        if self.session.is_closed() {
            self.handle.note_detail(detail);
        }
    }

    /// Tells the session what happened to a transport, and notes `detail` if that ends it.
    fn change(&mut self, via: TransportId, change: TransportChange, detail: CloseDetail) {
        let before = self.session.is_closed();
        self.session.handle_transport(via, change, self.now);
        if !before {
            self.note(detail);
        }
    }

    /// Reads until nothing is left, the handler has enough, or others should get a turn: `left` is
    /// how many bytes this one may still take.
    fn read(&mut self, link: &mut Link, left: &mut usize, cx: &mut Context<'_>) -> bool {
        while *left > 0 {
            if link.gone || !self.is_ready() {
                return false;
            }
            let Link { id, reader, code, .. } = link;
            let is_fresh = !reader.holds_input();
            let read = reader.poll_input(cx, |ws, input| self.feed((*id, code), ws, input));
            match read {
                Poll::Pending => return false,
                Poll::Ready(Ok(0)) | Poll::Ready(Err(_)) => {
                    link.reader.ws.handle_eof();
                    link.gone = true;
                    let lost = TransportChange::Lost(Loss::Closed);
                    self.change(link.id, lost, CloseDetail::ConnectionLost);
                }
                Poll::Ready(Ok(length)) => {
                    let least = if is_fresh { READ_BYTES_MIN } else { 0 };
                    *left = left.saturating_sub(length.max(least));
                }
            }
        }
        true
    }

    /// Takes in what was read, message by message; how much of it was used. Also behind the end of the
    /// session: the peer's close frame may be there.
    fn feed(
        &mut self,
        (id, code): (TransportId, &mut CloseCode),
        ws: &mut Connection,
        input: &mut [u8],
    ) -> usize {
        let mut used = 0;
        while used < input.len() && self.is_ready() {
            match ws.handle_read(&mut input[used..]) {
                Ok((length, None)) => return used + length,
                Ok((length, Some(event))) => {
                    used += length;
                    if !self.admits(id) {
                        *code = CloseCode::POLICY;
                        return input.len();
                    }
                    self.event(id, event);
                }
                Err(error) => {
                    tracing::debug!(sid = %self.handle.id().shortened(), %error, "bad frame");
                    *code = error.close_code();
                    let detail = CloseDetail::of_frame(error);
                    self.change(id, TransportChange::Broken, detail);
                    return input.len();
                }
            }
        }
        used
    }

    fn event(&mut self, via: TransportId, event: Event<'_>) {
        match event {
            // What nearly every packet is, and the same in both revisions.
            Event::Text(text) if self.observer.is_none() && text.starts_with('4') => {
                self.take(via, Packet::Message(Message::Text(&text[1..])));
            }
            Event::Text(text) => {
                let mut scratch = Vec::new();
                self.decoded(
                    via,
                    match self.session.revision() {
                        Revision::V3 => Packet::decode_v3(text, &mut scratch),
                        _ => Packet::decode(text, &mut scratch),
                    },
                );
            }
            Event::Binary(data) => self.decoded(
                via,
                match self.session.revision() {
                    Revision::V3 => Packet::decode_v3_binary(data),
                    _ => Ok(Packet::Message(Message::Binary(data))),
                },
            ),
            Event::Ping(_) | Event::Pong(_) => {}
            Event::Close(frame) => {
                let detail = CloseDetail::CloseFrame(frame.map(|frame| frame.code));
                self.change(via, TransportChange::Lost(Loss::Closed), detail);
            }
        }
    }
}

/// What a read counts for at least.
const READ_BYTES_MIN: usize = 4096;
