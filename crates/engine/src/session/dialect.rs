//! How one client wants to be spoken to, from the query of its first request.

use sockeye_engine_proto::{BinaryForm, PayloadForm, Revision};

/// Revision and forms of one session.
#[derive(Clone, Debug)]
pub(crate) struct Dialect {
    pub(crate) revision: Revision,
    /// The client cannot take binary data.
    pub(crate) base64: bool,
    /// Polling answers are scripts that call `___eio[INDEX]`; the index, digits only.
    pub(crate) jsonp: Option<Box<str>>,
}

impl Dialect {
    /// Of `j` only the digits count: the rest would become part of a script.
    pub(crate) fn new(revision: Revision, base64: bool, j: Option<&str>) -> Self {
        let digits = |j: &str| j.chars().filter(char::is_ascii_digit).collect::<String>().into();
        Dialect { revision, base64, jsonp: j.map(digits) }
    }

    /// The form of a polling answer that has binary messages in it or not.
    pub(crate) fn payload(&self, binary: bool) -> PayloadForm {
        match self.revision {
            Revision::V3 if binary && !self.base64 && self.jsonp.is_none() => PayloadForm::V3Binary,
            Revision::V3 => PayloadForm::V3,
            _ => PayloadForm::V4,
        }
    }

    /// The form of binary messages on a WebSocket; `base64` as its own handshake says it.
    pub(crate) fn binary(&self, base64: bool) -> BinaryForm {
        BinaryForm::new(self.revision, base64)
    }
}
