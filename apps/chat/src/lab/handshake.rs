//! How a connection became a WebSocket, step by step (RFC 6455, 4.2.2).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1_smol::Sha1;

use super::contract::{AcceptSteps, FromServer, Road};

/// What every server joins to the key of a client.
const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/// The most bytes of a head that are told.
const HEAD_BYTES_MAX: usize = 16 * 1024;

/// The message about a handshake with these heads.
pub(crate) fn told(road: Road, request: &[u8], response: &[u8]) -> FromServer {
    let (request_head, response_head) = (text(request), text(response));
    let key = header(&request_head, "sec-websocket-key");
    let accept = header(&response_head, "sec-websocket-accept");
    let accept_computed_from = steps(&key);
    FromServer::Handshake { road, request_head, response_head, key, accept, accept_computed_from }
}

fn text(head: &[u8]) -> String {
    String::from_utf8_lossy(&head[..head.len().min(HEAD_BYTES_MAX)]).into_owned()
}

fn header(head: &str, name: &str) -> String {
    let lines = head.lines().skip(1);
    let mut values = lines.filter_map(|line| line.split_once(':'));
    let value = values.find(|(it, _)| it.eq_ignore_ascii_case(name));
    value.map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
}

fn steps(key: &str) -> AcceptSteps {
    let joined = format!("{key}{GUID}");
    let digest = Sha1::from(&joined).digest();
    let (sha1, base64) = (digest.to_string(), STANDARD.encode(digest.bytes()));
    AcceptSteps { guid: GUID.to_owned(), joined, sha1, base64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_steps_are_those_of_the_rfc_s_example() {
        let request = b"GET /chat HTTP/1.1\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
        let response = b"HTTP/1.1 101 Switching Protocols\r\n\
                         sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
        let told = told(Road::Websocket, request, response);
        let FromServer::Handshake { key, accept, accept_computed_from: steps, .. } = told else {
            panic!("{told:?}")
        };
        assert_eq!(key, "dGhlIHNhbXBsZSBub25jZQ==");
        assert_eq!(steps.sha1, "b37a4f2cc0624f1690f64606cf385945b2bec4ea");
        assert_eq!((&*steps.base64, &*accept), ("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", &*steps.base64));
    }
}
