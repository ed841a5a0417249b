//! The reader: from MessagePack to a packet whose payload is JSON text.

use std::fmt::Write;

use bytes::Bytes;

use super::token::{Token, Tokens};
use super::{Kind, date};
use crate::decoder::Incoming;
use crate::event::is_reserved;
use crate::json;
use crate::packet::{DecodeError, Limits, PacketKind};
use crate::payload::RawArgs;

/// The members of a packet's map. Of a repeated one the last counts.
#[derive(Default)]
struct Members<'a> {
    kind: Option<u64>,
    namespace: Option<&'a str>,
    id: Option<u64>,
    /// Where the payload begins.
    data: Option<Tokens<'a>>,
}

/// Reads one packet. Its payload is written to `out`, which is empty.
pub(super) fn packet<'a>(
    message: &'a [u8],
    limits: &Limits,
    out: &'a mut String,
) -> Result<Option<Incoming<'a>>, DecodeError> {
    let mut tokens = Tokens::new(message);
    let members = members(&mut tokens)?;
    if !tokens.is_at_end() {
        return Err(tokens.error());
    }
    let kind = kind(members.kind)?;
    let namespace = namespace(members.namespace, limits)?;
    let mut payload = Payload { limits, out, attachments: Vec::new(), bytes: 0 };
    let wrong = DecodeError::PayloadType { kind: name_of(kind) };
    match (kind, members.data) {
        (Kind::Disconnect, None) => Ok(Some(Incoming::Disconnect { namespace })),
        (Kind::Connect, None) => Ok(Some(Incoming::Connect { namespace, auth: "" })),
        (Kind::Connect, Some(mut data)) => {
            let Token::Map(_) = data.peek()? else { return Err(wrong) };
            payload.value(&mut data)?;
            let auth = payload.without_attachments(wrong)?;
            Ok(Some(Incoming::Connect { namespace, auth }))
        }
        (Kind::ConnectError, Some(mut data)) => {
            let (Token::Map(_) | Token::Text(_)) = data.peek()? else { return Err(wrong) };
            payload.value(&mut data)?;
            let data = payload.without_attachments(wrong)?;
            Ok(Some(Incoming::ConnectError { namespace, data }))
        }
        (Kind::Event, Some(mut data)) => {
            let Token::List(count) = data.next()? else { return Err(wrong) };
            let count = count.checked_sub(1).ok_or(DecodeError::EventName)?;
            let name = event_name(data.next()?, limits)?;
            payload.values(&mut data, count)?;
            let (args, attachments) = (&*payload.out, payload.attachments);
            Ok(Some(Incoming::Event { namespace, id: members.id, name, args, attachments }))
        }
        (Kind::Ack, Some(mut data)) => {
            let Token::List(count) = data.next()? else { return Err(wrong) };
            payload.values(&mut data, count)?;
            let (args, attachments) = (&*payload.out, payload.attachments);
            // Without an id it answers nothing: ignored, as in JSON.
            Ok(members.id.map(|id| Incoming::Ack { namespace, id, args, attachments }))
        }
        (Kind::Disconnect, Some(_)) | (_, None) => Err(wrong),
    }
}

/// Reads one value that is all there is.
pub(super) fn value(bytes: &[u8], limits: &Limits) -> Result<RawArgs, DecodeError> {
    let (mut tokens, mut json) = (Tokens::new(bytes), String::with_capacity(bytes.len() * 2));
    let mut payload = Payload { limits, out: &mut json, attachments: Vec::new(), bytes: 0 };
    payload.value(&mut tokens)?;
    let attachments = payload.attachments;
    if tokens.is_at_end() {
        Ok(RawArgs::from_parts(json, attachments))
    } else {
        Err(tokens.error())
    }
}

fn members<'a>(tokens: &mut Tokens<'a>) -> Result<Members<'a>, DecodeError> {
    let mut members = Members::default();
    let error = tokens.error();
    let Token::Map(count) = tokens.next()? else { return Err(error) };
    for _ in 0..count {
        let error = tokens.error();
        let Token::Text(key) = tokens.next()? else { return Err(error) };
        let value = *tokens;
        tokens.skip()?;
        match (key, value.peek()?) {
            ("type", Token::Unsigned(kind)) => members.kind = Some(kind),
            ("nsp", Token::Text(namespace)) => members.namespace = Some(namespace),
            ("id", Token::Unsigned(id)) => members.id = Some(id),
            ("id", Token::Undefined) => members.id = None,
            ("data", Token::Undefined) => members.data = None,
            ("data", _) => members.data = Some(value),
            ("type" | "nsp", _) => return Err(error),
            ("id", _) => return Err(DecodeError::IdOutOfRange),
            // The official client adds `options`.
            _ => {}
        }
    }
    Ok(members)
}

fn kind(number: Option<u64>) -> Result<Kind, DecodeError> {
    Ok(match number {
        Some(0) => Kind::Connect,
        Some(1) => Kind::Disconnect,
        Some(2) => Kind::Event,
        Some(3) => Kind::Ack,
        Some(4) => Kind::ConnectError,
        Some(other) => {
            let digit = u32::try_from(other).ok().and_then(|other| char::from_digit(other, 10));
            return Err(DecodeError::UnknownKind(digit.unwrap_or('?')));
        }
        None => return Err(DecodeError::Empty),
    })
}

fn name_of(kind: Kind) -> PacketKind {
    match kind {
        Kind::Connect => PacketKind::Connect,
        Kind::Disconnect => PacketKind::Disconnect,
        Kind::Event => PacketKind::Event,
        Kind::Ack => PacketKind::Ack,
        Kind::ConnectError => PacketKind::ConnectError,
    }
}

/// A namespace whose name is possible in the JSON form: it begins with a slash and has no comma.
fn namespace<'a>(name: Option<&'a str>, limits: &Limits) -> Result<&'a str, DecodeError> {
    let name = name.filter(|name| name.starts_with('/') && !name.contains(','));
    let name = name.ok_or(DecodeError::Namespace)?;
    let (actual, limit) = (name.len(), limits.namespace_bytes_max);
    if actual > limit {
        return Err(DecodeError::NamespaceTooLong { actual, limit });
    }
    Ok(name)
}

fn event_name<'a>(
    token: Token<'a>,
    limits: &Limits,
) -> Result<std::borrow::Cow<'a, str>, DecodeError> {
    let name = match token {
        Token::Text(name) => name,
        Token::Unsigned(number) => return Ok(number.to_string().into()),
        Token::Negative(number) => return Ok(number.to_string().into()),
        _ => return Err(DecodeError::EventName),
    };
    let (actual, limit) = (name.len(), limits.event_name_bytes_max);
    if actual > limit {
        return Err(DecodeError::EventNameTooLong { actual, limit });
    }
    if is_reserved(name) {
        return Err(DecodeError::ReservedEventName);
    }
    Ok(name.into())
}

/// A payload while it is written as JSON.
struct Payload<'a, 'l> {
    limits: &'l Limits,
    out: &'a mut String,
    attachments: Vec<Bytes>,
    /// Bytes of all attachments.
    bytes: usize,
}

/// A list or map that is being written.
struct Open {
    is_map: bool,
    missing: u32,
}

impl<'a> Payload<'a, '_> {
    fn without_attachments(self, otherwise: DecodeError) -> Result<&'a str, DecodeError> {
        if self.attachments.is_empty() { Ok(self.out) } else { Err(otherwise) }
    }

    /// Values separated by commas.
    fn values(&mut self, tokens: &mut Tokens<'_>, count: u32) -> Result<(), DecodeError> {
        for number in 0..count {
            if number > 0 {
                self.out.push(',');
            }
            self.value(tokens)?;
        }
        Ok(())
    }

    /// One value with everything in it.
    fn value(&mut self, tokens: &mut Tokens<'_>) -> Result<(), DecodeError> {
        let mut open: Vec<Open> = Vec::new();
        loop {
            if let Some(Open { is_map: true, .. }) = open.last() {
                self.key(tokens)?;
            }
            match tokens.next()? {
                Token::List(count) => {
                    self.out.push('[');
                    open.push(Open { is_map: false, missing: count });
                }
                Token::Map(count) => {
                    self.out.push('{');
                    open.push(Open { is_map: true, missing: count });
                }
                scalar => {
                    self.scalar(scalar)?;
                    if !self.finish_value(&mut open) {
                        return Ok(());
                    }
                    continue;
                }
            }
            let limit = self.limits.depth_max;
            if open.len() > limit as usize {
                return Err(DecodeError::TooDeep { limit });
            }
            if open.last().is_some_and(|open| open.missing == 0) && !self.close(&mut open) {
                return Ok(());
            }
        }
    }

    /// After a value in the innermost list or map. False: the outermost value is complete.
    fn finish_value(&mut self, open: &mut Vec<Open>) -> bool {
        let Some(innermost) = open.last_mut() else { return false };
        innermost.missing -= 1;
        if innermost.missing > 0 {
            self.out.push(',');
            return true;
        }
        self.close(open)
    }

    /// Closes the lists and maps that have all their values. False: the outermost is closed.
    fn close(&mut self, open: &mut Vec<Open>) -> bool {
        while let Some(Open { is_map, .. }) = open.pop_if(|innermost| innermost.missing == 0) {
            self.out.push(if is_map { '}' } else { ']' });
            if let Some(outer) = open.last_mut() {
                outer.missing -= 1;
            }
        }
        if open.is_empty() {
            return false;
        }
        self.out.push(',');
        true
    }

    fn key(&mut self, tokens: &mut Tokens<'_>) -> Result<(), DecodeError> {
        let error = tokens.error();
        match tokens.next()? {
            Token::Text(key) => {
                // A peer could refer to an attachment of others with such a key.
                if key == json::PLACEHOLDER_KEY && tokens.peek()? == Token::Bool(true) {
                    return Err(DecodeError::Placeholder);
                }
                json::push_quoted(self.out, key);
            }
            Token::Unsigned(number) => self.display(format_args!("\"{number}\"")),
            Token::Negative(number) => self.display(format_args!("\"{number}\"")),
            _ => return Err(error),
        }
        self.out.push(':');
        Ok(())
    }

    fn scalar(&mut self, token: Token<'_>) -> Result<(), DecodeError> {
        match token {
            Token::Nil | Token::Undefined => self.out.push_str("null"),
            Token::Bool(value) => self.out.push_str(if value { "true" } else { "false" }),
            Token::Unsigned(number) => self.display(format_args!("{number}")),
            Token::Negative(number) => self.display(format_args!("{number}")),
            Token::Float(number) => match serde_json::Number::from_f64(number) {
                Some(number) => self.display(format_args!("{number}")),
                None => self.out.push_str("null"),
            },
            Token::Text(text) => json::push_quoted(self.out, text),
            Token::Date(milliseconds) => date::push_date(self.out, milliseconds),
            Token::Binary(data) => self.attach(data)?,
            Token::List(_) | Token::Map(_) => {}
        }
        Ok(())
    }

    fn attach(&mut self, data: &[u8]) -> Result<(), DecodeError> {
        let number = u32::try_from(self.attachments.len()).unwrap_or(u32::MAX);
        let limit = self.limits.attachments_max;
        if number >= limit {
            let announced = number.saturating_add(1);
            return Err(DecodeError::TooManyAttachments { announced, limit });
        }
        self.bytes = self.bytes.saturating_add(data.len());
        let (actual, limit) = (self.bytes, self.limits.attachment_bytes_max);
        if actual > limit {
            return Err(DecodeError::AttachmentsTooLarge { actual, limit });
        }
        self.attachments.push(Bytes::copy_from_slice(data));
        self.display(format_args!("{{\"_placeholder\":true,\"num\":{number}}}"));
        Ok(())
    }

    fn display(&mut self, text: std::fmt::Arguments<'_>) {
        let written = self.out.write_fmt(text);
        debug_assert!(written.is_ok(), "a string takes everything");
    }
}
