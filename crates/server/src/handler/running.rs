//! Handlers at work.

use std::pin::Pin;

use sockeye_socket_proto::RawArgs;

use crate::error::EventError;

/// A started handler.
pub(crate) type Running<T> = Pin<Box<dyn Future<Output = T> + Send>>;
/// A started handler of an event. It comes to `None` where an `Acker` answers, or nobody asked.
pub(crate) type Answering = Running<Result<Option<RawArgs>, EventError>>;

/// What a panic says.
pub(crate) fn panic_message(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("(no message)")
}
