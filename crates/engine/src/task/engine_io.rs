//! Engine.IO as the driver's session protocol.

use std::time::Instant;

use sockeye_engine_proto::{
    self as proto, CloseReason, Control, DecodeError, Event, Message, Packet, PayloadForm,
    PayloadReader, PayloadWriter, Revision, SessionError, Transmit, TransportChange, TransportId,
};

use super::driver::POLLING;
use super::protocol::{Farewell, SessionProtocol};
use crate::outbox::encoded::Encoded;
use crate::session::Session;
use crate::session::reply::ReplyContent;

/// Methods of the trait that the state has by the same name.
macro_rules! forward {
    ($self:ident; $(
        fn $name:ident(&$($receiver:ident)+ $(, $argument:ident: $type:ty)*) $(-> $output:ty)?;
    )*) => {$(
        fn $name(&$($receiver)+ $(, $argument: $type)*) $(-> $output)? {
            $self.$name($($argument),*)
        }
    )*};
}

impl SessionProtocol for proto::Session {
    const OPENS_WITH_MESSAGE: bool = true;
    const ENDS_BY_OVERLAP: bool = true;

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

    forward! { self;
        fn handle_malformed(&mut self, via: TransportId, now: Instant);
        fn handle_transport(&mut self, via: TransportId, change: TransportChange, now: Instant);
        fn handle_timeout(&mut self, now: Instant);
        fn handle_pause(&mut self, now: Instant);
        fn handle_ping_written(&mut self, now: Instant);
        fn set_backlog(&mut self, waits: bool);
        fn abort(&mut self, reason: CloseReason);
        fn poll_transmit(&mut self) -> Option<Transmit>;
        fn poll_event(&mut self) -> Option<Event>;
        fn poll_timeout(&self) -> Option<Instant>;
        fn transport(&self) -> TransportId;
        fn probe(&self) -> Option<TransportId>;
        fn is_open(&self) -> bool;
        fn is_closed(&self) -> bool;
        fn is_ping_out(&self) -> bool;
    }

    fn close(&mut self, _: CloseReason, now: Instant) {
        self.close(now);
    }

    /// The heartbeat is packets of its own.
    fn handle_pong(&mut self, _: Instant) {}

    fn form(&self) -> Revision {
        self.revision()
    }

    fn plain_message(_: Revision, text: &str) -> Option<Message<'_>> {
        text.strip_prefix('4').map(Message::Text)
    }

    fn read(
        revision: Revision,
        data: Message<'_>,
        mut take: impl FnMut(Result<Packet<'_>, DecodeError>),
    ) {
        let mut scratch = Vec::new();
        take(match (data, revision) {
            (Message::Text(text), Revision::V3) => Packet::decode_v3(text, &mut scratch),
            (Message::Text(text), _) => Packet::decode(text, &mut scratch),
            (Message::Binary(data), Revision::V3) => Packet::decode_v3_binary(data),
            (Message::Binary(_), _) => Ok(Packet::Message(data)),
        });
    }

    fn body_reader(_: Revision, form: PayloadForm) -> PayloadReader {
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

    fn poll_answer(&self, session: &Session, controls: Vec<Control>) -> Option<ReplyContent> {
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
        (!payload.is_empty()).then(|| ReplyContent::Payload {
            body: payload.finish().into(),
            binary,
            compress,
        })
    }

    fn farewell(&self, _: &Session) -> Farewell {
        Farewell::default()
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
