//! Delivery of one packet to many sessions, in the form that each takes.
//!
//! A packet is encoded once for each form, and only in forms that a recipient takes:
//!
//! | | with an offset, for recovery | without |
//! |---|---|---|
//! | JSON | clients since version 3 | clients of Socket.IO 2, which would take it for an argument |
//! | the server's parser | likewise | likewise |

use std::sync::Arc;

use sockeye_engine::{self as engine, Encoded};

use crate::guarantees::recovery::offset::LogPosition;
use crate::session::link::{SessionLink, rewritten};
use crate::socket::Socket;

pub(crate) struct Delivery<'a> {
    packet: &'a Arc<Encoded>,
    /// The packet's position in the log, if it has an offset.
    place: Option<LogPosition>,
    /// The packet without its offset, if it has one.
    plain: Option<Plain<'a>>,
    recipients: Vec<Arc<SessionLink>>,
    /// The sessions that take `plain`.
    old: Vec<Arc<SessionLink>>,
    /// Sessions with the server's parser: those that take `packet`, and those that take `plain`.
    parsing: [Vec<Arc<SessionLink>>; 2],
    /// Whether there may be sessions with a parser.
    has_parser: bool,
}

struct Plain<'a> {
    encode: &'a dyn Fn() -> Arc<Encoded>,
    encoded: Option<Arc<Encoded>>,
}

impl<'a> Delivery<'a> {
    /// `has_parser`: the server's configuration has one.
    pub(crate) fn new(packet: &'a Arc<Encoded>, has_parser: bool) -> Self {
        let (recipients, old, parsing) = (Vec::new(), Vec::new(), [Vec::new(), Vec::new()]);
        Delivery { packet, place: None, plain: None, recipients, old, parsing, has_parser }
    }

    /// The same for a packet with an offset: its position in the log, its form without the offset.
    pub(crate) fn with_offset(
        self,
        place: LogPosition,
        plain: &'a dyn Fn() -> Arc<Encoded>,
    ) -> Self {
        let plain = Plain { encode: plain, encoded: None };
        Delivery { place: Some(place), plain: Some(plain), ..self }
    }

    pub(crate) fn packet(&self) -> &'a Arc<Encoded> {
        self.packet
    }

    /// Adds a socket if it takes the packet now; one that is not yet connected keeps the packet.
    pub(crate) fn add(&mut self, socket: &Socket) {
        let plain = self.plain.as_mut().filter(|_| socket.is_v2());
        let is_plain = plain.is_some();
        let packet = match plain {
            Some(plain) => plain.encoded.get_or_insert_with(plain.encode),
            None => self.packet,
        };
        if !socket.takes_broadcast(packet, self.place.filter(|_| !is_plain)) {
            return;
        }
        let link = Arc::clone(socket.link());
        if self.has_parser && link.parser().is_some() {
            self.parsing[usize::from(is_plain)].push(link);
        } else if is_plain {
            self.old.push(link);
        } else {
            self.recipients.push(link);
        }
    }

    /// How many sessions were added.
    pub(crate) fn len(&self) -> usize {
        let parsing = self.parsing.iter().map(Vec::len).sum::<usize>();
        self.recipients.len() + self.old.len() + parsing
    }

    /// Sends it to all sessions that were added.
    pub(crate) fn send(self) {
        send_to(&self.recipients, self.packet);
        send_rewritten(&self.parsing[0], self.packet);
        if let Some(plain) = self.plain.and_then(|plain| plain.encoded) {
            send_to(&self.old, &plain);
            send_rewritten(&self.parsing[1], &plain);
        }
    }
}

/// Sends a packet in the parser's form. All sessions of a server with a parser have the same one.
fn send_rewritten(links: &[Arc<SessionLink>], packet: &Arc<Encoded>) {
    if let Some(parser) = links.first().and_then(|link| link.parser()) {
        send_to(links, &rewritten(parser, packet));
    }
}

fn send_to(links: &[Arc<SessionLink>], packet: &Arc<Encoded>) {
    engine::broadcast(links.iter().map(|link| &link.session), packet);
}
