//! The attacks, all their figures in one table.

mod chat;
mod guarantees;
mod namespaces;
mod recovery;
mod silent;
mod stalled;

use std::any::Any;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;

use crate::honest::Talk;

/// An attack, and what it may cost.
#[derive(Debug)]
pub(crate) struct Attack {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) target: Target,
    pub(crate) kind: Kind,
    /// How many megabytes the server may grow, at the highest moment.
    pub(crate) peak_mb_max: u64,
    /// How many of them may be left while the attacker stays.
    pub(crate) after_mb_max: u64,
    /// So many of its connections may be left: an attacker who takes nothing is cut.
    pub(crate) open_after_max: Option<u64>,
    /// After so long.
    pub(crate) settles_in: Duration,
}

/// A server to attack.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Target {
    /// `stand-in crowded`.
    Crowded,
    /// The same, which wants to hear from its clients every second and waits less for those who take
    /// nothing.
    Restless,
    /// The same, with recovery.
    Recovering,
    /// `sockeye serve`.
    Chat,
}

/// What the attacker does.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    /// Sessions over polling get events that no GET reads.
    PollsNeverRead { sessions: usize, flood: Flood },
    /// The same GETs, as streams of HTTP/2 whose windows stay shut.
    StreamsNeverRead { sessions: usize, flood: Flood },
    /// Requests for a large file on such streams.
    GetsNeverRead { connections: usize, streams: u32 },
    /// WebSockets get events that they do not read, and answer pings that they cannot have seen.
    BlindPongs { sessions: usize, flood: Flood },
    /// Many requests for a large file in one write, no answer read.
    PipelinedGets { connections: usize, requests: usize },
    /// One event of an outbox, again and again while it is handled.
    Repeats { clients: usize, seconds: u64 },
    /// One session takes up outboxes, one after the other.
    Outboxes { count: usize },
    /// Idempotency keys of so many bytes.
    Keys { count: usize, bytes: usize },
    /// One session enters and leaves namespaces that are made on demand.
    Namespaces { count: usize, name_bytes: usize },
    /// Connections of one host that say nothing.
    Silent { connections: usize },
    /// One client comes back again and again.
    Returns { count: usize },
    /// One client enters rooms and leaves them.
    Rooms { count: usize },
    /// One client makes rooms and writes as much as a message may hold, as fast as it is let.
    ChatFlood { seconds: u64 },
    /// One host comes into the chat as one guest after the other.
    GuestFlood { seconds: u64 },
}

/// Events that the server sends to an attacker: so many of so many bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flood {
    count: usize,
    bytes: usize,
}

/// 13 MB: less than a session may have waiting, which is 16 MiB.
const FLOOD: Flood = Flood { count: 200, bytes: 65_536 };
/// All that the server lets wait is 256 MiB (`queued_bytes_max_total`); half as much again is on its way.
const FLOOD_PEAK_MB: u64 = 400;
/// Who takes nothing has given everything back a minute later where the write timeout is 30 s: so half a
/// minute after it. Most of that is the allocator's, which returns memory after some ten seconds.
const RELEASED_IN: Duration = Duration::from_secs(33);
/// What nobody has to be cut for.
const SETTLED_IN: Duration = Duration::from_secs(10);
/// Memory that comes and goes with whatever a server does.
const USUAL_MB: u64 = 8;
/// Connections of newcomers who have just left.
const USUAL_OPEN: u64 = 8;

pub(crate) const ATTACKS: [Attack; 14] = [
    Attack {
        name: "polls never read",
        about: "20 sessions over polling with 13 MB each, no answer to a GET is read",
        target: Target::Restless,
        kind: Kind::PollsNeverRead { sessions: 20, flood: FLOOD },
        peak_mb_max: FLOOD_PEAK_MB,
        after_mb_max: USUAL_MB,
        open_after_max: Some(USUAL_OPEN),
        settles_in: RELEASED_IN,
    },
    Attack {
        name: "streams never read",
        about: "the same as streams of HTTP/2 that are given no window",
        target: Target::Restless,
        kind: Kind::StreamsNeverRead { sessions: 20, flood: FLOOD },
        peak_mb_max: FLOOD_PEAK_MB,
        after_mb_max: USUAL_MB,
        open_after_max: Some(USUAL_OPEN),
        settles_in: RELEASED_IN,
    },
    Attack {
        name: "files never read",
        about: "100 connections of HTTP/2 that ask for a file of 125 kB 100 times, without a window",
        target: Target::Restless,
        kind: Kind::GetsNeverRead { connections: 100, streams: 100 },
        peak_mb_max: 100,
        // 10,000 streams are freed in no order, and the allocator keeps a thread's pages below the last one
        // in use: 3 to 17 MB, by chance, of the 30 that were held.
        after_mb_max: 20,
        open_after_max: Some(USUAL_OPEN),
        // Their connections are asked whether they are alive, and say nothing.
        settles_in: Duration::from_secs(45),
    },
    Attack {
        name: "blind pongs",
        about: "20 WebSockets with 13 MB each that never read and send pongs all the same",
        target: Target::Restless,
        kind: Kind::BlindPongs { sessions: 20, flood: FLOOD },
        peak_mb_max: FLOOD_PEAK_MB,
        after_mb_max: USUAL_MB,
        open_after_max: Some(USUAL_OPEN),
        settles_in: RELEASED_IN,
    },
    Attack {
        name: "pipelined gets",
        about: "25 connections that ask for a file of 125 kB 100 times and read no answer",
        target: Target::Restless,
        kind: Kind::PipelinedGets { connections: 25, requests: 100 },
        peak_mb_max: 100,
        after_mb_max: USUAL_MB,
        open_after_max: Some(USUAL_OPEN),
        settles_in: RELEASED_IN,
    },
    Attack {
        name: "repeats",
        about: "4 clients that repeat an event of an outbox while it is handled",
        target: Target::Crowded,
        kind: Kind::Repeats { clients: 4, seconds: 5 },
        peak_mb_max: USUAL_MB,
        after_mb_max: 4,
        open_after_max: None,
        settles_in: SETTLED_IN,
    },
    Attack {
        name: "outboxes",
        about: "one session takes up 10,001 outboxes; somebody else's answer is not forgotten",
        target: Target::Crowded,
        kind: Kind::Outboxes { count: 10_001 },
        peak_mb_max: 64,
        after_mb_max: 32,
        open_after_max: None,
        settles_in: SETTLED_IN,
    },
    Attack {
        name: "keys",
        about: "150 idempotency keys of 950 kB, and the client leaves",
        target: Target::Crowded,
        kind: Kind::Keys { count: 150, bytes: 950_000 },
        peak_mb_max: 48,
        after_mb_max: USUAL_MB,
        open_after_max: None,
        settles_in: SETTLED_IN,
    },
    Attack {
        name: "namespaces",
        about: "one session enters and leaves 100,000 namespaces made on demand, names of 1 kB",
        target: Target::Crowded,
        kind: Kind::Namespaces { count: 100_000, name_bytes: 1_000 },
        peak_mb_max: 64,
        after_mb_max: 48,
        open_after_max: None,
        settles_in: SETTLED_IN,
    },
    Attack {
        name: "silent",
        about: "10,050 connections of one host that say nothing; newcomers are served",
        target: Target::Crowded,
        kind: Kind::Silent { connections: 10_050 },
        peak_mb_max: 128,
        after_mb_max: 128,
        open_after_max: None,
        settles_in: SETTLED_IN,
    },
    Attack {
        name: "returns",
        about: "one client comes back 10,500 times; who is away is not forgotten",
        target: Target::Recovering,
        kind: Kind::Returns { count: 10_500 },
        peak_mb_max: 64,
        after_mb_max: 48,
        open_after_max: None,
        settles_in: SETTLED_IN,
    },
    Attack {
        name: "rooms",
        about: "one client enters 20,000 rooms and leaves them, with recovery",
        target: Target::Recovering,
        kind: Kind::Rooms { count: 20_000 },
        peak_mb_max: 64,
        after_mb_max: 48,
        open_after_max: None,
        settles_in: SETTLED_IN,
    },
    Attack {
        name: "chat flood",
        about: "one client makes rooms and writes; newcomers find the room of others",
        target: Target::Chat,
        kind: Kind::ChatFlood { seconds: 6 },
        peak_mb_max: 48,
        after_mb_max: 24,
        open_after_max: None,
        settles_in: SETTLED_IN,
    },
    Attack {
        name: "guest flood",
        about: "one host comes into the chat as thousands of guests; somebody else comes in as one",
        target: Target::Chat,
        kind: Kind::GuestFlood { seconds: 6 },
        peak_mb_max: 24,
        after_mb_max: 16,
        open_after_max: None,
        settles_in: SETTLED_IN,
    },
];

/// Honest people under attack have some seconds for their pongs.
const RESTLESS: [&str; 9] = [
    "crowded",
    "--port",
    "0",
    "--ping-interval",
    "1000",
    "--ping-timeout",
    "6000",
    "--write-timeout",
    "3000",
];

/// What an attack is carried out on.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) server: SocketAddr,
    /// The folder of the server's data.
    pub(crate) data: PathBuf,
}

/// How far an attack came, in words, and what the attacker still has: connections, and whoever sends
/// on them.
pub(crate) type Attacked = (String, Box<dyn Any>);

fn staying(reached: String, holds: impl Any) -> Attacked {
    (reached, Box::new(holds))
}

impl Target {
    /// The program, its arguments, and what honest people do there.
    pub(crate) fn program(self) -> (&'static str, &'static [&'static str], Talk) {
        match self {
            Self::Crowded => ("stand-in", &["crowded", "--port", "0"], Talk::Echo),
            Self::Restless => ("stand-in", &RESTLESS, Talk::Echo),
            Self::Recovering => ("stand-in", &["crowded", "--port", "0", "--recovery"], Talk::Echo),
            Self::Chat => ("sockeye", &["serve", "--port", "0", "--data", "DATA"], Talk::Chat),
        }
    }
}

impl Kind {
    /// Carries it out. An error is a promise that the server broke.
    pub(crate) fn attack(self, stage: &Stage) -> Result<Attacked> {
        let server = stage.server;
        match self {
            Self::PollsNeverRead { sessions, flood } => stalled::polls(server, sessions, flood),
            Self::StreamsNeverRead { sessions, flood } => stalled::streams(server, sessions, flood),
            Self::GetsNeverRead { connections, streams } => {
                stalled::files(server, connections, streams)
            }
            Self::BlindPongs { sessions, flood } => stalled::blind_pongs(server, sessions, flood),
            Self::PipelinedGets { connections, requests } => {
                stalled::pipelined_gets(server, connections, requests)
            }
            Self::Repeats { clients, seconds } => guarantees::repeats(server, clients, seconds),
            Self::Outboxes { count } => guarantees::outboxes(server, count),
            Self::Keys { count, bytes } => guarantees::keys(server, count, bytes),
            Self::Namespaces { count, name_bytes } => {
                namespaces::made_on_demand(server, count, name_bytes)
            }
            Self::Silent { connections } => silent::connections(server, connections),
            Self::Returns { count } => recovery::returns(server, count),
            Self::Rooms { count } => recovery::rooms(server, count),
            Self::ChatFlood { seconds } => chat::flood(stage, seconds),
            Self::GuestFlood { seconds } => chat::guests(stage, seconds),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_all_different() {
        let names: BTreeSet<_> = ATTACKS.iter().map(|attack| attack.name).collect();
        assert_eq!(names.len(), ATTACKS.len());
    }

    #[test]
    fn what_is_left_is_no_more_than_the_peak() {
        for Attack { name, peak_mb_max, after_mb_max, .. } in &ATTACKS {
            assert!(after_mb_max <= peak_mb_max, "{name}");
        }
    }
}
