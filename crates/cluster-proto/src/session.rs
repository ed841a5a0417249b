//! A session that is kept for a client that comes back, be it to another server.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::value::RawValue;
use sockeye_socket_proto::encode_msgpack;

use crate::parts::{ObjectWriter, Text, texts};
use crate::received::{Limits, ReadError, Received};

/// A session as the adapter for Redis streams keeps it: base64 of MessagePack, `{sid,pid,rooms,data}`. Servers of this
/// project add what Node's leave out and do not look at.
///
/// ```
/// use sockeye_cluster_proto::{Limits, StoredSession};
///
/// let session = StoredSession {
///     sid: "AAAAAAAAAAAAAAAAAAAB".into(),
///     pid: "AAAAAAAAAAAAAAAAAAAC".into(),
///     rooms: vec!["lobby".into()],
///     data: r#"{"name":"ann"}"#.into(),
///     ..StoredSession::default()
/// };
/// let kept = session.encode();
/// let received = StoredSession::receive(&kept, &Limits::default())?;
/// assert_eq!(StoredSession::read(&received)?, session);
/// # Ok::<(), sockeye_cluster_proto::ReadError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoredSession<'a> {
    /// The socket's id.
    pub sid: Cow<'a, str>,
    /// The private id, which the client says when it comes back.
    pub pid: Cow<'a, str>,
    /// The rooms it is in, that of its own id among them.
    pub rooms: Vec<Cow<'a, str>>,
    /// What Node calls `socket.data`, as JSON.
    pub data: Cow<'a, str>,
    /// The server that has it; `None` of Node's servers.
    pub server: Option<Cow<'a, str>>,
    /// Its namespace; `None` of Node's servers.
    pub namespace: Option<Cow<'a, str>>,
    /// The offset of the last event before it began; `None` of Node's servers.
    pub since: Option<Cow<'a, str>>,
}

impl<'a> StoredSession<'a> {
    /// As it is kept.
    pub fn encode(&self) -> String {
        let mut json = String::with_capacity(192);
        let mut object = ObjectWriter::begin(&mut json);
        object.text("sid", &self.sid);
        object.text("pid", &self.pid);
        object.texts("rooms", &self.rooms);
        object.json("data", &self.data);
        let added = [("uid", &self.server), ("nsp", &self.namespace), ("since", &self.since)];
        for (key, value) in added {
            if let Some(value) = value {
                object.text(key, value);
            }
        }
        object.end();
        let mut bytes = Vec::with_capacity(json.len());
        encode_msgpack(&json, &[], &mut bytes);
        STANDARD.encode(bytes)
    }

    /// Reads what was kept; the result is for [`read`](Self::read).
    ///
    /// # Errors
    /// It is no MessagePack in base64, or breaks a limit.
    pub fn receive(kept: &str, limits: &Limits) -> Result<Received<'static>, ReadError> {
        let (actual, limit) = (kept.len(), limits.message_bytes_max);
        if actual > limit {
            return Err(ReadError::TooLarge { actual, limit });
        }
        let bytes = STANDARD.decode(kept).map_err(|_| ReadError::Base64)?;
        let Received { json, attachments } = Received::read(&bytes, limits)?;
        Ok(Received { json: json.into_owned().into(), attachments })
    }

    /// The session. Binary data in `data` is lost: data of sockets that servers share is JSON.
    ///
    /// # Errors
    /// A part is missing, or of another type.
    pub fn read(received: &'a Received<'_>) -> Result<Self, ReadError> {
        #[derive(Deserialize)]
        struct Wire<'a> {
            #[serde(borrow)]
            sid: Text<'a>,
            #[serde(borrow)]
            pid: Text<'a>,
            #[serde(borrow)]
            rooms: Vec<Text<'a>>,
            #[serde(borrow, default)]
            data: Option<&'a RawValue>,
            #[serde(borrow, default)]
            uid: Option<Text<'a>>,
            #[serde(borrow, default)]
            nsp: Option<Text<'a>>,
            #[serde(borrow, default)]
            since: Option<Text<'a>>,
        }
        let wire: Wire<'a> = serde_json::from_str(&received.json)?;
        let text = |text: Option<Text<'a>>| text.map(|text| text.0);
        Ok(Self {
            sid: wire.sid.0,
            pid: wire.pid.0,
            rooms: texts(wire.rooms),
            data: wire.data.map_or("{}", RawValue::get).into(),
            server: text(wire.uid),
            namespace: text(wire.nsp),
            since: text(wire.since),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `encode` of `@msgpack/msgpack` 2.8 makes of a session, in base64: so the official adapter keeps it.
    const OF_NODE: &str = "hKNzaWSiczGjcGlkonAxpXJvb21zkqJzMaVsb2JieaRkYXRhgaRuYW1lo2Fubg==";

    #[test]
    fn a_session_of_node_is_read() {
        let received = StoredSession::receive(OF_NODE, &Limits::default()).unwrap();
        let session = StoredSession::read(&received).unwrap();
        let expected = StoredSession {
            sid: "s1".into(),
            pid: "p1".into(),
            rooms: vec!["s1".into(), "lobby".into()],
            data: r#"{"name":"ann"}"#.into(),
            ..StoredSession::default()
        };
        assert_eq!(session, expected);
        assert_eq!(expected.encode(), OF_NODE, "and written so that Node reads it");
    }

    #[test]
    fn junk_is_no_session() {
        for junk in ["", "!", "AAAA", "gA==", "wA==", "hKNzaWSiczE="] {
            let limits = Limits::default();
            let received = StoredSession::receive(junk, &limits);
            assert!(
                received.and_then(|it| StoredSession::read(&it).map(|_| ())).is_err(),
                "{junk}"
            );
        }
        let short = Limits { message_bytes_max: 8, ..Limits::default() };
        let error = StoredSession::receive(OF_NODE, &short).unwrap_err();
        assert_eq!(error, ReadError::TooLarge { actual: OF_NODE.len(), limit: 8 });
    }
}
