//! This server's own events on their way through a stream.
//!
//! An event gets its offset from Redis and is delivered here when it comes back with it. What happens to it:
//!
//! | | what becomes of it |
//! |---|---|
//! | it comes back by the stream | it is delivered with its offset |
//! | Redis refuses it, or there is no connection | it is delivered without an offset, after those before it |
//! | the connection is lost before Redis has answered | whether it was written shows when the reader has read to the end of the stream: then it has come back, or is delivered without an offset |
//! | the reader has no connection | it is delivered without an offset; if it comes back after all, it is skipped |
//!
//! So each event reaches each connected client of this server once, and the events of this server in their order. One that
//! was delivered without an offset and is in the stream nevertheless may come a second time to a client that recovers: the
//! client has no offset by which it could show that it has it.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use parking_lot::Mutex;
use redis::Value;
use sockeye::OwnedOperation;
use sockeye_cluster_proto::messages::Entry;
use tokio::sync::Notify;

use super::entry::{EntryId, text};
use crate::publisher::Outcome;

/// The events of one stream. The stream's reader delivers them, so that they stay in order.
#[derive(Default)]
pub(super) struct Pending {
    state: Mutex<State>,
    /// Wakes the reader: something is to be delivered, or to be looked for.
    pub(super) changed: Notify,
}

#[derive(Default)]
struct State {
    next: u64,
    events: VecDeque<PendingEvent>,
}

struct PendingEvent {
    number: u64,
    operation: OwnedOperation,
    /// The hash of what is written, by which it is recognised before its id is known.
    content: u64,
    progress: Progress,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    /// Redis has not answered.
    Sent,
    /// It is in the stream.
    Written(EntryId),
    /// It may be in the stream.
    Unknown,
    /// The same, and the reader reads to the end of the stream since then.
    Sought,
    /// It is not in the stream.
    Failed,
}

/// Events of one stream that wait to come back.
const EVENTS_MAX: usize = 65_536;

/// An event that is to be delivered now, and its offset if it has one.
pub(super) type Due = (OwnedOperation, Option<EntryId>);

impl Pending {
    /// Adds an event and lets `send` send it, in one order for all threads. `send` returns false if it cannot be sent. The
    /// event is given back if too many wait: the reader does not keep up, and order is worth less than an end.
    pub(super) fn send(
        self: &Arc<Self>,
        operation: OwnedOperation,
        entry: &Entry<'_>,
        send: impl FnOnce(Box<dyn FnOnce(Outcome) + Send>) -> bool,
    ) -> Option<OwnedOperation> {
        let mut state = self.state.lock();
        if state.events.len() >= EVENTS_MAX {
            return Some(operation);
        }
        let number = state.next;
        state.next += 1;
        let this = Arc::clone(self);
        let is_sent = send(Box::new(move |outcome| this.answered(number, &outcome)));
        let progress = if is_sent { Progress::Sent } else { Progress::Failed };
        let content = content(entry);
        state.events.push_back(PendingEvent { number, operation, content, progress });
        drop(state);
        if !is_sent {
            self.changed.notify_one();
        }
        None
    }

    fn answered(&self, number: u64, outcome: &Outcome) {
        let progress = match outcome {
            Outcome::Done(id) => match written(id) {
                Some(id) => Progress::Written(id),
                None => Progress::Unknown,
            },
            Outcome::Refused => Progress::Failed,
            Outcome::Unknown => Progress::Unknown,
        };
        let mut state = self.state.lock();
        if let Ok(at) = state.events.binary_search_by_key(&number, |event| event.number) {
            state.events[at].progress = progress;
            drop(state);
            self.changed.notify_one();
        }
    }

    /// An entry of this server has come: what is to be delivered now, in order. Empty: it was delivered before, or is no
    /// such event.
    pub(super) fn came_back(&self, id: EntryId, entry: &Entry<'_>) -> Vec<Due> {
        let content = content(entry);
        let is_it = |event: &PendingEvent| match event.progress {
            Progress::Written(written) => written == id,
            _ => event.content == content,
        };
        let mut state = self.state.lock();
        let Some(at) = state.events.iter().position(is_it) else { return Vec::new() };
        // Those before it were sent before it and have not come: they are not written, or were trimmed already.
        let before = state.events.drain(..at).map(PendingEvent::due);
        let mut due: Vec<_> = before.collect();
        due.extend(state.events.pop_front().map(|event| (event.operation, Some(id))));
        due.extend(state.take_failed());
        due
    }

    /// What need not be waited for: it is not written, or stands in the stream where the reader has been already.
    pub(super) fn due(&self, position: EntryId) -> Vec<Due> {
        let mut state = self.state.lock();
        let mut due = Vec::new();
        while let Some(event) = state.events.front()
            && match event.progress {
                Progress::Failed => true,
                Progress::Written(id) => id <= position,
                _ => false,
            }
        {
            due.extend(state.events.pop_front().map(PendingEvent::due));
        }
        due
    }

    /// Whether there is something of which only reading to the stream's end shows whether it is written.
    pub(super) fn has_unknown(&self) -> bool {
        let state = self.state.lock();
        state.events.iter().any(|event| event.progress == Progress::Unknown)
    }

    /// The reader begins to read to the stream's end.
    pub(super) fn seek(&self) {
        self.change(Progress::Unknown, Progress::Sought);
    }

    /// It has read to the end since then: what has not come is not written.
    pub(super) fn not_found(&self) {
        self.change(Progress::Sought, Progress::Failed);
    }

    fn change(&self, from: Progress, to: Progress) {
        for event in &mut self.state.lock().events {
            if event.progress == from {
                event.progress = to;
            }
        }
    }

    /// All of them: the reader has no connection.
    pub(super) fn release(&self) -> Vec<OwnedOperation> {
        self.state.lock().events.drain(..).map(|event| event.operation).collect()
    }
}

impl State {
    fn take_failed(&mut self) -> Vec<Due> {
        let failed = self.events.iter().take_while(|event| event.progress == Progress::Failed);
        let count = failed.count();
        self.events.drain(..count).map(PendingEvent::due).collect()
    }
}

impl PendingEvent {
    fn due(self) -> Due {
        let id = match self.progress {
            Progress::Written(id) => Some(id),
            _ => None,
        };
        (self.operation, id)
    }
}

/// The id that `XADD` answers with.
fn written(answer: &Value) -> Option<EntryId> {
    text(answer)?.parse().ok()
}

fn content(entry: &Entry<'_>) -> u64 {
    let mut hasher = DefaultHasher::new();
    (&entry.nsp, &entry.kind, &entry.data).hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use redis::Value;
    use sockeye::{Action, Flags, Operation, TargetsRef};
    use sockeye_cluster_proto::{Body, Emitted, Message, Targets};

    use super::*;

    type Told = Box<dyn FnOnce(Outcome) + Send>;

    /// Sends an event of this name, and returns what tells what became of it.
    fn send(pending: &Arc<Pending>, name: &str) -> Option<Told> {
        let event = Emitted { name: name.into(), args: "", attachments: &[] };
        let flags = Flags { is_volatile: false, may_compress: true, timeout: Duration::ZERO };
        let action = Action::Emit { event: event.event_ref(), offset: None };
        let targets = TargetsRef::default();
        let operation = Operation { namespace: "/", targets, flags, action }.to_owned_operation();
        let mut told = None;
        let message = message(name);
        let given_back = pending.send(operation, &Entry::of(&message), |it| {
            told = Some(it);
            true
        });
        assert_eq!(given_back.is_some(), told.is_none());
        told
    }

    fn message(name: &str) -> Message<'_> {
        let event = Emitted { name: name.into(), args: "", attachments: &[] };
        let (targets, flags) = (Targets::default(), sockeye_cluster_proto::Flags::default());
        let body = Body::Emit { targets, flags, event, request: None };
        Message { sender: Some("a".into()), namespace: "/".into(), body }
    }

    fn id(number: u64) -> EntryId {
        format!("5-{number}").parse().unwrap()
    }

    fn done(number: u64) -> Outcome {
        Outcome::Done(Value::BulkString(format!("5-{number}").into_bytes()))
    }

    /// The names and numbers of what is due.
    fn names(due: Vec<Due>) -> Vec<(String, Option<String>)> {
        let name = |operation: &OwnedOperation| match operation.operation().action {
            Action::Emit { event, .. } => event.name.to_owned(),
            _ => String::new(),
        };
        due.iter().map(|(operation, id)| (name(operation), id.map(|id| id.to_string()))).collect()
    }

    fn came_back(pending: &Pending, number: u64, name: &str) -> Vec<(String, Option<String>)> {
        names(pending.came_back(id(number), &Entry::of(&message(name))))
    }

    fn with(name: &str, offset: Option<&str>) -> (String, Option<String>) {
        (name.to_owned(), offset.map(str::to_owned))
    }

    #[test]
    fn an_event_comes_back_before_or_after_the_answer() {
        let pending = Arc::<Pending>::default();
        let first = send(&pending, "first").unwrap();
        assert_eq!(came_back(&pending, 1, "first"), [with("first", Some("5-1"))]);
        first(done(1));
        let second = send(&pending, "second").unwrap();
        second(done(2));
        assert!(pending.due(id(1)).is_empty());
        assert_eq!(came_back(&pending, 2, "second"), [with("second", Some("5-2"))]);
        assert_eq!(came_back(&pending, 3, "second"), [], "once");
    }

    #[test]
    fn what_is_refused_waits_for_what_was_sent_before_it() {
        let pending = Arc::<Pending>::default();
        let [first, second, third] =
            ["first", "second", "third"].map(|it| send(&pending, it).unwrap());
        second(Outcome::Refused);
        assert!(pending.due(id(0)).is_empty());
        first(done(1));
        let both = [with("first", Some("5-1")), with("second", None)];
        assert_eq!(came_back(&pending, 1, "first"), both);
        third(Outcome::Refused);
        assert_eq!(names(pending.due(id(1))), [with("third", None)]);
    }

    #[test]
    fn what_may_be_written_is_sought_in_the_stream() {
        let pending = Arc::<Pending>::default();
        for name in ["written", "not written"] {
            send(&pending, name).unwrap()(Outcome::Unknown);
        }
        assert!(pending.has_unknown() && pending.due(id(9)).is_empty());
        pending.seek();
        assert_eq!(came_back(&pending, 1, "written"), [with("written", Some("5-1"))]);
        pending.not_found();
        assert_eq!(names(pending.due(id(1))), [with("not written", None)]);
        assert_eq!(
            came_back(&pending, 2, "not written"),
            [],
            "too late: it is not delivered twice"
        );
    }

    #[test]
    fn two_that_are_alike_are_told_apart_once_their_ids_are_known() {
        let pending = Arc::<Pending>::default();
        let [first, second] = ["same", "same"].map(|it| send(&pending, it).unwrap());
        first(Outcome::Refused);
        second(done(1));
        assert_eq!(names(pending.due(id(0))), [with("same", None)]);
        assert_eq!(came_back(&pending, 1, "same"), [with("same", Some("5-1"))]);
    }

    #[test]
    fn what_waits_is_bounded_and_can_be_released() {
        let pending = Arc::<Pending>::default();
        for _ in 0..EVENTS_MAX {
            drop(send(&pending, "one").unwrap());
        }
        assert!(send(&pending, "too many").is_none());
        assert_eq!(pending.release().len(), EVENTS_MAX);
        assert!(send(&pending, "one").is_some());
    }
}
