//! Taking in: requests, POST bodies, what connections bring.

use std::task::{Context, Poll};

use sockeye_engine_proto::{Loss, TransportChange, TransportId, TransportKind};
use sockeye_net::pipe::FrameReader;
use sockeye_net::stream::ReadHalf;
use sockeye_net::with_scratch;
use sockeye_ws::{CloseCode, Connection as Frames};

use super::core::Core;
use super::driver::{Driver, POLLING, Post};
use super::link::{Probe, SessionLink};
use super::protocol::{Farewell, SessionProtocol};
use crate::application::{Application, SessionHandler};
use crate::outbox::connection::Incoming;
use crate::session::close_detail::CloseDetail;
use crate::session::inbox::{Place, SessionRequest};
use crate::session::reply::{Reply, ReplyContent};

impl<A: Application, P: SessionProtocol> Driver<A, P> {
    pub(super) fn receive_requests(&mut self) {
        for request in self.core.handle.take_requests() {
            match request {
                SessionRequest::Poll(reply, place) => self.receive_poll(reply, place),
                SessionRequest::Post(body, form, reply) => {
                    let open = self.posts_via().is_some();
                    match &mut self.requests {
                        Some(requests) if open && requests.post.is_none() => {
                            let reader = P::body_reader(self.core.protocol.form(), form);
                            requests.post = Some(Post { body, reader, reply });
                        }
                        _ => self.refuse_late(reply),
                    }
                }
                SessionRequest::StreamEnded => self.end_stream(),
                SessionRequest::Failed(detail) => {
                    let via = self.posts_via().unwrap_or(POLLING);
                    self.core.change(via, TransportChange::Broken, detail);
                }
                SessionRequest::Connection(connection) => {
                    self.probes += 1;
                    let id = TransportId::new(TransportKind::WebSocket, self.probes);
                    self.receive_probe(Probe::new(id, *connection));
                }
                SessionRequest::Command(command) => {
                    if let Some(handler) = &mut self.core.handler {
                        handler.command(command);
                    }
                }
            }
        }
    }

    fn receive_poll(&mut self, reply: Reply, place: Place) {
        self.look_at_polls();
        let polls = !self.core.protocol.is_closed() && self.core.protocol.transport() == POLLING;
        let Some(requests) = self.requests.as_mut().filter(|_| polls) else {
            return self.refuse_late(reply);
        };
        match &requests.parked {
            // Which of the two ends first the parked one's connection knows.
            Some(parked) if requests.overlapping.is_none() => {
                parked.ask();
                requests.overlapping = Some(reply);
            }
            // The stream's answer is being read.
            None if requests.streams && place != Place::Next => {
                let _ = reply.send(ReplyContent::Overlap);
            }
            Some(_) => {
                let _ = reply.send(ReplyContent::Overlap);
                self.end_for_overlap();
            }
            None => {
                requests.parked = Some(reply);
                requests.streams = place != Place::Alone;
                self.core.handle.shared().outbox.lock().set_parked(true);
                self.core.change(POLLING, TransportChange::Writable, None);
            }
        }
    }

    /// A poll that was given up ends the session, before anything else is looked at; so does another
    /// one beside a poll that still waits.
    pub(super) fn look_at_polls(&mut self) {
        let Some(requests) = &mut self.requests else { return };
        let Some(parked) = &requests.parked else { return };
        if parked.is_given_up() {
            requests.parked = None;
            let overlapping = requests.overlapping.take();
            self.core.handle.shared().outbox.lock().set_parked(false);
            self.core.lose(POLLING, Loss::Failed, CloseDetail::PollAborted);
            if let Some(reply) = overlapping {
                self.refuse_late(reply);
            }
        } else if requests.overlapping.is_some() && parked.is_present() {
            if let Some(reply) = requests.overlapping.take() {
                let _ = reply.send(ReplyContent::Overlap);
            }
            self.end_for_overlap();
        }
    }

    /// The client is to come for more with another poll.
    fn end_stream(&mut self) {
        if let Some(requests) = &mut self.requests
            && std::mem::take(&mut requests.streams)
        {
            self.core.change(POLLING, TransportChange::Answered, None);
        }
    }

    fn end_for_overlap(&mut self) {
        if !P::ENDS_BY_OVERLAP {
            return;
        }
        self.core.change(POLLING, TransportChange::Writable, CloseDetail::PollOverlap);
    }

    fn receive_probe(&mut self, probe: Probe) {
        let id = probe.link.id;
        self.core.protocol.handle_transport(id, TransportChange::Opened, self.core.now);
        if self.core.protocol.probe() == Some(id) {
            self.probe = Some(Box::new(probe));
        } else {
            // This is the close packet that the session had still to send.
            probe.link.end(probe.pipe, Farewell::default(), self.ticket.registry());
        }
    }

    /// The transport that POSTs belong to, while the session is alive and has one.
    fn posts_via(&self) -> Option<TransportId> {
        let via = self.core.protocol.transport();
        (!self.core.protocol.is_closed() && via.kind().takes_posts()).then_some(via)
    }

    /// Answers a request that came too late.
    fn refuse_late(&self, reply: Reply) {
        let upgraded = !self.core.protocol.is_closed() && self.posts_via().is_none();
        // A request that was given up needs no answer.
        let _ = reply.send(if upgraded {
            ReplyContent::WrongTransport
        } else {
            ReplyContent::UnknownSession
        });
    }

    /// Takes in the packets of a POST, as far as the handler is ready for them.
    pub(super) fn read_post(&mut self) {
        let Driver { core, requests, .. } = self;
        let Some(requests) = requests.as_mut().filter(|_| core.handler.is_some()) else { return };
        let Some(mut post) = requests.post.take() else { return };
        let via = core.protocol.transport();
        loop {
            if !core.may_read() {
                requests.post = Some(post);
                return;
            }
            match P::next_packet(&mut post.reader, &post.body) {
                Some(_) if !core.admits(via) => break,
                Some(packet) => core.decoded(via, packet),
                None => break,
            }
        }
        let _ = post.reply.send(ReplyContent::Accepted);
    }

    /// Reads the connection the session lives on. `true`: there may be more.
    pub(super) fn read_link(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(link) = &mut self.link else { return false };
        let more = self.core.read(link, &mut self.read_bytes_left, cx);
        if let Incoming::Frames(reader) = &mut link.incoming
            && reader.ws.has_transmit()
        {
            let ws = &mut reader.ws;
            self.core
                .handle
                .push_session_packet(|pipe, _| while ws.poll_transmit(None, pipe.tail()) {});
        }
        more
    }

    /// Reads the connection of an upgrade; not while a POST waits, whose packets come first.
    pub(super) fn read_probe(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(probe) = &mut self.probe else { return false };
        if self.requests.as_ref().is_some_and(|requests| requests.post.is_some()) {
            return false;
        }
        let more = self.core.read(&mut probe.link, &mut self.read_bytes_left, cx);
        if let Incoming::Frames(reader) = &mut probe.link.incoming {
            while reader.ws.poll_transmit(None, probe.pipe.tail()) {}
        }
        if probe.link.gone && self.core.protocol.transport() != probe.link.id {
            self.probe = None;
        }
        more
    }

    /// Whether something was received that the handler was not ready for.
    pub(super) fn holds_input(&self) -> bool {
        self.requests.as_ref().is_some_and(|requests| requests.post.is_some())
            || self.link.as_ref().is_some_and(SessionLink::holds_input)
            || self.probe.as_ref().is_some_and(|probe| probe.link.holds_input())
    }
}

impl<H: SessionHandler, P: SessionProtocol> Core<H, P> {
    /// Reads until nothing is left, the handler has enough, or others should get a turn: `left` is
    /// how many bytes this one may still take.
    fn read(&mut self, link: &mut SessionLink, left: &mut usize, cx: &mut Context<'_>) -> bool {
        while *left > 0 {
            if link.gone || !self.may_read() {
                return false;
            }
            let SessionLink { id, incoming, code, .. } = link;
            let read = match incoming {
                Incoming::Frames(reader) => self.read_frames((*id, code), reader, cx),
                Incoming::Ignored { io, bytes_left } => read_ignored(io, bytes_left, cx),
            };
            match read {
                Poll::Pending => return false,
                Poll::Ready(Some(bytes)) => *left = left.saturating_sub(bytes),
                Poll::Ready(None) => {
                    link.gone = true;
                    self.lose(link.id, Loss::Closed, CloseDetail::ConnectionLost);
                }
            }
        }
        true
    }

    /// One read, and how much it counts for. `None`: the connection has ended or is broken.
    fn read_frames(
        &mut self,
        (id, code): (TransportId, &mut CloseCode),
        reader: &mut FrameReader,
        cx: &mut Context<'_>,
    ) -> Poll<Option<usize>> {
        let least = if reader.holds_input() { 1 } else { READ_BYTES_MIN };
        let read = reader.poll_input(cx, |ws, input| self.feed((id, code), ws, input));
        match read {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok(bytes)) if bytes > 0 => Poll::Ready(Some(bytes.max(least))),
            Poll::Ready(_) => {
                reader.ws.handle_eof();
                Poll::Ready(None)
            }
        }
    }

    /// Takes in what was read, message by message; how much of it was used. Also behind the end of the
    /// session: the peer's close frame may be there.
    fn feed(
        &mut self,
        (id, code): (TransportId, &mut CloseCode),
        ws: &mut Frames,
        input: &mut [u8],
    ) -> usize {
        let mut used = 0;
        while used < input.len() && self.may_read() {
            match ws.handle_read(&mut input[used..]) {
                Ok((length, None)) => return used + length,
                Ok((length, Some(frame))) => {
                    used += length;
                    if !self.admits(id) {
                        *code = CloseCode::POLICY;
                        return input.len();
                    }
                    self.frame(id, frame);
                }
                Err(error) => {
                    tracing::debug!(sid = %self.handle.id().shortened(), %error, "bad frame");
                    *code = error.close_code();
                    self.change(id, TransportChange::Broken, CloseDetail::of_frame(error));
                    return input.len();
                }
            }
        }
        used
    }
}

/// Reads and forgets, up to a bound. `None`: the connection has ended, is broken, or brings too much.
fn read_ignored(
    io: &mut ReadHalf,
    bytes_left: &mut usize,
    cx: &mut Context<'_>,
) -> Poll<Option<usize>> {
    with_scratch(|scratch| io.poll_read(cx, scratch)).map(|read| match read {
        Ok(bytes) if bytes > 0 && bytes < *bytes_left => {
            *bytes_left -= bytes;
            Some(bytes.max(READ_BYTES_MIN))
        }
        _ => None,
    })
}

/// What a read counts for at least.
const READ_BYTES_MIN: usize = 4096;
