//! The lab: one live feed on eight roads, side by side, and what each costs on the wire.

mod board;
pub mod contract;
mod control;
pub mod decode;
mod handshake;
mod head;
mod marks;
mod packets;
mod page;
pub mod sample;
mod serve;
mod settings;
mod sockjs;
mod tap;
mod visit;

pub use control::Lab;
pub(crate) use page::pages;
pub use serve::serve;
