//! Response bodies.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};

/// The body of a response: complete from the beginning, often empty.
#[derive(Clone, Debug, Default)]
pub struct Body {
    data: Bytes,
}

impl Body {
    /// What is left of it.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.data
    }
}

impl From<Bytes> for Body {
    fn from(data: Bytes) -> Self {
        Body { data }
    }
}

impl From<Vec<u8>> for Body {
    fn from(data: Vec<u8>) -> Self {
        Body { data: data.into() }
    }
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        Body { data: text.into() }
    }
}

impl From<&'static str> for Body {
    fn from(text: &'static str) -> Self {
        Body { data: Bytes::from_static(text.as_bytes()) }
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let data = std::mem::take(&mut self.data);
        Poll::Ready((!data.is_empty()).then(|| Ok(Frame::data(data))))
    }

    fn is_end_stream(&self) -> bool {
        self.data.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.data.len() as u64)
    }
}
