//! The decoder of a session's engine messages: Socket.IO packets with their attachments.
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

/// A decoder of one session's messages, in the order in which they came. Between messages it keeps
/// nothing unless attachments are missing.
///
/// ```
/// use sockeye_socket_proto::{Decoder, Incoming};
///
/// let mut decoder = Decoder::default();
/// let packet = decoder.handle_text(r#"51-["picture",{"_placeholder":true,"num":0}]"#)?;
/// assert_eq!(packet, None, "the attachment has to come first");
/// let Some(Incoming::Event { name, attachments, .. }) = decoder.handle_binary(b"\x89PNG")? else {
///     panic!("an event");
/// };
/// assert_eq!((&*name, &attachments[0][..]), ("picture", b"\x89PNG".as_slice()));
/// # Ok::<(), sockeye_socket_proto::DecodeError>(())
/// ```
#[derive(Debug)]
pub struct Decoder {
    limits: Limits,
    partial: Option<Box<PartialPacket>>,
    /// The text of the binary packet returned last, which its `Incoming` borrows from.
    delivered: Option<Box<str>>,
}

/// A packet as the peer sent it, in its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Incoming<'a> {
    /// A client asks to join a namespace, or the server has admitted it.
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
        /// What the placeholders stand for; those behind the last one that is used are dropped.
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
struct PartialPacket {
    text: Box<str>,
    missing: u32,
    used: u32,
    bytes: usize,
    attachments: Vec<Bytes>,
}

impl Decoder {
    /// A decoder that expects a packet.
    pub fn new(limits: Limits) -> Self {
        Decoder { limits, partial: None, delivered: None }
    }

    /// Takes a text message (without the `4` of the engine).
    ///
    /// `None`: attachments have to come first, or the packet is to be ignored: an event without
    /// payload, an ack without id. The official decoder ignores these too.
    ///
    /// # Errors
    /// The rule that the packet breaks; the session has to be closed.
    pub fn handle_text<'a>(
        &'a mut self,
        text: &'a str,
    ) -> Result<Option<Incoming<'a>>, DecodeError> {
        self.delivered = None;
        if self.partial.take().is_some() {
            return Err(DecodeError::UnexpectedText);
        }
        let parsed = Parsed::decode(text, &self.limits)?;
        if parsed.packet.kind.is_binary() {
            self.partial = Some(Box::new(PartialPacket {
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

    /// Takes a binary message: the next attachment. It is copied if a placeholder uses it.
    ///
    /// # Errors
    /// As [`handle_text`](Self::handle_text).
    pub fn handle_binary<'a>(
        &'a mut self,
        data: &[u8],
    ) -> Result<Option<Incoming<'a>>, DecodeError> {
        self.delivered = None;
        let mut partial = self.partial.take().ok_or(DecodeError::UnexpectedBinary)?;
        partial.bytes = partial.bytes.saturating_add(data.len());
        if partial.bytes > self.limits.attachment_bytes_max {
            return Err(DecodeError::AttachmentsTooLarge {
                actual: partial.bytes,
                limit: self.limits.attachment_bytes_max,
            });
        }
        if partial.attachments.len() < partial.used as usize {
            partial.attachments.push(Bytes::copy_from_slice(data));
        }
        partial.missing -= 1;
        if partial.missing > 0 {
            self.partial = Some(partial);
            return Ok(None);
        }
        let text = self.delivered.insert(partial.text);
        // Decoded a second time, because the parts borrow from the text, which has moved here.
        let parsed = Parsed::decode(text, &self.limits)?;
        Ok(deliver(parsed, partial.attachments))
    }

    /// Whether attachments are missing: then the next message has to be binary, and a driver may
    /// want to limit how long that takes.
    pub fn is_waiting(&self) -> bool {
        self.partial.is_some()
    }

    /// Frees the text of the binary packet returned last, which otherwise stays until the next
    /// message. To be called when the messages at hand are read.
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
