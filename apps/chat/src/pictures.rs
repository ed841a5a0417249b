//! Pictures.
#![allow(dead_code)]
mod pipeline;
