//! Bodies of requests, within bounds.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_LENGTH, HeaderMap};
use http::{Response, StatusCode};
use http_body_util::BodyExt as _;
use sockeye::{Body, RequestBody};
use tokio::time::timeout;

use super::answer::error;

/// Reads a body of at most `max` bytes, which comes within `time`.
///
/// # Errors
/// With the answer: 413, 408 or 400. What is still to come of a body that is too long is not read.
pub(crate) async fn collect(
    headers: &HeaderMap,
    mut body: RequestBody,
    max: usize,
    time: Duration,
) -> Result<Bytes, Box<Response<Body>>> {
    let too_large = || {
        let message = format!("the body has more than {max} bytes: send it in parts");
        Box::new(error(StatusCode::PAYLOAD_TOO_LARGE, "too_large", &message))
    };
    let declared = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    if declared.is_some_and(|length: u64| length > max as u64) {
        return Err(too_large());
    }
    let reading = async {
        let mut whole = BytesMut::new();
        while let Some(frame) = body.frame().await {
            let Ok(frame) = frame else {
                return Err(Box::new(error(
                    StatusCode::BAD_REQUEST,
                    "bad_request",
                    "the body broke off, or was not what its head says",
                )));
            };
            let Ok(data) = frame.into_data() else { continue };
            if whole.len() + data.len() > max {
                return Err(too_large());
            }
            whole.extend_from_slice(&data);
        }
        Ok(whole.freeze())
    };
    timeout(time, reading).await.unwrap_or_else(|_| {
        Err(Box::new(error(
            StatusCode::REQUEST_TIMEOUT,
            "too_slow",
            "the body did not come in time: send it again",
        )))
    })
}
