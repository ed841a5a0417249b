//! Spans of handlers, in that of their session.

use tracing::{Instrument, Span};

use crate::handler::running::Running;
use crate::socket::Socket;

/// The span of one run of a handler: of an event by the name that was declared, or of what else is
/// handled, in brackets.
pub(super) fn handler_span(socket: &Socket, event: &str) -> Span {
    tracing::debug_span!(
        "handler",
        nsp = socket.namespace(),
        socket = %socket.id_in_logs(),
        event = if event.is_empty() { "(fallback)" } else { event },
    )
}

/// A started handler, in its span while it runs. Where nobody records spans it stays as it is.
pub(super) fn traced<T: 'static>(running: Running<T>, span: Span) -> Running<T> {
    if span.is_disabled() { running } else { Box::pin(running.instrument(span)) }
}
