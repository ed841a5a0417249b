//! What was asked of whom, and what has been answered.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Instant;

use super::{Skipped, Verdict};
use crate::message::{Body, Value};

/// The requests of this server that wait for answers.
#[derive(Debug)]
pub(super) struct Requests<T> {
    by_id: HashMap<Arc<str>, Request<T>>,
    /// The same by the time at which they are forgotten.
    deadlines: BTreeSet<(Instant, Arc<str>)>,
    max: usize,
    /// The letters of an id.
    id_length: usize,
    /// What the next id is made of.
    random: u64,
}

/// A request that has begun: it is to be sent with this id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// The id.
    pub request: Arc<str>,
    /// The servers that are asked: their names, or `unknown 1` and so on of those that the bus counts and nobody knows.
    pub servers: Vec<Arc<str>>,
}

#[derive(Debug)]
struct Request<T> {
    asker: T,
    slots: Vec<Slot>,
    /// Whether the bus has said how many answers there will be; else those that are known are waited for.
    is_counted: bool,
    deadline: Instant,
    /// Acks that came before the count they belong to.
    held: Vec<Held>,
}

/// One server that is asked.
#[derive(Debug)]
struct Slot {
    name: Arc<str>,
    /// Its id, as soon as it is known.
    uid: Option<Arc<str>>,
    /// It was not known when the others were asked, and whoever asked has not been told of it.
    is_joining: bool,
    state: State,
}

#[derive(Debug)]
enum State {
    Waiting,
    /// So many clients have not answered; those that have, where the server tells them.
    Acks {
        missing: u64,
        answered: HashSet<Box<str>>,
    },
    Done,
}

/// An ack that came before the count it belongs to.
#[derive(Debug)]
struct Held {
    uid: Option<Arc<str>>,
    socket: Option<Box<str>>,
    answer: Option<Value<'static>>,
}

impl<T: Clone> Requests<T> {
    pub(super) fn new(id_length: usize, max: usize, seed: u64) -> Self {
        let by_id = HashMap::new();
        Self { by_id, deadlines: BTreeSet::new(), max, id_length, random: seed }
    }

    /// Begins a request to the `known` servers, or to as many as `others` says.
    pub(super) fn begin(
        &mut self,
        asker: T,
        known: impl Iterator<Item = (Arc<str>, Arc<str>)>,
        others: Option<usize>,
        deadline: Instant,
    ) -> Ask {
        let mut slots: Vec<Slot> = Vec::new();
        for (uid, name) in known {
            let name = unused_name(&slots, name, &uid);
            slots.push(Slot::new(name, Some(uid)));
        }
        if let Some(others) = others {
            slots.truncate(others.min(SLOTS_MAX));
            let unknown = slots.len()..others.min(SLOTS_MAX);
            let unknown = unknown.zip(1..).map(|(_, number)| format!("unknown {number}").into());
            slots.extend(unknown.map(|name| Slot::new(name, None)).collect::<Vec<_>>());
        }
        if self.by_id.len() >= self.max
            && let Some((_, oldest)) = self.deadlines.pop_first()
        {
            self.by_id.remove(&oldest);
        }
        let request = self.next_id();
        let servers = slots.iter().map(|slot| Arc::clone(&slot.name)).collect();
        if !slots.is_empty() {
            self.deadlines.insert((deadline, Arc::clone(&request)));
            let is_counted = others.is_some();
            let begun = Request { asker, slots, is_counted, deadline, held: Vec::new() };
            self.by_id.insert(Arc::clone(&request), begun);
        }
        Ask { request, servers }
    }

    /// An id that no other request of this server has, and none of another but by chance.
    fn next_id(&mut self) -> Arc<str> {
        const LETTERS: &[u8; 16] = b"0123456789abcdef";
        loop {
            let mut id = String::with_capacity(self.id_length);
            while id.len() < self.id_length {
                let mut number = self.next_random();
                for _ in 0..16.min(self.id_length - id.len()) {
                    id.push(char::from(LETTERS[(number & 0xf) as usize]));
                    number >>= 4;
                }
            }
            if !self.by_id.contains_key(&*id) {
                return id.into();
            }
        }
    }

    /// SplitMix64.
    fn next_random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// An answer has come. `name`: that of the server, if it is known.
    pub(super) fn answer<'m>(
        &mut self,
        uid: Option<&str>,
        name: Option<&Arc<str>>,
        body: Body<'m>,
    ) -> Verdict<'m, T> {
        let Some(id) = body.request() else { return Verdict::Skip(Skipped::Unasked) };
        let Some(request) = self.by_id.get_mut(id) else { return Verdict::Skip(Skipped::Unasked) };
        let id = Arc::<str>::from(id);
        let Some(at) = request.slot_of(uid, &body, name) else {
            return Verdict::Skip(Skipped::Unasked);
        };
        let Some(answers) = request.take(at, uid, body) else {
            return Verdict::Skip(Skipped::Unasked);
        };
        if answers.is_empty() {
            return Verdict::Skip(Skipped::Early);
        }
        let slot = &mut request.slots[at];
        let is_joining = std::mem::take(&mut slot.is_joining);
        let (asker, server) = (request.asker.clone(), Arc::clone(&slot.name));
        self.finish(&id);
        Verdict::Answers { asker, server, is_joining, answers }
    }

    /// A server is gone: those who wait for it, and its name for them.
    pub(super) fn left(&mut self, uid: &str) -> Vec<(T, Arc<str>)> {
        let mut silent = Vec::new();
        for request in self.by_id.values_mut() {
            let is_its = |slot: &&mut Slot| slot.uid.as_deref() == Some(uid) && !slot.is_done();
            for slot in request.slots.iter_mut().filter(is_its) {
                slot.state = State::Done;
                silent.push((request.asker.clone(), Arc::clone(&slot.name)));
            }
        }
        let done: Vec<_> = self
            .by_id
            .iter()
            .filter(|(_, it)| it.is_done())
            .map(|(id, _)| Arc::clone(id))
            .collect();
        done.iter().for_each(|id| self.finish(id));
        silent
    }

    /// Forgets a request if nothing of it is missing.
    fn finish(&mut self, id: &Arc<str>) {
        if let Some(request) = self.by_id.get(id)
            && request.is_done()
        {
            self.deadlines.remove(&(request.deadline, Arc::clone(id)));
            self.by_id.remove(id);
        }
    }

    pub(super) fn forget_overdue(&mut self, now: Instant) {
        while let Some((at, id)) = self.deadlines.pop_first() {
            if at > now {
                self.deadlines.insert((at, id));
                return;
            }
            self.by_id.remove(&id);
        }
    }

    pub(super) fn next_timeout(&self) -> Option<Instant> {
        self.deadlines.first().map(|(at, _)| *at)
    }

    pub(super) fn check(&self) {
        debug_assert_eq!(self.by_id.len(), self.deadlines.len(), "each request has a deadline");
        debug_assert!(self.by_id.len() <= self.max.max(1), "no more requests than allowed");
        debug_assert!(self.by_id.values().all(|it| !it.is_done()), "what is done is forgotten");
    }
}

impl<T> Request<T> {
    fn is_done(&self) -> bool {
        self.slots.iter().all(Slot::is_done)
    }

    /// The slot of whoever answers; the slot is its own from then on.
    fn slot_of(
        &mut self,
        uid: Option<&str>,
        body: &Body<'_>,
        name: Option<&Arc<str>>,
    ) -> Option<usize> {
        let own = |slot: &Slot| uid.is_some() && slot.uid.as_deref() == uid;
        if let Some(at) = self.slots.iter().position(own) {
            return Some(at);
        }
        if !self.is_counted {
            // It was not known when the others were asked. It answers as well, and nobody's place is taken.
            let uid = uid.filter(|_| self.slots.len() < SLOTS_MAX)?;
            let name = name.map_or_else(|| uid.into(), Arc::clone);
            let name = unused_name(&self.slots, name, uid);
            self.slots.push(Slot { is_joining: true, ..Slot::new(name, Some(uid.into())) });
            return Some(self.slots.len() - 1);
        }
        let waits = |slot: &Slot| matches!(slot.state, State::Waiting);
        let has_acks = |slot: &Slot| matches!(slot.state, State::Acks { .. });
        let is_ack = matches!(body, Body::Ack { .. });
        let nameless = |accept: &dyn Fn(&Slot) -> bool| {
            self.slots.iter().position(|slot| slot.uid.is_none() && accept(slot))
        };
        // A slot that has counted without a name is of a server that does not say who it is.
        let counted = (is_ack && uid.is_none()).then(|| nameless(&has_acks)).flatten();
        let at = counted.or_else(|| nameless(&waits));
        // More servers are known than the bus counts: this is in place of one that is not there any more.
        let at = at.or_else(|| self.slots.iter().position(waits))?;
        if uid.is_some() || !is_ack {
            self.slots[at].uid = uid.map(Into::into);
        }
        Some(at)
    }

    /// Takes an answer for a slot. `None`: nobody waits for it; nothing: it is kept.
    fn take<'m>(&mut self, at: usize, uid: Option<&str>, body: Body<'m>) -> Option<Vec<Body<'m>>> {
        let slot = &mut self.slots[at];
        match (&mut slot.state, body) {
            (State::Waiting, Body::Asked { request, count }) => {
                slot.state = match count {
                    0 => State::Done,
                    missing => State::Acks { missing, answered: HashSet::new() },
                };
                let mut answers = vec![Body::Asked { request: request.clone(), count }];
                let uid = slot.uid.clone();
                let (early, held) = std::mem::take(&mut self.held)
                    .into_iter()
                    .partition(|held: &Held| held.uid == uid);
                self.held = held;
                self.release(at, early, &request, &mut answers);
                Some(answers)
            }
            (State::Waiting, Body::Ack { socket, answer, .. }) => {
                if self.held.len() >= HELD_MAX {
                    return None;
                }
                let socket = socket.map(|socket| socket.as_ref().into());
                let uid = uid.map(Into::into);
                self.held.push(Held { uid, socket, answer: answer.map(Value::into_owned) });
                Some(Vec::new())
            }
            (State::Waiting, body) => {
                slot.state = State::Done;
                Some(vec![body])
            }
            (State::Acks { .. }, body @ Body::Ack { .. }) => {
                let Body::Ack { socket, .. } = &body else { return None };
                slot.count(socket.as_deref()).then(|| vec![body])
            }
            (State::Acks { .. } | State::Done, _) => None,
        }
    }

    /// Gives out what came before the count of a slot; what is more than the count waits for another's.
    fn release(&mut self, at: usize, early: Vec<Held>, request: &str, answers: &mut Vec<Body<'_>>) {
        for held in early {
            let Held { uid, socket, answer } = held;
            if self.slots[at].count(socket.as_deref()) {
                let request = Cow::Owned(request.to_owned());
                let socket = socket.map(|socket| Cow::Owned(socket.into()));
                answers.push(Body::Ack { request, socket, answer });
            } else if uid.is_none() {
                self.held.push(Held { uid, socket, answer });
            }
        }
    }
}

impl Slot {
    fn new(name: Arc<str>, uid: Option<Arc<str>>) -> Self {
        Self { name, uid, is_joining: false, state: State::Waiting }
    }

    fn is_done(&self) -> bool {
        matches!(self.state, State::Done)
    }

    /// Counts the ack of a client. False: it has been counted, or none is missing.
    fn count(&mut self, socket: Option<&str>) -> bool {
        let State::Acks { missing, answered } = &mut self.state else { return false };
        if let Some(socket) = socket
            && !answered.insert(socket.into())
        {
            return false;
        }
        *missing -= 1;
        if *missing == 0 {
            self.state = State::Done;
        }
        true
    }
}

/// A name that tells a server from the others that are asked. While one that was started again is not known to be gone, two
/// have the same; the later is called by its id as well.
fn unused_name(slots: &[Slot], name: Arc<str>, uid: &str) -> Arc<str> {
    match slots.iter().any(|slot| slot.name == name) {
        true => format!("{name} ({uid})").into(),
        false => name,
    }
}

/// Servers that are asked at once, whatever the bus counts.
const SLOTS_MAX: usize = 10_000;
/// Acks of one request that are kept before the count that they belong to.
const HELD_MAX: usize = 1_000;
