//! Handlers, which are async functions: extractors first, the payload last, the answer returned.

/// Arguments that are taken from the context.
pub(crate) mod extract;
/// Answers that come later than the handler returns.
pub(crate) mod acker;
/// Extractors read as what they hold.
mod deref;
/// A handler that has started.
pub(crate) mod running;

use futures_util::FutureExt;
use sockeye_socket_proto::{EventRef, FromArgs, IntoAck, RawEvent};

use self::extract::{Context, FromContext};
use self::running::{Answering, Running};
use crate::error::{EventError, Refuse};
use crate::rooms::room::Room;

/// An async function that handles an event: up to eight extractors, then the payload if the event
/// has one. It returns `()`, [`Ack`](crate::Ack), [`Deferred`](crate::Deferred), or a `Result`
/// of one of them. Implemented for functions and closures only.
#[diagnostic::on_unimplemented(
    message = "this function cannot handle an event with payload `{P}` and answer `{A}`",
    label = "not a handler of this event",
    note = "a handler is `async fn(extractors.., payload) -> () | Ack<T> | Result<_, E>`: extractors first, payload last, at most 8 extractors",
    note = "an event declared as `Event<P, A>` needs the payload `P`, and `Ack<A>` as its answer"
)]
pub trait Handler<M, S, P, A>: Clone + Send + Sync + 'static {
    #[doc(hidden)]
    fn start(&self, context: Context<'_, S>, event: EventRef<'_>) -> Result<Answering, EventError>;
}

/// An async function that decides who is admitted: extractors, then optionally what the client or
/// reader sent as `auth` (`{}` when it sent nothing). It returns `()` or `Result<(), E>` with `E:
/// Into<Refuse>`.
#[diagnostic::on_unimplemented(
    message = "this function cannot decide about connections",
    note = "it must be `async fn(extractors.., auth) -> () | Result<(), Refuse>`: extractors first, the client's `auth` (a serde type) last or not at all"
)]
pub trait ConnectHandler<M, S>: Clone + Send + Sync + 'static {
    #[doc(hidden)]
    fn start(&self, context: Context<'_, S>, auth: &str) -> Running<Result<(), Refuse>>;
}

/// An async function that decides who may read a room from outside: extractors, then optionally the
/// room, or `None` for the namespace as a whole. It returns `()` or `Result<(), E>` with `E:
/// Into<Refuse>`.
#[diagnostic::on_unimplemented(
    message = "this function cannot decide who may read a room",
    note = "it must be `async fn(extractors.., Option<Room>) -> () | Result<(), Refuse>`: extractors first, the room (`None`: the namespace as a whole) last or not at all"
)]
pub trait ReadGuard<M, S>: Clone + Send + Sync + 'static {
    #[doc(hidden)]
    fn start(&self, context: Context<'_, S>, room: Option<Room>) -> Running<Result<(), Refuse>>;
}

/// An async function that returns no answer: extractors, then optionally the value `V`. `V` is `()`
/// for `on_connected`, a [`DisconnectReason`](crate::DisconnectReason) for `on_disconnect` and a
/// [`RawEvent`] for `fallback`.
#[diagnostic::on_unimplemented(
    message = "this function cannot be called with `{V}`",
    note = "it must be `async fn(extractors..)` or `async fn(extractors.., {V})`, returning nothing"
)]
pub trait NotificationHandler<M, S, V>: Clone + Send + Sync + 'static {
    #[doc(hidden)]
    fn start(&self, context: Context<'_, S>, value: V) -> Result<Running<()>, EventError>;
}

/// An async function that an event has to pass before its handler: extractors, then optionally the
/// [`RawEvent`]. It returns `()` or `Result<(), E>` with `E: Into<EventError>`.
#[diagnostic::on_unimplemented(
    message = "this function cannot guard events",
    note = "it must be `async fn(extractors..) -> () | Result<(), E>`, with a `RawEvent` as its last argument or not at all"
)]
pub trait Guard<M, S>: Clone + Send + Sync + 'static {
    #[doc(hidden)]
    fn start(
        &self,
        context: Context<'_, S>,
        event: RawEvent,
    ) -> Result<Running<Result<(), EventError>>, EventError>;
}

/// The values that a rule may return, `E` being what it refuses with: `()`, which lets everything pass, or
/// a `Result` whose error becomes an `E`.
pub trait IntoDecision<E> {
    #[doc(hidden)]
    fn into_decision(self) -> Result<(), E>;
}

impl<E> IntoDecision<E> for () {
    fn into_decision(self) -> Result<(), E> {
        Ok(())
    }
}

impl<E, R: Into<E>> IntoDecision<E> for Result<(), R> {
    fn into_decision(self) -> Result<(), E> {
        self.map_err(Into::into)
    }
}

#[doc(hidden)]
#[derive(Debug)]
pub struct WithPayload;
#[doc(hidden)]
#[derive(Debug)]
pub struct WithoutPayload;

/// Takes the extractors out of the context, one after the other.
macro_rules! extract {
    ($context:ident, $($T:ident),*) => {
        $(#[allow(non_snake_case)]
        let $T = $T::from_context(&mut $context).map_err(Into::into)?;)*
    };
}

macro_rules! handlers {
    ($($T:ident),*) => {
        impl<F, Fut, R, S, P, A, $($T),*> Handler<(WithPayload, $($T,)* P), S, P, A> for F
        where
            F: Fn($($T,)* P) -> Fut + Clone + Send + Sync + 'static,
            Fut: Future<Output = R> + Send + 'static,
            R: IntoAck<A>,
            P: FromArgs,
            $($T: FromContext<S>,)*
        {
            #[allow(unused_mut, unused_variables)]
            fn start(
                &self,
                mut context: Context<'_, S>,
                event: EventRef<'_>,
            ) -> Result<Answering, EventError> {
                extract!(context, $($T),*);
                let payload = event.decode::<P>().map_err(EventError::decode)?;
                let wanted = context.responder.is_some();
                Ok(Box::pin(self($($T,)* payload).map(move |r| r.into_ack(wanted))))
            }
        }

        impl<F, Fut, R, S, A, $($T),*> Handler<(WithoutPayload, $($T,)*), S, (), A> for F
        where
            F: Fn($($T,)*) -> Fut + Clone + Send + Sync + 'static,
            Fut: Future<Output = R> + Send + 'static,
            R: IntoAck<A>,
            $($T: FromContext<S>,)*
        {
            #[allow(unused_mut, unused_variables)]
            fn start(
                &self,
                mut context: Context<'_, S>,
                _: EventRef<'_>,
            ) -> Result<Answering, EventError> {
                extract!(context, $($T),*);
                let wanted = context.responder.is_some();
                Ok(Box::pin(self($($T,)*).map(move |r| r.into_ack(wanted))))
            }
        }

        impl<F, Fut, R, S, P, $($T),*> ConnectHandler<(WithPayload, $($T,)* P), S> for F
        where
            F: Fn($($T,)* P) -> Fut + Clone + Send + Sync + 'static,
            Fut: Future<Output = R> + Send + 'static,
            R: IntoDecision<Refuse>,
            P: FromArgs,
            $($T: FromContext<S>,)*
        {
            #[allow(unused_mut, unused_variables)]
            fn start(&self, mut context: Context<'_, S>, auth: &str) -> Running<Result<(), Refuse>> {
                let mut begin = || -> Result<Fut, EventError> {
                    extract!(context, $($T),*);
                    Ok(self($($T,)* P::from_args(auth, &[]).map_err(EventError::decode)?))
                };
                admission(begin())
            }
        }

        impl<F, Fut, R, S, $($T),*> ConnectHandler<(WithoutPayload, $($T,)*), S> for F
        where
            F: Fn($($T,)*) -> Fut + Clone + Send + Sync + 'static,
            Fut: Future<Output = R> + Send + 'static,
            R: IntoDecision<Refuse>,
            $($T: FromContext<S>,)*
        {
            #[allow(unused_mut, unused_variables)]
            fn start(&self, mut context: Context<'_, S>, _: &str) -> Running<Result<(), Refuse>> {
                let mut begin = || -> Result<Fut, EventError> {
                    extract!(context, $($T),*);
                    Ok(self($($T,)*))
                };
                admission(begin())
            }
        }

        impl<F, Fut, R, S, $($T),*> ReadGuard<(WithPayload, $($T,)* Option<Room>), S> for F
        where
            F: Fn($($T,)* Option<Room>) -> Fut + Clone + Send + Sync + 'static,
            Fut: Future<Output = R> + Send + 'static,
            R: IntoDecision<Refuse>,
            $($T: FromContext<S>,)*
        {
            #[allow(unused_mut, unused_variables)]
            fn start(
                &self,
                mut context: Context<'_, S>,
                room: Option<Room>,
            ) -> Running<Result<(), Refuse>> {
                let begin = || -> Result<Fut, EventError> {
                    extract!(context, $($T),*);
                    Ok(self($($T,)* room))
                };
                admission(begin())
            }
        }

        impl<F, Fut, R, S, $($T),*> ReadGuard<(WithoutPayload, $($T,)*), S> for F
        where
            F: Fn($($T,)*) -> Fut + Clone + Send + Sync + 'static,
            Fut: Future<Output = R> + Send + 'static,
            R: IntoDecision<Refuse>,
            $($T: FromContext<S>,)*
        {
            #[allow(unused_mut, unused_variables)]
            fn start(
                &self,
                mut context: Context<'_, S>,
                _: Option<Room>,
            ) -> Running<Result<(), Refuse>> {
                let mut begin = || -> Result<Fut, EventError> {
                    extract!(context, $($T),*);
                    Ok(self($($T,)*))
                };
                admission(begin())
            }
        }

        impl<F, Fut, R, S, $($T),*> Guard<(WithPayload, $($T,)* RawEvent), S> for F
        where
            F: Fn($($T,)* RawEvent) -> Fut + Clone + Send + Sync + 'static,
            Fut: Future<Output = R> + Send + 'static,
            R: IntoDecision<EventError>,
            $($T: FromContext<S>,)*
        {
            #[allow(unused_mut, unused_variables)]
            fn start(
                &self,
                mut context: Context<'_, S>,
                event: RawEvent,
            ) -> Result<Running<Result<(), EventError>>, EventError> {
                extract!(context, $($T),*);
                Ok(Box::pin(self($($T,)* event).map(|decision| decision.into_decision())))
            }
        }

        impl<F, Fut, R, S, $($T),*> Guard<(WithoutPayload, $($T,)*), S> for F
        where
            F: Fn($($T,)*) -> Fut + Clone + Send + Sync + 'static,
            Fut: Future<Output = R> + Send + 'static,
            R: IntoDecision<EventError>,
            $($T: FromContext<S>,)*
        {
            #[allow(unused_mut, unused_variables)]
            fn start(
                &self,
                mut context: Context<'_, S>,
                _: RawEvent,
            ) -> Result<Running<Result<(), EventError>>, EventError> {
                extract!(context, $($T),*);
                Ok(Box::pin(self($($T,)*).map(|decision| decision.into_decision())))
            }
        }

        impl<F, Fut, S, V, $($T),*> NotificationHandler<(WithPayload, $($T,)* V), S, V> for F
        where
            F: Fn($($T,)* V) -> Fut + Clone + Send + Sync + 'static,
            Fut: Future<Output = ()> + Send + 'static,
            $($T: FromContext<S>,)*
        {
            #[allow(unused_mut, unused_variables)]
            fn start(
                &self,
                mut context: Context<'_, S>,
                value: V,
            ) -> Result<Running<()>, EventError> {
                extract!(context, $($T),*);
                Ok(Box::pin(self($($T,)* value)))
            }
        }

        impl<F, Fut, S, V, $($T),*> NotificationHandler<(WithoutPayload, $($T,)*), S, V> for F
        where
            F: Fn($($T,)*) -> Fut + Clone + Send + Sync + 'static,
            Fut: Future<Output = ()> + Send + 'static,
            $($T: FromContext<S>,)*
        {
            #[allow(unused_mut, unused_variables)]
            fn start(&self, mut context: Context<'_, S>, _: V) -> Result<Running<()>, EventError> {
                extract!(context, $($T),*);
                Ok(Box::pin(self($($T,)*)))
            }
        }
    };
}

handlers!();
handlers!(T1);
handlers!(T1, T2);
handlers!(T1, T2, T3);
handlers!(T1, T2, T3, T4);
handlers!(T1, T2, T3, T4, T5);
handlers!(T1, T2, T3, T4, T5, T6);
handlers!(T1, T2, T3, T4, T5, T6, T7);
handlers!(T1, T2, T3, T4, T5, T6, T7, T8);

/// The running rule; an extractor or payload that is missing refuses the visitor.
fn admission<Fut>(begin: Result<Fut, EventError>) -> Running<Result<(), Refuse>>
where
    Fut: Future<Output: IntoDecision<Refuse>> + Send + 'static,
{
    match begin {
        Ok(future) => Box::pin(future.map(IntoDecision::into_decision)),
        Err(error) => Box::pin(std::future::ready(Err(error.into()))),
    }
}
