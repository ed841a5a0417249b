//! The contract of an event: its name, its payload type and the type of its answer.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use crate::payload::emit_as::EmitAs;

/// Names a user may not emit or listen to: both ends use them for the life of a socket
/// (Socket.IO, "Reserved event names").
pub const RESERVED_EVENTS: [&str; 6] =
    ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"];

/// A declared event: its name, its payload type and the type of its answer.
///
/// `P` is the payload (any serde type; `()` is no argument, [`Args`](crate::Args) several), `A` the
/// value of the acknowledgement (`()`: an answer without a value). Server, client and tests share one
/// constant:
///
/// ```
/// use sockeye_socket_proto::Event;
///
/// #[derive(serde::Serialize, serde::Deserialize)]
/// struct Join { room: String }
///
/// const JOIN: Event<Join, u32> = Event::new("join");
/// const PING: Event = Event::new("ping");
/// assert_eq!(JOIN.name(), "join");
/// assert_eq!(format!("{JOIN}"), "join");
/// # let _ = PING;
/// ```
///
/// A reserved name does not compile:
///
/// ```compile_fail
/// const BAD: sockeye_socket_proto::Event = sockeye_socket_proto::Event::new("disconnect");
/// ```
pub struct Event<P = (), A = ()> {
    name: &'static str,
    contract: PhantomData<fn(P) -> A>,
}

impl<P, A> Event<P, A> {
    /// Names an event.
    ///
    /// # Panics
    /// When `name` is one of [`RESERVED_EVENTS`]; in a constant this is a compile error.
    pub const fn new(name: &'static str) -> Self {
        assert!(!is_reserved_const(name), "this event name is reserved by Socket.IO");
        Self { name, contract: PhantomData }
    }

    /// The name on the wire.
    pub const fn name(&self) -> &'static str {
        self.name
    }
}

impl<P, A> Clone for Event<P, A> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<P, A> Copy for Event<P, A> {}

impl<P, A> fmt::Debug for Event<P, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Event").field(&self.name).finish()
    }
}

/// Its name, for logs.
impl<P, A> fmt::Display for Event<P, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// Whether a name is one of [`RESERVED_EVENTS`].
///
/// ```
/// use sockeye_socket_proto::is_reserved;
///
/// assert!(is_reserved("disconnect"));
/// assert!(!is_reserved("message"));
/// ```
pub fn is_reserved(name: &str) -> bool {
    RESERVED_EVENTS.contains(&name)
}

/// A name of an event that may be emitted with a `P`: a string, or an [`Event`] whose payload `P` can
/// be [emitted as](EmitAs). Sealed.
///
/// ```
/// use sockeye_socket_proto::{Event, EventName, ReservedName, event_name};
///
/// fn send<P: ?Sized>(event: impl EventName<P>, _payload: &P) -> Result<String, ReservedName> {
///     Ok(event_name(&event)?.to_owned())
/// }
/// const SAY: Event<String> = Event::new("say");
/// assert_eq!(send(SAY, "hello")?, "say");
/// assert_eq!(send("count", &7)?, "count");
/// assert_eq!(send(format!("room-{}", 7), &7)?, "room-7");
/// assert!(send("disconnect", &()).is_err());
/// # Ok::<(), ReservedName>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "this event does not carry `{P}`",
    note = "the payload must be the one in the event's declaration, `Event<Payload, Ack>`",
    note = "a borrowed form of it may be emitted too: `impl EmitAs<Payload> for PayloadRef<'_> {{}}`; for `Args<(A, B)>` it is `ArgsRef((a, b))`"
)]
pub trait EventName<P: ?Sized>: sealed::Named {}

/// A name of an event that may be emitted with a `P` and is answered by an `A`. Sealed.
#[diagnostic::on_unimplemented(
    message = "this event does not carry `{P}` or is not answered by `{A}`",
    note = "the payload and answer must be those in the event's declaration, `Event<Payload, Ack>`",
    note = "a borrowed form of the payload may be emitted too: `impl EmitAs<Payload> for PayloadRef<'_> {{}}`; for `Args<(A, B)>` it is `ArgsRef((a, b))`"
)]
pub trait Request<P: ?Sized, A>: sealed::Named {}

/// A name to register a handler for: an [`Event`], which fixes payload and answer, or a string,
/// which leaves both to the handler. Sealed.
pub trait Listen<P, A>: sealed::Named {}

/// A name to receive the payloads of an event by: an [`Event`], which fixes the payload, or a string,
/// which leaves it to the receiver. Sealed.
pub trait Subscribe<P>: sealed::Named {}

// `do_not_recommend`: so that the compiler shows the messages of these traits, without a list of what
// does implement them.
#[diagnostic::do_not_recommend]
impl<Q, P: EmitAs<Q> + ?Sized, A> EventName<P> for Event<Q, A> {}

#[diagnostic::do_not_recommend]
impl<Q, P: EmitAs<Q> + ?Sized, A> Request<P, A> for Event<Q, A> {}

impl<P, A> Listen<P, A> for Event<P, A> {}
impl<P, A> Subscribe<P> for Event<P, A> {}

/// Strings name events of any payload.
macro_rules! names {
    ($($type:ty),*) => {$(
        #[diagnostic::do_not_recommend]
        impl<P: ?Sized> EventName<P> for $type {}
        #[diagnostic::do_not_recommend]
        impl<P: ?Sized, A> Request<P, A> for $type {}
        impl<P, A> Listen<P, A> for $type {}
        impl<P> Subscribe<P> for $type {}

        impl sealed::Named for $type {
            fn event_name(&self) -> &str {
                self
            }
        }
    )*};
}

names!(&str, String, &String, Cow<'_, str>);

mod sealed {
    use std::borrow::Cow;

    /// A type with an event's name: what the public traits share.
    pub trait Named {
        /// The event's name, not yet checked against the reserved ones.
        fn event_name(&self) -> &str;

        /// The name, to be kept: copied where it is not a declared one.
        fn to_event_name(&self) -> Cow<'static, str> {
            Cow::Owned(self.event_name().to_owned())
        }
    }

    impl<P, A> Named for super::Event<P, A> {
        fn event_name(&self) -> &str {
            self.name
        }

        fn to_event_name(&self) -> Cow<'static, str> {
            Cow::Borrowed(self.name)
        }
    }
}

/// The checked name of an event, for the crates that send events and register handlers.
///
/// # Errors
/// [`ReservedName`] when the name is one of [`RESERVED_EVENTS`].
pub fn event_name<N: sealed::Named>(event: &N) -> Result<&str, ReservedName> {
    let name = event.event_name();
    if is_reserved(name) { Err(ReservedName { name: name.to_owned() }) } else { Ok(name) }
}

/// The checked name of an event, to be kept: that of an [`Event`] is not copied.
///
/// ```
/// use std::borrow::Cow;
///
/// use sockeye_socket_proto::{Event, to_event_name};
///
/// const SAY: Event<String> = Event::new("say");
/// assert!(matches!(to_event_name(&SAY), Ok(Cow::Borrowed("say"))));
/// assert!(to_event_name(&"disconnect").is_err());
/// ```
///
/// # Errors
/// [`ReservedName`] when the name is one of [`RESERVED_EVENTS`].
pub fn to_event_name<N: sealed::Named>(event: &N) -> Result<Cow<'static, str>, ReservedName> {
    event_name(event)?;
    Ok(event.to_event_name())
}

/// The error when a reserved name is used for an event of one's own.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name:?} is a reserved event name")]
pub struct ReservedName {
    /// The name that was used.
    pub name: String,
}

const fn is_reserved_const(name: &str) -> bool {
    let mut i = 0;
    while i < RESERVED_EVENTS.len() {
        if same(name.as_bytes(), RESERVED_EVENTS[i].as_bytes()) {
            return true;
        }
        i += 1;
    }
    false
}

const fn same(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let mut i = 0;
    while i < a.len() {
        if a[i] != b[i] {
            return false;
        }
        i += 1;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserved_names_are_refused_and_others_pass() {
        for name in RESERVED_EVENTS {
            assert!(is_reserved_const(name));
            assert_eq!(event_name(&name), Err(ReservedName { name: name.to_owned() }));
        }
        for name in ["error", "message", "Connect", "connec", ""] {
            assert!(!is_reserved_const(name));
            assert_eq!(event_name(&name), Ok(name));
        }
    }

    #[test]
    fn names_are_events_and_strings_of_every_kind() {
        fn emitted<P: ?Sized>(event: impl EventName<P>, _payload: &P) -> String {
            event_name(&event).unwrap().to_owned()
        }
        fn heard<P>(event: impl Listen<P, ()>, _payload: P) -> String {
            event_name(&event).unwrap().to_owned()
        }
        const NOTICE: Event<String> = Event::new("notice");
        assert_eq!(emitted(NOTICE, "text"), "notice");
        assert_eq!(heard(NOTICE, String::new()), "notice");
        let owned = "any".to_owned();
        assert_eq!(emitted(&owned, &[1, 2]), "any");
        assert_eq!(emitted(owned.as_str(), &[1, 2]), "any");
        assert_eq!(heard(&owned, 7), "any");
        assert_eq!(heard(Cow::Borrowed("any"), 7), "any");
        assert_eq!(heard(owned, 7), "any");
    }

    #[test]
    fn a_kept_name_is_copied_only_where_it_is_not_declared() {
        const NOTICE: Event<String> = Event::new("notice");
        assert!(matches!(to_event_name(&NOTICE), Ok(Cow::Borrowed("notice"))));
        assert!(matches!(to_event_name(&"notice"), Ok(Cow::Owned(name)) if name == "notice"));
        assert!(to_event_name(&"connect".to_owned()).is_err());
    }
}
