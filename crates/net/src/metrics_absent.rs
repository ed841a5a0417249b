//! Stands for `metrics` in builds without that feature: nothing is counted.

pub(crate) const fn http_refused(_: &'static str) {}

pub(crate) const fn http_ended(_: &'static str) {}

#[cfg(feature = "tls")]
pub(crate) const fn certificate_unusable() {}
