//! Engine.IO as the driver's session protocol.

use std::time::Instant;

use sockeye_engine_proto::{
    self as proto, CloseReason, Control, DecodeError, Event, Message, Packet, PayloadForm,
    PayloadReader, PayloadWriter, Revision, SessionError, Transmit, TransportChange, TransportId,
};

use super::driver::POLLING;
use super::protocol::SessionProtocol;
use crate::outbox::encoded::Encoded;
use crate::session::Session;
use crate::session::reply::Answer;

impl SessionProtocol for proto::Session {
    type Form = Revision;
    type BodyReader = PayloadReader;

    fn handle_packet<'a>(
        &mut self,
        via: TransportId,
        packet: Packet<'a>,
        now: Instant,
    ) -> Result<Option<Message<'a>>, SessionError> {
        self.handle_packet(via, packet, now)
    }

    fn handle_malformed(&mut self, via: TransportId, now: Instant) {
        self.handle_malformed(via, now);
    }

    fn handle_transport(&mut self, via: TransportId, change: TransportChange, now: Instant) {
        self.handle_transport(via, change, now);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.handle_timeout(now);
    }

    fn handle_pause(&mut self, now: Instant) {
        self.handle_pause(now);
    }

    fn handle_ping_written(&mut self, now: Instant) {
        self.handle_ping_written(now);
    }

    fn set_backlog(&mut self, waits: bool) {
        self.set_backlog(waits);
    }

    fn close(&mut self, now: Instant) {
        self.close(now);
    }

    fn abort(&mut self, reason: CloseReason) {
        self.abort(reason);
    }

    fn poll_transmit(&mut self) -> Option<Transmit> {
        self.poll_transmit()
    }

    fn poll_event(&mut self) -> Option<Event> {
        self.poll_event()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.poll_timeout()
    }

    fn transport(&self) -> TransportId {
        self.transport()
    }

    fn probe(&self) -> Option<TransportId> {
        self.probe()
    }

    fn is_open(&self) -> bool {
        self.is_open()
    }

    fn is_closed(&self) -> bool {
        self.is_closed()
    }

    fn is_ping_out(&self) -> bool {
        self.is_ping_out()
    }

    fn form(&self) -> Revision {
        self.revision()
    }

    fn plain_message(text: &str) -> Option<Message<'_>> {
        text.strip_prefix('4').map(Message::Text)
    }

    fn read_text(
        revision: Revision,
        text: &str,
        mut take: impl FnMut(Result<Packet<'_>, DecodeError>),
    ) {
        let mut scratch = Vec::new();
        take(match revision {
            Revision::V3 => Packet::decode_v3(text, &mut scratch),
            _ => Packet::decode(text, &mut scratch),
        });
    }

    fn read_binary(
        revision: Revision,
        data: &[u8],
        mut take: impl FnMut(Result<Packet<'_>, DecodeError>),
    ) {
        take(match revision {
            Revision::V3 => Packet::decode_v3_binary(data),
            _ => Ok(Packet::Message(Message::Binary(data))),
        });
    }

    fn body_reader(form: PayloadForm) -> PayloadReader {
        PayloadReader::with_form(form)
    }

    fn next_packet<'a>(
        reader: &'a mut PayloadReader,
        body: &'a [u8],
    ) -> Option<Result<Packet<'a>, DecodeError>> {
        reader.next_packet(body)
    }

    fn is_heartbeat(&self, packet: &Packet<'_>) -> bool {
        match self.revision() {
            Revision::V3 => matches!(packet, Packet::Ping(_)),
            _ => matches!(packet, Packet::Pong(_)),
        }
    }

    fn open_text(&self) -> String {
        self.open_data().map(|data| data.to_json()).unwrap_or_default()
    }

    fn poll_answer(&self, session: &Session, controls: Vec<Control>) -> Option<Answer> {
        // OPEN goes without what is queued: simple clients read no more from their first answer.
        let opens = controls.contains(&Control::Open);
        let goes = !opens && self.outlet() == Some(POLLING);
        let (mut payload, compress) =
            if opens { (open_payload(self, session), true) } else { queued_payload(session, goes) };
        for control in controls {
            match control {
                Control::Open => {}
                Control::Noop if !payload.is_empty() => {}
                _ => payload.control(control, ""),
            }
        }
        let binary = payload.form().is_binary();
        (!payload.is_empty()).then(|| Answer::Payload {
            body: payload.finish().into(),
            binary,
            compress,
        })
    }
}

/// The first answer: OPEN, and the message for everybody if there is one.
fn open_payload(protocol: &proto::Session, session: &Session) -> PayloadWriter {
    let initial = session.config().initial_packet.as_deref().map(Encoded::content);
    let has_binary = initial.is_some_and(|initial| !initial.attachments.is_empty());
    let mut payload = PayloadWriter::with_form(session.dialect().payload(has_binary));
    payload.control(Control::Open, &protocol.open_text());
    if let Some(initial) = initial {
        initial.push_payload(&mut payload);
    }
    payload
}

/// What a poll can carry away of what is queued, and whether that may be compressed.
fn queued_payload(session: &Session, goes: bool) -> (PayloadWriter, bool) {
    let dialect = session.dialect();
    let mut outbox = session.shared().outbox.lock();
    let goes = goes && outbox.outlet.has_queued();
    let binary = goes && dialect.revision == Revision::V3 && outbox.outlet.has_binary();
    let mut payload = PayloadWriter::with_form(dialect.payload(binary));
    let compress = goes && outbox.drain_into(&mut payload);
    (payload, compress)
}
