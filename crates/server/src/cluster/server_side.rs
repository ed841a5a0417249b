//! Events between the servers of a cluster.

use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use sockeye_socket_proto::{FromArgs, IntoAck, RawArgs};

use crate::broadcast::io::Io;
use crate::error::AckError;
use crate::error::EventError;
use crate::handler::running::Answering;
use crate::session::deadlines::after;
use crate::socket::requests::decode_answer;

/// A handler of one event with its types bound into it.
pub(crate) type ServerSideHandler =
    Box<dyn Fn(Io, &str, &[Bytes]) -> Result<Answering, EventError> + Send + Sync>;

/// A handler at work.
pub(crate) type Handling = tokio::task::JoinHandle<Result<RawArgs, EventError>>;

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
    fn start(&self, io: Io, args: &str, attachments: &[Bytes]) -> Result<Answering, EventError>;
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
    ($Marker:ident, $Payload:ty, ($($bound:ident)?), |$io:ident, $args:ident, $attachments:ident| ($($argument:expr),*), ($($Argument:ty),*)) => {
        impl<F, Fut, R, A $(, $bound: FromArgs)?> ServerSide<$Marker, $Payload, A> for F
        where
            F: Fn($($Argument),*) -> Fut + Send + Sync + 'static,
            Fut: Future<Output = R> + Send + 'static,
            R: IntoAck<A>,
        {
            fn start(
                &self,
                $io: Io,
                $args: &str,
                $attachments: &[Bytes],
            ) -> Result<Answering, EventError> {
                Ok(Box::pin(self($($argument),*).map(|answer| answer.into_ack(true))))
            }
        }
    };
}

server_side!(
    WithIoAndPayload,
    P,
    (P),
    |io, args, attachments| (io, P::from_args(args, attachments).map_err(EventError::decode)?),
    (Io, P)
);
server_side!(
    WithPayloadOnly,
    P,
    (P),
    |_io, args, attachments| (P::from_args(args, attachments).map_err(EventError::decode)?),
    (P)
);
server_side!(WithIo, (), (), |io, _args, _attachments| (io), (Io));
server_side!(Alone, (), (), |_io, _args, _attachments| (), ());

/// Starts this server's handler, if it has one; a panic of it is an error like others.
pub(crate) fn handle(io: &Io, name: &str, args: &str, attachments: &[Bytes]) -> Option<Handling> {
    let handler = io.active_namespace().handlers.server_side.get(name)?;
    let started = handler(io.clone(), args, attachments);
    let (nsp, name) = (io.namespace().to_owned(), name.to_owned());
    Some(tokio::spawn(async move {
        let result = match started {
            Ok(running) => running.await,
            Err(error) => Err(error),
        };
        match result {
            // Whoever asks between servers is answered by the return value.
            Ok(answer) => Ok(answer.unwrap_or_default()),
            Err(error) => {
                tracing::warn!(nsp, event = name, %error, "an event between servers failed");
                Err(error)
            }
        }
    }))
}

/// The answers of the servers asked, see [`Io::server_side_emit_with_ack`]: await it. It always
/// ends, at the latest after its timeout.
#[must_use = "the answers arrive only where they are awaited"]
#[derive(Debug)]
pub struct ServerAcks<A> {
    running: Vec<Handling>,
    timeout: Duration,
    answer: std::marker::PhantomData<fn() -> A>,
}

impl<A> ServerAcks<A> {
    pub(crate) fn new(running: Vec<Handling>, timeout: Duration) -> Self {
        Self { running, timeout, answer: std::marker::PhantomData }
    }

    /// Waits at most `after`, counted from the first poll. Default
    /// [`Config::ack_timeout`](crate::Config::ack_timeout).
    pub fn timeout(mut self, after: Duration) -> Self {
        self.timeout = after;
        self
    }
}

impl<A: FromArgs + Send + 'static> IntoFuture for ServerAcks<A> {
    /// One result for each server asked; those that did not answer in time have
    /// [`AckError::Timeout`].
    type Output = Vec<Result<A, AckError>>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        let deadline = after(tokio::time::Instant::now(), self.timeout);
        Box::pin(async move {
            let mut answers = Vec::with_capacity(self.running.len());
            for running in self.running {
                answers.push(match tokio::time::timeout_at(deadline, running).await {
                    Ok(Ok(Ok(answer))) => decode_answer(&answer),
                    Ok(Ok(Err(error))) => Err(AckError::Remote(error.to_remote())),
                    Ok(Err(_)) => {
                        let error = EventError::new("panic", "the handler panicked");
                        Err(AckError::Remote(error.to_remote()))
                    }
                    Err(_) => Err(AckError::Timeout),
                });
            }
            answers
        })
    }
}
