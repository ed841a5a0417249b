//! The JSON of the OPEN packet, Engine.IO v4 "Handshake".

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::config::Config;
use crate::id::ShortId;
use crate::transport::TransportKind;

/// What the server tells the client in the OPEN packet. Key names and order are the wire's.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OpenData {
    /// The session's id.
    pub sid: String,
    /// Names of the transports the client may upgrade to.
    #[serde(default)]
    pub upgrades: Vec<String>,
    /// Milliseconds between pings.
    pub ping_interval: u64,
    /// Milliseconds after a ping within which its pong must arrive.
    pub ping_timeout: u64,
    /// Largest polling body in bytes the server takes; older servers do not say.
    #[serde(default)]
    pub max_payload: Option<u64>,
}

impl OpenData {
    /// What a server with this configuration tells a client that arrived by `via`.
    pub fn new(config: &Config, sid: &str, via: TransportKind) -> Self {
        let mut upgrades = Vec::new();
        if config.upgrade && via == TransportKind::Polling {
            upgrades.push(TransportKind::WebSocket.as_str().to_owned());
        }
        OpenData {
            sid: sid.to_owned(),
            upgrades,
            ping_interval: milliseconds(config.ping_interval),
            ping_timeout: milliseconds(config.ping_timeout),
            max_payload: Some(config.payload_bytes_max as u64),
        }
    }

    /// Reads the data of an OPEN packet. Unknown keys are ignored.
    ///
    /// # Errors
    /// When it is not the object described in the protocol, or the id is empty, longer than 256
    /// bytes, or not printable ASCII (it goes into URLs).
    pub fn from_json(text: &str) -> Result<Self, OpenError> {
        let data: OpenData = serde_json::from_str(text).map_err(|_| OpenError::NotAnObject)?;
        let length = data.sid.len();
        if length == 0 || length > SID_BYTES_MAX || !data.sid.bytes().all(|b| b.is_ascii_graphic())
        {
            return Err(OpenError::BadId { length });
        }
        Ok(data)
    }

    /// The packet's data as it goes on the wire.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("strings and numbers always serialize")
    }

    /// Whether the server offers an upgrade to `kind`.
    pub fn offers(&self, kind: TransportKind) -> bool {
        self.upgrades.iter().any(|name| name == kind.as_str())
    }
}

impl fmt::Debug for OpenData {
    /// With its id shortened, since this is for logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenData")
            .field("sid", &ShortId::new(&self.sid))
            .field("upgrades", &self.upgrades)
            .field("ping_interval", &self.ping_interval)
            .field("ping_timeout", &self.ping_timeout)
            .field("max_payload", &self.max_payload)
            .finish()
    }
}

/// Why the data of an OPEN packet was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// It is not an object with the keys of the protocol.
    #[error("not an open object")]
    NotAnObject,
    /// The id is empty, too long or not printable.
    #[error("bad session id of {length} bytes")]
    BadId {
        /// Bytes in the id.
        length: usize,
    },
}

fn milliseconds(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

const SID_BYTES_MAX: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn has_exactly_the_keys_of_the_protocol_in_their_order() {
        let config = Config::default();
        assert_eq!(
            OpenData::new(&config, "abc", TransportKind::Polling).to_json(),
            "{\"sid\":\"abc\",\"upgrades\":[\"websocket\"],\"pingInterval\":25000,\
             \"pingTimeout\":20000,\"maxPayload\":1000000}"
        );
        assert!(
            OpenData::new(&config, "abc", TransportKind::WebSocket)
                .to_json()
                .contains("\"upgrades\":[]")
        );
        let fixed = Config { upgrade: false, ..config };
        assert!(
            OpenData::new(&fixed, "abc", TransportKind::Polling)
                .to_json()
                .contains("\"upgrades\":[]")
        );
    }

    #[test]
    fn reads_what_servers_send() {
        let data = OpenData::from_json(
            "{\"sid\":\"lv_VI97HAXpY6yYWAAAC\",\"upgrades\":[\"websocket\",\"webtransport\"],\
             \"pingInterval\":25000,\"pingTimeout\":5000,\"more\":1}",
        )
        .unwrap();
        assert_eq!(data.sid, "lv_VI97HAXpY6yYWAAAC");
        assert!(data.offers(TransportKind::WebSocket));
        assert_eq!(data.max_payload, None);
    }

    #[test]
    fn refuses_what_is_no_handshake() {
        for text in ["", "[]", "{}", "null", "{\"sid\":1,\"pingInterval\":1,\"pingTimeout\":1}"] {
            assert_eq!(OpenData::from_json(text), Err(OpenError::NotAnObject), "{text}");
        }
        for sid in ["", "a b", "é", &"x".repeat(257)] {
            let text = format!("{{\"sid\":\"{sid}\",\"pingInterval\":1,\"pingTimeout\":1}}");
            assert!(matches!(OpenData::from_json(&text), Err(OpenError::BadId { .. })), "{sid}");
        }
    }
}
