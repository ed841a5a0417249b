//! The lab: one live feed on eight roads, side by side, and what each costs on the wire.

pub mod contract;
pub mod decode;
mod head;
mod marks;
pub mod sample;
