//! Acting: what the session has to say, polls that are answered, connections that change.

use std::io;
use std::task::{Context, Poll};

use sockeye_engine_proto::{
    CloseReason, Control, Event, Loss, Packet, Transmit, TransportChange, TransportKind,
};

use super::driver::{Driver, POLLING};
use super::protocol::{Farewell, SessionProtocol};
use crate::application::Application;
use crate::metrics;
use crate::session::close_detail::CloseDetail;
use crate::session::observer::Observer;
use crate::session::reply::ReplyContent;

impl<A: Application, P: SessionProtocol> Driver<A, P> {
    /// Carries out everything the session has to say, until it says no more.
    pub(super) fn act(&mut self, cx: &mut Context<'_>) {
        loop {
            if self.requests.is_some() && self.core.handle.is_closing() {
                let backlog = self.core.handle.shared().outbox.lock().outlet.has_queued();
                self.core.protocol.set_backlog(backlog);
            }
            while let Some(transmit) = self.core.protocol.poll_transmit() {
                self.transmit(transmit);
            }
            self.answer_poll();
            let mut quiet = true;
            while let Some(event) = self.core.protocol.poll_event() {
                quiet = false;
                match event {
                    Event::Upgraded { .. } => self.adopt_probe(),
                    Event::Closed(reason) => self.finish(reason),
                    Event::Upgrading => {
                        if let Some(observer) = self.core.handle.observer() {
                            observer.upgrading(&self.core.handle, TransportKind::WebSocket);
                        }
                    }
                    _ => {}
                }
            }
            if quiet {
                break;
            }
        }
        self.write_probe(cx);
    }

    /// Sends a packet of the session itself.
    pub(super) fn transmit(&mut self, Transmit { via, control }: Transmit) {
        if let Some(observer) = self.core.handle.observer() {
            self.announce(observer, control);
        }
        if via == POLLING {
            if let Some(requests) = &mut self.requests {
                requests.controls.push(control);
            }
            return;
        }
        let is_probe = self.probe.as_ref().is_some_and(|probe| probe.link.id == via);
        // What follows the upgrade goes behind what was queued before it.
        if is_probe && self.core.protocol.transport() == via && control != Control::ProbePong {
            self.adopt_probe();
        }
        let is_open = control == Control::Open;
        let open = if is_open { self.core.protocol.open_text() } else { String::new() };
        if self.link.as_ref().is_some_and(|link| link.id == via) {
            if control == Control::Close {
                self.release_link();
                self.core.lose(via, Loss::Closed, None);
            } else {
                let handle = &self.core.handle;
                handle.push_session_packet(|pipe, framing| {
                    framing.push_control(pipe, control, &open)
                });
            }
        } else if let Some(probe) = self.probe.as_mut().filter(|probe| probe.link.id == via) {
            if control == Control::Close {
                self.release_probe();
            } else {
                probe.framing.push_control(&mut probe.pipe, control, &open);
            }
        }
    }

    /// Tells the observer of a packet of the session itself.
    fn announce(&self, observer: &dyn Observer, control: Control) {
        let handle = &self.core.handle;
        match control {
            Control::Open => {
                observer.packet_create(handle, &Packet::Open(&self.core.protocol.open_text()));
                // On polling they go together.
                if self.link.is_none()
                    && let Some(initial) = &self.ticket.registry().config.initial_packet
                {
                    handle.announce_to(observer, initial.text(), initial.attachments());
                }
            }
            Control::Ping => observer.packet_create(handle, &Packet::Ping("")),
            Control::Pong => observer.packet_create(handle, &Packet::Pong("")),
            _ => {}
        }
    }

    /// Answers the parked poll if there is something to say, and no doubt whether it still waits.
    fn answer_poll(&mut self) {
        let Some(requests) = &mut self.requests else { return };
        if requests.parked.is_none() || requests.overlapping.is_some() {
            return;
        }
        let controls = std::mem::take(&mut requests.controls);
        let Some(answer) = self.core.protocol.poll_answer(&self.core.handle, controls) else {
            return;
        };
        let Some(reply) = requests.parked.take() else { return };
        self.core.handle.shared().outbox.lock().set_parked(false);
        match reply.send_packets(&self.core.handle, answer) {
            // What a stream brings is not its end.
            Ok(()) if requests.streams => {}
            Ok(()) => self.core.change(POLLING, TransportChange::Answered, None),
            // The poll was given up with what it should have carried.
            Err(_) => self.core.lose(POLLING, Loss::Failed, CloseDetail::PollAborted),
        }
    }

    /// The session lives on its probe from now on.
    fn adopt_probe(&mut self) {
        let Some(probe) = self.probe.take() else { return };
        if let Some(reply) = self.requests.take().and_then(|mut requests| requests.parked.take())
            && let Some(answer) =
                self.core.protocol.poll_answer(&self.core.handle, vec![Control::Noop])
        {
            let _ = reply.send_packets(&self.core.handle, answer);
        }
        self.core.handle.set_transport(probe.link.id.kind());
        self.core.handle.shared().outbox.lock().upgrade(probe.pipe, probe.framing);
        self.link = Some(probe.link);
        metrics::upgraded();
        let kind = self.core.handle.transport();
        tracing::Span::current().record("upgraded", tracing::field::display(kind));
        tracing::debug!(sid = %self.core.handle.id().shortened(), "session upgraded");
    }

    /// The session is over: everybody who waits is answered, everything held is let go.
    fn finish(&mut self, reason: CloseReason) {
        let closing = self.core.handle.shared().outbox.lock().closing();
        self.is_over = true;
        self.ticket.registry().remove(self.core.handle.id());
        // What is not answered here is told that the session is unknown.
        if let Some(post) = self.requests.take().and_then(|mut requests| requests.post.take()) {
            let _ = post.reply.send(ReplyContent::Accepted);
        }
        drop(self.core.handle.close_inbox());
        self.release_probe();
        self.release_link();
        drop(self.core.handle.end_outbox());
        self.tell_end(closing.unwrap_or(reason));
    }

    /// The connection broke while it was written to, or its peer takes nothing any more.
    pub(super) fn lose_link(&mut self, error: &io::Error) {
        let Some(link) = &mut self.link else { return };
        link.gone = true;
        let (loss, detail) = match error.kind() {
            io::ErrorKind::TimedOut => (Loss::Failed, CloseDetail::WriteTimeout),
            _ => (Loss::Closed, CloseDetail::ConnectionLost),
        };
        self.core.lose(link.id, loss, detail);
    }

    /// Lets the session's connection go, in good order behind what is queued.
    fn release_link(&mut self) {
        let Some(link) = self.link.take() else { return };
        let discard = self.core.handle.is_discarded();
        let farewell = self.core.protocol.farewell(&self.core.handle);
        if let Some(pipe) = self.core.handle.end_outbox().filter(|_| !discard) {
            link.end(pipe, farewell, self.ticket.registry());
        }
    }

    fn release_probe(&mut self) {
        if let Some(probe) = self.probe.take() {
            probe.link.end(probe.pipe, Farewell::default(), self.ticket.registry());
        }
    }

    /// Writes the packets that wait for the probe.
    fn write_probe(&mut self, cx: &mut Context<'_>) {
        let write_timeout = self.core.handle.config().write_timeout;
        let Some(probe) = &mut self.probe else { return };
        if let Poll::Ready(Err(_)) = probe.pipe.poll_write(cx, write_timeout) {
            let id = probe.link.id;
            self.probe = None;
            self.core.lose(id, Loss::Closed, None);
        }
    }
}
