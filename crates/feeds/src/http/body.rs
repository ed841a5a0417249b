//! Bodies of requests: read within a size and a time, or read and forgotten.

use std::pin::pin;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_LENGTH, HeaderMap};
use http_body_util::BodyExt as _;
use sockeye::RequestBody;
use thiserror::Error;
use tokio::time::timeout;

/// How much of a body is read, and for how long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) bytes_max: usize,
    pub(crate) timeout: Duration,
}

/// Why there is no whole body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum BodyError {
    #[error("the body has more bytes than are taken: send it in parts")]
    TooLarge,
    #[error("the body broke off, or was not what its head says: send it again")]
    Broken,
    #[error("the body did not come in time: send it again")]
    Timeout,
}

/// A body may come in so many pieces: one for this many of the bytes it may have. Each piece takes time by itself.
const PIECE_BYTES: usize = 16;
/// How many times its limit is read of a body that is too long.
const DISCARDED_TIMES_MAX: usize = 16;

impl Bounds {
    /// Whether a body is too long by what is said of it.
    pub(crate) fn check(self, headers: &HeaderMap) -> Result<(), BodyError> {
        match declared(headers).is_some_and(|length| length > self.bytes_max as u64) {
            true => Err(BodyError::TooLarge),
            false => Ok(()),
        }
    }

    /// The whole of a body.
    pub(crate) async fn collect(self, body: RequestBody) -> Result<Bytes, BodyError> {
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
        self.read(body, join).await?;
        Ok(if joined.is_empty() { first } else { joined.freeze() })
    }

    /// Reads what is left of a body whose request is answered already: its sender may not listen before it
    /// has sent all, or something in between does not. Of one that is too long more is read than may come, so
    /// that who does not know the limit hears of it; of one that is far too long nothing. False: there is
    /// more.
    pub(crate) async fn discard(self, headers: &HeaderMap, body: RequestBody) -> bool {
        let far = self.bytes_max.saturating_mul(DISCARDED_TIMES_MAX);
        let bytes_max = match declared(headers) {
            Some(length) if length > far as u64 => return false,
            Some(length) if length > self.bytes_max as u64 => far,
            _ => self.bytes_max,
        };
        bytes_max > 0 && Self { bytes_max, ..self }.read(body, drop).await.is_ok()
    }

    async fn read(self, body: RequestBody, mut take: impl FnMut(Bytes)) -> Result<(), BodyError> {
        let reading = async {
            let mut body = pin!(body);
            let (mut bytes, mut pieces) = (0, 0);
            while let Some(frame) = body.frame().await {
                let Ok(data) = frame.map_err(|_| BodyError::Broken)?.into_data() else { continue };
                bytes += data.len();
                pieces += 1;
                if bytes > self.bytes_max || pieces * PIECE_BYTES > self.bytes_max.max(1024) {
                    return Err(BodyError::TooLarge);
                }
                take(data);
            }
            Ok(())
        };
        timeout(self.timeout, reading).await.unwrap_or(Err(BodyError::Timeout))
    }
}

/// How long a body is, by what is said of it.
fn declared(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}
