//! Sending to one socket, and a socket's broadcasts to others.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use serde::Serialize;
use sockeye_engine::{Encoded, Pushed};
use sockeye_socket_proto::{
    EventName, EventRef, Request, event_name, to_event_name, with_encoded_args,
};

use super::requests::AckFuture;
use super::{CONNECTED, CONNECTING, Socket};
use crate::broadcast::Broadcast;
use crate::broadcast::encode::{MESSAGE, encode_with_offset, with_event};
use crate::broadcast::io::Io;
use crate::error::{AckError, EmitError};
use crate::guarantees::recovery::log::Log;
use crate::guarantees::recovery::section;
use crate::rooms::room::{IntoRooms, Room};
use crate::rooms::targets::Targets;

impl Socket {
    /// The namespace, to send to its other sockets.
    pub fn io(&self) -> Io {
        Io::new(Arc::clone(&self.0.namespace))
    }

    /// Everybody else on this server.
    pub fn local(&self) -> Broadcast {
        self.broadcast().local()
    }

    /// Everybody in these rooms but this socket.
    pub fn to(&self, rooms: impl IntoRooms) -> Broadcast {
        self.broadcast().with_rooms(rooms)
    }

    /// Everybody but this socket and those in these rooms.
    pub fn except(&self, rooms: impl IntoRooms) -> Broadcast {
        self.broadcast().except(rooms)
    }

    /// Everybody in the namespace but this socket.
    pub fn broadcast(&self) -> Broadcast {
        Broadcast::from_socket(self)
    }

    /// This socket alone, if its outbox is empty and its transport writable at that moment.
    pub fn volatile(&self) -> Broadcast {
        Broadcast::to_socket(self).volatile()
    }

    /// This socket alone, with or without compression: see [`Broadcast::compress`].
    pub fn compress(&self, compress: bool) -> Broadcast {
        Broadcast::to_socket(self).compress(compress)
    }

    /// Sends an event to this client. After the socket's end nothing is sent, except with
    /// [recovery](crate::Config::recovery): then an event that asks for no answer is delivered when
    /// the client comes back in time, to the socket that it has then.
    ///
    /// # Errors
    /// [`EmitError::Encode`] or [`EmitError::Reserved`] when it cannot be sent to anybody,
    /// [`EmitError::Overflow`] when the client reads too slowly. A client that is gone is no error.
    pub fn emit<P: Serialize + ?Sized>(
        &self,
        event: impl EventName<P>,
        payload: &P,
    ) -> Result<(), EmitError> {
        let name = event_name(&event)?;
        with_encoded_args(payload, |args, attachments| {
            self.send_event(EventRef { name, args, attachments: &attachments })
        })
        .map_err(|error| EmitError::encode(name, error))?
    }

    /// Sends the event `message`, the only event of some programs.
    ///
    /// # Errors
    /// As [`emit`](Socket::emit).
    pub fn send<P: Serialize + ?Sized>(&self, payload: &P) -> Result<(), EmitError> {
        self.emit(MESSAGE.name(), payload)
    }

    /// Sends an event and asks for its acknowledgement. The event is sent at once; await the
    /// result for the answer.
    pub fn emit_with_ack<P: Serialize + ?Sized, A>(
        &self,
        event: impl Request<P, A>,
        payload: &P,
    ) -> AckFuture<A> {
        let timeout = self.0.namespace.config.ack_timeout;
        match to_event_name(&event) {
            Ok(name) => AckFuture::new(self.request(&name, payload), name, timeout),
            Err(error) => {
                let refused = Err(AckError::Emit(error.into()));
                AckFuture::new(refused, Cow::default(), timeout)
            }
        }
    }

    pub(super) fn look_outgoing(&self, event: EventRef<'_>) {
        let handlers = &self.0.namespace.handlers;
        if let Some(event) = handlers.outgoing(event) {
            handlers.look_outgoing(self, &event);
        }
    }

    fn send_event(&self, event: EventRef<'_>) -> Result<(), EmitError> {
        if self.0.namespace.log.is_some() && section::is_inside() {
            let (socket, event) = (self.clone(), event.to_raw_event());
            section::put_off(move || drop(socket.send_event(event.event_ref())));
            return Ok(());
        }
        let may_be_elsewhere = self.is_disconnected() && self.is_kept();
        if may_be_elsewhere || self.0.namespace.offsets_from().is_some() {
            // Its client may come back, or has; or the cluster assigns the event's offset. The id that
            // it only claims is not used: it may turn out to be another user's.
            self.io().to(self.key()).send_event(event);
            return Ok(());
        }
        self.look_outgoing(event);
        self.0.namespace.handlers.metrics.event_sent();
        match &self.0.namespace.log {
            Some(log) if !self.is_disconnected() && !self.is_v2() => self.send_logged(log, event),
            _ => with_event(self.namespace(), None, event, |text| {
                self.transmit(event.name, text, event.attachments)
            }),
        }
    }

    /// Sends an event with its offset and keeps it for a client that comes back.
    fn send_logged(&self, log: &Log<Socket>, event: EventRef<'_>) -> Result<(), EmitError> {
        let mut sent = Ok(());
        log.record(None, |offset, _| {
            let packet = Arc::new(encode_with_offset(self.namespace(), event, offset));
            if self.takes_broadcast(&packet, Some(offset.logged())) {
                sent = queued(event.name, self.0.link.push(&packet));
            }
            // The id that it only claims is not used.
            let targets = Targets { rooms: vec![Room::from(self.key())], except: Vec::new() };
            (targets, packet)
        });
        sent
    }

    /// Sends the packet of an event; its name is for the error.
    pub(super) fn transmit(
        &self,
        event: &str,
        text: &str,
        attachments: &[Bytes],
    ) -> Result<(), EmitError> {
        match self.0.phase.load(Ordering::Acquire) {
            CONNECTED => queued(event, self.0.link.send(text, attachments)),
            CONNECTING => {
                let encode = || Arc::new(Encoded::new(text.to_owned(), attachments.to_vec()));
                if self.hold(None, encode) {
                    return queued(event, self.0.link.send(text, attachments));
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

fn queued(event: &str, pushed: Pushed) -> Result<(), EmitError> {
    match pushed {
        Pushed::Overflow { queued_packets, queued_bytes }
        | Pushed::Dropped { queued_packets, queued_bytes } => {
            let (event, queued_packets) = (event.to_owned().into(), queued_packets as usize);
            Err(EmitError::Overflow { event, queued_packets, queued_bytes })
        }
        _ => Ok(()),
    }
}
