//! A stream: what was appended last, and everybody who reads it.
//!
//! Appending encodes a message once for each road that somebody is on, and wakes those who poll. A pass
//! over the readers, once a tick, then writes what came since to each: [`readers`] is that side.
//!
//! | state | appends | those who read to its end |
//! |---|---|---|
//! | `Open` | are taken | wait for more |
//! | `Closed` | are refused | have everything, and are told that it is the end |
//! | `Deleted` | are refused | are told that it is gone |
//! | `Ending`: the server ends | are taken | are sent away, and come back to another server |

pub(crate) mod owner;
pub(crate) mod producers;
pub(crate) mod readers;
pub(crate) mod waiting;

use std::collections::HashMap;
use std::fmt;
use std::mem;
use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use parking_lot::Mutex;
use serde::Serialize;
use serde_json::value::RawValue;
use thiserror::Error;
use tokio::time::Instant;

use self::owner::Owner;
use self::producers::{Accepted, Producer, ProducerError, Producers};
use self::readers::Listeners;
use crate::cursor::{Cursor, CursorError, Sealer};
use crate::gap::{Gap, GapReason};
use crate::log::{History, Log};
use crate::message::{ContentType, Kind, Message};
use crate::road::{ROADS, Road, random_below};

/// A stream of messages that is appended to, and read over plain HTTP on every road: a handle, cheap to
/// clone. [`Streams`](crate::Streams) makes it.
///
/// ```
/// use sockeye_feeds::{Streams, StreamsConfig};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let runtime = tokio::runtime::Runtime::new()?;
/// # let _guard = runtime.enter();
/// let streams = Streams::new(StreamsConfig::default());
/// let orders = streams.create("orders", "application/json")?;
/// let before = orders.tail();
/// let behind = orders.append_json(&["tea", "milk"])?;
/// assert!(before < behind);
/// orders.close();
/// assert!(orders.append("too late").is_err());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Stream {
    pub(crate) shared: Arc<Shared>,
}

/// Why nothing was appended.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AppendError {
    /// The stream was deleted.
    #[error("the stream was deleted")]
    Deleted,
    /// The stream was closed.
    #[error("the stream is closed, at {tail}")]
    Closed {
        /// Its end.
        tail: Cursor,
    },
    /// There is nothing to append.
    #[error("there is nothing to append")]
    Empty,
    /// The stream is of JSON, and this is none.
    #[error("not JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// The content type is not the stream's.
    #[error("the content type is not that of the stream")]
    ContentType,
    /// `Stream-Seq` is not behind the one before.
    #[error("the sequence is not behind the last one")]
    Sequence,
    /// A producer's append is out of order.
    #[error(transparent)]
    Producer(#[from] ProducerError),
}

/// What is to be appended, as a request says it.
#[derive(Debug, Default)]
pub(crate) struct Append<'a> {
    pub(crate) data: Bytes,
    /// The content type that the data claims to have.
    pub(crate) content_type: Option<&'a str>,
    pub(crate) closes: bool,
    /// `Stream-Seq`: what has to be behind the last one, as text.
    pub(crate) sequence: Option<&'a str>,
    pub(crate) producer: Option<Producer<'a>>,
}

/// What became of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Appended {
    pub(crate) tail: Cursor,
    pub(crate) is_closed: bool,
    pub(crate) producer: Option<Accepted>,
}

/// What all handles and readers of a stream share.
pub(crate) struct Shared {
    /// For logs.
    pub(crate) name: Box<str>,
    pub(crate) content_type: ContentType,
    sealer: Sealer,
    owner: Owner,
    /// Whether what it is of is still there.
    is_alive: Box<dyn Fn() -> bool + Send + Sync>,
    state: Mutex<State>,
}

struct State {
    log: Log,
    phase: Phase,
    producers: Producers,
    /// Of text: what was appended last of a character that is not whole yet.
    begun: Vec<u8>,
    /// The last `Stream-Seq`.
    sequence: Option<Box<str>>,
    /// Those who poll and wait.
    waiting: HashMap<u64, Waker>,
    roads: [Listeners; ROADS],
    /// The flush pass is going to look.
    is_scheduled: bool,
    /// The body of the last answer to a poll, for the next that asks for the same.
    answer: Option<Answer>,
    /// When somebody read last.
    read_at: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Open,
    Closed,
    Deleted,
    Ending,
}

#[derive(Clone)]
struct Answer {
    from: u64,
    to: u64,
    body: Bytes,
}

/// Where a reader wants to begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Seek<'a> {
    Beginning,
    Now,
    At(&'a str),
}

/// A part of a stream, as a poll is answered.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub(crate) body: Bytes,
    pub(crate) from: Cursor,
    pub(crate) next: Cursor,
    pub(crate) is_empty: bool,
    /// There is nothing behind it.
    pub(crate) is_up_to_date: bool,
    pub(crate) phase: Phase,
}

impl Shared {
    pub(crate) fn new(
        name: &str,
        content_type: ContentType,
        sealer: Sealer,
        history: History,
        owner: &Owner,
        is_alive: impl Fn() -> bool + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self {
            name: name.into(),
            content_type,
            sealer,
            owner: owner.clone(),
            is_alive: Box::new(is_alive),
            state: Mutex::new(State {
                log: Log::new(history),
                phase: Phase::Open,
                producers: Producers::default(),
                begun: Vec::new(),
                sequence: None,
                waiting: HashMap::new(),
                roads: Default::default(),
                is_scheduled: false,
                answer: None,
                read_at: Instant::now(),
            }),
        })
    }

    pub(crate) const fn kind(&self) -> Kind {
        self.content_type.kind
    }

    /// Whether what it is of is still there.
    pub(crate) fn is_alive(&self) -> bool {
        (self.is_alive)()
    }

    /// Bytes that are held.
    pub(crate) fn bytes(&self) -> usize {
        self.state.lock().bytes()
    }

    /// Whether nobody reads it, and since when.
    pub(crate) fn idle_since(&self) -> Option<Instant> {
        let state = self.state.lock();
        let is_idle =
            state.waiting.is_empty() && state.roads.iter().all(|listeners| listeners.is_empty());
        is_idle.then_some(state.read_at)
    }

    /// Gives up the answer that is at hand, which can be made again, or else the older half of the log.
    pub(crate) fn give_up_some(&self) {
        self.change(|state| {
            if state.answer.take().is_none() {
                let bytes = state.log.bytes() / 2;
                state.log.shrink(bytes);
            }
        });
    }

    /// Appends one message for all readers.
    pub(crate) fn push(self: &Arc<Self>, message: Message) {
        self.change(|state| self.push_locked(state, message, true, Instant::now()));
    }

    /// Sends a message to those who listen now, and keeps it for nobody.
    pub(crate) fn push_volatile(self: &Arc<Self>, message: &Message) {
        let state = &mut *self.state.lock();
        let tail = state.log.end();
        let mut is_heard = false;
        for road in [Road::EventSource, Road::Ndjson] {
            let listeners = &mut state.roads[road.index()];
            is_heard |=
                listeners.push((tail, tail), |out| road.push(self.kind(), message, None, out));
        }
        if is_heard {
            self.schedule(state);
        }
        state.check();
    }

    /// Judges an append, and carries it out.
    pub(crate) fn append(self: &Arc<Self>, append: Append<'_>) -> Result<Appended, AppendError> {
        let appended = self.append_unrelieved(append);
        self.owner.relieve_if_too_much();
        appended
    }

    /// The same for callers with a lock on all streams: behind it they have to call
    /// [`relieve_if_too_much`](Owner::relieve_if_too_much), which needs that lock.
    pub(crate) fn append_unrelieved(
        self: &Arc<Self>,
        append: Append<'_>,
    ) -> Result<Appended, AppendError> {
        let messages = self.messages(&append);
        let now = Instant::now();
        self.change_unrelieved(|state| {
            let tail = self.sealer.seal(state.log.end());
            if state.phase == Phase::Deleted {
                return Err(AppendError::Deleted);
            }
            let is_only_closing = append.closes && append.data.is_empty();
            let accepted = append.producer.map(|producer| state.producers.judge(producer));
            // Also where the stream was closed since: by this very append, it may be.
            if let Some(Ok(accepted)) = accepted
                && accepted.is_repeat
            {
                let is_closed = state.phase == Phase::Closed;
                return Ok(Appended { tail, is_closed, producer: Some(accepted) });
            }
            if state.phase == Phase::Closed {
                return match is_only_closing && append.producer.is_none() {
                    true => Ok(Appended { tail, is_closed: true, producer: None }),
                    false => Err(AppendError::Closed { tail }),
                };
            }
            let accepted = accepted.transpose()?;
            let messages = messages?;
            if let Some(sequence) = append.sequence {
                if state.sequence.as_deref().is_some_and(|last| sequence <= last) {
                    return Err(AppendError::Sequence);
                }
                state.sequence = Some(sequence.into());
            }
            if let Some(producer) = append.producer {
                state.producers.note(producer, now);
            }
            let mut messages = messages.into_iter();
            while let Some(message) = messages.next() {
                let is_last = messages.len() == 0;
                self.push_locked(state, message, is_last, now);
            }
            if append.closes {
                self.end_locked(state, Phase::Closed);
            }
            let tail = self.sealer.seal(state.log.end());
            Ok(Appended { tail, is_closed: append.closes, producer: accepted })
        })
    }

    /// What an append has in it.
    fn messages(&self, append: &Append<'_>) -> Result<Vec<Message>, AppendError> {
        let Append { data, content_type, closes, .. } = append;
        if data.is_empty() {
            return if *closes { Ok(Vec::new()) } else { Err(AppendError::Empty) };
        }
        if content_type.is_some_and(|given| !self.content_type.is_same(given)) {
            return Err(AppendError::ContentType);
        }
        match self.kind() {
            Kind::Json => match json_messages(data)? {
                messages if messages.is_empty() => Err(AppendError::Empty),
                messages => Ok(messages),
            },
            Kind::Text | Kind::Bytes => Ok(vec![Message::raw(data.clone())]),
        }
    }

    /// `is_last`: no other comes together with it.
    fn push_locked(
        self: &Arc<Self>,
        state: &mut State,
        message: Message,
        is_last: bool,
        now: Instant,
    ) {
        let message = match self.kind() {
            Kind::Text => Message::text_behind(&mut state.begun, message.data),
            Kind::Json | Kind::Bytes => message,
        };
        let before = state.log.end();
        let mut sealed = None;
        let mut is_heard = false;
        for road in [Road::EventSource, Road::Ndjson, Road::DurableSse] {
            let listeners = &mut state.roads[road.index()];
            is_heard |= listeners.push((before, before + 1), |out| {
                let id = *sealed.get_or_insert_with(|| self.sealer.seal(before + 1));
                road.push(self.kind(), &message, Some(&id), out);
                if road.has_control() {
                    self.push_control(&id, (is_last, false), None, out);
                }
            });
        }
        state.log.push(message, now);
        state.wake_waiting();
        if is_heard {
            self.schedule(state);
        }
    }

    /// Ends it for all who read.
    pub(crate) fn end(self: &Arc<Self>, phase: Phase) {
        self.change_unrelieved(|state| self.end_locked(state, phase));
    }

    fn end_locked(self: &Arc<Self>, state: &mut State, phase: Phase) {
        if phase == Phase::Deleted {
            state.log.clear();
            state.answer = None;
        }
        if state.phase != Phase::Deleted
            && !(state.phase == Phase::Closed && phase == Phase::Ending)
        {
            state.phase = phase;
        }
        state.wake_waiting();
        let is_heard = state.roads.iter_mut().map(Listeners::wake_all).fold(false, |a, b| a | b);
        if is_heard {
            self.schedule(state);
        }
    }

    pub(crate) fn phase(&self) -> Phase {
        self.state.lock().phase
    }

    pub(crate) fn tail(&self) -> (Cursor, Phase) {
        let state = self.state.lock();
        (self.sealer.seal(state.log.end()), state.phase)
    }

    /// The position where a reader begins.
    ///
    /// # Errors
    /// [`Gap`] when that is not there.
    pub(crate) fn seek(&self, seek: &Seek<'_>) -> Result<u64, Gap> {
        self.change_unrelieved(|state| {
            state.read_at = Instant::now();
            state.log.trim(state.read_at);
            let gap = |reason| Err(self.gap_locked(state, reason));
            match seek {
                Seek::Beginning => Ok(state.log.start()),
                Seek::Now => Ok(state.log.end()),
                Seek::At(text) => match self.sealer.open(text) {
                    Err(CursorError::Malformed) => gap(GapReason::Malformed),
                    Err(CursorError::Foreign) => gap(GapReason::Foreign),
                    Ok(position) if position < state.log.start() => gap(GapReason::TooOld),
                    Ok(position) => Ok(position.min(state.log.end())),
                },
            }
        })
    }

    pub(crate) fn gap(&self, reason: GapReason) -> Gap {
        self.gap_locked(&self.state.lock(), reason)
    }

    fn gap_locked(&self, state: &State, reason: GapReason) -> Gap {
        let seal = |position| Some(self.sealer.seal(position));
        Gap { reason, oldest: seal(state.log.start()), newest: seal(state.log.end()) }
    }

    /// Whether there is something behind a position, or nothing will ever be.
    pub(crate) fn has_more(&self, from: u64) -> bool {
        let state = self.state.lock();
        state.log.end() > from || state.phase != Phase::Open
    }

    /// The position that a gap of this stream says was the oldest.
    pub(crate) fn oldest(&self, gap: &Gap) -> u64 {
        let oldest = gap.oldest.and_then(|oldest| self.sealer.open(oldest.as_str()).ok());
        oldest.unwrap_or_default()
    }

    pub(crate) fn seal(&self, position: u64) -> Cursor {
        self.sealer.seal(position)
    }

    /// The part from a position on, of at most about `bytes_max`.
    ///
    /// # Errors
    /// [`Gap`] when it is not kept any more.
    pub(crate) fn part(&self, from: u64, bytes_max: usize) -> Result<Part, Gap> {
        self.change(|state| self.part_locked(state, from, bytes_max))
    }

    fn part_locked(&self, state: &mut State, from: u64, bytes_max: usize) -> Result<Part, Gap> {
        state.log.trim(Instant::now());
        if from < state.log.start() {
            return Err(self.gap_locked(state, GapReason::TooOld));
        }
        let mut to = from;
        let mut bytes = 0;
        for message in state.log.from(from) {
            bytes += message.data.len();
            if to > from && bytes > bytes_max {
                break;
            }
            to += 1;
        }
        let body = match &state.answer {
            Some(answer) if (answer.from, answer.to) == (from, to) => answer.body.clone(),
            _ => {
                let count = usize::try_from(to - from).unwrap_or(usize::MAX);
                let body = self.body(state.log.from(from).take(count));
                if to > from {
                    state.answer = Some(Answer { from, to, body: body.clone() });
                }
                body
            }
        };
        Ok(Part {
            body,
            from: self.sealer.seal(from),
            next: self.sealer.seal(to),
            is_empty: to == from,
            is_up_to_date: to == state.log.end(),
            phase: state.phase,
        })
    }

    fn body<'a>(&self, messages: impl Iterator<Item = &'a Message>) -> Bytes {
        let mut body = Vec::new();
        match self.kind() {
            Kind::Json => crate::road::push_array(messages, &mut body),
            _ => messages.for_each(|message| body.extend_from_slice(&message.data)),
        }
        body.into()
    }

    /// Changes the state, and notes what is held then.
    fn change<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        let result = self.change_unrelieved(change);
        self.owner.relieve_if_too_much();
        result
    }

    fn change_unrelieved<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        let mut state = self.state.lock();
        let before = state.bytes();
        let result = change(&mut state);
        state.forget_old_answer();
        self.owner.note_bytes(before, state.bytes());
        state.check();
        result
    }
}

impl State {
    /// Bytes that are held.
    fn bytes(&self) -> usize {
        self.log.bytes() + self.answer.as_ref().map_or(0, |answer| answer.body.len())
    }

    /// An answer whose beginning is not kept any more is not asked for any more.
    fn forget_old_answer(&mut self) {
        self.answer.take_if(|answer| answer.from < self.log.start());
    }

    fn wake_waiting(&mut self) {
        mem::take(&mut self.waiting).into_values().for_each(Waker::wake);
    }

    fn check(&self) {
        if cfg!(debug_assertions) {
            let (start, end) = (self.log.start(), self.log.end());
            self.roads.iter().for_each(|listeners| listeners.check(end, self.is_scheduled));
            let is_over = self.phase != Phase::Open;
            assert!(!is_over || self.waiting.is_empty(), "nobody waits for what does not come");
            assert!(self.phase != Phase::Deleted || start == end, "a deleted one holds nothing");
            let is_kept = |it: &Answer| start <= it.from && it.from < it.to && it.to <= end;
            assert!(self.answer.as_ref().is_none_or(is_kept), "an answer is of what is kept");
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.owner.note_bytes(self.state.get_mut().bytes(), 0);
    }
}

/// The JSON texts of an append: the elements of an array, or one value (Durable Streams 1.0, 7.1).
fn json_messages(data: &[u8]) -> Result<Vec<Message>, serde_json::Error> {
    let is_array = data.trim_ascii_start().first() == Some(&b'[');
    if is_array {
        let values: Vec<&RawValue> = serde_json::from_slice(data)?;
        return Ok(values.into_iter().map(|value| Message::json(value.get())).collect());
    }
    let value: &RawValue = serde_json::from_slice(data)?;
    Ok(vec![Message::json(value.get())])
}

/// The number of the interval of 20 s, counted from 2024-10-09 (Durable Streams 1.0, 8.1), by which caches
/// tell one answer from the next. Behind the one that the client shows, whatever the clock says.
pub(crate) fn interval(shown: Option<u64>) -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
    let current = since.as_secs().saturating_sub(INTERVALS_BEGIN) / INTERVAL_SECONDS;
    match shown {
        Some(shown) if shown >= current => shown.saturating_add(1 + random_below(JITTER_MAX)),
        _ => current,
    }
}

const INTERVALS_BEGIN: u64 = 1_728_432_000;
const INTERVAL_SECONDS: u64 = 20;
/// An hour at most, in intervals.
const JITTER_MAX: u64 = 180;

impl Stream {
    /// Appends a message; to a stream of JSON a value, or the elements of an array each. Returns the
    /// cursor behind it. Nothing, to a stream that is not of JSON, is no message, and no error either.
    ///
    /// # Errors
    /// [`AppendError`] when the stream takes no more, or not this.
    pub fn append(&self, data: impl Into<Bytes>) -> Result<Cursor, AppendError> {
        let data = data.into();
        if data.is_empty() && self.shared.kind() != Kind::Json {
            let (tail, phase) = self.shared.tail();
            return match phase {
                Phase::Open | Phase::Ending => Ok(tail),
                Phase::Closed => Err(AppendError::Closed { tail }),
                Phase::Deleted => Err(AppendError::Deleted),
            };
        }
        let append = Append { data, ..Append::default() };
        self.shared.append(append).map(|appended| appended.tail)
    }

    /// Appends a value as JSON, an array too as one message.
    ///
    /// # Errors
    /// [`AppendError`] when it cannot be written as JSON, the stream is not of JSON, or takes no more.
    pub fn append_json<T: Serialize + ?Sized>(&self, value: &T) -> Result<Cursor, AppendError> {
        if self.shared.kind() != Kind::Json {
            return Err(AppendError::ContentType);
        }
        self.append(serde_json::to_vec(&[value])?)
    }

    /// Takes no more. Readers are told that they have everything. Returns the end.
    pub fn close(&self) -> Cursor {
        self.shared.end(Phase::Closed);
        self.tail()
    }

    /// Whether it takes no more.
    pub fn is_closed(&self) -> bool {
        self.shared.phase() == Phase::Closed
    }

    /// The cursor behind what was appended last.
    pub fn tail(&self) -> Cursor {
        self.shared.tail().0
    }

    /// The content type, as it was given.
    pub fn content_type(&self) -> &str {
        self.shared.content_type.as_str()
    }

    /// How many read it at this moment, on roads that go on and on.
    pub fn listeners(&self) -> usize {
        self.shared.listeners()
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.shared.fmt(f)
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (tail, phase) = self.tail();
        let mut stream = f.debug_struct("Stream");
        stream.field("name", &self.name).field("tail", &tail).field("phase", &phase);
        stream.finish_non_exhaustive()
    }
}
