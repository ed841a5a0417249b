//! Sending: packets of the namespaces and of the session itself, to the transport that has room.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use sockeye_engine_proto::{
    Batch, Control, Message, Packet, PayloadWriter, TransportChange, TransportId, TransportKind,
};
use sockeye_ws::CloseCode;

use super::transport::WebSocket;
use super::{EngineSession, PollingTransport, now};
use crate::manager::Namespaces;

/// Above this many bytes in a WebSocket's write buffer, further packets stay in the queues of their
/// namespaces, where a lost connection does not lose them.
const WEBSOCKET_QUEUED_BYTES_MAX: usize = 64 * 1024;
/// How long the POST that closes a session may take, in the background.
const CLOSE_POST_TIMEOUT: Duration = Duration::from_secs(5);

/// The state of sending.
#[derive(Debug, Default)]
pub(super) struct SendState {
    /// The messages of a packet that did not fit into a POST.
    rest: VecDeque<OwnedMessage>,
    /// The WebSocket's write buffer is full, so packets have stayed in their queues.
    pub(super) is_full: bool,
    /// The close packet of the session was sent, and nothing may follow it.
    is_closed: bool,
}

/// One Engine.IO message.
#[derive(Debug)]
enum OwnedMessage {
    /// The text behind its `4`.
    Text(String),
    Binary(Bytes),
}

impl EngineSession {
    /// Moves packets to the transport. `Some`: it started a POST, which has to be polled.
    pub(super) fn transmit(&mut self, namespaces: &mut Namespaces) -> Option<()> {
        let mut body = PayloadWriter::new();
        if self.main != self.session.transport() {
            self.main = self.session.transport();
            self.finish_upgrade(&mut body);
        }
        let is_drained = match self.session.outlet() {
            _ if self.send_state.is_closed => true,
            None => true,
            Some(via) if via.kind() == TransportKind::WebSocket => self.fill_websocket(namespaces),
            Some(_) => self.fill_body(&mut body, namespaces),
        };
        // A session that is closing sends its close packet last, after all messages.
        let is_closing = !self.session.is_open() && !self.session.is_closed();
        if is_drained || !is_closing {
            while let Some(transmit) = self.session.poll_transmit() {
                self.send_control(transmit.via, transmit.control, &mut body);
            }
        }
        let has_body = !body.is_empty();
        if has_body {
            self.post(body);
        }
        self.drop_unused_probe();
        has_body.then_some(())
    }

    /// The session has moved to its WebSocket: sends the `5`, which comes before any message.
    fn finish_upgrade(&mut self, body: &mut PayloadWriter) {
        while let Some(transmit) = self.session.poll_transmit() {
            self.send_control(transmit.via, transmit.control, body);
            if transmit.control == Control::Upgrade {
                return;
            }
        }
    }

    /// Fills the WebSocket's write buffer. Whether all queues are empty.
    fn fill_websocket(&mut self, namespaces: &mut Namespaces) -> bool {
        let Some(websocket) = &mut self.websocket else {
            return false;
        };
        for message in self.send_state.rest.drain(..) {
            match message {
                OwnedMessage::Text(text) => websocket.text(&text),
                OwnedMessage::Binary(data) => websocket.binary(&data),
            }
        }
        loop {
            if websocket.queued_bytes() > WEBSOCKET_QUEUED_BYTES_MAX {
                self.send_state.is_full = true;
                return false;
            }
            let sent = namespaces.next_packet(&mut |text, attachments| {
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

    /// Fills the body of a POST. Whether all queues are empty.
    fn fill_body(&mut self, body: &mut PayloadWriter, namespaces: &mut Namespaces) -> bool {
        let mut batch = Batch::new(Some(self.post_bytes_max));
        let rest = &mut self.send_state.rest;
        loop {
            while let Some(message) = rest.pop_front() {
                if !add(message.borrow(), body, &mut batch) {
                    rest.push_front(message);
                    return false;
                }
            }
            let sent = namespaces.next_packet(&mut |text, attachments| {
                // The text is copied only when the body is full, which is rare.
                if !add(Message::Text(&text[1..]), body, &mut batch) {
                    rest.push_back(OwnedMessage::Text(text.to_owned()));
                }
                rest.extend(attachments.iter().cloned().map(OwnedMessage::Binary));
            });
            if !sent {
                return true;
            }
        }
    }

    fn send_control(&mut self, via: TransportId, control: Control, body: &mut PayloadWriter) {
        if via == self.session.transport() && control == Control::Close {
            self.send_state.is_closed = true;
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
        let Some(PollingTransport { id, requests, post, .. }) = &mut self.polling else {
            return;
        };
        let exchange = requests.post(self.session.id().as_str(), body.finish());
        if self.session.is_closed() {
            // This session is not polled any more, and the server has to learn of its close.
            tokio::spawn(tokio::time::timeout(CLOSE_POST_TIMEOUT, exchange));
            return;
        }
        *post = Some(exchange);
        self.session.handle_transport(*id, TransportChange::Posting, now());
    }

    /// Drops a WebSocket that is neither the session's transport nor the probe of its upgrade, after
    /// a last flush.
    fn drop_unused_probe(&mut self) {
        let (main, probe) = (self.session.transport(), self.session.probe());
        let is_unused =
            |websocket: &mut WebSocket| websocket.id != main && probe != Some(websocket.id);
        if let Some(websocket) = self.websocket.take_if(is_unused) {
            websocket.drop_flushed();
        }
    }
}

impl OwnedMessage {
    fn borrow(&self) -> Message<'_> {
        match self {
            OwnedMessage::Text(text) => Message::Text(&text[1..]),
            OwnedMessage::Binary(data) => Message::Binary(data),
        }
    }
}

/// Adds a message unless the body is full. Whether it was added.
fn add(message: Message<'_>, body: &mut PayloadWriter, batch: &mut Batch) -> bool {
    let packet = Packet::Message(message);
    let fits = batch.admit(&packet);
    if fits {
        body.packet(&packet);
    }
    fits
}
