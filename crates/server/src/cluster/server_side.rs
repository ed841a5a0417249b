//! Events between the servers of a cluster.

use std::borrow::Cow;
use std::marker::PhantomData;
use std::pin::Pin;
use std::time::Duration;

use futures_util::FutureExt;
use sockeye_socket_proto::{EventRef, FromArgs, IntoAck, RawArgs, RemoteError};
use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinHandle};
use tokio::time::{Instant, timeout_at};

use super::replies::{Arrival, Replies, Reply};
use super::server_side_event::ServerSideEvent;
use crate::broadcast::io::Io;
use crate::error::{AckError, EventError};
use crate::handler::running::Answering;
use crate::session::deadlines::after;

/// A handler at work.
pub(crate) type Handling = JoinHandle<Result<RawArgs, EventError>>;

/// An async function that handles an event of another server:
/// [`Namespace::on_server_side`](crate::Namespace::on_server_side). Its arguments are the [`Io`] or
/// not, and the payload if the event has one; it returns what handlers of sockets return.
/// Implemented for functions and closures only.
#[diagnostic::on_unimplemented(
    message = "this function cannot handle an event between servers with payload `{P}` and answer `{A}`",
    note = "it is `async fn(Io, payload) -> () | Ack<T> | Result<_, E>`; `Io` and the payload may be left out"
)]
pub trait ServerSide<M, P, A>: Send + Sync + 'static {
    #[doc(hidden)]
    fn start(&self, io: Io, event: EventRef<'_>) -> Result<Answering, EventError>;
}

#[doc(hidden)]
#[derive(Debug)]
pub struct WithIo;
#[doc(hidden)]
#[derive(Debug)]
pub struct WithIoAndPayload;
#[doc(hidden)]
#[derive(Debug)]
pub struct Alone;
#[doc(hidden)]
#[derive(Debug)]
pub struct WithPayloadOnly;

macro_rules! server_side {
    ($Marker:ident, $Payload:ty, ($($bound:ident)?), |$io:ident, $event:ident| ($($argument:expr),*), ($($Argument:ty),*)) => {
        impl<F, Fut, R, RM, A $(, $bound: FromArgs)?> ServerSide<($Marker, RM), $Payload, A> for F
        where
            F: Fn($($Argument),*) -> Fut + Send + Sync + 'static,
            Fut: Future<Output = R> + Send + 'static,
            R: IntoAck<A, RM>,
        {
            fn start(&self, $io: Io, $event: EventRef<'_>) -> Result<Answering, EventError> {
                Ok(Box::pin(self($($argument),*).map(|answer| answer.into_ack(true))))
            }
        }
    };
}

server_side!(
    WithIoAndPayload,
    P,
    (P),
    |io, event| (io, event.decode::<P>().map_err(EventError::decode)?),
    (Io, P)
);
server_side!(
    WithPayloadOnly,
    P,
    (P),
    |_io, event| (event.decode::<P>().map_err(EventError::decode)?),
    (P)
);
server_side!(WithIo, (), (), |io, _event| (io), (Io));
server_side!(Alone, (), (), |_io, _event| (), ());

/// Starts this server's handler, if it has one; a panic of it is an error like others.
pub(crate) fn handle(io: &Io, event: EventRef<'_>, is_request: bool) -> Option<Handling> {
    let handlers = &io.active_namespace().handlers;
    let started = match handlers.server_side.get(event.name) {
        Some(handler) => handler(io.clone(), event),
        None => {
            let fallback = handlers.server_side_fallback.as_ref()?;
            Ok(fallback(io.clone(), ServerSideEvent { event: event.to_raw_event(), is_request }))
        }
    };
    let (nsp, name) = (io.namespace().to_owned(), event.name.to_owned());
    Some(tokio::spawn(async move {
        let result = match started {
            Ok(running) => running.await,
            Err(error) => Err(error),
        };
        // Whoever asks between servers is answered by the return value.
        result.map(Option::unwrap_or_default).inspect_err(|error| match error.is_internal() {
            true => tracing::warn!(nsp, event = name, %error, "an event between servers failed"),
            false => tracing::debug!(nsp, event = name, %error, "an event between servers refused"),
        })
    }))
}

/// What became of a handler.
pub(crate) fn outcome(
    handled: Result<Result<RawArgs, EventError>, JoinError>,
) -> Result<RawArgs, EventError> {
    handled.unwrap_or_else(|_| Err(EventError::new("panic", "the handler panicked")))
}

/// The answers of the servers asked, see
/// [`server_side_emit_with_ack`](crate::Broadcast::server_side_emit_with_ack): await it. It always
/// ends, at the latest after its timeout.
#[must_use = "the answers arrive only where they are awaited"]
#[derive(Debug)]
pub struct ServerAcks<A> {
    event: Cow<'static, str>,
    /// The handlers of this server.
    here: Vec<Handling>,
    others: Option<(mpsc::UnboundedReceiver<Arrival>, Replies)>,
    timeout: Duration,
    answer: PhantomData<fn() -> A>,
}

impl<A> ServerAcks<A> {
    pub(crate) fn new(
        event: Cow<'static, str>,
        here: Vec<Handling>,
        others: Option<(mpsc::UnboundedReceiver<Arrival>, Replies)>,
        timeout: Duration,
    ) -> Self {
        Self { event, here, others, timeout, answer: PhantomData }
    }

    /// Waits at most `after`, counted from the first poll. Default
    /// [`Config::ack_timeout`](crate::Config::ack_timeout).
    pub fn timeout(mut self, after: Duration) -> Self {
        self.timeout = after;
        self
    }
}

impl<A: FromArgs + Send + 'static> IntoFuture for ServerAcks<A> {
    /// One result for each server that has a handler for the event; those that did not answer in
    /// time have [`AckError::Timeout`].
    type Output = Vec<Result<A, AckError>>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        let Self { event, here, others, timeout, .. } = self;
        let deadline = after(Instant::now(), timeout);
        Box::pin(async move {
            let decode = |answer: Result<RawArgs, RemoteError>| match answer {
                Ok(answer) => answer.decode_ack(&event),
                Err(error) => Err(AckError::Remote(error)),
            };
            let late = || AckError::Timeout { event: event.clone() };
            let mut answers = Vec::with_capacity(here.len());
            for running in here {
                answers.push(match timeout_at(deadline, running).await {
                    Ok(handled) => decode(outcome(handled).map_err(|error| error.to_remote())),
                    Err(_) => Err(late()),
                });
            }
            if let Some((arrivals, replies)) = others {
                let left = deadline.saturating_duration_since(Instant::now());
                let (gathered, missing) = replies.gather(arrivals, left).await;
                let handled = gathered.into_iter().filter_map(|reply| match reply {
                    Reply::Handled(answer) => Some(decode(answer)),
                    _ => None,
                });
                answers.extend(handled);
                answers.extend(missing.iter().map(|_| Err(late())));
            }
            answers
        })
    }
}
