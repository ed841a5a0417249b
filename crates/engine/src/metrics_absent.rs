//! Stands for `metrics` in builds without that feature: nothing is counted.

use sockeye_engine_proto::TransportKind;

pub(crate) const fn queued_bytes(_: usize) {}

pub(crate) const fn refused(_: &'static str) {}

pub(crate) const fn session_opened(_: TransportKind) {}

pub(crate) const fn session_closed(_: &'static str) {}

pub(crate) const fn upgraded() {}

pub(crate) const fn body_too_large() {}

pub(crate) const fn message_dropped() {}
