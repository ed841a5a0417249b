//! What was counted on the eight roads of a visit, and what is to be told of it.

use std::collections::VecDeque;
use std::mem;
use std::time::{Instant, SystemTime};

use super::contract::{
    Delays, Direction, Phase, RecordKind, Road, RoadNumbers, Seen, Sent, Slowness, WireRecord,
};
use super::decode::{Counts, Passed};
use super::packets;
use super::sample::Sample;

/// How many of the newest events it is known when they were sent: what passes later has no delay.
const SENT_KEPT: usize = 16 * 1024;
/// How many delays of a road the middle one is taken of.
const DELAYS_KEPT: usize = 256;
/// The most events of a road between two messages `seen`, of which there are ten a second: a busy road
/// leaves room for the others.
const SEEN_MAX: u16 = 100;
/// The most records between two messages `wire`, of which there are ten a second.
pub(crate) const RECORDS_MAX: usize = 20;
/// The most handshakes between two looks at them; more are not told.
const HANDSHAKES_MAX: usize = 8;

/// The counts of a visit, which its taps write and its control WebSocket reads.
#[derive(Debug, Default)]
pub(crate) struct Board {
    meters: [Meter; 8],
    sent: Sent,
    /// The number of the newest event, and when it and those before it were sent.
    newest: u64,
    sent_at: VecDeque<Instant>,
    seen: Vec<Seen>,
    /// How many of them are of each road.
    seen_of: [u16; 8],
    seen_dropped: u64,
    race: Option<RaceSeen>,
    watched: Option<Road>,
    records: Vec<WireRecord>,
    records_dropped: u64,
    handshakes: Vec<(Road, Vec<u8>, Vec<u8>)>,
}

#[derive(Debug)]
struct RaceSeen {
    n: u64,
    order: Vec<(Road, f64)>,
}

/// The counts of one road.
#[derive(Debug, Default)]
struct Meter {
    counts: Counts,
    /// Of the visit: the number of the newest connection.
    connection: u32,
    connections: u64,
    connections_open: u32,
    events: u64,
    /// The number of the newest event that passed, which a reset leaves.
    newest: u64,
    delays: VecDeque<f64>,
    delay_max: f64,
    is_cut: bool,
}

impl Board {
    /// The next event is sent now: its number.
    pub(crate) fn send(&mut self) -> u64 {
        self.newest += 1;
        if self.sent_at.len() == SENT_KEPT {
            self.sent_at.pop_front();
        }
        self.sent_at.push_back(Instant::now());
        self.newest
    }

    /// It was sent, and took so many bytes.
    pub(crate) fn sent(&mut self, bytes: usize) {
        self.sent.events += 1;
        self.sent.bytes += bytes as u64;
    }

    /// A connection was opened: its number on its road.
    pub(crate) fn open(&mut self, road: Road) -> u32 {
        let meter = &mut self.meters[road.index()];
        meter.connection = meter.connection.wrapping_add(1);
        meter.connections += 1;
        meter.connections_open += 1;
        let connection = meter.connection;
        self.record(road, connection, Direction::Up, RecordKind::Open, &Sample::default());
        connection
    }

    pub(crate) fn close(&mut self, road: Road, connection: u32) {
        self.meters[road.index()].connections_open -= 1;
        self.record(road, connection, Direction::Up, RecordKind::Close, &Sample::default());
    }

    pub(crate) fn connections_open(&self, road: Road) -> u32 {
        self.meters[road.index()].connections_open
    }

    pub(crate) fn set_cut(&mut self, road: Road, is_cut: bool) {
        self.meters[road.index()].is_cut = is_cut;
    }

    /// Bytes have passed on a connection: `counts` more, and what was whole with them.
    pub(crate) fn passed(
        &mut self,
        (road, connection): (Road, u32),
        counts: Counts,
        passed: &mut Vec<Passed>,
    ) {
        self.meters[road.index()].counts += counts;
        for it in passed.drain(..) {
            match it {
                Passed::Mark(n) => self.event(road, n),
                Passed::Record(direction, kind, sample) => {
                    self.record(road, connection, direction, kind, &sample);
                }
                Passed::Handshake(request, response) => {
                    if self.handshakes.len() < HANDSHAKES_MAX {
                        self.handshakes.push((road, request, response));
                    }
                }
            }
        }
    }

    fn event(&mut self, road: Road, n: u64) {
        let meter = &mut self.meters[road.index()];
        // One that passes again, to a second connection or after a reconnect, is the same event; and
        // one that was not sent yet is a text of somebody else's.
        if n <= meter.newest || n > self.newest {
            return;
        }
        meter.newest = n;
        meter.events += 1;
        let age = usize::try_from(self.newest - n).unwrap_or(usize::MAX);
        let Some(sent_at) = self.sent_at.iter().rev().nth(age) else { return };
        let delay = tenths(sent_at.elapsed().as_secs_f64() * 1000.0);
        if meter.delays.len() == DELAYS_KEPT {
            meter.delays.pop_front();
        }
        meter.delays.push_back(delay);
        meter.delay_max = meter.delay_max.max(delay);
        if let Some(race) = &mut self.race
            && race.n == n
        {
            race.order.push((road, delay));
        }
        let seen_of = &mut self.seen_of[road.index()];
        if *seen_of < SEEN_MAX {
            *seen_of += 1;
            self.seen.push((road.index() as u8, n, delay));
        } else {
            self.seen_dropped += 1;
        }
    }

    fn record(
        &mut self,
        road: Road,
        connection: u32,
        direction: Direction,
        kind: RecordKind,
        sample: &Sample,
    ) {
        if self.watched != Some(road) {
            return;
        }
        if self.records.len() >= RECORDS_MAX {
            self.records_dropped += 1;
            return;
        }
        self.records.push(packets::record(now_ms(), (road, connection), direction, kind, sample));
    }

    /// The roads that somebody is connected on.
    pub(crate) fn open_roads(&self) -> Vec<Road> {
        Road::ALL.into_iter().filter(|road| self.connections_open(*road) > 0).collect()
    }

    /// From now on `raced` tells who has shown event `n`.
    pub(crate) fn begin_race(&mut self, n: u64) {
        self.race = Some(RaceSeen { n, order: Vec::new() });
    }

    pub(crate) fn end_race(&mut self) {
        self.race = None;
    }

    /// The roads that have shown the event of the race, the first one first.
    pub(crate) fn raced(&self) -> &[(Road, f64)] {
        self.race.as_ref().map_or(&[], |race| &race.order)
    }

    /// Shows what passes on one road; what was not told yet of another is not told any more.
    pub(crate) fn watch(&mut self, road: Option<Road>) {
        if self.watched != road {
            self.watched = road;
            self.records.clear();
            self.records_dropped = 0;
        }
    }

    /// Counts anew. What is open stays open, and what was seen stays seen.
    pub(crate) fn reset(&mut self) {
        self.sent = Sent::default();
        for meter in &mut self.meters {
            meter.counts = Counts::default();
            (meter.connections, meter.events) = (0, 0);
            meter.delays.clear();
            meter.delay_max = 0.0;
        }
    }

    /// The events that passed since the last call, and how many more.
    pub(crate) fn take_seen(&mut self) -> (Vec<Seen>, u64) {
        self.seen_of = [0; 8];
        (mem::take(&mut self.seen), mem::take(&mut self.seen_dropped))
    }

    /// The watched road, what passed there since the last call, and how many more.
    pub(crate) fn take_records(&mut self) -> Option<(Road, Vec<WireRecord>, u64)> {
        let dropped = mem::take(&mut self.records_dropped);
        Some((self.watched?, mem::take(&mut self.records), dropped))
    }

    /// The connections that became WebSockets since the last call: heads of requests and answers.
    pub(crate) fn take_handshakes(&mut self) -> Vec<(Road, Vec<u8>, Vec<u8>)> {
        mem::take(&mut self.handshakes)
    }

    /// Without the lines, which the taps know.
    pub(crate) fn numbers(&self) -> (Sent, [RoadNumbers; 8]) {
        (self.sent, self.meters.each_ref().map(Meter::numbers))
    }
}

impl Meter {
    fn numbers(&self) -> RoadNumbers {
        let phase = match (self.is_cut, self.connections_open) {
            (true, _) => Phase::Cut,
            (false, 0) => Phase::Closed,
            (false, _) => Phase::Open,
        };
        RoadNumbers {
            requests: self.counts.requests,
            connections: self.connections,
            connections_open: self.connections_open,
            header_bytes: self.counts.header_bytes,
            payload_bytes: self.counts.payload_bytes,
            framing_bytes: self.counts.framing_bytes,
            upstream_bytes: self.counts.upstream_bytes,
            downstream_bytes: self.counts.downstream_bytes,
            events: self.events,
            delay_ms: self.delays(),
            is_cut: self.is_cut,
            phase,
            line: Slowness::default(),
        }
    }

    fn delays(&self) -> Option<Delays> {
        let last = *self.delays.back()?;
        let mut sorted: Vec<f64> = self.delays.iter().copied().collect();
        sorted.sort_by(f64::total_cmp);
        let at = |percent: usize| sorted[(sorted.len() * percent).div_ceil(100).max(1) - 1];
        Some(Delays { last, p50: at(50), p95: at(95), max: self.delay_max })
    }
}

/// Milliseconds since 1970-01-01 UTC, to the tenth.
pub(crate) fn now_ms() -> f64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    tenths(since.as_secs_f64() * 1000.0)
}

fn tenths(ms: f64) -> f64 {
    (ms * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_counts_once_on_a_road_and_never_before_it_was_sent() {
        let mut board = Board::default();
        let n = board.send();
        board.sent(64);
        for n in [n, n, n + 1] {
            board.passed((Road::Sse, 1), Counts::default(), &mut vec![Passed::Mark(n)]);
        }
        board.passed((Road::Ndjson, 1), Counts::default(), &mut vec![Passed::Mark(n)]);
        let (sent, roads) = board.numbers();
        assert_eq!((sent.events, sent.bytes), (1, 64));
        assert_eq!(roads[Road::Sse.index()].events, 1);
        let (seen, dropped) = board.take_seen();
        let seen: Vec<_> = seen.iter().map(|(road, n, _)| (*road, *n)).collect();
        assert_eq!((seen, dropped), (vec![(3, 1), (2, 1)], 0));

        board.reset();
        assert_eq!(board.numbers().1[Road::Sse.index()].events, 0);
        // It was seen before the reset, and is not new.
        board.passed((Road::Sse, 1), Counts::default(), &mut vec![Passed::Mark(n)]);
        assert_eq!(board.numbers().1[Road::Sse.index()].events, 0);
    }

    #[test]
    fn delays_are_told_in_their_order() {
        let meter = Meter {
            delays: (1..=100).rev().map(f64::from).collect(),
            delay_max: 300.0,
            ..Meter::default()
        };
        let expected = Delays { last: 1.0, p50: 50.0, p95: 95.0, max: 300.0 };
        assert_eq!(meter.delays(), Some(expected));
        assert_eq!(Meter::default().delays(), None);
    }

    #[test]
    fn what_is_not_taken_is_counted_and_not_kept() {
        let mut board = Board::default();
        board.watch(Some(Road::Sse));
        for _ in 0..RECORDS_MAX + 3 {
            board.open(Road::Sse);
            board.open(Road::Ndjson);
        }
        let (road, records, dropped) = board.take_records().unwrap();
        assert_eq!((road, records.len(), dropped), (Road::Sse, RECORDS_MAX, 3));
        for _ in 0..SEEN_MAX + 5 {
            let n = board.send();
            board.passed((Road::Sse, 1), Counts::default(), &mut vec![Passed::Mark(n)]);
        }
        // The busy road leaves room for another.
        board.passed((Road::Polling, 1), Counts::default(), &mut vec![Passed::Mark(7)]);
        let (seen, dropped) = board.take_seen();
        assert_eq!((seen.len(), dropped), (usize::from(SEEN_MAX) + 1, 5));
        assert_eq!(seen.last().map(|(road, n, _)| (*road, *n)), Some((0, 7)));
        let n = board.send();
        board.passed((Road::Sse, 1), Counts::default(), &mut vec![Passed::Mark(n)]);
        assert_eq!(board.take_seen().0.len(), 1);
    }
}
