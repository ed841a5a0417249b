//! The task of one session.

mod act;
mod core;
mod driver;
mod engine_io;
mod held;
mod link;
mod protocol;
mod receive;

pub use driver::{NewSession, POLLING};
pub use protocol::{Farewell, SessionProtocol};
