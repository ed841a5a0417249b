//! What a request says and what it is answered, without a word about sessions.

pub(crate) mod cookie;
pub(crate) mod cors;
pub(crate) mod handshake;
pub(crate) mod headers_present;
pub(crate) mod kept_extensions;
pub(crate) mod query;
pub(crate) mod refusal;
pub(crate) mod response_body;
