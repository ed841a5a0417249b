//! Encoders of each kind of packet, into a caller's buffer, for servers and clients.
//!
//! Arguments are given as the decoder returns them: the text of a JSON array without its brackets.
//! It is written byte for byte. With `attachments` above 0 the packet becomes a binary one and that
//! many binary messages must follow it, with nothing in between.

use crate::json;
use crate::packet::PacketKind;

/// Appends an event `["name",args..]`; with an `id` it asks for an ack.
///
/// ```
/// use sockeye_socket_proto::encode_event;
///
/// let mut text = String::new();
/// encode_event(&mut text, "/chat", Some(7), 0, "say", r#""hello""#);
/// assert_eq!(text, r#"2/chat,7["say","hello"]"#);
/// ```
pub fn encode_event(
    out: &mut String,
    namespace: &str,
    id: Option<u64>,
    attachments: u32,
    name: &str,
    args: &str,
) {
    let kind = if attachments == 0 { PacketKind::Event } else { PacketKind::BinaryEvent };
    out.reserve(namespace.len() + name.len() + args.len() + 32);
    encode_head(out, kind, attachments, namespace, id);
    out.push('[');
    json::push_quoted(out, name);
    if !args.is_empty() {
        out.push(',');
        out.push_str(args);
    }
    out.push(']');
}

/// Appends the ack `[args..]` of the event with this `id`.
///
/// ```
/// use sockeye_socket_proto::encode_ack;
///
/// let mut text = String::new();
/// encode_ack(&mut text, "/", 7, 0, "true");
/// assert_eq!(text, "37[true]");
/// ```
pub fn encode_ack(out: &mut String, namespace: &str, id: u64, attachments: u32, args: &str) {
    let kind = if attachments == 0 { PacketKind::Ack } else { PacketKind::BinaryAck };
    out.reserve(namespace.len() + args.len() + 32);
    encode_head(out, kind, attachments, namespace, Some(id));
    out.push('[');
    out.push_str(args);
    out.push(']');
}

/// Appends a client's request to join `namespace`, or a server's reply to a client of Socket.IO 2.
/// `auth` is a JSON object, or empty.
///
/// ```
/// use sockeye_socket_proto::encode_connect;
///
/// let mut text = String::new();
/// encode_connect(&mut text, "/chat", r#"{"token":"secret"}"#);
/// assert_eq!(text, r#"0/chat,{"token":"secret"}"#);
/// ```
pub fn encode_connect(out: &mut String, namespace: &str, auth: &str) {
    encode_head(out, PacketKind::Connect, 0, namespace, None);
    out.push_str(auth);
}

/// Appends the reply of a server that admits a client: `{"sid":".."}`, with `pid` (the private id by
/// which the state is recovered) where there is one.
///
/// ```
/// use sockeye_socket_proto::encode_connected;
///
/// let mut text = String::new();
/// encode_connected(&mut text, "/chat", "an-id", None);
/// assert_eq!(text, r#"0/chat,{"sid":"an-id"}"#);
/// ```
pub fn encode_connected(out: &mut String, namespace: &str, sid: &str, pid: Option<&str>) {
    encode_head(out, PacketKind::Connect, 0, namespace, None);
    out.push_str("{\"sid\":");
    json::push_quoted(out, sid);
    if let Some(pid) = pid {
        out.push_str(",\"pid\":");
        json::push_quoted(out, pid);
    }
    out.push('}');
}

/// Appends the reply of a server that refuses a client: `{"message":"..","data":..}`. `data` is JSON,
/// or empty for none.
///
/// ```
/// use sockeye_socket_proto::encode_connect_error;
///
/// let mut text = String::new();
/// encode_connect_error(&mut text, "/chat", "not allowed", "[403]");
/// assert_eq!(text, r#"4/chat,{"message":"not allowed","data":[403]}"#);
/// ```
pub fn encode_connect_error(out: &mut String, namespace: &str, message: &str, data: &str) {
    encode_head(out, PacketKind::ConnectError, 0, namespace, None);
    out.push_str("{\"message\":");
    json::push_quoted(out, message);
    if !data.is_empty() {
        out.push_str(",\"data\":");
        out.push_str(data);
    }
    out.push('}');
}

/// Appends the reply of a server that refuses a client of Socket.IO 2: any JSON.
pub fn encode_error(out: &mut String, namespace: &str, data: &str) {
    encode_head(out, PacketKind::ConnectError, 0, namespace, None);
    out.push_str(data);
}

/// Appends a DISCONNECT: the sender leaves `namespace`, or the receiver has to.
///
/// ```
/// use sockeye_socket_proto::encode_disconnect;
///
/// let mut text = String::new();
/// encode_disconnect(&mut text, "/");
/// assert_eq!(text, "1");
/// ```
pub fn encode_disconnect(out: &mut String, namespace: &str) {
    encode_head(out, PacketKind::Disconnect, 0, namespace, None);
}

/// Appends everything before the payload.
pub(crate) fn encode_head(
    out: &mut String,
    kind: PacketKind,
    attachments: u32,
    namespace: &str,
    id: Option<u64>,
) {
    debug_assert!(namespace.starts_with('/') && !namespace.contains(','), "bad namespace");
    out.push(kind as u8 as char);
    if kind.is_binary() {
        push_number(out, u64::from(attachments));
        out.push('-');
    }
    if namespace != "/" {
        out.push_str(namespace);
        out.push(',');
    }
    if let Some(id) = id {
        push_number(out, id);
    }
}

fn push_number(out: &mut String, mut number: u64) {
    let mut digits = [0; 20];
    let mut start = digits.len();
    loop {
        start -= 1;
        digits[start] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend(digits[start..].iter().map(|&digit| char::from(digit)));
}
