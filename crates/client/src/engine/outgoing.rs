//! What goes out: packets of the layer above and of the session itself.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use sockeye_engine_proto::{
    Batch, Control, Message, Packet, PayloadWriter, TransportChange, TransportId, TransportKind,
};
use sockeye_ws::CloseCode;

use super::{Engine, PollingState, now};
use crate::namespaces::Namespaces;
use crate::transport::WebSocket;

/// Above this many bytes waiting in a WebSocket's buffer, further packets stay above: there they
/// outlive the connection.
const WEBSOCKET_QUEUED_BYTES_MAX: usize = 64 * 1024;
/// How long the last POST of a session may take; nobody waits for it.
const GOODBYE_TIMEOUT: Duration = Duration::from_secs(5);

/// Packets on their way between the layer above and a transport.
#[derive(Debug, Default)]
pub(super) struct Outgoing {
    /// The rest of a packet that did not fit into a POST.
    rest: VecDeque<Part>,
    /// A WebSocket's buffer was full, so packets were left above.
    pub(super) held_back: bool,
    /// The close of the session's transport went out, nothing may follow it.
    closed: bool,
}

/// One engine message.
#[derive(Debug)]
enum Part {
    /// With its `4`.
    Text(String),
    Binary(Bytes),
}

impl Engine {
    /// Moves what waits to where it can go. Whether a request was started, which has to be polled.
    pub(super) fn transmit(&mut self, upper: &mut Namespaces) -> Option<()> {
        let mut body = PayloadWriter::new();
        if self.main != self.session.transport() {
            self.main = self.session.transport();
            self.finish_upgrade(&mut body);
        }
        let drained = match self.session.outlet() {
            _ if self.outgoing.closed => true,
            None => true,
            Some(via) if via.kind() == TransportKind::WebSocket => self.fill_websocket(upper),
            Some(_) => self.fill_body(&mut body, upper),
        };
        // A closing session sends its close last, so it has to wait for the messages.
        let closing = !self.session.is_open() && !self.session.is_closed();
        if drained || !closing {
            while let Some(transmit) = self.session.poll_transmit() {
                self.control(transmit.via, transmit.control, &mut body);
            }
        }
        let posting = !body.is_empty();
        if posting {
            self.post(body);
        }
        self.drop_finished_probe();
        posting.then_some(())
    }

    /// The session moved to its WebSocket just now: the `5` goes before any message.
    fn finish_upgrade(&mut self, body: &mut PayloadWriter) {
        while let Some(transmit) = self.session.poll_transmit() {
            self.control(transmit.via, transmit.control, body);
            if transmit.control == Control::Upgrade {
                return;
            }
        }
    }

    /// Returns whether nothing is left above.
    fn fill_websocket(&mut self, upper: &mut Namespaces) -> bool {
        let Some(websocket) = &mut self.websocket else {
            return false;
        };
        for part in self.outgoing.rest.drain(..) {
            match part {
                Part::Text(text) => websocket.text(&text),
                Part::Binary(data) => websocket.binary(&data),
            }
        }
        loop {
            if websocket.queued_bytes() > WEBSOCKET_QUEUED_BYTES_MAX {
                self.outgoing.held_back = true;
                return false;
            }
            let sent = upper.next_packet(&mut |text, attachments| {
                websocket.text(text);
                for attachment in attachments {
                    websocket.binary(attachment);
                }
            });
            if !sent {
                return true;
            }
        }
    }

    /// Returns whether nothing is left above.
    fn fill_body(&mut self, body: &mut PayloadWriter, upper: &mut Namespaces) -> bool {
        let mut batch = Batch::new(Some(self.post_bytes_max));
        let rest = &mut self.outgoing.rest;
        loop {
            while let Some(part) = rest.pop_front() {
                if !add(part.message(), body, &mut batch) {
                    rest.push_front(part);
                    return false;
                }
            }
            let sent = upper.next_packet(&mut |text, attachments| {
                // The head of a packet is copied only where the body is full; that is rare.
                if !add(Message::Text(&text[1..]), body, &mut batch) {
                    rest.push_back(Part::Text(text.to_owned()));
                }
                rest.extend(attachments.iter().cloned().map(Part::Binary));
            });
            if !sent {
                return true;
            }
        }
    }

    fn control(&mut self, via: TransportId, control: Control, body: &mut PayloadWriter) {
        if via == self.session.transport() && control == Control::Close {
            self.outgoing.closed = true;
        }
        if via.kind() != TransportKind::WebSocket {
            return body.control(control, "");
        }
        let Some(websocket) = self.websocket.as_mut().filter(|ws| ws.id == via) else { return };
        if control == Control::Close {
            websocket.close(CloseCode::NORMAL);
        } else if let Some(text) = control.as_str() {
            websocket.text(text);
        }
    }

    fn post(&mut self, body: PayloadWriter) {
        let Some(PollingState { id, requests, post, .. }) = &mut self.polling else {
            return;
        };
        let exchange = requests.post(self.session.id().as_str(), body.finish());
        if self.session.is_closed() {
            // Nobody polls this engine any more, but the server should know.
            tokio::spawn(tokio::time::timeout(GOODBYE_TIMEOUT, exchange));
            return;
        }
        *post = Some(exchange);
        self.session.handle_transport(*id, TransportChange::Posting, now());
    }

    /// A WebSocket that is neither the session's transport nor its probe has been told so.
    fn drop_finished_probe(&mut self) {
        let (main, probe) = (self.session.transport(), self.session.probe());
        let is_over =
            |websocket: &mut WebSocket| websocket.id != main && probe != Some(websocket.id);
        if let Some(websocket) = self.websocket.take_if(is_over) {
            websocket.drop_flushed();
        }
    }
}

impl Part {
    fn message(&self) -> Message<'_> {
        match self {
            Part::Text(text) => Message::Text(&text[1..]),
            Part::Binary(data) => Message::Binary(data),
        }
    }
}

/// Adds a message unless the body is full.
fn add(message: Message<'_>, body: &mut PayloadWriter, batch: &mut Batch) -> bool {
    let packet = Packet::Message(message);
    let fits = batch.admit(&packet);
    if fits {
        body.packet(&packet);
    }
    fits
}
