//! Close codes, and the body of a close frame (RFC 6455 §5.5.1, §7.4).

use std::fmt;

use crate::error::ProtocolError;
use crate::frame::CONTROL_PAYLOAD_BYTES_MAX;

/// Why a connection ends (RFC 6455 §7.4 and the IANA registry).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CloseCode(u16);

impl CloseCode {
    /// 1000: the purpose is fulfilled.
    pub const NORMAL: Self = Self(1000);
    /// 1001: the server goes down, or the page was left.
    pub const GOING_AWAY: Self = Self(1001);
    /// 1002: the peer broke the protocol.
    pub const PROTOCOL: Self = Self(1002);
    /// 1003: a kind of data that cannot be accepted.
    pub const UNSUPPORTED: Self = Self(1003);
    /// 1005: the close frame had no code. Only reported, never sent.
    pub const NO_STATUS: Self = Self(1005);
    /// 1006: the connection ended without a close frame. Only reported, never sent.
    pub const ABNORMAL: Self = Self(1006);
    /// 1007: a payload does not fit its type, such as text that is not UTF-8.
    pub const INVALID_PAYLOAD: Self = Self(1007);
    /// 1008: against the rules of the server, when no other code fits.
    pub const POLICY: Self = Self(1008);
    /// 1009: a message is too big.
    pub const TOO_BIG: Self = Self(1009);
    /// 1010: the server did not agree to an extension the client needs.
    pub const EXTENSION: Self = Self(1010);
    /// 1011: something unexpected kept the server from fulfilling the request.
    pub const INTERNAL: Self = Self(1011);
    /// 1012: the service restarts; the client may connect again after a random pause.
    pub const RESTART: Self = Self(1012);
    /// 1013: the server is overloaded; the client may try again later.
    pub const TRY_AGAIN: Self = Self(1013);
    /// 1014: a gateway got an invalid answer from the server behind it.
    pub const BAD_GATEWAY: Self = Self(1014);
    /// 1015: the TLS handshake failed. Only reported, never sent.
    pub const TLS: Self = Self(1015);

    /// The code with this number, whether or not it may be sent.
    pub const fn new(code: u16) -> Self {
        Self(code)
    }

    /// The number.
    pub const fn get(self) -> u16 {
        self.0
    }

    /// Whether the code may stand in a close frame, one that is sent or one that comes: 1000 to 1003, 1007 to 1014, and 3000 to 4999
    /// (RFC 6455 §7.4, with 1012 to 1014 from the IANA registry).
    pub const fn is_sendable(self) -> bool {
        matches!(self.0, 1000..=1003 | 1007..=1014 | 3000..=4999)
    }
}

impl From<CloseCode> for u16 {
    fn from(code: CloseCode) -> Self {
        code.0
    }
}

impl fmt::Debug for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CloseCode({})", self.0)
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a close frame says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CloseFrame<'a> {
    /// Why the sender closes.
    pub code: CloseCode,
    /// The same for people to read; at most 123 bytes, often empty.
    pub reason: &'a str,
}

impl<'a> CloseFrame<'a> {
    /// Reads the body of a close frame; `None` is an empty one.
    pub(crate) fn decode(body: &'a [u8]) -> Result<Option<Self>, ProtocolError> {
        let (code, reason) = match body {
            [] => return Ok(None),
            [_] => return Err(ProtocolError::CloseTooShort),
            [high, low, reason @ ..] => (CloseCode(u16::from_be_bytes([*high, *low])), reason),
        };
        if !code.is_sendable() {
            return Err(ProtocolError::InvalidCloseCode { code: code.0 });
        }
        let reason = simdutf8::basic::from_utf8(reason).map_err(|_| ProtocolError::InvalidUtf8)?;
        Ok(Some(Self { code, reason }))
    }
}

/// The part of `reason` that fits a close frame beside the code, cut between two characters.
pub(crate) fn fitting_reason(reason: &str) -> &str {
    &reason[..reason.floor_char_boundary(CONTROL_PAYLOAD_BYTES_MAX - 2)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sendable_codes_are_those_of_the_registry() {
        let sendable: Vec<u16> =
            (0..=u16::MAX).filter(|code| CloseCode::new(*code).is_sendable()).collect();
        let expected: Vec<u16> = (1000..=1003).chain(1007..=1014).chain(3000..=4999).collect();
        assert_eq!(sendable, expected);
    }

    type Decoded<'a> = Result<Option<CloseFrame<'a>>, ProtocolError>;

    #[test]
    fn bodies() {
        let frame = |code, reason| Ok(Some(CloseFrame { code: CloseCode::new(code), reason }));
        let invalid = |code| Err(ProtocolError::InvalidCloseCode { code });
        let cases: [(&[u8], Decoded<'_>); 9] = [
            (b"", Ok(None)),
            (b"\x03", Err(ProtocolError::CloseTooShort)),
            (b"\x03\xe8", frame(1000, "")),
            (b"\x03\xe8\xec\x95\x88\xeb\x85\x95", frame(1000, "안녕")),
            (b"\x03\xe8\xec\x95", Err(ProtocolError::InvalidUtf8)),
            (b"\x00\x00", invalid(0)),
            (b"\x03\xed", invalid(1005)),
            (b"\x03\xf7", invalid(1015)),
            (b"\x13\x88", invalid(5000)),
        ];
        for (body, expected) in cases {
            assert_eq!(CloseFrame::decode(body), expected, "{body:?}");
        }
    }

    #[test]
    fn reasons_are_cut_between_characters() {
        assert_eq!(fitting_reason(&"a".repeat(123)).len(), 123);
        assert_eq!(fitting_reason(&"a".repeat(124)).len(), 123);
        // Three bytes each: 41 of them are 123 bytes.
        assert_eq!(fitting_reason(&"안".repeat(42)), "안".repeat(41));
        assert_eq!(fitting_reason(&format!("a{}", "안".repeat(41))).len(), 121);
    }
}
