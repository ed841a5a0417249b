//! Requests and their answers.

pub(crate) mod headers;
pub(crate) mod iframe;
pub(crate) mod route;
pub(crate) mod stream;
pub(crate) mod wrap;
