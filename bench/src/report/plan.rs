//! What is measured: the points, who takes part in each, and the budgets that were set for them.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::load::Workload;
use crate::wire::Protocol;

/// One row of figures: the same load on everybody who takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Point {
    /// What the clients do.
    pub workload: Workload,
    /// How many there are.
    pub connections: usize,
    /// Messages on their way at once.
    pub pipeline: usize,
    /// Bytes of text in each.
    pub size: usize,
}

impl fmt::Display for Point {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { connections, pipeline, size, .. } = self;
        match self.workload {
            Workload::Echo => write!(formatter, "echo {connections}x{pipeline}x{size}"),
            Workload::Broadcast => {
                write!(formatter, "broadcast to {connections}, {pipeline} in flight, {size}")
            }
            Workload::Connect => write!(formatter, "connect, {connections} at a time"),
            Workload::Idle => write!(formatter, "idle {connections}"),
            Workload::Polling => {
                write!(formatter, "polling {connections}x{pipeline}x{size}")
            }
            Workload::IdlePolling => write!(formatter, "idle polling {connections}"),
        }
    }
}

/// Who is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Subject {
    /// The bare TCP loop that fits the workload.
    Bare,
    /// `bench_server`.
    Sockeye,
    /// npm `ws` on Node.
    NodeWs,
    /// Bun's own WebSocket server.
    BunWebsocket,
    /// npm `engine.io` on Node.
    NodeEngineIo,
    /// npm `socket.io` on Node.
    NodeSocketIo,
    /// npm `socket.io` on Bun with its own engine.
    BunSocketIo,
}

impl Subject {
    /// What a peer is measured in.
    fn protocol(self) -> Protocol {
        match self {
            Self::Bare => Protocol::Tcp,
            Self::Sockeye | Self::NodeWs | Self::BunWebsocket => Protocol::Websocket,
            Self::NodeEngineIo => Protocol::EngineIo,
            Self::NodeSocketIo | Self::BunSocketIo => Protocol::SocketIo,
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Bare => "bare",
            Self::Sockeye => "sockeye",
            Self::NodeWs => "ws (Node)",
            Self::BunWebsocket => "Bun",
            Self::NodeEngineIo => "engine.io (Node)",
            Self::NodeSocketIo => "socket.io (Node)",
            Self::BunSocketIo => "socket.io (Bun)",
        })
    }
}

/// What a figure must not exceed, and what it should try for: a ratio to the bare loop, for what reads a
/// feed to Socket.IO, or bytes where memory is measured.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Budget {
    /// Above this something is wrong.
    pub bar: f64,
    /// Below this is excellent.
    pub goal: f64,
}

/// All points, in the order of the report. `quick` leaves out those that tell least.
pub(crate) fn points(quick: bool) -> Vec<Point> {
    let echo = |connections, pipeline, size| Point {
        workload: Workload::Echo,
        connections,
        pipeline,
        size,
    };
    let broadcast = |connections, pipeline| Point {
        workload: Workload::Broadcast,
        connections,
        pipeline,
        size: 64,
    };
    let quiet = |workload, connections| Point { workload, connections, pipeline: 1, size: 32 };
    let mut points = vec![
        echo(200, 1, 32),
        echo(200, 16, 32),
        echo(50, 4, 16 * 1024),
        broadcast(1_000, 8),
        broadcast(5_000, 8),
    ];
    if !quick {
        points.extend([broadcast(1_000, 1), broadcast(5_000, 1)]);
    }
    let polling = |pipeline| Point { pipeline, ..quiet(Workload::Polling, 100) };
    points.extend([
        polling(1),
        polling(16),
        quiet(Workload::Connect, 32),
        quiet(Workload::Idle, 10_000),
        quiet(Workload::IdlePolling, 10_000),
    ]);
    points
}

/// Who takes part in a point and in which protocol; the bare loop first.
pub(crate) fn contenders(point: Point, peers: &[Subject]) -> Vec<(Subject, Protocol)> {
    let own = [
        (Subject::Bare, Protocol::Tcp),
        (Subject::Sockeye, Protocol::Websocket),
        (Subject::Sockeye, Protocol::EngineIo),
        (Subject::Sockeye, Protocol::SocketIo),
        (Subject::Sockeye, Protocol::SockJs),
        (Subject::Sockeye, Protocol::EventSource),
        (Subject::Sockeye, Protocol::Ndjson),
        (Subject::Sockeye, Protocol::Poll),
        (Subject::Sockeye, Protocol::LongPoll),
    ];
    let peers = peers.iter().map(|&peer| (peer, peer.protocol()));
    own.into_iter().chain(peers).filter(|&(_, protocol)| takes_part(point, protocol)).collect()
}

fn takes_part(point: Point, protocol: Protocol) -> bool {
    match protocol {
        // A bare connection that says nothing costs its entry in a table, and a poll is nothing
        // like an echo: no floor to compare with.
        Protocol::Tcp => !point.workload.is_idle() && !point.workload.is_polling(),
        Protocol::Websocket => !point.workload.is_polling(),
        Protocol::EngineIo => point.workload != Workload::Broadcast,
        Protocol::SockJs => point.workload != Workload::Broadcast && !point.workload.is_polling(),
        Protocol::SocketIo => true,
        Protocol::EventSource | Protocol::Ndjson => {
            matches!(point.workload, Workload::Broadcast | Workload::Idle)
        }
        Protocol::Poll | Protocol::LongPoll => point.workload == Workload::IdlePolling,
    }
}

/// The budget for our own server, where one was set.
pub(crate) fn budget(point: Point, protocol: Protocol) -> Option<Budget> {
    use Protocol::{EngineIo, EventSource, LongPoll, Ndjson, Poll, SocketIo, Websocket};
    let Point { workload, connections, pipeline, .. } = point;
    let (bar, goal) = match (workload, connections, pipeline, protocol) {
        (Workload::Echo, 200, 1, Websocket) => (1.15, 1.05),
        (Workload::Echo, 200, 1, SocketIo) => (1.25, 1.1),
        (Workload::Echo, 200, 16, Websocket) => (1.45, 1.2),
        (Workload::Echo, 200, 16, SocketIo) => (2.0, 1.5),
        (Workload::Echo, 50, 4, Websocket) => (1.9, 1.5),
        (Workload::Echo, 50, 4, SocketIo) => (2.0, 1.6),
        (Workload::Broadcast, 1_000, 8, SocketIo) => (0.16, 0.12),
        (Workload::Broadcast, 5_000, 8, Websocket) => (0.20, 0.15),
        (Workload::Broadcast, 5_000, 8, SocketIo) => (0.21, 0.15),
        (Workload::Broadcast, 1_000, 1, SocketIo) => (1.15, 1.05),
        (Workload::Broadcast, 5_000, 1, SocketIo) => (1.25, 1.05),
        (Workload::Broadcast, _, 8, EventSource | Ndjson) => (1.3, 1.1),
        (Workload::Connect, _, _, SocketIo) => (1.7, 1.7),
        (Workload::Idle, _, _, Websocket) => (1536.0, 1024.0),
        (Workload::Idle, _, _, EngineIo) => (2048.0, 1536.0),
        (Workload::Idle, _, _, SocketIo) => (2560.0, 1536.0),
        (Workload::Idle, _, _, EventSource | Ndjson) => (6144.0, 3072.0),
        (Workload::IdlePolling, _, _, EngineIo) => (14_336.0, 14_336.0),
        (Workload::IdlePolling, _, _, Poll | LongPoll) => (6144.0, 6144.0),
        _ => return None,
    };
    Some(Budget { bar, goal })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_quick_is_part_of_the_whole() {
        let all = points(false);
        assert!(points(true).iter().all(|point| all.contains(point)));
    }

    #[test]
    fn every_ratio_has_its_bare_loop_measured_first() {
        for point in points(false) {
            let contenders = contenders(point, &[Subject::NodeWs]);
            let bare = contenders.iter().position(|&(subject, _)| subject == Subject::Bare);
            let has_floor = !point.workload.is_idle() && !point.workload.is_polling();
            assert_eq!(bare, has_floor.then_some(0), "{point}");
        }
    }

    #[test]
    fn whoever_listens_to_a_feed_is_measured_beside_socket_io() {
        for point in points(false) {
            let contenders = contenders(point, &[]);
            let protocols: Vec<_> = contenders.into_iter().map(|(_, protocol)| protocol).collect();
            let has_feeds = protocols.iter().any(|protocol| protocol.is_listening());
            let is_listened_to = matches!(point.workload, Workload::Broadcast | Workload::Idle);
            assert_eq!(has_feeds, is_listened_to, "{point}");
            assert!(!has_feeds || protocols.contains(&Protocol::SocketIo), "{point}");
        }
    }
}
