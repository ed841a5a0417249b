//! The functions that are handlers: up to eight extractors, with a last argument or without.

use futures_util::FutureExt;
use sockeye_engine::KeptExtensions;
use sockeye_socket_proto::{EventRef, FromArgs, IntoAck, RawEvent};

use super::context::Context;
use super::extract::{Begun, Extract};
use super::running::Answering;
use super::{
    ConnectHandler, Deciding, Guard, Handler, IntoDecision, NotificationHandler, Notifying,
    ReadGuard,
};
use crate::error::{EventError, Refuse};
use crate::rooms::room::Room;

#[doc(hidden)]
#[derive(Debug)]
pub struct WithPayload;
#[doc(hidden)]
#[derive(Debug)]
pub struct WithoutPayload;

/// Takes the arguments, calls the function and finishes with what it returns. Where no argument has
/// to be awaited, the function's own future is all that is kept.
macro_rules! start {
    ($function:ident, $context:ident, ($($T:ident $K:ident)*), ($($last:ident = $value:expr)?), $finish:expr) => {{
        let begun = ($(<$T as Extract<$K, S>>::begin(&mut $context)?,)*);
        $(let $last = $value;)?
        let finish = $finish;
        match begun {
            ($(Begun::Ready($T),)*) => Ok(Box::pin($function($($T,)* $($last)?).map(finish))),
            #[allow(unreachable_patterns)]
            ($($T,)*) => {
                let function = $function.clone();
                Ok(Box::pin(async move {
                    $(let $T = $T.ready().await?;)*
                    finish(function($($T,)* $($last)?).await)
                }))
            }
        }
    }};
}

macro_rules! keep_extensions {
    ($($T:ident $K:ident)*) => {
        fn keep_extensions(&self, kept: KeptExtensions) -> KeptExtensions {
            $(let kept = <$T as Extract<$K, S>>::keep_extensions(kept);)*
            kept
        }
    };
}

macro_rules! handlers {
    ($($T:ident $K:ident),*) => {
        impl<F, Fut, R, RM, S, P, A, $($T, $K),*> Handler<(WithPayload, RM, $(($T, $K),)* P), S, P, A> for F
        where
            F: Fn($($T,)* P) -> Fut + Clone + Send + Sync + 'static,
            Fut: Future<Output = R> + Send + 'static,
            R: IntoAck<A, RM>,
            P: FromArgs + Send + 'static,
            $($T: Extract<$K, S>,)*
        {
            #[allow(unused_mut, unused_variables, non_snake_case)]
            fn start(
                &self,
                mut context: Context<'_, S>,
                event: EventRef<'_>,
            ) -> Result<Answering, EventError> {
                start!(self, context, ($($T $K)*), (last = event.decode::<P>().map_err(EventError::decode)?), {
                    let is_wanted = context.responder.is_some();
                    move |returned: R| returned.into_ack(is_wanted)
                })
            }

            keep_extensions!($($T $K)*);
        }

        impl<F, Fut, R, RM, S, A, $($T, $K),*> Handler<(WithoutPayload, RM, $(($T, $K),)*), S, (), A> for F
        where
            F: Fn($($T,)*) -> Fut + Clone + Send + Sync + 'static,
            Fut: Future<Output = R> + Send + 'static,
            R: IntoAck<A, RM>,
            $($T: Extract<$K, S>,)*
        {
            #[allow(unused_mut, unused_variables, non_snake_case)]
            fn start(
                &self,
                mut context: Context<'_, S>,
                _: EventRef<'_>,
            ) -> Result<Answering, EventError> {
                start!(self, context, ($($T $K)*), (), {
                    let is_wanted = context.responder.is_some();
                    move |returned: R| returned.into_ack(is_wanted)
                })
            }

            keep_extensions!($($T $K)*);
        }

        impl<F, Fut, R, RM, S, P, $($T, $K),*> ConnectHandler<(WithPayload, RM, $(($T, $K),)* P), S> for F
        where
            F: Fn($($T,)* P) -> Fut + Clone + Send + Sync + 'static,
            Fut: Future<Output = R> + Send + 'static,
            R: IntoDecision<Refuse, RM>,
            P: FromArgs + Send + 'static,
            $($T: Extract<$K, S>,)*
        {
            #[allow(unused_mut, unused_variables, non_snake_case)]
            fn start(
                &self,
                mut context: Context<'_, S>,
                auth: &str,
            ) -> Result<Deciding, Refuse> {
                start!(self, context, ($($T $K)*), (last = P::from_args(auth, &[]).map_err(|_| Refuse::bad_auth())?), |returned: R| returned.into_decision())
            }

            keep_extensions!($($T $K)*);
        }

        impl<F, Fut, R, RM, S, $($T, $K),*> ConnectHandler<(WithoutPayload, RM, $(($T, $K),)*), S> for F
        where
            F: Fn($($T,)*) -> Fut + Clone + Send + Sync + 'static,
            Fut: Future<Output = R> + Send + 'static,
            R: IntoDecision<Refuse, RM>,
            $($T: Extract<$K, S>,)*
        {
            #[allow(unused_mut, unused_variables, non_snake_case)]
            fn start(
                &self,
                mut context: Context<'_, S>,
                _: &str,
            ) -> Result<Deciding, Refuse> {
                start!(self, context, ($($T $K)*), (), |returned: R| returned.into_decision())
            }

            keep_extensions!($($T $K)*);
        }

        impl<F, Fut, R, RM, S, $($T, $K),*> ReadGuard<(WithPayload, RM, $(($T, $K),)* Option<Room>), S> for F
        where
            F: Fn($($T,)* Option<Room>) -> Fut + Clone + Send + Sync + 'static,
            Fut: Future<Output = R> + Send + 'static,
            R: IntoDecision<Refuse, RM>,
            $($T: Extract<$K, S>,)*
        {
            #[allow(unused_mut, unused_variables, non_snake_case)]
            fn start(
                &self,
                mut context: Context<'_, S>,
                room: Option<Room>,
            ) -> Result<Deciding, Refuse> {
                start!(self, context, ($($T $K)*), (last = room), |returned: R| returned.into_decision())
            }

            keep_extensions!($($T $K)*);
        }

        impl<F, Fut, R, RM, S, $($T, $K),*> ReadGuard<(WithoutPayload, RM, $(($T, $K),)*), S> for F
        where
            F: Fn($($T,)*) -> Fut + Clone + Send + Sync + 'static,
            Fut: Future<Output = R> + Send + 'static,
            R: IntoDecision<Refuse, RM>,
            $($T: Extract<$K, S>,)*
        {
            #[allow(unused_mut, unused_variables, non_snake_case)]
            fn start(
                &self,
                mut context: Context<'_, S>,
                _: Option<Room>,
            ) -> Result<Deciding, Refuse> {
                start!(self, context, ($($T $K)*), (), |returned: R| returned.into_decision())
            }

            keep_extensions!($($T $K)*);
        }

        impl<F, Fut, R, RM, S, $($T, $K),*> Guard<(WithPayload, RM, $(($T, $K),)* RawEvent), S> for F
        where
            F: Fn($($T,)* RawEvent) -> Fut + Clone + Send + Sync + 'static,
            Fut: Future<Output = R> + Send + 'static,
            R: IntoDecision<EventError, RM>,
            $($T: Extract<$K, S>,)*
        {
            #[allow(unused_mut, unused_variables, non_snake_case)]
            fn start(
                &self,
                mut context: Context<'_, S>,
                event: RawEvent,
            ) -> Result<Notifying, EventError> {
                start!(self, context, ($($T $K)*), (last = event), |returned: R| returned.into_decision())
            }

            keep_extensions!($($T $K)*);
        }

        impl<F, Fut, R, RM, S, $($T, $K),*> Guard<(WithoutPayload, RM, $(($T, $K),)*), S> for F
        where
            F: Fn($($T,)*) -> Fut + Clone + Send + Sync + 'static,
            Fut: Future<Output = R> + Send + 'static,
            R: IntoDecision<EventError, RM>,
            $($T: Extract<$K, S>,)*
        {
            #[allow(unused_mut, unused_variables, non_snake_case)]
            fn start(
                &self,
                mut context: Context<'_, S>,
                _: RawEvent,
            ) -> Result<Notifying, EventError> {
                start!(self, context, ($($T $K)*), (), |returned: R| returned.into_decision())
            }

            keep_extensions!($($T $K)*);
        }

        impl<F, Fut, R, RM, S, V, $($T, $K),*> NotificationHandler<(WithPayload, RM, $(($T, $K),)* V), S, V> for F
        where
            F: Fn($($T,)* V) -> Fut + Clone + Send + Sync + 'static,
            Fut: Future<Output = R> + Send + 'static,
            R: IntoDecision<EventError, RM>,
            V: Send + 'static,
            $($T: Extract<$K, S>,)*
        {
            #[allow(unused_mut, unused_variables, non_snake_case)]
            fn start(
                &self,
                mut context: Context<'_, S>,
                value: V,
            ) -> Result<Notifying, EventError> {
                start!(self, context, ($($T $K)*), (last = value), |returned: R| returned.into_decision())
            }

            keep_extensions!($($T $K)*);
        }

        impl<F, Fut, R, RM, S, V, $($T, $K),*> NotificationHandler<(WithoutPayload, RM, $(($T, $K),)*), S, V> for F
        where
            F: Fn($($T,)*) -> Fut + Clone + Send + Sync + 'static,
            Fut: Future<Output = R> + Send + 'static,
            R: IntoDecision<EventError, RM>,
            V: Send + 'static,
            $($T: Extract<$K, S>,)*
        {
            #[allow(unused_mut, unused_variables, non_snake_case)]
            fn start(
                &self,
                mut context: Context<'_, S>,
                _: V,
            ) -> Result<Notifying, EventError> {
                start!(self, context, ($($T $K)*), (), |returned: R| returned.into_decision())
            }

            keep_extensions!($($T $K)*);
        }
    };
}

handlers!();
handlers!(T1 K1);
handlers!(T1 K1, T2 K2);
handlers!(T1 K1, T2 K2, T3 K3);
handlers!(T1 K1, T2 K2, T3 K3, T4 K4);
handlers!(T1 K1, T2 K2, T3 K3, T4 K4, T5 K5);
handlers!(T1 K1, T2 K2, T3 K3, T4 K4, T5 K5, T6 K6);
handlers!(T1 K1, T2 K2, T3 K3, T4 K4, T5 K5, T6 K6, T7 K7);
handlers!(T1 K1, T2 K2, T3 K3, T4 K4, T5 K5, T6 K6, T7 K7, T8 K8);
