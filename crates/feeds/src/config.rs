//! Configuration.

use std::time::Duration;

use crate::log::History;

/// How readers are served, on every road.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// After so much silence an answer that goes on gets a comment or a blank line, so that nothing in
    /// between takes it for dead. Default 15 s.
    pub heartbeat: Duration,
    /// How soon `EventSource` comes back when its connection was lost. Default 2 s.
    pub retry: Duration,
    /// How long `live=long-poll` waits. Default 20 s.
    pub long_poll: Duration,
    /// The most that `wait=` can ask for. Default 25 s.
    pub wait_max: Duration,
    /// How long an answer to `live=sse` goes on, so that caches can gather readers. Default 60 s.
    pub durable_sse_max: Duration,
    /// A reader that takes nothing of what waits for it for so long is cut off. Default 30 s.
    pub write_timeout: Duration,
    /// The most bytes of events in one answer to a poll; the rest comes with the next. One event is given
    /// however large it is. Default 1 MiB.
    pub answer_bytes_max: usize,
    /// The most readers that listen or wait at once. Default 100,000.
    pub readers_max: usize,
    /// The most of one address, or of one network of 64 bits in IPv6. Default `None`: as many as
    /// [`sessions_per_address_max`](sockeye::engine::Config::sessions_per_address_max) of the server says.
    pub readers_per_address_max: Option<u32>,
}

impl Default for Reading {
    fn default() -> Self {
        Self {
            heartbeat: Duration::from_secs(15),
            retry: Duration::from_secs(2),
            long_poll: Duration::from_secs(20),
            wait_max: Duration::from_secs(25),
            durable_sse_max: Duration::from_secs(60),
            write_timeout: Duration::from_secs(30),
            answer_bytes_max: 1024 * 1024,
            readers_max: 100_000,
            readers_per_address_max: None,
        }
    }
}

/// The configuration of [`Feeds`](crate::Feeds).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedsConfig {
    /// What each feed keeps.
    pub history: History,
    /// The most bytes that all feeds keep together. When there are more, the one that keeps the most gives
    /// up the older half. Default 256 MiB.
    pub bytes_max_total: usize,
    /// The most feeds of rooms. When there are as many, those that nobody has read for longest make room, a
    /// sixty-fourth of this number at once at most, first of the address that has begun the most. Default
    /// 10,000.
    pub rooms_max: usize,
    /// How long the feed of a room is kept that nobody reads, unless it was offered by its name. Default
    /// 5 minutes.
    pub room_idle_max: Duration,
    /// How long a ticket may be used. Default 30 s.
    pub ticket_max: Duration,
    /// How readers are served.
    pub reading: Reading,
}

impl Default for FeedsConfig {
    fn default() -> Self {
        Self {
            history: History::default(),
            bytes_max_total: 256 * 1024 * 1024,
            rooms_max: 10_000,
            room_idle_max: Duration::from_secs(5 * 60),
            ticket_max: Duration::from_secs(30),
            reading: Reading::default(),
        }
    }
}

/// The configuration of [`Streams`](crate::Streams).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamsConfig {
    /// What each stream keeps. Default 100,000 messages and 16 MiB, of any age.
    pub history: History,
    /// The most streams. Default 1,000.
    pub streams_max: usize,
    /// The most bytes that all streams keep together. When there are more, the one that keeps the most gives
    /// up the older half. Default 1 GiB.
    pub bytes_max_total: usize,
    /// The most bytes of one append. Default 1 MiB.
    pub append_bytes_max: usize,
    /// How long the body of a request may take to come. Default 30 s.
    pub body_timeout: Duration,
    /// How readers are served.
    pub reading: Reading,
}

impl Default for StreamsConfig {
    fn default() -> Self {
        Self {
            history: History { events_max: 100_000, bytes_max: 16 * 1024 * 1024, age_max: None },
            streams_max: 1_000,
            bytes_max_total: 1024 * 1024 * 1024,
            append_bytes_max: 1024 * 1024,
            body_timeout: Duration::from_secs(30),
            reading: Reading::default(),
        }
    }
}
