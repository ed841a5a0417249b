//! The client's host: polls, posts, opens the probe, sends what its application wants to.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use sockeye_engine_proto::{
    Batch, CloseReason, Config, Control, Event, Loss, Message, Packet, PayloadReader,
    PayloadWriter, Session, SessionError, Transmit, TransportChange, TransportId, TransportKind,
};
use sockeye_ws as ws;

use crate::network::{Method, Request, Response, Side};
use crate::server::send_message;
use crate::world::{Happening, POLLING, Read, World, take_in};

#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) session: Session,
    outbox: VecDeque<u32>,
    sent: u32,
    pub(crate) received: u32,
    pub(crate) upgraded: bool,
    pub(crate) closed: Option<CloseReason>,
    pub(crate) getting: bool,
    pub(crate) posting: bool,
    /// The application wants to close, once everything is sent.
    pub(crate) wants_to_close: bool,
    controls: Vec<Control>,
    upgrade_asked: bool,
    polls: u32,
    pub(crate) timer_ms: Option<u64>,
}

impl Client {
    pub(crate) fn new(config: &Config, via: TransportId, now: Instant) -> Self {
        // What the server announces is to count, not what this side is configured with.
        let config = Config { payload_bytes_max: 0, ..config.clone() };
        Client {
            session: Session::initiate(Arc::new(config), via, now),
            outbox: VecDeque::new(),
            sent: 0,
            received: 0,
            upgraded: false,
            closed: None,
            getting: false,
            posting: false,
            wants_to_close: false,
            controls: Vec::new(),
            upgrade_asked: false,
            polls: 0,
            timer_ms: None,
        }
    }

    pub(crate) fn send(&mut self) {
        if !self.session.is_closed() && !self.wants_to_close {
            self.outbox.push_back(self.sent);
            self.sent += 1;
        }
    }

    /// True once, when an upgrade can begin.
    pub(crate) fn upgrade_due(&mut self) -> bool {
        self.session.upgrade_wanted() && !std::mem::replace(&mut self.upgrade_asked, true)
    }

    /// Whether the session is not known to the server by an id yet.
    pub(crate) fn first_poll(&self) -> bool {
        self.polls <= 1
    }

    pub(crate) fn websocket_message(
        &mut self,
        via: TransportId,
        read: &Read,
        now: Instant,
    ) -> Result<(), String> {
        let mut scratch = Vec::new();
        let packet = match read {
            Read::Text(text) => Packet::decode(text, &mut scratch).map_err(|e| e.to_string())?,
            Read::Binary(data) => Packet::Message(Message::Binary(data)),
        };
        self.packet(via, packet, now)
    }

    fn packet(&mut self, via: TransportId, packet: Packet<'_>, now: Instant) -> Result<(), String> {
        if self.session.is_closed() {
            return Ok(());
        }
        match self.session.handle_packet(via, packet, now) {
            Ok(Some(message)) => take_in(Side::Client, &mut self.received, message),
            Ok(None) | Err(SessionError::Closed) => Ok(()),
            Err(error) => Err(format!("the client refused {packet:?}: {error}")),
        }
    }
}

impl World {
    pub(crate) fn response_arrives(&mut self, response: Response) -> Result<(), String> {
        if response.connection != self.connection(response.method) {
            return Ok(());
        }
        let now = self.now();
        match response.method {
            Method::Get => self.client.getting = false,
            Method::Post => self.client.posting = false,
        }
        let Some(body) = response.body else {
            let lost = TransportChange::Lost(Loss::Failed);
            self.client.session.handle_transport(POLLING, lost, now);
            return Ok(());
        };
        if response.method == Method::Post {
            self.client.session.handle_transport(POLLING, TransportChange::Writable, now);
            return Ok(());
        }
        let mut reader = PayloadReader::new();
        while let Some(packet) = reader.next_packet(&body) {
            self.client.packet(POLLING, packet.map_err(|error| error.to_string())?, now)?;
        }
        self.client.session.handle_transport(POLLING, TransportChange::Answered, now);
        Ok(())
    }

    pub(crate) fn settle_client(&mut self) -> Result<(), String> {
        loop {
            while let Some(transmit) = self.client.session.poll_transmit() {
                self.client_transmits(transmit)?;
            }
            let mut quiet = true;
            while let Some(event) = self.client.session.poll_event() {
                quiet = false;
                match event {
                    Event::Upgraded { .. } => self.client.upgraded = true,
                    Event::Closed(reason) if self.client.closed.replace(reason).is_some() => {
                        return Err("the client ends twice".to_owned());
                    }
                    _ => {}
                }
            }
            self.poll();
            self.post()?;
            self.flush_client();
            if quiet && !self.close_client() {
                return Ok(());
            }
        }
    }

    fn client_transmits(&mut self, Transmit { via, control }: Transmit) -> Result<(), String> {
        if via.kind() == TransportKind::Polling {
            if self.client.posting {
                return Err(format!("{control:?} while a POST is under way"));
            }
            self.client.controls.push(control);
            return Ok(());
        }
        let Some(wire) = self.wire_of(via) else { return Err(format!("no wire {via:?}")) };
        match control {
            Control::Close => {
                self.flush_client();
                self.leave(Side::Client, wire);
            }
            control => {
                let text = control.as_str().ok_or("a client sends no OPEN")?;
                self.send(Side::Client, wire, ws::Message::Text(text));
            }
        }
        Ok(())
    }

    /// Sends the next GET.
    fn poll(&mut self) {
        if !self.client.session.poll_wanted() || self.client.getting {
            return;
        }
        self.client.polls += 1;
        self.client.getting = true;
        let now = self.now();
        self.client.session.handle_transport(POLLING, TransportChange::Polling, now);
        self.request(Method::Get, Vec::new());
    }

    /// Sends what waits in one POST, as much as the server takes.
    fn post(&mut self) -> Result<(), String> {
        let open = self.client.session.outlet() == Some(POLLING);
        if self.client.posting || (self.client.controls.is_empty() && !open) {
            return Ok(());
        }
        let max = self.client.session.open_data().and_then(|data| data.max_payload);
        let mut batch = Batch::new(max.map(|max| max as usize));
        let mut payload = PayloadWriter::new();
        let controls = std::mem::take(&mut self.client.controls);
        let (last, first): (Vec<_>, Vec<_>) =
            controls.into_iter().partition(|control| *control == Control::Close);
        for control in first {
            batch.admit(&Packet::Pong(""));
            payload.control(control, "");
        }
        while open && let Some(&number) = self.client.outbox.front() {
            let text = number.to_string();
            let message = match number % 3 {
                2 => Message::Binary(text.as_bytes()),
                _ => Message::Text(&text),
            };
            let packet = Packet::Message(message);
            if !batch.admit(&packet) {
                break;
            }
            payload.packet(&packet);
            self.client.outbox.pop_front();
        }
        if !last.is_empty() {
            if !self.client.outbox.is_empty() && open {
                return Err("a client closes with messages left".to_owned());
            }
            payload.control(Control::Close, "");
        }
        if !payload.is_empty() {
            let now = self.now();
            self.client.posting = true;
            self.client.session.handle_transport(POLLING, TransportChange::Posting, now);
            self.request(Method::Post, payload.finish());
        }
        Ok(())
    }

    fn flush_client(&mut self) {
        let Some(via) = self.client.session.outlet() else { return };
        if let Some(wire) = self.wire_of(via) {
            for number in std::mem::take(&mut self.client.outbox) {
                send_message(self, Side::Client, wire, number);
            }
        }
    }

    /// Closes once everything is sent. True: it was done just now.
    fn close_client(&mut self) -> bool {
        let client = &self.client;
        let ready = client.wants_to_close && client.outbox.is_empty() && !client.posting;
        if !ready || !client.session.is_open() {
            return false;
        }
        let now = self.now();
        self.client.session.close(now);
        true
    }

    fn request(&mut self, method: Method, body: Vec<u8>) {
        let connection = self.connection(method);
        let delay = self.delay();
        let request = Request { method, body, connection };
        self.carry(delay, Side::Server, Happening::Request(request));
    }
}
