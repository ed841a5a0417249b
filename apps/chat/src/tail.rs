//! `sockeye tail`: the events of a feed or a durable stream, a line each.

pub mod answer;
pub mod backoff;
pub mod event_stream;
pub mod follow;
pub mod head;
pub mod line;
pub mod lines;
pub mod ndjson;
pub mod refusal;
pub mod road;
