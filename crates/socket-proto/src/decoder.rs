//! From a session's engine messages to Socket.IO packets with their attachments.
//!
//! | state \ input | text | binary |
//! |---|---|---|
//! | idle | not binary: delivered · binary: **waiting** | `UnexpectedBinary` |
//! | waiting for n attachments | `UnexpectedText` | n > 1: waiting for n - 1 · n = 1: delivered, **idle** |
//!
//! Nothing may come between a binary packet and its attachments (Socket.IO v5 "Packet encoding").
//! An error ends the session; what was collected is dropped with it.

use std::borrow::Cow;

use bytes::Bytes;

use crate::packet::{DecodeError, Limits, PacketKind, Parsed};

/// Decodes one session's messages, in the order in which they came.
///
/// Between messages it keeps something only while attachments are missing.
#[derive(Debug)]
pub struct Decoder {
    limits: Limits,
    pending: Option<Box<Pending>>,
    /// The packet delivered last, which its `Incoming` borrows from.
    delivered: Option<Box<str>>,
}

/// What a peer sent.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Incoming<'a> {
    /// A client asks to join a namespace, or the server agrees.
    Connect {
        /// Which namespace.
        namespace: &'a str,
        /// A JSON object as it came, or nothing. From a server: `{"sid":".."}`.
        auth: &'a str,
    },
    /// The sender leaves a namespace.
    Disconnect {
        /// Which namespace.
        namespace: &'a str,
    },
    /// The server refuses a namespace. Servers refuse to receive this.
    ConnectError {
        /// Which namespace.
        namespace: &'a str,
        /// A JSON object or string as it came, or nothing.
        data: &'a str,
    },
    /// An event.
    Event {
        /// Which namespace.
        namespace: &'a str,
        /// Present: the sender wants an ack under this id.
        id: Option<u64>,
        /// The event's name, never a reserved one. A number stands as its text.
        name: Cow<'a, str>,
        /// The arguments: a JSON array without its brackets and the name, as it came. Checked to
        /// be valid JSON with placeholders in the range of `attachments`.
        args: &'a str,
        /// What the placeholders stand for; those that no placeholder reaches are dropped.
        attachments: Vec<Bytes>,
    },
    /// The answer to an event.
    Ack {
        /// Which namespace.
        namespace: &'a str,
        /// The id of the event.
        id: u64,
        /// As in an event.
        args: &'a str,
        /// As in an event.
        attachments: Vec<Bytes>,
    },
}

/// A binary packet whose attachments are still to come.
#[derive(Debug)]
struct Pending {
    text: Box<str>,
    missing: u32,
    used: u32,
    bytes: usize,
    attachments: Vec<Bytes>,
}

impl Decoder {
    /// A decoder that expects a packet.
    pub fn new(limits: Limits) -> Self {
        Decoder { limits, pending: None, delivered: None }
    }

    /// Takes a text message (without the `4` of the engine).
    ///
    /// `None`: attachments have to come first, or the packet says nothing: an event without
    /// payload, an ack without id. The official decoder ignores these too.
    ///
    /// # Errors
    /// The rule that the packet breaks; the session has to be closed.
    pub fn handle_text<'a>(
        &'a mut self,
        text: &'a str,
    ) -> Result<Option<Incoming<'a>>, DecodeError> {
        self.delivered = None;
        if self.pending.take().is_some() {
            return Err(DecodeError::UnexpectedText);
        }
        let parsed = Parsed::decode(text, &self.limits)?;
        if parsed.packet.kind.is_binary() {
            self.pending = Some(Box::new(Pending {
                text: text.into(),
                missing: parsed.packet.attachments,
                used: parsed.attachments_used,
                bytes: 0,
                attachments: Vec::with_capacity(parsed.attachments_used as usize),
            }));
            return Ok(None);
        }
        Ok(deliver(parsed, Vec::new()))
    }

    /// Takes a binary message: the next attachment. It is copied when a placeholder asks for it.
    ///
    /// # Errors
    /// As [`handle_text`](Self::handle_text).
    pub fn handle_binary<'a>(
        &'a mut self,
        data: &[u8],
    ) -> Result<Option<Incoming<'a>>, DecodeError> {
        self.delivered = None;
        let mut pending = self.pending.take().ok_or(DecodeError::UnexpectedBinary)?;
        pending.bytes = pending.bytes.saturating_add(data.len());
        if pending.bytes > self.limits.attachment_bytes_max {
            return Err(DecodeError::AttachmentsTooLarge {
                actual: pending.bytes,
                limit: self.limits.attachment_bytes_max,
            });
        }
        if pending.attachments.len() < pending.used as usize {
            pending.attachments.push(Bytes::copy_from_slice(data));
        }
        pending.missing -= 1;
        if pending.missing > 0 {
            self.pending = Some(pending);
            return Ok(None);
        }
        let text = self.delivered.insert(pending.text);
        // Read a second time: it was accepted the first time, and the parts borrow from the text.
        let parsed = Parsed::decode(text, &self.limits)?;
        Ok(deliver(parsed, pending.attachments))
    }

    /// Whether attachments are missing: then the next message has to be binary, and a driver may
    /// want to limit how long that takes.
    pub fn is_waiting(&self) -> bool {
        self.pending.is_some()
    }

    /// Frees the text of the binary packet delivered last, which otherwise stays until the next
    /// message. Call it when a turn ends.
    pub fn release(&mut self) {
        self.delivered = None;
    }
}

impl Default for Decoder {
    fn default() -> Self {
        Decoder::new(Limits::default())
    }
}

fn deliver(parsed: Parsed<'_>, attachments: Vec<Bytes>) -> Option<Incoming<'_>> {
    let Parsed { packet, name, args, .. } = parsed;
    let namespace = packet.namespace;
    Some(match packet.kind {
        PacketKind::Connect => Incoming::Connect { namespace, auth: packet.data },
        PacketKind::Disconnect => Incoming::Disconnect { namespace },
        PacketKind::ConnectError => Incoming::ConnectError { namespace, data: packet.data },
        PacketKind::Event | PacketKind::BinaryEvent => {
            Incoming::Event { namespace, id: packet.id, name: name?, args, attachments }
        }
        PacketKind::Ack | PacketKind::BinaryAck => {
            Incoming::Ack { namespace, id: packet.id?, args, attachments }
        }
    })
}
