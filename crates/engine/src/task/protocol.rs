//! What the driver asks of a session protocol, of which Engine.IO is the first.

use std::time::Instant;

use sockeye_engine_proto::{
    CloseReason, Control, DecodeError, Event, Message, Packet, PayloadForm, SessionError, Transmit,
    TransportChange, TransportId,
};

use crate::session::Session;
use crate::session::reply::ReplyContent;

/// The state of one session and the form of what it says, in the words of Engine.IO.
///
/// The state is a machine: one input or command, then everything that `poll_*` has to give. What the
/// methods mean is told by [`sockeye_engine_proto::Session`].
pub(crate) trait SessionProtocol: Send + Sized + 'static {
    /// How a client writes.
    type Form: Copy;
    /// Where one is in the body of a POST.
    type BodyReader: Send;

    fn handle_packet<'a>(
        &mut self,
        via: TransportId,
        packet: Packet<'a>,
        now: Instant,
    ) -> Result<Option<Message<'a>>, SessionError>;
    fn handle_malformed(&mut self, via: TransportId, now: Instant);
    fn handle_transport(&mut self, via: TransportId, change: TransportChange, now: Instant);
    fn handle_timeout(&mut self, now: Instant);
    fn handle_pause(&mut self, now: Instant);
    fn handle_ping_written(&mut self, now: Instant);
    fn set_backlog(&mut self, waits: bool);

    fn close(&mut self, now: Instant);
    fn abort(&mut self, reason: CloseReason);

    fn poll_transmit(&mut self) -> Option<Transmit>;
    fn poll_event(&mut self) -> Option<Event>;
    fn poll_timeout(&self) -> Option<Instant>;

    fn transport(&self) -> TransportId;
    fn probe(&self) -> Option<TransportId>;
    fn is_open(&self) -> bool;
    fn is_closed(&self) -> bool;
    fn is_ping_out(&self) -> bool;

    /// How this session's client writes.
    fn form(&self) -> Self::Form;

    /// The message that a text is and nothing else, in every form: nearly all are.
    fn plain_message(text: &str) -> Option<Message<'_>>;

    /// The packets in what came as one message.
    fn read(form: Self::Form, data: Message<'_>, take: impl FnMut(Result<Packet<'_>, DecodeError>));

    /// At the beginning of a body.
    fn body_reader(form: PayloadForm) -> Self::BodyReader;

    /// The next packet of a body.
    fn next_packet<'a>(
        reader: &'a mut Self::BodyReader,
        body: &'a [u8],
    ) -> Option<Result<Packet<'a>, DecodeError>>;

    /// Whether a packet shows that its client is there.
    fn is_heartbeat(&self, packet: &Packet<'_>) -> bool;

    /// What the first packet says.
    fn open_text(&self) -> String;

    /// What a poll carries away: these packets of the session itself, and what is queued for it if
    /// polling is its outlet. `None`: there is nothing to say.
    fn poll_answer(&self, session: &Session, controls: Vec<Control>) -> Option<ReplyContent>;
}
