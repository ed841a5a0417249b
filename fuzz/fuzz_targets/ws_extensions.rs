//! Any `Sec-WebSocket-Extensions` is read or refused on both sides; what the server answers to an
//! offer, a client that made it accepts, and both come to the same.
#![no_main]

use http::{HeaderMap, HeaderValue};
use libfuzzer_sys::fuzz_target;
use sockeye_ws::handshake::deflate::{Parameters, Preferences};
use sockeye_ws::handshake::extensions;

const NAME: &str = "sec-websocket-extensions";

// The first byte is what both ends would like, the second the windows; the rest is lines of the header.
fuzz_target!(|input: &[u8]| {
    let [first, windows, lines @ ..] = input else { return };
    let preferences = |flags: u8, bits: u8| Preferences {
        server_no_context_takeover: flags & 1 != 0,
        client_no_context_takeover: flags & 2 != 0,
        server_max_window_bits: 9 + (bits & 3) * 2,
        client_max_window_bits: 9 + (bits >> 2 & 3) * 2,
    };
    let (ours, theirs) = (preferences(*first, *windows), preferences(first >> 2, windows >> 4));

    let mut headers = HeaderMap::new();
    for line in lines.split(|byte| *byte == b'\n') {
        if let Ok(value) = HeaderValue::from_bytes(line) {
            headers.append(NAME, value);
        }
    }
    let well_formed = read_twice(&headers);
    match ours.accept(&headers) {
        Ok(Some((parameters, answer))) => {
            assert!(well_formed);
            check_parameters(&parameters);
            assert!(!ours.server_no_context_takeover || parameters.server_no_context_takeover);
            assert!(parameters.server_max_window_bits <= ours.server_max_window_bits);
            let mut response = HeaderMap::new();
            response.insert(NAME, answer);
            assert_eq!(extensions(&response).count(), 1);
        }
        Ok(None) => assert!(well_formed),
        Err(_) => assert!(!well_formed),
    }
    if let Ok(Some(parameters)) = ours.check(&headers) {
        assert!(well_formed);
        assert!((8..=ours.server_max_window_bits).contains(&parameters.server_max_window_bits));
        assert!((8..=ours.client_max_window_bits).contains(&parameters.client_max_window_bits));
    }

    // What we offer ourselves is taken and the answer understood.
    let mut request = HeaderMap::new();
    request.append(NAME, theirs.offer());
    let (at_server, answer) =
        ours.accept(&request).expect("our own header").expect("our own offer");
    let mut response = HeaderMap::new();
    response.insert(NAME, answer);
    assert_eq!(theirs.check(&response), Ok(Some(at_server)));
});

/// Writes down what was read in its plainest form, which has to be read as the same. Returns whether
/// all of it was well-formed.
fn read_twice(headers: &HeaderMap) -> bool {
    let mut plain = String::new();
    let mut well_formed = true;
    let mut count = 0;
    for extension in extensions(headers) {
        let Ok(extension) = extension else {
            well_formed = false;
            continue;
        };
        count += 1;
        plain.push_str(extension.name());
        for (name, value) in extension.parameters() {
            plain.push(';');
            plain.push_str(name);
            if let Some(value) = value {
                plain.push('=');
                plain.push_str(&value);
            }
        }
        plain.push(',');
    }
    let mut again = HeaderMap::new();
    again.insert(NAME, HeaderValue::from_str(&plain).expect("tokens are a header value"));
    assert_eq!(extensions(&again).filter(Result::is_ok).count(), count);
    assert_eq!(extensions(&again).count(), count);
    well_formed
}

fn check_parameters(parameters: &Parameters) {
    assert!((9..=15).contains(&parameters.server_max_window_bits));
    assert!((8..=15).contains(&parameters.client_max_window_bits));
}
