//! The tasks of a connection's HTTP/2 streams, and the watch over who takes their answers.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::rt::Executor;
use pin_project_lite::pin_project;

use super::answer::{STREAM, Sending};
use crate::metrics;
use crate::stall::Stall;

/// Runs the streams of a connection, each with the write timeout.
#[derive(Clone, Copy, Debug)]
pub(super) struct StreamExecutor {
    pub(super) write_timeout: Duration,
}

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for StreamExecutor {
    fn execute(&self, stream: F) {
        tokio::spawn(Watch {
            stream: Some(stream),
            sending: Arc::default(),
            stall: Stall::default(),
            write_timeout: self.write_timeout,
        });
    }
}

pin_project! {
    struct Watch<F> {
        #[pin]
        stream: Option<F>,
        sending: Arc<Sending>,
        stall: Stall,
        write_timeout: Duration,
    }
}

impl<F: Future<Output = ()>> Future for Watch<F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        let Some(stream) = this.stream.as_mut().as_pin_mut() else { return Poll::Ready(()) };
        let outer = STREAM.replace(Some(Arc::clone(this.sending)));
        let polled = stream.poll(cx);
        STREAM.set(outer);
        if polled.is_ready() {
            return Poll::Ready(());
        }
        loop {
            if !this.sending.is_out() {
                this.stall.clear();
                return Poll::Pending;
            }
            if this.sending.take_moved() {
                this.stall.note_progress();
            }
            this.stall.note_refused();
            if ready!(this.stall.poll_wait(*this.write_timeout, cx)).is_err() {
                metrics::http_ended("write_timeout");
                // Dropped, it is reset, and what `h2` has of it is gone.
                this.stream.set(None);
                return Poll::Ready(());
            }
        }
    }
}
