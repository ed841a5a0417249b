//! Subscriptions: events as a stream.

use std::collections::HashMap;
use std::fmt;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use futures_util::Stream;
use sockeye_socket_proto::{EventRef, FromArgs, RawArgs};
use tokio::sync::mpsc;

/// A stream of the payloads of one event, in order, from the time of the subscription on and across
/// reconnections. Ends when the client is closed for good.
///
/// It holds at most [`Limits::subscription_events_max`](crate::Limits::subscription_events_max)
/// events that were not taken; further ones are dropped and counted. An event whose arguments are
/// not a `P` is left out, which is logged.
///
/// ```no_run
/// # async fn example(client: sockeye_client::Client) {
/// let mut prices = client.subscribe::<f64>("price");
/// while let Some(price) = prices.next().await {
///     println!("{price}, after {} that were too fast", prices.missed());
/// }
/// # }
/// ```
pub struct Subscription<P> {
    events: mpsc::Receiver<RawArgs>,
    missed: Arc<AtomicU64>,
    payload: PhantomData<fn() -> P>,
}

impl<P> Subscription<P> {
    /// The number of events that were dropped because those before them were not taken in time.
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

/// The subscribers of a socket, by event.
#[derive(Debug, Default)]
pub(super) struct Subscribers {
    by_event: HashMap<String, Vec<Subscriber>>,
}

#[derive(Debug)]
struct Subscriber {
    events: mpsc::Sender<RawArgs>,
    missed: Arc<AtomicU64>,
}

impl Subscribers {
    pub(super) fn add<P>(&mut self, event: &str, events_max: usize) -> Subscription<P> {
        let (sender, events) = mpsc::channel(events_max.max(1));
        let missed = Arc::<AtomicU64>::default();
        let subscriber = Subscriber { events: sender, missed: Arc::clone(&missed) };
        self.by_event.entry(event.to_owned()).or_default().push(subscriber);
        Subscription { events, missed, payload: PhantomData }
    }

    pub(super) fn publish(&mut self, event: EventRef<'_>) {
        let Some(subscribers) = self.by_event.get_mut(event.name) else {
            return;
        };
        subscribers.retain(|subscriber| {
            match subscriber.events.try_reserve() {
                Ok(permit) => permit.send(RawArgs::new(event.args, event.attachments)),
                Err(mpsc::error::TrySendError::Full(())) => {
                    subscriber.missed.fetch_add(1, Ordering::Relaxed);
                }
                Err(mpsc::error::TrySendError::Closed(())) => return false,
            }
            true
        });
        if subscribers.is_empty() {
            self.by_event.remove(event.name);
        }
    }

    /// Ends every stream.
    pub(super) fn clear(&mut self) {
        self.by_event.clear();
    }
}
