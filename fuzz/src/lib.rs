//! Fuzz targets live in `fuzz_targets/`; what several of them need is here.
#![forbid(unsafe_code)]

#[cfg(feature = "fuzzing")]
pub mod event_stream;
#[cfg(feature = "fuzzing")]
pub mod served;
