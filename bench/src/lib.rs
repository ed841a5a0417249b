//! Measurements: the server under test (`bench_server`), the load generator (`bench_load`), two
//! bare TCP loops as the floor of the machine (`bare_tcp`), and the report that runs them side by
//! side (`bench_report`, which `cargo xtask bench` calls). Figures are in `bench/RESULTS.md`.
//!
//! Costs are told in CPU time of the server per operation, and as a multiple of what a bare TCP
//! loop needs for it in the same round: the multiple survives a change of machine or of load.

#![forbid(unsafe_code)]

pub mod bare;
pub mod cluster;
pub mod load;
pub mod process;
pub mod report;
#[cfg(feature = "server")]
pub mod server;
pub mod wire;
