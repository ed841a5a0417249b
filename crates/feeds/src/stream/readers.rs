//! Those who listen on a road that goes on and on.
//!
//! What was appended in one tick is one *run* of bytes for each road. The flush pass writes it to every
//! reader that has everything before it, from the same memory. A reader that the kernel takes no more of
//! keeps its part of that run; from then on its own task fetches what comes, from the log, until it has
//! caught up. So a slow reader holds no queue: it falls behind, and one that falls out of the log is sent
//! away with the reason.

mod reader;

use std::mem;
use std::sync::Arc;

use bytes::Bytes;
use slab::Slab;
use sockeye_net::flush::Flush;
use sockeye_net::stream::Stream as ByteStream;
use tokio::time::Instant;

pub(crate) use self::reader::Opening;
use self::reader::{Driver, Reader};
use super::{Phase, Shared, State, interval};
use crate::cursor::Cursor;
use crate::gap::GapReason;
use crate::metrics;
use crate::places::Place;
use crate::road::{Control, Road, push_control, push_data, push_retry, random_below};

/// Those who listen on one road.
#[derive(Default)]
pub(super) struct Listeners {
    readers: Slab<Arc<Reader>>,
    /// The same, in parts, for the flush pass; made when it is needed and nobody has come or gone since.
    parts: Vec<ReaderPart>,
    /// What was appended since the last flush pass.
    runs: Vec<Run>,
    /// The position behind what was handed to the readers.
    handed: u64,
    /// More was appended than is kept ready: each reader fetches it.
    is_too_much: bool,
    /// Somebody has come, who has everything up to here.
    begins_run: bool,
    /// All readers are to look at the state.
    wakes: bool,
}

type ReaderPart = Arc<[Arc<Reader>]>;

/// What was appended, on one road.
#[derive(Debug)]
struct Run {
    /// The position before it, and behind it.
    from: u64,
    to: u64,
    bytes: Vec<u8>,
}

/// A run takes no more than this, but for one message that is larger.
const RUN_BYTES_MAX: usize = 64 * 1024;
/// So many runs are kept ready in one tick.
const RUNS_MAX: usize = 64;
/// After so many readers the flush pass lets other tasks run.
const READERS_PER_PART: usize = 256;
/// Where the server ends, `EventSource` is told to come back after this time and up to as much more.
const RETRY_MS_MIN: u64 = 1_000;
const RETRY_MS_SPREAD: u64 = 4_000;
/// A reader fetches about so much at once.
const FETCHED_BYTES_MAX: usize = 64 * 1024;

impl Listeners {
    pub(super) fn is_empty(&self) -> bool {
        self.readers.is_empty()
    }

    /// Notes a message at a position, which `push` encodes if anybody listens. Whether somebody does.
    pub(super) fn push(&mut self, (from, to): (u64, u64), push: impl FnOnce(&mut Vec<u8>)) -> bool {
        if self.readers.is_empty() {
            self.handed = to;
            return false;
        }
        if self.is_too_much {
            return true;
        }
        let is_open = !mem::take(&mut self.begins_run)
            && self.runs.last().is_some_and(|run| run.bytes.len() < RUN_BYTES_MAX);
        if !is_open {
            if self.runs.len() >= RUNS_MAX {
                self.runs.clear();
                self.is_too_much = true;
                return true;
            }
            self.runs.push(Run { from, to: from, bytes: Vec::new() });
        }
        if let Some(run) = self.runs.last_mut() {
            push(&mut run.bytes);
            run.to = to;
        }
        true
    }

    /// All readers are to look at the state. Whether there are any.
    pub(super) fn wake_all(&mut self) -> bool {
        self.wakes = !self.readers.is_empty();
        self.wakes
    }

    fn add(&mut self, reader: Arc<Reader>, tail: u64) -> usize {
        if self.readers.is_empty() {
            self.handed = tail;
        }
        self.begins_run = true;
        self.parts.clear();
        self.readers.insert(reader)
    }

    fn remove(&mut self, key: usize) {
        self.readers.remove(key);
        self.parts.clear();
        if self.readers.is_empty() {
            *self = Self::default();
        }
    }

    /// What the flush pass is to do.
    fn take(&mut self, tail: u64, into: &mut Vec<Arc<dyn Flush>>) {
        let runs: Arc<[ReadyRun]> = mem::take(&mut self.runs).into_iter().map(Run::ready).collect();
        let wakes = mem::take(&mut self.wakes) | mem::take(&mut self.is_too_much);
        self.handed = tail;
        if runs.is_empty() && !wakes {
            return;
        }
        if self.parts.is_empty() {
            let readers: Vec<_> =
                self.readers.iter().map(|(_, reader)| Arc::clone(reader)).collect();
            self.parts = readers.chunks(READERS_PER_PART).map(Into::into).collect();
        }
        let at = Instant::now();
        into.extend(self.parts.iter().map(|readers| {
            let (runs, readers) = (Arc::clone(&runs), Arc::clone(readers));
            Arc::new(Handing { runs, readers, wakes, at }) as Arc<dyn Flush>
        }));
    }

    /// Called within [`State::check`].
    pub(super) fn check(&self, tail: u64, is_scheduled: bool) {
        let is_empty = self.runs.is_empty() && !self.is_too_much && !self.wakes;
        if self.readers.is_empty() {
            assert!(is_empty && self.parts.is_empty(), "nothing is kept ready for nobody");
            return;
        }
        assert!(is_empty || is_scheduled, "what is kept ready is handed out");
        let in_parts: usize = self.parts.iter().map(|part| part.len()).sum();
        let is_whole = self.parts.is_empty() || in_parts == self.readers.len();
        assert!(is_whole, "the parts are everybody");
        if self.is_too_much {
            return;
        }
        let end = self.runs.iter().fold(self.handed, |at, run| {
            assert!(run.from == at && run.from <= run.to, "a run follows the one before");
            run.to
        });
        assert_eq!(end, tail, "all that was appended is handed, or kept ready");
        assert!(self.runs.len() <= RUNS_MAX, "no more is kept ready than may be");
    }
}

/// A run to which nothing is added any more.
#[derive(Debug)]
pub(super) struct ReadyRun {
    from: u64,
    to: u64,
    bytes: Bytes,
}

impl Run {
    fn ready(self) -> ReadyRun {
        ReadyRun { from: self.from, to: self.to, bytes: self.bytes.into() }
    }
}

/// What some of the readers are handed in one flush pass.
struct Handing {
    runs: Arc<[ReadyRun]>,
    readers: ReaderPart,
    wakes: bool,
    at: Instant,
}

impl Flush for Handing {
    fn flush(self: Arc<Self>) {
        self.readers.iter().for_each(|reader| reader.hand(&self.runs, self.wakes, self.at));
    }

    fn connections(&self) -> usize {
        self.readers.len()
    }
}

impl Flush for Shared {
    fn flush(self: Arc<Self>) {
        let mut handings = Vec::new();
        let state = &mut *self.state.lock();
        state.is_scheduled = false;
        let tail = state.log.end();
        state.roads.iter_mut().for_each(|listeners| listeners.take(tail, &mut handings));
        state.check();
        self.owner.flusher().schedule_all(&mut handings);
    }

    /// It writes nothing itself.
    fn connections(&self) -> usize {
        0
    }
}

/// What a reader fetches.
#[derive(Debug)]
pub(super) enum Fetched {
    /// The next of what it is to be sent, and the position behind it.
    Some(Bytes, u64),
    /// It has everything.
    Nothing,
    /// What comes next is not kept any more, or the answer is over: the last that it is to be sent.
    Last(Bytes),
}

impl Shared {
    /// Begins an answer that goes on and on, on the byte stream behind its head.
    pub(crate) fn listen(self: &Arc<Self>, bytes: ByteStream, opening: Opening, place: Place) {
        let (read, write) = bytes.split();
        let reader = Arc::new(Reader::new(write, &opening));
        let key = {
            let state = &mut *self.state.lock();
            let tail = state.log.end();
            let key = state.roads[opening.road.index()].add(Arc::clone(&reader), tail);
            state.check();
            key
        };
        let driver = Driver::new(Arc::clone(self), reader, read, key, opening, place);
        tokio::spawn(driver.run());
    }

    /// How many listen.
    pub(crate) fn listeners(&self) -> usize {
        self.state.lock().roads.iter().map(|listeners| listeners.readers.len()).sum()
    }

    fn leave(&self, road: Road, key: usize) {
        let state = &mut *self.state.lock();
        state.roads[road.index()].remove(key);
        state.read_at = Instant::now();
        state.check();
    }

    pub(super) fn schedule(self: &Arc<Self>, state: &mut State) {
        if !mem::replace(&mut state.is_scheduled, true) {
            let flush: Arc<Self> = Arc::clone(self);
            self.owner.flusher().schedule(flush);
        }
    }

    /// What a reader gets next that has everything before `next`.
    fn fetch(&self, road: Road, next: u64, interval_min: Option<u64>) -> Fetched {
        self.change_unrelieved(|state| self.fetch_locked(state, road, next, interval_min))
    }

    fn fetch_locked(
        &self,
        state: &mut State,
        road: Road,
        next: u64,
        interval_min: Option<u64>,
    ) -> Fetched {
        state.log.trim(Instant::now());
        if state.phase == Phase::Deleted {
            return Fetched::Last(self.farewell(
                state,
                road,
                Some(GapReason::Gone),
                (next, interval_min),
            ));
        }
        if next < state.log.start() {
            return Fetched::Last(self.farewell(
                state,
                road,
                Some(GapReason::Overload),
                (next, interval_min),
            ));
        }
        let end = state.log.end();
        // What was appended since the last flush pass, that one brings.
        let handed = state.roads[road.index()].handed.min(end);
        if next < handed {
            let (bytes, to) = self.encode(state, road, (next, handed), interval_min);
            return Fetched::Some(bytes, to);
        }
        if next < end || state.phase == Phase::Open {
            return Fetched::Nothing;
        }
        Fetched::Last(self.farewell(state, road, None, (next, interval_min)))
    }

    /// Messages from one position up to another, or as many as are fetched at once.
    fn encode(
        &self,
        state: &State,
        road: Road,
        (from, to): (u64, u64),
        interval_min: Option<u64>,
    ) -> (Bytes, u64) {
        let count = usize::try_from(to - from).unwrap_or(usize::MAX);
        let messages = state.log.from(from).take(count);
        let mut out = Vec::new();
        let mut at = from;
        if road.has_control() {
            let mut bytes = 0;
            let part = messages.take_while(|message| {
                let is_more = bytes == 0 || bytes + message.data.len() <= FETCHED_BYTES_MAX;
                bytes += message.data.len();
                at += u64::from(is_more);
                is_more
            });
            push_data(self.kind(), part.collect::<Vec<_>>(), &mut out);
            let says = (at == state.log.end(), false);
            self.push_control(&self.seal(at), says, interval_min, &mut out);
            return (out.into(), at);
        }
        for message in messages {
            at += 1;
            road.push(self.kind(), message, Some(&self.seal(at)), &mut out);
            if out.len() >= FETCHED_BYTES_MAX {
                break;
            }
        }
        (out.into(), at)
    }

    /// Where a reader is, on the road of Durable Streams.
    pub(super) fn push_control(
        &self,
        next: &Cursor,
        (is_up_to_date, is_closed): (bool, bool),
        interval_min: Option<u64>,
        out: &mut Vec<u8>,
    ) {
        let interval = interval(None).max(interval_min.unwrap_or_default());
        let control = Control { next: *next, interval, is_up_to_date, is_closed };
        push_control(&control, out);
    }

    /// The last that a reader is told.
    fn farewell(
        &self,
        state: &State,
        road: Road,
        lost: Option<GapReason>,
        (next, interval_min): (u64, Option<u64>),
    ) -> Bytes {
        let mut out = Vec::new();
        match lost {
            Some(reason) => {
                metrics::gap(reason);
                let mut gap = self.gap_locked(state, reason);
                if reason == GapReason::Gone {
                    (gap.oldest, gap.newest) = (None, None);
                }
                road.push_gap(&gap, &mut out);
            }
            None if road.has_control() => {
                let is_closed = state.phase == Phase::Closed;
                self.push_control(&self.seal(next), (true, is_closed), interval_min, &mut out);
            }
            // So that not all of them come back at once.
            None if state.phase == Phase::Ending && road == Road::EventSource => {
                push_retry(RETRY_MS_MIN + random_below(RETRY_MS_SPREAD), &mut out);
            }
            None => {}
        }
        out.into()
    }
}
