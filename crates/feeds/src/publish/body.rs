//! The bodies of requests: read within a size and a time, or read and forgotten.

use std::pin::pin;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use sockeye::RequestBody;
use tokio::time::timeout;

use super::error::{ApiError, ErrorCode};

/// A body may come in so many pieces: one for this many of the bytes it may have. Each piece takes time by itself.
const PIECE_BYTES: usize = 16;

/// How much of a body is read, and for how long.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) bytes_max: usize,
    pub(super) timeout: Duration,
}

/// The whole of a body.
pub(super) async fn collect(body: RequestBody, bounds: Bounds) -> Result<Bytes, ApiError> {
    let mut first = Bytes::new();
    let mut joined = BytesMut::new();
    let join = |data: Bytes| {
        if first.is_empty() && joined.is_empty() {
            first = data;
            return;
        }
        joined.extend_from_slice(&std::mem::take(&mut first));
        joined.extend_from_slice(&data);
    };
    read(body, bounds, join).await?;
    Ok(if joined.is_empty() { first } else { joined.freeze() })
}

/// Reads what is left of a body whose request is answered already, so that the answer arrives whoever is in between.
/// False: there is more than may come.
pub(super) async fn discard(body: RequestBody, bounds: Bounds) -> bool {
    bounds.bytes_max > 0 && read(body, bounds, drop).await.is_ok()
}

async fn read(
    body: RequestBody,
    bounds: Bounds,
    mut take: impl FnMut(Bytes),
) -> Result<(), ApiError> {
    let reading = async {
        let mut body = pin!(body);
        let (mut bytes, mut pieces) = (0, 0);
        while let Some(frame) = body.frame().await {
            let cut =
                |_| ErrorCode::BadJson.because("The body ended before its end: send it again.");
            let Ok(data) = frame.map_err(cut)?.into_data() else { continue };
            bytes += data.len();
            pieces += 1;
            if bytes > bounds.bytes_max || pieces * PIECE_BYTES > bounds.bytes_max.max(1024) {
                return Err(ErrorCode::TooLarge.error());
            }
            take(data);
        }
        Ok(())
    };
    timeout(bounds.timeout, reading).await.unwrap_or(Err(ErrorCode::BodyTimeout.error()))
}
