//! Acting on what the protocol state says: control packets, events, answers to polls, the end.

use std::io;
use std::task::{Context, Poll};

use sockeye_engine_proto::{
    CloseReason, Control, Event, Loss, Packet, PayloadWriter, Revision, Transmit, TransportChange,
    TransportKind,
};

use super::{Driver, POLLING};
use crate::application::Application;
use crate::detail::CloseDetail;
use crate::encoded::Encoded;
use crate::inbox::{Answer, Guest};
use crate::metrics;
use crate::observer::Observer;

impl<A: Application> Driver<A> {
    /// Carries out everything the session has to say, until it says no more.
    pub(super) fn settle(&mut self, cx: &mut Context<'_>) {
        loop {
            if self.polling.is_some() && self.handle.is_closing() {
                let backlog = self.handle.shared().outbox.lock().has_queued();
                self.session.set_backlog(backlog);
            }
            while let Some(transmit) = self.session.poll_transmit() {
                self.transmit(transmit);
            }
            self.answer_poll();
            let mut quiet = true;
            while let Some(event) = self.session.poll_event() {
                quiet = false;
                match event {
                    Event::Upgraded { .. } => self.adopt_probe(),
                    Event::Closed(reason) => self.finish(reason),
                    Event::Upgrading => {
                        if let Some(observer) = self.handle.observer() {
                            observer.upgrading(&self.handle, TransportKind::WebSocket);
                        }
                    }
                    _ => {}
                }
            }
            if quiet {
                break;
            }
        }
        self.flush_probe(cx);
    }

    /// Sends a packet of the session itself.
    pub(super) fn transmit(&mut self, Transmit { via, control }: Transmit) {
        if let Some(observer) = self.handle.observer() {
            self.announce(observer, control);
        }
        if via.kind() == TransportKind::Polling {
            if let Some(polling) = &mut self.polling {
                polling.controls.push(control);
            }
            return;
        }
        let probe = self.probe.as_ref().is_some_and(|probe| probe.link.id == via);
        // What follows the upgrade goes behind what was queued before it.
        if probe && self.session.transport() == via && control != Control::ProbePong {
            self.adopt_probe();
        }
        let open = if control == Control::Open { self.open_json() } else { String::new() };
        let probe = probe && self.probe.is_some();
        if self.socket.as_ref().is_some_and(|link| link.id == via) {
            if control == Control::Close {
                self.release_socket();
                let lost = TransportChange::Lost(Loss::Closed);
                self.session.handle_transport(via, lost, self.now);
            } else {
                self.handle.push_owed(|pipe, framing| framing.push_control(pipe, control, &open));
            }
        } else if probe && control == Control::Close {
            self.release_probe();
        } else if probe && let Some(probe) = &mut self.probe {
            probe.framing.push_control(&mut probe.pipe, control, &open);
        }
    }

    /// Tells the observer of a packet of the session itself.
    fn announce(&self, observer: &dyn Observer, control: Control) {
        match control {
            Control::Open => {
                observer.packet_create(&self.handle, &Packet::Open(&self.open_json()));
                // On polling they go together.
                if self.polling.is_some()
                    && let Some(initial) = &self.ticket.registry().config.initial_packet
                {
                    self.handle.announce_to(observer, initial.text(), initial.attachments());
                }
            }
            Control::Ping => observer.packet_create(&self.handle, &Packet::Ping("")),
            Control::Pong => observer.packet_create(&self.handle, &Packet::Pong("")),
            _ => {}
        }
    }

    /// Answers the parked poll if there is something to say.
    fn answer_poll(&mut self) {
        let Some(polling) = &mut self.polling else {
            return;
        };
        if polling.parked.is_none() {
            return;
        }
        let controls = std::mem::take(&mut polling.controls);
        // OPEN goes without what is queued: simple clients read no more from their first answer.
        let opens = controls.contains(&Control::Open);
        let (mut payload, compress) =
            if opens { (self.open_payload(), true) } else { self.queued_payload() };
        for control in controls {
            match control {
                Control::Open => {}
                Control::Noop if !payload.is_empty() => {}
                _ => payload.control(control, ""),
            }
        }
        if !payload.is_empty() {
            self.send_answer(payload, compress);
        }
    }

    /// The first answer: OPEN, and the message for everybody if there is one.
    fn open_payload(&self) -> PayloadWriter {
        let initial = self.ticket.registry().config.initial_packet.as_deref();
        let attachments = initial.map_or(&[][..], Encoded::attachments);
        let form = self.handle.dialect().payload(!attachments.is_empty());
        let mut payload = PayloadWriter::with_form(form);
        payload.control(Control::Open, &self.open_json());
        if let Some(initial) = initial {
            if let Some(text) = initial.text() {
                payload.text(text);
            }
            attachments.iter().for_each(|attachment| payload.binary(attachment));
        }
        payload
    }

    /// What a poll can carry away now, and whether that may be compressed.
    fn queued_payload(&self) -> (PayloadWriter, bool) {
        let dialect = self.handle.dialect();
        let mut outbox = self.handle.shared().outbox.lock();
        let goes = self.session.outlet() == Some(POLLING) && outbox.has_queued();
        let binary = goes && dialect.revision == Revision::V3 && outbox.has_binary();
        let mut payload = PayloadWriter::with_form(dialect.payload(binary));
        let compress = goes && outbox.drain_into(&mut payload);
        (payload, compress)
    }

    fn send_answer(&mut self, payload: PayloadWriter, compress: bool) {
        let Some(polling) = &mut self.polling else {
            return;
        };
        let Some(reply) = polling.parked.take() else {
            return;
        };
        self.handle.shared().outbox.lock().set_parked(false);
        let binary = payload.form().is_binary();
        let answer = Answer::Payload { body: payload.finish().into(), binary, compress };
        match reply.send(answer) {
            Ok(()) => self.change(POLLING, TransportChange::Answered, None),
            // The poll was given up with what it should have carried.
            Err(_) => {
                let lost = TransportChange::Lost(Loss::Failed);
                self.change(POLLING, lost, Some(CloseDetail::PollAborted));
            }
        }
    }

    /// The session lives on its probe from now on.
    fn adopt_probe(&mut self) {
        let Some(probe) = self.probe.take() else {
            return;
        };
        if let Some(mut polling) = self.polling.take()
            && let Some(reply) = polling.parked.take()
        {
            let mut noop = PayloadWriter::with_form(self.handle.dialect().payload(false));
            noop.control(Control::Noop, "");
            let body = noop.finish().into();
            let _ = reply.send(Answer::Payload { body, binary: false, compress: false });
        }
        self.handle.set_websocket();
        self.handle.shared().outbox.lock().upgrade(probe.pipe, probe.framing);
        self.socket = Some(probe.link);
        metrics::upgraded();
        tracing::debug!(sid = %self.handle.id().shortened(), "session upgraded");
    }

    /// The session is over: everybody who waits is answered, everything held is let go.
    fn finish(&mut self, reason: CloseReason) {
        let closing = self.handle.shared().outbox.lock().closing();
        self.over = true;
        self.ticket.registry().remove(self.handle.id());
        if let Some(mut polling) = self.polling.take()
            && let Some(post) = polling.post.take()
        {
            let _ = post.reply.send(Answer::Accepted);
        }
        for guest in self.handle.close_inbox() {
            match guest {
                Guest::Poll(reply) | Guest::Post(_, _, reply) => {
                    let _ = reply.send(Answer::UnknownSession);
                }
                Guest::WebSocket(..) | Guest::Violation(_) => {}
            }
        }
        self.release_probe();
        self.release_socket();
        drop(self.handle.end_outbox());
        self.tell(closing.unwrap_or(reason));
    }

    /// The connection broke while it was written to, or its peer takes nothing any more.
    pub(super) fn lose_socket(&mut self, error: &io::Error) {
        if let Some(link) = &mut self.socket {
            link.gone = true;
            let (loss, detail) = match error.kind() {
                io::ErrorKind::TimedOut => (Loss::Failed, CloseDetail::WriteTimeout),
                _ => (Loss::Closed, CloseDetail::ConnectionLost),
            };
            let id = link.id;
            self.change(id, TransportChange::Lost(loss), Some(detail));
        }
    }

    /// Lets the session's WebSocket go, with a goodbye behind what is queued.
    fn release_socket(&mut self) {
        let Some(link) = self.socket.take() else {
            return;
        };
        let discard = self.handle.is_discarded();
        if let Some(pipe) = self.handle.end_outbox().filter(|_| !discard) {
            link.close(pipe, self.ticket.registry());
        }
    }

    fn release_probe(&mut self) {
        if let Some(probe) = self.probe.take() {
            probe.link.close(probe.pipe, self.ticket.registry());
        }
    }

    /// Writes what is owed to the probe.
    fn flush_probe(&mut self, cx: &mut Context<'_>) {
        let write_timeout = self.handle.config().write_timeout;
        let Some(probe) = &mut self.probe else { return };
        if let Poll::Ready(Err(_)) = probe.pipe.poll_write(cx, write_timeout) {
            let id = probe.link.id;
            self.probe = None;
            let lost = TransportChange::Lost(Loss::Closed);
            self.session.handle_transport(id, lost, self.now);
        }
    }

    fn open_json(&self) -> String {
        self.session.open_data().map(|data| data.to_json()).unwrap_or_default()
    }
}
