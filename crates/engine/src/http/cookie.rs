//! The cookie that lets a load balancer find a session's node.

use http::HeaderValue;
use sockeye_engine_proto::SessionId;

/// A cookie whose value is the session's id, set by the response that opens a polling session.
/// Load balancers can tell by it which server a session lives on; the engine itself never reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cookie {
    /// Default `io`.
    pub name: String,
    /// What follows the value. Default `Path=/; HttpOnly; SameSite=Lax`; pages of other sites need
    /// `SameSite=None; Secure`.
    pub attributes: String,
}

impl Default for Cookie {
    fn default() -> Self {
        Cookie { name: "io".to_owned(), attributes: "Path=/; HttpOnly; SameSite=Lax".to_owned() }
    }
}

impl Cookie {
    /// The value of `Set-Cookie`. `None`: the name or the attributes cannot stand in a header.
    pub(crate) fn header(&self, id: &SessionId) -> Option<HeaderValue> {
        let separator = if self.attributes.is_empty() { "" } else { "; " };
        HeaderValue::try_from(format!("{}={id}{separator}{}", self.name, self.attributes)).ok()
    }

    /// Whether the name is one (RFC 6265 §4.1.1) and the attributes fit behind it.
    pub(crate) fn is_valid(&self) -> bool {
        let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        !self.name.is_empty()
            && self.name.bytes().all(token)
            && self.header(&SessionId::from("")).is_some()
    }
}
