//! What servers of this project tell each other, on channels that no other server listens on.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::heartbeat::Heartbeat;
use crate::received::{Limits, ReadError};

/// One message between servers of this project.
///
/// It is JSON, and what a reader does not know in it is skipped, so that servers of several versions live in one cluster.
///
/// ```
/// use sockeye_cluster_proto::{Limits, OwnMessage};
///
/// let asked = OwnMessage::PresenceAsked { uid: "0123456789abcdef".into(), nsp: "/".into() };
/// let json = asked.encode();
/// assert_eq!(json, r#"{"kind":"presence-asked","uid":"0123456789abcdef","nsp":"/"}"#);
/// assert_eq!(OwnMessage::read(json.as_bytes(), &Limits::default())?, asked);
/// # Ok::<(), sockeye_cluster_proto::ReadError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum OwnMessage<'a> {
    /// What a server says of itself.
    Heartbeat(Heartbeat<'a>),
    /// Changes of who is present by the sockets of one server.
    PresenceChanged(PresenceChanged<'a>),
    /// All who are, or a piece of them: where changes were missed.
    PresencePart(PresencePart<'a>),
    /// A server asks for all who are present by the sockets of the servers that it is sent to.
    PresenceAsked {
        /// The server that asks.
        uid: Cow<'a, str>,
        /// The namespace.
        nsp: Cow<'a, str>,
    },
    /// A server of a later version says something that is not known here.
    Unknown,
}

/// Changes of who is present by the sockets of one server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PresenceChanged<'a> {
    /// The server.
    #[serde(borrow)]
    pub uid: Cow<'a, str>,
    /// The namespace.
    #[serde(borrow)]
    pub nsp: Cow<'a, str>,
    /// How many changes it has told before.
    pub from: u64,
    /// The changes.
    #[serde(borrow)]
    pub changes: Vec<PresentConnection<'a>>,
}

/// All who are present by the sockets of one server, or a piece of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PresencePart<'a> {
    /// The server.
    #[serde(borrow)]
    pub uid: Cow<'a, str>,
    /// The namespace.
    #[serde(borrow)]
    pub nsp: Cow<'a, str>,
    /// How many changes are in it.
    pub version: u64,
    /// Which piece it is, from 0.
    pub piece: u32,
    /// It is the last piece.
    #[serde(rename = "last", default, skip_serializing_if = "is_false")]
    pub is_last: bool,
    /// The connections.
    #[serde(borrow)]
    pub connections: Vec<PresentConnection<'a>>,
}

/// A connection by which somebody is present, or was: without a user it is lost, or has left.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PresentConnection<'a> {
    /// The room.
    #[serde(borrow)]
    pub room: Cow<'a, str>,
    /// The id of the socket.
    #[serde(borrow)]
    pub socket: Cow<'a, str>,
    /// The key of the user.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub user: Option<Cow<'a, str>>,
    /// Since when the connection is there: milliseconds since 1970.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub since: u64,
    /// Since when its user is present in the room.
    #[serde(rename = "userSince", default, skip_serializing_if = "is_zero")]
    pub user_since: u64,
    /// Its metadata.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<&'a RawValue>,
    /// Its client may come back.
    #[serde(rename = "lost", default, skip_serializing_if = "is_false")]
    pub is_lost: bool,
}

impl PartialEq for PresentConnection<'_> {
    fn eq(&self, other: &Self) -> bool {
        let parts = |it: &Self| (it.room.clone(), it.socket.clone(), it.user.clone(), it.since);
        let rest =
            |it: &Self| (it.user_since, it.metadata.map(|json| json.get().to_owned()), it.is_lost);
        (parts(self), rest(self)) == (parts(other), rest(other))
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_false(value: &bool) -> bool {
    !value
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_zero(value: &u64) -> bool {
    *value == 0
}

/// What an object with a kind is.
#[derive(Serialize)]
#[serde(tag = "kind")]
enum Kinds<'a> {
    #[serde(rename = "presence-changed")]
    Changed(PresenceChanged<'a>),
    #[serde(rename = "presence-part")]
    Part(PresencePart<'a>),
    #[serde(rename = "presence-asked")]
    Asked { uid: Cow<'a, str>, nsp: Cow<'a, str> },
}

/// What tells messages apart: heartbeats have no kind.
#[derive(Deserialize)]
struct Kind<'a> {
    #[serde(borrow, default)]
    kind: Option<Cow<'a, str>>,
}

impl OwnMessage<'_> {
    /// As JSON.
    pub fn encode(&self) -> String {
        let json = match self.clone() {
            Self::Heartbeat(heartbeat) => return heartbeat.encode(),
            Self::PresenceChanged(changed) => serde_json::to_string(&Kinds::Changed(changed)),
            Self::PresencePart(part) => serde_json::to_string(&Kinds::Part(part)),
            Self::PresenceAsked { uid, nsp } => serde_json::to_string(&Kinds::Asked { uid, nsp }),
            Self::Unknown => return "{\"kind\":\"unknown\"}".to_owned(),
        };
        json.unwrap_or_default()
    }
}

impl<'a> OwnMessage<'a> {
    /// Reads what came.
    ///
    /// # Errors
    /// It is larger than the limits allow, or no such message.
    pub fn read(bytes: &'a [u8], limits: &Limits) -> Result<Self, ReadError> {
        let (actual, limit) = (bytes.len(), limits.message_bytes_max);
        if actual > limit {
            return Err(ReadError::TooLarge { actual, limit });
        }
        let json = std::str::from_utf8(bytes).map_err(|_| ReadError::Utf8)?;
        let Kind { kind } = serde_json::from_str(json)?;
        match kind.as_deref() {
            None => Ok(Self::Heartbeat(Heartbeat::read(bytes)?)),
            Some("presence-changed") => Ok(Self::PresenceChanged(serde_json::from_str(json)?)),
            Some("presence-part") => Ok(Self::PresencePart(serde_json::from_str(json)?)),
            Some("presence-asked") => {
                let Asked { uid, nsp } = serde_json::from_str(json)?;
                Ok(Self::PresenceAsked { uid, nsp })
            }
            Some(_) => Ok(Self::Unknown),
        }
    }
}

/// A question for presence.
#[derive(Deserialize)]
struct Asked<'a> {
    #[serde(borrow)]
    uid: Cow<'a, str>,
    #[serde(borrow)]
    nsp: Cow<'a, str>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_read_as_they_were_written() {
        let metadata: Box<RawValue> = serde_json::from_str(r#"{"a":[1]}"#).unwrap();
        let here = PresentConnection {
            room: "ro\"om".into(),
            socket: "s".into(),
            user: Some("u".into()),
            since: 2,
            user_since: 1,
            metadata: Some(&metadata),
            is_lost: true,
        };
        let gone = PresentConnection {
            user: None,
            since: 0,
            user_since: 0,
            metadata: None,
            is_lost: false,
            ..here.clone()
        };
        let (uid, nsp) = (Cow::from("0123"), Cow::from("/"));
        let changes = vec![here.clone(), gone];
        let changed = PresenceChanged { uid: uid.clone(), nsp: nsp.clone(), from: 7, changes };
        let part = PresencePart {
            uid: uid.clone(),
            nsp: nsp.clone(),
            version: 9,
            piece: 1,
            is_last: true,
            connections: vec![here],
        };
        for message in [
            OwnMessage::PresenceChanged(changed),
            OwnMessage::PresencePart(part),
            OwnMessage::PresenceAsked { uid, nsp },
            OwnMessage::Unknown,
        ] {
            let json = message.encode();
            let read = OwnMessage::read(json.as_bytes(), &Limits::default());
            assert_eq!(read.as_ref(), Ok(&message), "{json}");
        }
    }

    #[test]
    fn what_is_none_is_refused() {
        let limits = Limits { message_bytes_max: 64, ..Limits::default() };
        for text in [
            "",
            "7",
            "{",
            "{}",
            r#"{"kind":7}"#,
            r#"{"kind":"presence-changed"}"#,
            r#"{"kind":"presence-part","uid":"a","nsp":"/","piece":-1}"#,
            &"[".repeat(64),
            &" ".repeat(65),
        ] {
            assert!(OwnMessage::read(text.as_bytes(), &limits).is_err(), "{text}");
        }
        assert!(OwnMessage::read(b"\xff", &limits).is_err());
    }
}
