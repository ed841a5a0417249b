//! The spans of handlers, inside the span of their session.

use tracing::{Instrument, Span};

use crate::handler::running::Running;
use crate::socket::Socket;

/// The span of one run of a handler, named by the declared event, or in brackets by what else is
/// handled.
pub(super) fn handler_span(socket: &Socket, event: &str) -> Span {
    tracing::debug_span!(
        "handler",
        nsp = socket.namespace(),
        socket = %socket.id_in_logs(),
        event = if event.is_empty() { "(fallback)" } else { event },
    )
}

/// A started handler that runs inside its span. Unchanged if no subscriber records spans.
pub(super) fn traced<T: 'static>(running: Running<T>, span: Span) -> Running<T> {
    if span.is_disabled() { running } else { Box::pin(running.instrument(span)) }
}
