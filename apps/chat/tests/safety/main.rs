//! Who learns what and who may do what: the whole table of requests and events, asked by everybody, and attacks.
//!
//! [`table`] says what is answered to whom, [`matrix`] asks all of it, [`complete`] holds the table to the program.
//! The program is the real one. [`wire`] writes and reads bytes, so that nothing is heard that is not searched.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod attacks;
mod cast;
#[path = "../common/mod.rs"]
mod common;
mod complete;
mod matrix;
mod table;
mod wire;
mod world;
