//! Running handlers.

use std::pin::Pin;

use sockeye_socket_proto::RawArgs;

use crate::error::EventError;

/// A started handler.
pub(crate) type Running<T> = Pin<Box<dyn Future<Output = T> + Send>>;
/// A started handler of an event. It returns `None` if an `Acker` answers, or no ack was asked for.
pub(crate) type Answering = Running<Result<Option<RawArgs>, EventError>>;

/// The message of a panic.
pub(crate) fn panic_message(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("(no message)")
}
