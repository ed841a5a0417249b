//! Bodies of requests, within bounds.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_LENGTH, EXPECT, HeaderMap};
use http::{Response, StatusCode};
use http_body_util::BodyExt as _;
use sockeye::{Body, RequestBody};
use tokio::time::timeout;

use super::answer::error;

/// What is read and thrown away at most of a body that nobody wants. A client that is still sending when its
/// connection is closed does not see the answer (RFC 9112, 9.6).
const UNWANTED_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Reads a body of at most `max` bytes, which comes within `time`.
///
/// # Errors
/// With the answer: 413, 408 or 400.
pub(crate) async fn collect(
    headers: &HeaderMap,
    mut body: RequestBody,
    max: usize,
    time: Duration,
) -> Result<Bytes, Box<Response<Body>>> {
    let reading = async {
        if length(headers).is_some_and(|length| length > max as u64) {
            throw_away(headers, &mut body).await;
            return Err(too_large(max));
        }
        let mut whole = BytesMut::new();
        while let Some(frame) = body.frame().await {
            let Ok(frame) = frame else { return Err(broken()) };
            let Ok(data) = frame.into_data() else { continue };
            if whole.len() + data.len() > max {
                drop((data, whole));
                throw_away(headers, &mut body).await;
                return Err(too_large(max));
            }
            whole.extend_from_slice(&data);
        }
        Ok(whole.freeze())
    };
    timeout(time, reading).await.unwrap_or_else(|_| Err(too_slow()))
}

/// Reads what is to come of a body that nobody wants, as long as that is not too much and comes within `time`.
pub(crate) async fn discard(headers: &HeaderMap, mut body: RequestBody, time: Duration) {
    let _ = timeout(time, throw_away(headers, &mut body)).await;
}

async fn throw_away(headers: &HeaderMap, body: &mut RequestBody) {
    // Who asks first has sent nothing yet, and sends nothing when the answer is no.
    if headers.contains_key(EXPECT) || length(headers).is_some_and(|it| it > UNWANTED_BYTES_MAX) {
        return;
    }
    let mut left = UNWANTED_BYTES_MAX;
    while let Some(Ok(frame)) = body.frame().await {
        let count = frame.data_ref().map_or(0, |data| data.len() as u64);
        match left.checked_sub(count) {
            Some(rest) => left = rest,
            None => return,
        }
    }
}

/// How long a body is to be.
fn length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn too_large(max: usize) -> Box<Response<Body>> {
    let message = format!("the body has more than {max} bytes: send it in parts");
    Box::new(error(StatusCode::PAYLOAD_TOO_LARGE, "too_large", &message))
}

fn broken() -> Box<Response<Body>> {
    let message = "the body broke off, or was not what its head says";
    Box::new(error(StatusCode::BAD_REQUEST, "bad_request", message))
}

fn too_slow() -> Box<Response<Body>> {
    let message = "the body did not come in time: send it again";
    Box::new(error(StatusCode::REQUEST_TIMEOUT, "too_slow", message))
}
