//! Any headers are accepted or refused on both sides of the opening handshake; what is accepted makes
//! a response that the client who asked accepts.
#![no_main]

use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, Version};
use libfuzzer_sys::fuzz_target;
use sockeye_ws::handshake::client::Handshake;
use sockeye_ws::handshake::{protocols, server};

// The first byte picks method, version and status; then lines of header name, colon and value. Names
// of one letter are short for those of the handshake.
fuzz_target!(|input: &[u8]| {
    let Some((&first, lines)) = input.split_first() else { return };
    let headers = headers(lines);
    let offered: Vec<&str> = protocols(&headers).collect();
    assert!(offered.iter().all(|name| !name.is_empty() && name.is_ascii()));

    let mut request = Request::new(());
    *request.headers_mut() = headers.clone();
    if first & 1 != 0 {
        *request.method_mut() = Method::POST;
    }
    if first & 2 != 0 {
        *request.version_mut() = Version::HTTP_10;
    }
    match server::check(&request) {
        Ok(mut accept) => {
            assert!(first & 3 == 0);
            if let Some(protocol) = offered.first() {
                accept = accept.with_protocol(protocol);
            }
            let response = accept.into_response::<()>();
            assert_eq!(response.status(), 101);
            assert_eq!(response.headers()["sec-websocket-accept"].len(), 28);
        }
        Err(error) => {
            assert!(error.status().is_client_error() || error.status().is_server_error());
            error.extend_headers(&mut HeaderMap::new());
        }
    }

    let nonce = [first; 16];
    let handshake = Handshake::new(nonce, &offered);
    let mut response = Response::new(());
    *response.headers_mut() = headers.clone();
    *response.status_mut() = if first & 4 == 0 { 101 } else { 200 }.try_into().expect("a status");
    let _ = handshake.check(&response);

    // Our own request is always accepted, and so is our answer to it.
    let mut request = Request::new(());
    handshake.extend_headers(request.headers_mut());
    let mut accept = server::check(&request).expect("our own request");
    let chosen = offered.last().copied();
    if let Some(protocol) = chosen {
        accept = accept.with_protocol(protocol);
    }
    assert_eq!(handshake.check(&accept.into_response::<()>()), Ok(chosen));
});

fn headers(lines: &[u8]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in lines.split(|byte| *byte == b'\n').take(100) {
        let mut parts = line.splitn(2, |byte| *byte == b':');
        let (Some(name), Some(value)) = (parts.next(), parts.next()) else { continue };
        let name = match name {
            b"u" => "upgrade".as_bytes(),
            b"c" => b"connection",
            b"k" => b"sec-websocket-key",
            b"v" => b"sec-websocket-version",
            b"p" => b"sec-websocket-protocol",
            b"e" => b"sec-websocket-extensions",
            b"a" => b"sec-websocket-accept",
            other => other,
        };
        if let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(name), HeaderValue::from_bytes(value))
        {
            headers.append(name, value);
        }
    }
    headers
}
