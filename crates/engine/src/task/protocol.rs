//! What the driver asks of a session protocol, of which Engine.IO is the first.

use std::time::Instant;

use sockeye_engine_proto::{
    CloseReason, Control, DecodeError, Event, Message, Packet, PayloadForm, SessionError, Transmit,
    TransportChange, TransportId,
};
use sockeye_ws::CloseCode;

use crate::session::Session;
use crate::session::reply::ReplyContent;

/// The state of one session and the form of what it says, in the words of Engine.IO.
///
/// The state is a machine: one input or command, then everything that `poll_*` has to give. What the
/// methods mean is told by [`sockeye_engine_proto::Session`].
pub trait SessionProtocol: Send + Sized + 'static {
    /// The message for everybody goes with OPEN into the answer to the first poll; otherwise it is queued.
    const OPENS_WITH_MESSAGE: bool;
    /// A poll beside another one ends the session; otherwise it is only told so.
    const ENDS_BY_OVERLAP: bool;

    /// How a client writes.
    type Form: Copy;
    /// Where one is in the body of a POST.
    type BodyReader: Send;

    /// Takes in a packet; gives back a message for the application.
    ///
    /// # Errors
    /// When the packet breaks a rule, which ends the session, or comes after its end.
    fn handle_packet<'a>(
        &mut self,
        via: TransportId,
        packet: Packet<'a>,
        now: Instant,
    ) -> Result<Option<Message<'a>>, SessionError>;
    /// Takes in that what came was no packet.
    fn handle_malformed(&mut self, via: TransportId, now: Instant);
    /// Takes in what happened to a transport.
    fn handle_transport(&mut self, via: TransportId, change: TransportChange, now: Instant);
    /// Takes in that time went by.
    fn handle_timeout(&mut self, now: Instant);
    /// Takes in that time went by while nothing was read.
    fn handle_pause(&mut self, now: Instant);
    /// Takes in that the ping has left.
    fn handle_ping_written(&mut self, now: Instant);
    /// Takes in a pong of WebSocket.
    fn handle_pong(&mut self, now: Instant);
    /// Takes in whether messages wait for a poll.
    fn set_backlog(&mut self, waits: bool);

    /// Ends the session in good order.
    fn close(&mut self, reason: CloseReason, now: Instant);
    /// Ends the session at once.
    fn abort(&mut self, reason: CloseReason);

    /// The next packet of the session itself.
    fn poll_transmit(&mut self) -> Option<Transmit>;
    /// What the layer above should know.
    fn poll_event(&mut self) -> Option<Event>;
    /// When time is to be told at the latest.
    fn poll_timeout(&self) -> Option<Instant>;

    /// The transport the session lives on.
    fn transport(&self) -> TransportId;
    /// The transport of an upgrade.
    fn probe(&self) -> Option<TransportId>;
    /// Whether messages are taken in.
    fn is_open(&self) -> bool;
    /// Whether it is over.
    fn is_closed(&self) -> bool;
    /// Whether a ping was given out whose leaving is to be told.
    fn is_ping_out(&self) -> bool;

    /// How this session's client writes.
    fn form(&self) -> Self::Form;

    /// The message that a text is and nothing else: nearly all are.
    fn plain_message(form: Self::Form, text: &str) -> Option<Message<'_>>;

    /// The packets in what came as one message.
    fn read(form: Self::Form, data: Message<'_>, take: impl FnMut(Result<Packet<'_>, DecodeError>));

    /// At the beginning of a body.
    fn body_reader(form: Self::Form, body: PayloadForm) -> Self::BodyReader;

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

    /// What is said to a WebSocket at its end.
    fn farewell(&self, session: &Session) -> Farewell;
}

/// What is said to a WebSocket at its end.
#[derive(Debug)]
pub struct Farewell {
    /// A last message.
    pub text: Option<String>,
    /// Of the close frame; [`CloseCode::NO_STATUS`] for none.
    pub code: CloseCode,
    /// Of the close frame.
    pub reason: String,
}

impl Default for Farewell {
    /// Nothing but the end.
    fn default() -> Self {
        Farewell { text: None, code: CloseCode::NO_STATUS, reason: String::new() }
    }
}
