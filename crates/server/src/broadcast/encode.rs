//! Encoding of events as packets, in buffers that each thread keeps.

use std::cell::Cell;
use std::fmt::Write as _;

use sockeye_engine::Encoded;
use sockeye_socket_proto::{Event, EventRef, encode_event};

use crate::guarantees::recovery::offset::Offset;

/// The event of [`Socket::send`](crate::Socket::send).
pub(crate) const MESSAGE: Event = Event::new("message");

/// Calls a function with an event's packet as text.
pub(crate) fn with_event<R>(
    namespace: &str,
    id: Option<u64>,
    event: EventRef<'_>,
    f: impl FnOnce(&str) -> R,
) -> R {
    let count = u32::try_from(event.attachments.len()).unwrap_or(u32::MAX);
    with_text(|text| {
        encode_event(text, namespace, id, count, event.name, event.args);
        f(text)
    })
}

/// An encoded event, for many recipients or to be kept.
pub(crate) fn encode_shared(namespace: &str, id: Option<u64>, event: EventRef<'_>) -> Encoded {
    with_event(namespace, id, event, |text| Encoded::new(text, event.attachments.to_vec()))
}

/// An event with its offset as the last argument.
pub(crate) fn encode_with_offset(
    namespace: &str,
    event: EventRef<'_>,
    offset: Offset<'_>,
) -> Encoded {
    let count = u32::try_from(event.attachments.len()).unwrap_or(u32::MAX);
    with_text(|text| {
        encode_event(text, namespace, None, count, event.name, event.args);
        // After the name, or the last argument, in the array that ends the packet.
        text.truncate(text.len() - 1);
        write!(text, ",\"{offset}\"]").expect("writing to a string does not fail");
        Encoded::new(&**text, event.attachments.to_vec())
    })
}

/// Buffers larger than this are freed after use.
const KEPT_BUFFER: usize = 64 * 1024;

/// Calls a function with this thread's text buffer, empty. (A nested call gets its own.)
pub(crate) fn with_text<R>(f: impl FnOnce(&mut String) -> R) -> R {
    thread_local! {
        static TEXT: Cell<String> = const { Cell::new(String::new()) };
    }
    let mut text = TEXT.take();
    text.clear();
    let result = f(&mut text);
    if text.capacity() <= KEPT_BUFFER {
        TEXT.set(text);
    }
    result
}
