//! Stands for `metrics` in builds without that feature: nothing is counted.

use crate::gap::GapReason;
use crate::road::Road;

pub(crate) const fn listening(_: Road, _: bool) {}

pub(crate) const fn waiting(_: bool) {}

pub(crate) const fn gap(_: GapReason) {}

pub(crate) const fn ended(_: &'static str) {}

pub(crate) const fn refused(_: &'static str) {}

#[cfg(feature = "publishing")]
pub(crate) const fn publish_done(_: &'static str) {}

#[cfg(feature = "publishing")]
pub(crate) const fn publish_refused(_: &'static str) {}
