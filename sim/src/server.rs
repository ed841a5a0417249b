//! The server's host: what the driver of `sockeye-engine` does, without the bytes.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use sockeye_engine_proto::{
    CloseReason, Config, Control, Event, Loss, Message, Packet, PayloadReader, PayloadWriter,
    Revision, Session, SessionId, Transmit, TransportChange, TransportId, TransportKind,
};
use sockeye_ws as ws;

use crate::network::{Method, Request, Response, Side};
use crate::world::{Happening, POLLING, Read, World, take_in};

#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) session: Session,
    /// Numbers of messages that wait for an outlet.
    outbox: VecDeque<u32>,
    sent: u32,
    pub(crate) received: u32,
    pub(crate) upgraded: bool,
    pub(crate) closed: Option<CloseReason>,
    /// A poll is parked; on which connection.
    parked: Option<u32>,
    controls: Vec<Control>,
    pub(crate) timer_ms: Option<u64>,
}

impl Server {
    pub(crate) fn new(config: &Config, via: TransportId, now: Instant) -> Self {
        let config = Arc::new(config.clone());
        Server {
            session: Session::accept(config, Revision::V4, SessionId::from("simulated"), via, now),
            outbox: VecDeque::new(),
            sent: 0,
            received: 0,
            upgraded: false,
            closed: None,
            parked: None,
            controls: Vec::new(),
            timer_ms: None,
        }
    }

    /// The application sends its next message.
    pub(crate) fn send(&mut self) {
        if self.session.is_open() {
            self.outbox.push_back(self.sent);
            self.sent += 1;
        }
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
            Ok(Some(message)) => take_in(Side::Server, &mut self.received, message),
            Ok(None) => Ok(()),
            // What was overdue ended it just now.
            Err(sockeye_engine_proto::SessionError::Closed) => Ok(()),
            Err(error) => Err(format!("the server refused {packet:?}: {error}")),
        }
    }
}

/// A message on a WebSocket: every third one is binary.
pub(crate) fn send_message(world: &mut World, side: Side, wire: u32, number: u32) {
    let text = number.to_string();
    if number % 3 == 2 {
        world.send(side, wire, ws::Message::Binary(text.as_bytes()));
    } else {
        world.send(side, wire, ws::Message::Text(&format!("4{text}")));
    }
}

impl World {
    pub(crate) fn request_arrives(&mut self, request: Request) -> Result<(), String> {
        if request.connection != self.connection(request.method) {
            return Ok(());
        }
        let now = self.now();
        self.server.session.handle_timeout(now);
        let polling = self.server.session.transport() == POLLING;
        if self.server.session.is_closed() || !polling {
            if !polling && request.method == Method::Get && !self.server.session.is_closed() {
                return Err("a poll after the upgrade".to_owned());
            }
            self.respond(request.method, None);
            return Ok(());
        }
        match request.method {
            Method::Get if self.server.parked.is_some() => Err("polls overlap".to_owned()),
            Method::Get => {
                self.server.parked = Some(request.connection);
                self.server.session.handle_transport(POLLING, TransportChange::Writable, now);
                Ok(())
            }
            Method::Post => {
                if request.body.len() > self.plan.payload_bytes_max {
                    return Err(format!("a POST of {} bytes", request.body.len()));
                }
                let mut reader = PayloadReader::new();
                while let Some(packet) = reader.next_packet(&request.body) {
                    let packet = packet.map_err(|error| error.to_string())?;
                    self.server.packet(POLLING, packet, now)?;
                }
                self.respond(Method::Post, Some(Vec::new()));
                Ok(())
            }
        }
    }

    pub(crate) fn settle_server(&mut self) -> Result<(), String> {
        let now = self.now();
        loop {
            let backlog = !self.server.outbox.is_empty();
            self.server.session.set_backlog(backlog);
            while let Some(transmit) = self.server.session.poll_transmit() {
                self.server_transmits(transmit)?;
                // What a connection is given it takes at once.
                self.server.session.handle_ping_written(now);
            }
            self.answer_poll();
            let mut quiet = true;
            while let Some(event) = self.server.session.poll_event() {
                quiet = false;
                match event {
                    Event::Upgraded { .. } => self.server.upgraded = true,
                    Event::Closed(reason) => self.server_ends(reason)?,
                    _ => {}
                }
            }
            self.flush_server();
            if quiet {
                return Ok(());
            }
        }
    }

    /// One end of a request's connection notices that it is lost.
    pub(crate) fn request_lost(&mut self, side: Side, method: Method) {
        let now = self.now();
        let change = match (side, method) {
            (Side::Client, _) => {
                let lost = TransportChange::Lost(Loss::Closed);
                return self.client.session.handle_transport(POLLING, lost, now);
            }
            // The head of the request may not have arrived.
            (Side::Server, Method::Get) if self.server.parked.is_none() => return,
            (Side::Server, Method::Get) => {
                self.server.parked = None;
                TransportChange::Lost(Loss::Failed)
            }
            (Side::Server, Method::Post) if self.random.chance(50) => return,
            (Side::Server, Method::Post) => TransportChange::Broken,
        };
        self.server.session.handle_transport(POLLING, change, now);
    }

    fn server_transmits(&mut self, Transmit { via, control }: Transmit) -> Result<(), String> {
        if via.kind() == TransportKind::Polling {
            if self.server.parked.is_none() {
                return Err(format!("{control:?} for no poll"));
            }
            self.server.controls.push(control);
            return Ok(());
        }
        let Some(wire) = self.wire_of(via) else { return Err(format!("no wire {via:?}")) };
        match control.as_str() {
            Some(_) if control == Control::Close => {
                self.flush_server();
                self.leave(Side::Server, wire);
            }
            Some(text) => self.send(Side::Server, wire, ws::Message::Text(text)),
            None => {
                let open = format!("0{}", self.open_json());
                self.send(Side::Server, wire, ws::Message::Text(&open));
            }
        }
        Ok(())
    }

    fn answer_poll(&mut self) {
        if self.server.parked.is_none() {
            return;
        }
        let controls = std::mem::take(&mut self.server.controls);
        let mut payload = PayloadWriter::new();
        if controls.contains(&Control::Open) {
            payload.control(Control::Open, &self.open_json());
        }
        if self.server.session.outlet() == Some(POLLING) {
            for number in self.server.outbox.drain(..) {
                let text = number.to_string();
                if number % 3 == 2 {
                    payload.binary(text.as_bytes());
                } else {
                    payload.text(&text);
                }
            }
        }
        for control in controls {
            if control != Control::Open {
                payload.control(control, "");
            }
        }
        if payload.is_empty() {
            return;
        }
        let Some(connection) = self.server.parked.take() else { return };
        let now = self.now();
        if connection == self.connection(Method::Get) {
            self.respond(Method::Get, Some(payload.finish()));
        }
        self.server.session.handle_transport(POLLING, TransportChange::Answered, now);
    }

    /// On a WebSocket nothing waits.
    fn flush_server(&mut self) {
        let Some(via) = self.server.session.outlet() else { return };
        if let Some(wire) = self.wire_of(via) {
            for number in std::mem::take(&mut self.server.outbox) {
                send_message(self, Side::Server, wire, number);
            }
        }
    }

    fn server_ends(&mut self, reason: CloseReason) -> Result<(), String> {
        if self.server.closed.replace(reason).is_some() {
            return Err("the server ends twice".to_owned());
        }
        if self.server.parked.take().is_some() {
            self.respond(Method::Get, None);
        }
        Ok(())
    }

    fn respond(&mut self, method: Method, body: Option<Vec<u8>>) {
        let connection = self.connection(method);
        let delay = self.delay();
        let response = Response { method, body, connection };
        self.carry(delay, Side::Client, Happening::Response(response));
    }

    fn open_json(&self) -> String {
        self.server.session.open_data().map(|data| data.to_json()).unwrap_or_default()
    }

    /// The number of a WebSocket transport's wire.
    pub(crate) fn wire_of(&self, via: TransportId) -> Option<u32> {
        let wires = 0..self.wires.len() as u32;
        wires.into_iter().find(|number| crate::world::websocket(*number) == via)
    }
}
