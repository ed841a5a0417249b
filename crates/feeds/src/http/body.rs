//! Bodies of requests: read within a size and a time, or read and forgotten.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_LENGTH, EXPECT, HeaderMap};
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

/// A body that was not read as a whole.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unread {
    pub(crate) reason: BodyError,
    /// All of it has come, and was thrown away.
    pub(crate) is_read: bool,
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

    /// The whole of a body. Of one that is too long the rest is [discarded](Self::discard).
    pub(crate) async fn collect(
        self,
        headers: &HeaderMap,
        mut body: RequestBody,
    ) -> Result<Bytes, Unread> {
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
        let read = match self.check(headers) {
            Ok(()) => self.read(&mut body, join).await,
            Err(error) => Err(error),
        };
        match read {
            Ok(()) => Ok(if joined.is_empty() { first } else { joined.freeze() }),
            Err(BodyError::TooLarge) => {
                drop((first, joined));
                let is_read = self.discard(headers, body).await;
                Err(Unread { reason: BodyError::TooLarge, is_read })
            }
            Err(reason) => Err(Unread { reason, is_read: false }),
        }
    }

    /// Reads what is left of a body that nobody wants: a client that is still sending when its connection is
    /// closed does not see the answer (RFC 9112, 9.6). Of one that is far too long nothing is read. False:
    /// there is more.
    pub(crate) async fn discard(self, headers: &HeaderMap, mut body: RequestBody) -> bool {
        let far = self.bytes_max.saturating_mul(DISCARDED_TIMES_MAX);
        // Who asks first has sent nothing yet, and sends nothing when the answer is no.
        if headers.contains_key(EXPECT) || declared(headers).is_some_and(|it| it > far as u64) {
            return false;
        }
        Self { bytes_max: far, ..self }.read(&mut body, drop).await.is_ok()
    }

    async fn read(
        self,
        body: &mut RequestBody,
        mut take: impl FnMut(Bytes),
    ) -> Result<(), BodyError> {
        let reading = async {
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
