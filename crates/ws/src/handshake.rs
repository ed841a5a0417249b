//! The opening handshake (RFC 6455 §4): headers in, verdict out. [`server`] checks a request and
//! makes the response, [`client`] makes the request and checks the response.

pub mod client;
#[cfg(feature = "deflate")]
#[cfg_attr(docsrs, doc(cfg(feature = "deflate")))]
pub mod deflate;
mod extension;
mod header;
pub mod server;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1_smol::Sha1;

pub use self::extension::{Extension, MalformedExtensions, extensions};
pub use self::header::protocols;

/// The one version there is, the value of `Sec-WebSocket-Version`.
pub const VERSION: &str = "13";

const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// The value of `Sec-WebSocket-Accept` for a `Sec-WebSocket-Key` (RFC 6455 §4.2.2): 28 characters.
pub fn accept_value(key: &[u8]) -> String {
    let mut sha1 = Sha1::from(key);
    sha1.update(GUID);
    STANDARD.encode(sha1.digest().bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accept_value_of_the_rfc() {
        // RFC 6455 §1.3.
        assert_eq!(accept_value(b"dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }
}
