//! What few sessions hold for as long as they live.

use std::net::SocketAddr;

use sockeye_net::address_slots::AddressSlot;
use tracing::Span;
use tracing::field::{Empty, display};

use crate::session::Session;

/// What few sessions hold for as long as they live. Most have nothing of it, and no memory for it.
pub(super) enum Held {
    /// The slot of an address that may have so many.
    Slot { _slot: AddressSlot },
    /// The span, while somebody records it.
    Traced(Box<Traced>),
}

pub(super) struct Traced {
    /// Taken during a turn.
    span: Option<Span>,
    _slot: Option<AddressSlot>,
}

impl Held {
    /// `None`: there is nothing to hold.
    pub(super) fn new(slot: Option<AddressSlot>, span: Span) -> Option<Box<Self>> {
        let held = match (slot, span.is_disabled()) {
            (None, true) => return None,
            (Some(slot), true) => Held::Slot { _slot: slot },
            (slot, false) => Held::Traced(Box::new(Traced { span: Some(span), _slot: slot })),
        };
        Some(Box::new(held))
    }

    /// The span, for a turn.
    pub(super) fn take_span(&mut self) -> Option<Span> {
        match self {
            Held::Slot { .. } => None,
            Held::Traced(traced) => traced.span.take(),
        }
    }

    /// The span after a turn.
    pub(super) fn put_span(&mut self, span: Span) {
        if let Held::Traced(traced) = self {
            traced.span = Some(span);
        }
    }
}

/// The span of a session, as long as it lives. It has no parent: a session outlives the request that
/// opened it.
pub(super) fn session_span(session: &Session, address: Option<SocketAddr>) -> Span {
    let span = tracing::debug_span!(
        parent: None,
        "session",
        sid = %session.id().shortened(),
        transport = %session.transport(),
        peer = Empty,
        upgraded = Empty,
    );
    if let Some(address) = address {
        span.record("peer", display(address));
    }
    span
}
