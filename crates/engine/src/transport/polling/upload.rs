//! The body of a request, within its bounds.

use std::future::poll_fn;
use std::mem;
use std::pin::pin;
use std::task;
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes};
use http_body::Body as HttpBody;
use http_body_util::BodyExt;

use crate::session::close_detail::CloseDetail;
use crate::session::config::Config;

/// The body of a request that is still to be read, and how large and how slow it may be.
pub(crate) struct Upload<B> {
    body: B,
    bytes_max: usize,
    chunks_max: u32,
    timeout: Duration,
}

impl<B: HttpBody> Upload<B> {
    pub(crate) fn new(body: B, config: &Config) -> Self {
        let (bytes_max, chunks_max) = (config.payload_bytes_max, config.body_chunks_max);
        Upload { body, bytes_max, chunks_max, timeout: config.body_timeout }
    }

    /// Reads all of it. What came in one piece is not copied.
    pub(crate) async fn collect(self) -> Result<Bytes, CloseDetail> {
        let mut first = Bytes::new();
        let mut joined = Vec::new();
        let join = |mut data: B::Data| {
            if first.is_empty() && joined.is_empty() {
                first = data.copy_to_bytes(data.remaining());
                return;
            }
            joined.put(mem::take(&mut first));
            joined.put(data);
        };
        self.read(join).await?;
        Ok(if joined.is_empty() { first } else { joined.into() })
    }

    /// Hands the pieces on, within the bounds and the time.
    pub(crate) async fn read(self, mut take: impl FnMut(B::Data)) -> Result<(), CloseDetail> {
        let Upload { body, bytes_max, chunks_max, timeout } = self;
        let check = |size, chunks| match size {
            _ if size > bytes_max as u64 => {
                Err(CloseDetail::PayloadTooLarge { limit: bytes_max, size })
            }
            _ if chunks > chunks_max => Err(CloseDetail::BodyChunks { limit: chunks_max }),
            _ => Ok(()),
        };
        let reading = async {
            check(body.size_hint().lower(), 0)?;
            let mut body = pin!(body);
            let (mut bytes, mut chunks) = (0, 0);
            while let Some(frame) = body.frame().await {
                let frame = frame.map_err(|_| CloseDetail::PostAborted)?;
                if let Ok(data) = frame.into_data()
                    && data.has_remaining()
                {
                    bytes += data.remaining() as u64;
                    chunks += 1;
                    check(bytes, chunks)?;
                    take(data);
                }
            }
            Ok(())
        };
        within(timeout, reading).await.unwrap_or(Err(CloseDetail::BodyTimeout))
    }
}

/// What a body gives within its time, if it does. Nearly always all of it came with the head, and no
/// timer is needed.
async fn within<R>(timeout: Duration, reading: impl Future<Output = R>) -> Option<R> {
    let mut reading = pin!(reading);
    let at_once = poll_fn(|cx| task::Poll::Ready(reading.as_mut().poll(cx))).await;
    match at_once {
        task::Poll::Ready(read) => Some(read),
        task::Poll::Pending => tokio::time::timeout(timeout, reading).await.ok(),
    }
}
