//! Events as a stream.

use std::collections::HashMap;
use std::fmt;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::Stream;
use sockeye_socket_proto::{FromArgs, RawArgs};
use tokio::sync::mpsc;

/// The payloads of one event, in order, from the time of the subscription on and across
/// reconnections. Ends when the client is closed for good.
///
/// It holds at most [`Limits::subscription_events_max`](crate::Limits::subscription_events_max)
/// events that were not taken; further ones are dropped and counted. An event whose arguments are
/// no `P` is left out, which is logged.
pub struct Subscription<P> {
    events: mpsc::Receiver<RawArgs>,
    missed: Arc<AtomicU64>,
    payload: PhantomData<fn() -> P>,
}

impl<P> Subscription<P> {
    /// How many events were dropped because nobody took those before them.
    pub fn missed(&self) -> u64 {
        self.missed.load(Ordering::Relaxed)
    }
}

impl<P: FromArgs> Subscription<P> {
    /// The next payload; `None` once the client is closed. Cancel safe.
    pub async fn next(&mut self) -> Option<P> {
        std::future::poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }
}

impl<P: FromArgs> Stream for Subscription<P> {
    type Item = P;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<P>> {
        while let Some(args) = ready!(self.events.poll_recv(cx)) {
            match args.decode() {
                Ok(payload) => return Poll::Ready(Some(payload)),
                Err(error) => tracing::warn!(%error, "an event does not fit its subscription"),
            }
        }
        Poll::Ready(None)
    }
}

impl<P> fmt::Debug for Subscription<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription").field("missed", &self.missed()).finish_non_exhaustive()
    }
}

/// Who subscribed to which event.
#[derive(Debug, Default)]
pub(crate) struct Subscribers {
    by_event: HashMap<String, Vec<Subscriber>>,
}

#[derive(Debug)]
struct Subscriber {
    events: mpsc::Sender<RawArgs>,
    missed: Arc<AtomicU64>,
}

impl Subscribers {
    pub(crate) fn add<P>(&mut self, event: &str, events_max: usize) -> Subscription<P> {
        let (sender, events) = mpsc::channel(events_max.max(1));
        let missed = Arc::<AtomicU64>::default();
        let subscriber = Subscriber { events: sender, missed: Arc::clone(&missed) };
        self.by_event.entry(event.to_owned()).or_default().push(subscriber);
        Subscription { events, missed, payload: PhantomData }
    }

    pub(crate) fn publish(&mut self, event: &str, args: &str, attachments: &[Bytes]) {
        let Some(subscribers) = self.by_event.get_mut(event) else {
            return;
        };
        subscribers.retain(|subscriber| {
            match subscriber.events.try_reserve() {
                Ok(permit) => permit.send(RawArgs::new(args, attachments)),
                Err(mpsc::error::TrySendError::Full(())) => {
                    subscriber.missed.fetch_add(1, Ordering::Relaxed);
                }
                Err(mpsc::error::TrySendError::Closed(())) => return false,
            }
            true
        });
        if subscribers.is_empty() {
            self.by_event.remove(event);
        }
    }

    /// Ends every stream.
    pub(crate) fn clear(&mut self) {
        self.by_event.clear();
    }
}
