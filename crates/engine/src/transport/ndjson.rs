//! NDJSON streaming: a GET whose answer goes on and on, a packet a line; POSTs as in polling.
//!
//! ```text
//! $ curl -N 'localhost:3000/engine.io/?EIO=4&transport=ndjson'
//! "0{\"sid\":\"GkkGrtqexNQPwzBrAAAA\",\"upgrades\":[],\"pingInterval\":25000,...}"
//! "4hello"
//! "2"
//! ```
//!
//! Each line is a JSON string, whose text is a packet as polling has it (revision 4): a text message
//! `4hello`, a binary one `bAQID` in base64. The last line of a session that the server ends is `"1"`.
//! The GET opens the session; it has no other, and no upgrade. Pings are answered by POST, with the
//! `sid` of the first line.

use std::sync::Arc;

use http::Response;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use sockeye_engine_proto::TransportKind;

use crate::application::Application;
use crate::http::refusal::{CROSS_ORIGIN_RESOURCE_POLICY, SAME_ORIGIN};
use crate::http::response_body::Body;
use crate::outbox::connection::Connection;
use crate::outbox::framing::Framing;
use crate::session::registry::Registry;
use crate::task::NewSession;

/// Opens a session on the answer to its request.
pub(crate) fn open<A: Application>(
    registry: &Arc<Registry>,
    session: NewSession<A>,
) -> Response<Body> {
    let ticket = registry.ticket();
    let (body, hand_over) = Body::stream(move |stream| {
        let registry = ticket.registry();
        if !registry.is_closing() {
            let connection = Connection::outgoing(stream, Framing::Lines);
            session.spawn(registry, TransportKind::Ndjson, Some(connection));
        }
    });
    let mut response = Response::new(body);
    response.extensions_mut().insert(hand_over);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(CROSS_ORIGIN_RESOURCE_POLICY, SAME_ORIGIN);
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // nginx would keep lines back until it has some thousand bytes.
    headers.insert(X_ACCEL_BUFFERING, HeaderValue::from_static("no"));
    response
}

const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");
