//! SockJS as a session protocol of the engine's driver.

use std::time::Instant;

use bytes::Bytes;
use sockeye_engine::Session;
use sockeye_engine::session_protocol::{
    Farewell, MessageForm, ReplyContent, SessionProtocol, farewell, take_queued,
};
use sockeye_engine_proto::{
    CloseReason, Control, DecodeError, Event, Message, Packet, PayloadForm, SessionError, Transmit,
    TransportChange, TransportId,
};
use sockeye_ws::CloseCode;

use crate::clients::Place;
use crate::codec::frame::{self, MessagesFrame};
use crate::codec::messages::{Messages, plain_message};
use crate::state::State;

/// Messages on a WebSocket in frames of SockJS.
pub(crate) static FRAMED: MessageForm = MessageForm {
    text: frame::push_text_frame,
    binary: Some(frame::push_binary_frame),
    control: |control| match control {
        Control::Open => frame::OPEN,
        Control::Ping => frame::HEARTBEAT,
        _ => "",
    },
    pings: true,
};

/// Messages on a raw WebSocket, as they are.
pub(crate) static RAW: MessageForm = MessageForm {
    text: |text, out| out.extend_from_slice(text.as_bytes()),
    binary: None,
    control: |_| "",
    pings: false,
};

/// How a client writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// JSON strings; with whether those are binary messages that are `b` and base64.
    Framed { binary: bool },
    /// WebSocket messages as they are.
    Raw,
}

/// One session, as the driver sees it.
#[derive(Debug)]
pub(crate) struct Protocol {
    state: State,
    form: Form,
    /// Given up at its end, so that its key can be used again.
    place: Option<Place>,
}

impl Protocol {
    pub(crate) fn new(state: State, form: Form, place: Option<Place>) -> Self {
        Protocol { state, form, place }
    }

    /// The code and reason that the client is told.
    fn told(&self, session: &Session) -> (u16, String) {
        farewell(session).unwrap_or_else(|| {
            let (code, reason) = match self.state.reason() {
                Some(CloseReason::ServerShutdown) => (1001, "Going away"),
                Some(CloseReason::PingTimeout) => (3000, "No response from heartbeat"),
                Some(CloseReason::ParseError) => (3000, "Broken framing."),
                _ => (1000, "Normal closure"),
            };
            (code, reason.to_owned())
        })
    }
}

impl SessionProtocol for Protocol {
    const OPENS_WITH_MESSAGE: bool = false;
    const ENDS_BY_OVERLAP: bool = false;

    type Form = Form;
    type BodyReader = BodyReader;

    fn handle_packet<'a>(
        &mut self,
        _: TransportId,
        packet: Packet<'a>,
        now: Instant,
    ) -> Result<Option<Message<'a>>, SessionError> {
        self.state.handle_packet(packet, now)
    }

    fn handle_malformed(&mut self, _: TransportId, now: Instant) {
        self.state.handle_malformed(now);
    }

    fn handle_transport(&mut self, _: TransportId, change: TransportChange, now: Instant) {
        self.state.handle_transport(change, now);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.state.handle_timeout(now);
    }

    fn handle_pause(&mut self, now: Instant) {
        self.state.handle_pause(now);
    }

    fn handle_ping_written(&mut self, now: Instant) {
        self.state.handle_ping_written(now);
    }

    fn handle_pong(&mut self, now: Instant) {
        self.state.handle_life(now);
    }

    fn set_backlog(&mut self, waits: bool) {
        self.state.set_backlog(waits);
    }

    fn close(&mut self, reason: CloseReason, now: Instant) {
        self.state.close(reason, now);
    }

    fn abort(&mut self, reason: CloseReason) {
        self.state.abort(reason);
    }

    fn poll_transmit(&mut self) -> Option<Transmit> {
        self.state.poll_transmit()
    }

    fn poll_event(&mut self) -> Option<Event> {
        if self.state.is_closed() {
            self.place = None;
        }
        self.state.poll_event()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.state.poll_timeout()
    }

    fn transport(&self) -> TransportId {
        self.state.transport()
    }

    fn probe(&self) -> Option<TransportId> {
        None
    }

    fn is_open(&self) -> bool {
        self.state.is_open()
    }

    fn is_closed(&self) -> bool {
        self.state.is_closed()
    }

    fn is_ping_out(&self) -> bool {
        self.state.is_ping_out()
    }

    fn form(&self) -> Form {
        self.form
    }

    fn plain_message(form: Form, text: &str) -> Option<Message<'_>> {
        match form {
            Form::Raw => Some(Message::Text(text)),
            Form::Framed { binary } => {
                let message = plain_message(text)?;
                (!binary || !message.starts_with('b')).then_some(Message::Text(message))
            }
        }
    }

    fn read(form: Form, data: Message<'_>, mut take: impl FnMut(Result<Packet<'_>, DecodeError>)) {
        match (form, data) {
            (Form::Raw, data) => take(Ok(Packet::Message(data))),
            (Form::Framed { .. }, Message::Binary(_)) => take(Err(DecodeError::NotUtf8)),
            (Form::Framed { binary }, Message::Text(text)) => {
                let Ok(mut messages) = Messages::of_frame(text) else {
                    return take(Err(broken(text)));
                };
                let mut count = 0;
                while let Some(message) = messages.next(text.as_bytes()) {
                    count += 1;
                    if count > FRAME_MESSAGES_MAX {
                        return take(Err(DecodeError::Length));
                    }
                    with_packet(message, binary, |packet| take(Ok(packet)));
                }
            }
        }
    }

    fn body_reader(form: Form, _: PayloadForm) -> BodyReader {
        let is_binary = form == Form::Framed { binary: true };
        BodyReader { messages: None, is_binary, data: Vec::new() }
    }

    fn next_packet<'a>(
        reader: &'a mut BodyReader,
        body: &'a [u8],
    ) -> Option<Result<Packet<'a>, DecodeError>> {
        if reader.messages.is_none() {
            // It was looked through before it was handed over.
            reader.messages = Some(Messages::of_array(body).ok()?);
        }
        let message = reader.messages.as_mut()?.next(body)?;
        if reader.is_binary
            && let Some(data) = frame::binary_of(message)
        {
            reader.data = data;
            return Some(Ok(Packet::Message(Message::Binary(&reader.data))));
        }
        Some(Ok(Packet::Message(Message::Text(message))))
    }

    fn is_heartbeat(&self, _: &Packet<'_>) -> bool {
        false
    }

    fn open_text(&self) -> String {
        String::new()
    }

    fn poll_answer(&self, session: &Session, controls: Vec<Control>) -> Option<ReplyContent> {
        let body = if controls.contains(&Control::Open) {
            frame::OPEN.into()
        } else if let Some(messages) = queued(session) {
            messages.into()
        } else if controls.contains(&Control::Close) {
            let (code, reason) = self.told(session);
            frame::close(code, &reason).into()
        } else if controls.contains(&Control::Ping) {
            frame::HEARTBEAT.into()
        } else {
            return None;
        };
        Some(ReplyContent::Payload { body, binary: false, compress: false })
    }

    fn farewell(&self, session: &Session) -> Farewell {
        let (code, reason) = self.told(session);
        let is_broken = self.state.reason() == Some(CloseReason::ParseError);
        match self.form {
            Form::Framed { .. } if !is_broken => Farewell {
                text: Some(frame::close(code, &reason)),
                code: CloseCode::NORMAL,
                reason: "Normal closure".to_owned(),
            },
            _ => Farewell { text: None, code: CloseCode::new(code), reason },
        }
    }
}

/// Where one is in the body of a POST.
#[derive(Debug)]
pub(crate) struct BodyReader {
    messages: Option<Messages>,
    is_binary: bool,
    data: Vec<u8>,
}

/// What is queued, as one frame.
fn queued(session: &Session) -> Option<Vec<u8>> {
    let mut messages = MessagesFrame::default();
    take_queued(session, |text, attachments: &[Bytes]| {
        if let Some(text) = text {
            messages.push_text(text);
        }
        attachments.iter().for_each(|data| messages.push_binary(data));
    });
    messages.finish()
}

fn with_packet(message: &str, binary: bool, take: impl FnOnce(Packet<'_>)) {
    match frame::binary_of(message).filter(|_| binary) {
        Some(data) => take(Packet::Message(Message::Binary(&data))),
        None => take(Packet::Message(Message::Text(message))),
    }
}

fn broken(text: &str) -> DecodeError {
    text.bytes().next().map_or(DecodeError::Empty, |found| DecodeError::UnknownType { found })
}

/// More messages in one WebSocket message than any client sends: they are handed over without a pause.
const FRAME_MESSAGES_MAX: usize = 1024;
