//! Sessions: the handle that everybody sends with, what all of them share, what ends them.

pub(crate) mod close_detail;
pub(crate) mod config;
pub(crate) mod dialect;
pub(crate) mod handle;
pub(crate) mod hooks;
pub(crate) mod inbox;
pub(crate) mod observer;
pub(crate) mod registry;
pub(crate) mod reply;

pub(crate) use handle::Session;
