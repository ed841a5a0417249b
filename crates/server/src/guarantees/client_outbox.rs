//! Events of a client's outbox are handled once: the server's side of `docs/reliable.md`.
//!
//! A client that has an outbox says so when it connects, and numbers its events. For each outbox a
//! window of answers is kept: an event whose number is in it is answered as it was the first time.

use std::any::Any;
use std::collections::{BTreeMap, HashMap};
use std::fmt::{self, Write as _};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use sockeye_socket_proto::{RawArgs, decode_args};
use tokio::time::Instant;

use super::tiered_shares::{Group, SharesByOwner};
use crate::error::EventError;
use crate::handler::acker::{Responder, memory};
use crate::server::snapshot::{OutboxesSnapshot, Usage};
use crate::socket::Socket;
use crate::socket::data::SocketData;

/// Which events of a client's outbox are handled once, and how much is remembered for that:
/// [`Namespace::reliable`](crate::Namespace::reliable).
///
/// ```
/// use std::time::Duration;
/// use sockeye::{Namespace, Reliable};
///
/// struct User {
///     name: String,
/// }
///
/// let rules = Reliable::default().age_max(Duration::from_secs(3600)).by_user(|user: &User| user.name.clone());
/// let namespace: Namespace = Namespace::new("/").reliable(rules);
/// # drop(namespace);
/// ```
#[derive(Clone)]
pub struct Reliable {
    answers_max: usize,
    answer_bytes_max: usize,
    age_max: Duration,
    outboxes_max: usize,
    bytes_max: usize,
    user: Option<ByUser>,
}

type ByUser = Arc<dyn Fn(&SocketData) -> Option<String> + Send + Sync>;

impl Default for Reliable {
    fn default() -> Self {
        Self {
            answers_max: 1_000,
            answer_bytes_max: 1024 * 1024,
            age_max: Duration::from_secs(600),
            outboxes_max: 10_000,
            bytes_max: 64 * 1024 * 1024,
            user: None,
        }
    }
}

impl Reliable {
    /// Answers remembered of one outbox, and so events that its client may have under way. Default
    /// 1,000, at least 1.
    #[must_use]
    pub fn answers_max(mut self, max: usize) -> Self {
        self.answers_max = max.max(1);
        self
    }

    /// Bytes of them. Default 1 MiB. The newest answer is kept whatever its size.
    #[must_use]
    pub fn answer_bytes_max(mut self, max: usize) -> Self {
        self.answer_bytes_max = max;
        self
    }

    /// How long an answer is remembered. Default 10 minutes.
    #[must_use]
    pub fn age_max(mut self, max: Duration) -> Self {
        self.age_max = max;
        self
    }

    /// Outboxes remembered in one namespace, or in all those of one dynamic declaration together.
    /// Whoever made the most makes room: by user (see [`by_user`](Reliable::by_user)) or else by
    /// address, of those the session with the most, and of its outboxes the one that was silent for
    /// longest. Default 10,000, at least 1.
    #[must_use]
    pub fn outboxes_max(mut self, max: usize) -> Self {
        self.outboxes_max = max.max(1);
        self
    }

    /// Bytes of all answers remembered for these outboxes; whoever has the most makes room, found as
    /// for [`outboxes_max`](Reliable::outboxes_max). Default 64 MiB.
    #[must_use]
    pub fn bytes_max(mut self, max: usize) -> Self {
        self.bytes_max = max;
        self
    }

    /// Ties an outbox to a user: to what `on_connect` [`set`](crate::Socket::set) as `T`. A client
    /// that shows somebody else's outbox id then has an outbox of its own. Without a `T` its
    /// outbox is not taken up at all.
    #[must_use]
    pub fn by_user<T: Any + Send + Sync>(
        mut self,
        user: impl Fn(&T) -> String + Send + Sync + 'static,
    ) -> Self {
        self.user = Some(Arc::new(move |data| data.get::<T>().map(|of| user(&of))));
        self
    }

    pub(crate) fn age(&self) -> Duration {
        self.age_max
    }
}

impl fmt::Debug for Reliable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reliable")
            .field("answers_max", &self.answers_max)
            .field("answer_bytes_max", &self.answer_bytes_max)
            .field("age_max", &self.age_max)
            .field("outboxes_max", &self.outboxes_max)
            .field("bytes_max", &self.bytes_max)
            .field("by_user", &self.user.is_some())
            .finish()
    }
}

/// The outboxes of a namespace, or of all those of one dynamic declaration.
pub(crate) struct Outboxes {
    rules: Reliable,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    windows: HashMap<Arc<str>, Window>,
    /// Whose they are, and when they were last used.
    makers: SharesByOwner<Arc<str>>,
}

/// What is known of one outbox.
struct Window {
    used: Instant,
    /// The highest number that was forgotten.
    floor: u64,
    /// The highest number seen.
    last: u64,
    entries: BTreeMap<u64, Entry>,
    bytes: usize,
}

struct Entry {
    /// When it began, or was answered.
    at: Instant,
    progress: Progress,
}

enum Progress {
    /// Who else wants the answer: of each socket the newest request.
    Underway(Vec<Responder>),
    Done(RawArgs),
}

/// Sockets that wait for one answer, beside the one whose event is handled. An outbox is one
/// client's, and few of its connections are open at a time; the ones that asked last get it.
const WAITING_SOCKETS_MAX: usize = 16;

/// A number of an outbox, as an event shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ticket {
    number: u64,
    /// The lowest number the client still wants an answer for.
    wanted: u64,
}

/// What to do with an event that has a ticket.
pub(crate) enum Begin {
    /// Handle it; its answer is remembered.
    New(Responder),
    /// It is answered already, or will be.
    Settled,
}

/// An event is being handled. When its answer is dropped, it was never there; when it panics, that
/// is its answer.
pub(crate) struct Turn {
    outboxes: Arc<Outboxes>,
    key: Arc<str>,
    number: u64,
}

impl Ticket {
    /// Takes the ticket off the arguments, if the last of them is one.
    pub(crate) fn split(args: &str) -> Option<(&str, Self)> {
        const OPENING: &str = "{\"_outbox\":[";
        let rest = args.strip_suffix("]}")?;
        let start = rest.rfind(OPENING)?;
        let (number, wanted) = rest[start + OPENING.len()..].split_once(',')?;
        let (number, wanted) = (parse_number(number)?, parse_number(wanted)?);
        let before = &rest[..start];
        let before = if before.is_empty() { before } else { before.strip_suffix(',')? };
        (wanted <= number).then_some((before, Self { number, wanted }))
    }
}

/// An integer from 1 to 2⁵³−1, as JSON writes it.
fn parse_number(text: &str) -> Option<u64> {
    let is_plain = text.bytes().all(|digit| digit.is_ascii_digit()) && !text.starts_with('0');
    let number = text.parse().ok().filter(|number| *number < 1 << 53);
    number.filter(|_| is_plain)
}

impl Outboxes {
    pub(crate) fn new(rules: Reliable) -> Arc<Self> {
        Arc::new(Self { rules, state: Mutex::default() })
    }

    /// The key of the outbox that a client offers to a namespace in its `auth`, if it does: its id,
    /// a space, the namespace, and after a comma, which namespaces have not, the user.
    pub(crate) fn accept(
        &self,
        namespace: &str,
        auth: &str,
        data: &SocketData,
    ) -> Option<Arc<str>> {
        #[derive(serde::Deserialize)]
        struct Auth {
            #[serde(rename = "_outbox")]
            outbox: Offer,
        }
        #[derive(serde::Deserialize)]
        struct Offer {
            v: u32,
            id: String,
        }
        if !auth.contains("\"_outbox\"") {
            return None;
        }
        let Offer { v, id } = decode_args::<Auth>(auth, &[]).ok()?.outbox;
        let is_id = |c: u8| c.is_ascii_alphanumeric() || c == b'-' || c == b'_';
        if v != 1 || !(20..=64).contains(&id.len()) || !id.bytes().all(is_id) {
            return None;
        }
        Some(match &self.rules.user {
            Some(user) => format!("{id} {namespace},{}", user(data)?).into(),
            None => format!("{id} {namespace}").into(),
        })
    }

    /// Writes what is told to a client whose outbox is accepted: the member of the reply.
    pub(crate) fn write_reply(&self, key: &str, out: &mut String) {
        let last = self.state.lock().windows.get(key).map_or(0, |window| window.last);
        let (window, age) = (self.rules.answers_max, self.rules.age_max.as_secs());
        let reply = format_args!(
            "\"_outbox\":{{\"v\":1,\"window\":{window},\"age\":{age},\"last\":{last}}}"
        );
        out.write_fmt(reply).expect("writing to a string does not fail");
    }

    /// An event with a ticket has come.
    pub(crate) fn begin(
        self: &Arc<Self>,
        key: &Arc<str>,
        ticket: Ticket,
        responder: Responder,
    ) -> Begin {
        let mut state = self.state.lock();
        let now = Instant::now();
        state.forget_silent(now, self.rules.age_max);
        let State { windows, makers } = &mut *state;
        makers.touch(key, responder.socket.session().id(), || group(key, &responder.socket));
        let window = windows.entry(key.clone()).or_insert_with(|| Window::new(now));
        window.used = now;
        window.forget_up_to(ticket.wanted - 1);
        window.forget_old(now, self.rules.age_max);
        let begin = match window.entries.get_mut(&ticket.number) {
            Some(Entry { progress: Progress::Done(answer), .. }) => Err(Some(answer.clone())),
            Some(Entry { progress: Progress::Underway(waiting), .. }) => {
                wait(waiting, responder.clone());
                Ok(Begin::Settled)
            }
            None if ticket.number <= window.floor => Err(None),
            None => {
                window.last = window.last.max(ticket.number);
                let progress = Progress::Underway(Vec::new());
                window.entries.insert(ticket.number, Entry { at: now, progress });
                window.forget_many(self.rules.answers_max);
                let (outboxes, key) = (self.clone(), key.clone());
                let turn = Arc::new(Turn { outboxes, key, number: ticket.number });
                Ok(Begin::New(Responder { turn: Some(turn), ..responder.clone() }))
            }
        };
        makers.resize(key, window.bytes);
        state.forget_outboxes(&self.rules);
        drop(state);
        match begin {
            Ok(begin) => begin,
            Err(Some(answer)) => {
                responder.send(&answer);
                Begin::Settled
            }
            Err(None) => {
                let why = "it is too long ago to know whether this event was handled";
                responder.fail(&EventError::new("forgotten", why));
                Begin::Settled
            }
        }
    }

    /// Forgets the outboxes that were silent for too long.
    pub(crate) fn sweep(&self) {
        self.state.lock().forget_silent(Instant::now(), self.rules.age_max);
    }

    /// What is remembered at this moment. Looks at every outbox.
    pub(crate) fn snapshot(&self) -> OutboxesSnapshot {
        let state = self.state.lock();
        let windows = state.windows.values();
        let bytes = windows.clone().map(|window| window.bytes).sum();
        OutboxesSnapshot {
            outboxes: Usage::new(state.windows.len(), self.rules.outboxes_max),
            answers: windows.map(|window| window.entries.len()).sum(),
            bytes: Usage::new(bytes, self.rules.bytes_max),
        }
    }

    /// Remembers an answer, and tells whoever waits for it.
    fn finish(&self, key: &Arc<str>, number: u64, answer: &RawArgs) {
        let mut state = self.state.lock();
        let State { windows, makers } = &mut *state;
        let Some(window) = windows.get_mut(key) else {
            return;
        };
        let Some(entry) = window.entries.get_mut(&number) else {
            return;
        };
        let Progress::Underway(waiting) = &mut entry.progress else {
            return;
        };
        let waiting = std::mem::take(waiting);
        let now = Instant::now();
        *entry = Entry { at: now, progress: Progress::Done(answer.clone()) };
        window.used = now;
        makers.renew(key);
        window.bytes += memory(answer);
        window.forget_much(self.rules.answer_bytes_max);
        makers.resize(key, window.bytes);
        state.forget_outboxes(&self.rules);
        drop(state);
        waiting.iter().for_each(|responder| responder.send(answer));
    }

    /// An event was not answered: it may come again.
    fn give_up(&self, key: &str, number: u64) {
        let mut state = self.state.lock();
        if let Some(window) = state.windows.get_mut(key)
            && let Some(Entry { progress: Progress::Underway(_), .. }) = window.entries.get(&number)
        {
            window.entries.remove(&number);
        }
    }
}

/// Adds who wants an answer. A socket that asks again wants it under its newest id, and one that is
/// gone wants it no more: however often an event comes, little is kept for it.
fn wait(waiting: &mut Vec<Responder>, responder: Responder) {
    waiting.retain(|other| other.socket != responder.socket && other.socket.is_connected());
    if waiting.len() >= WAITING_SOCKETS_MAX {
        waiting.remove(0);
    }
    waiting.push(responder);
}

/// Who is behind the session that uses an outbox.
fn group(key: &str, socket: &Socket) -> Group {
    match key.split_once(',') {
        Some((_, user)) => Group::User(user.into()),
        None => Group::by_address(socket),
    }
}

impl State {
    fn forget_silent(&mut self, now: Instant, age_max: Duration) {
        while let Some(key) = self.makers.oldest().cloned() {
            match self.windows.get_mut(&key) {
                Some(window) if now - window.used <= age_max => return,
                // Its event may come again while it is handled.
                Some(window) if window.is_busy() => {
                    window.used = now;
                    self.makers.renew(&key);
                }
                _ => {
                    self.makers.remove(&key);
                    self.windows.remove(&key);
                }
            }
        }
    }

    /// One stays, however large it is.
    fn forget_outboxes(&mut self, rules: &Reliable) {
        while self.windows.len() > 1
            && let Some(key) = self.makers.evict(rules.outboxes_max, rules.bytes_max)
        {
            self.windows.remove(&key);
        }
    }
}

impl Window {
    fn new(now: Instant) -> Self {
        Self { used: now, floor: 0, last: 0, entries: BTreeMap::new(), bytes: 0 }
    }

    /// Whether one of its events is being handled.
    fn is_busy(&self) -> bool {
        self.entries.values().any(|entry| matches!(entry.progress, Progress::Underway(_)))
    }

    fn forget(&mut self, number: u64) {
        if let Some(entry) = self.entries.remove(&number)
            && let Progress::Done(answer) = entry.progress
        {
            self.bytes -= memory(&answer);
        }
        self.floor = self.floor.max(number);
    }

    /// What the client does not want to know any more.
    fn forget_up_to(&mut self, number: u64) {
        while let Some((&first, _)) = self.entries.first_key_value()
            && first <= number
        {
            self.forget(first);
        }
        self.floor = self.floor.max(number);
    }

    fn forget_old(&mut self, now: Instant, age_max: Duration) {
        while let Some((&first, entry)) = self.entries.first_key_value()
            && now - entry.at > age_max
            && matches!(entry.progress, Progress::Done(_))
        {
            self.forget(first);
        }
    }

    fn forget_many(&mut self, max: usize) {
        while self.entries.len() > max
            && let Some((&first, _)) = self.entries.first_key_value()
        {
            self.forget(first);
        }
    }

    fn forget_much(&mut self, bytes_max: usize) {
        while self.bytes > bytes_max
            && self.entries.len() > 1
            && let Some((&first, _)) = self.entries.first_key_value()
        {
            self.forget(first);
        }
    }
}

impl Turn {
    /// The event has its answer; the first counts.
    pub(crate) fn finish(&self, answer: &RawArgs) {
        self.outboxes.finish(&self.key, self.number, answer);
    }

    /// Sent again, the event is not to end the next session too.
    pub(crate) fn panicked(&self) {
        self.finish(&EventError::new("panic", "the handler panicked").to_ack());
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.panicked();
        }
        self.outboxes.give_up(&self.key, self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tickets_are_the_last_argument_and_written_exactly() {
        let split = |args| Ticket::split(args).map(|(rest, t)| (rest, t.number, t.wanted));
        let cases = [
            (r#"{"_outbox":[17,15]}"#, Some(("", 17, 15))),
            (r#""a",[1],{"_outbox":[1,1]}"#, Some((r#""a",[1]"#, 1, 1))),
            (r#"1,{"_outbox":[9007199254740991,1]}"#, Some(("1", (1 << 53) - 1, 1))),
            (r#"1,{"_outbox":[9007199254740992,1]}"#, None),
            (r#"1,{"_outbox":[1,2]}"#, None),
            (r#"1,{"_outbox":[0,0]}"#, None),
            (r#"1,{"_outbox":[2,01]}"#, None),
            (r#"1,{"_outbox":[+2,1]}"#, None),
            (r#"1,{"_outbox":[2, 1]}"#, None),
            (r#"1,{"_outbox":[2,1,1]}"#, None),
            (r#"1,{"_outbox":[2]}"#, None),
            (r#"1,{"_outbox":[2,1],"x":1}"#, None),
            (r#"1,{"x":1,"_outbox":[2,1]}"#, None),
            (r#"1,{"x":{"_outbox":[2,1]}}"#, None),
            (r#"[{"_outbox":[2,1]}]"#, None),
            (r#""{\"_outbox\":[2,1]}""#, None),
            (r#"{"a{\"_outbox":[2,1]}"#, None),
            (r#"{"_outbox":[2,1]},1"#, None),
            ("", None),
        ];
        for (args, expected) in cases {
            assert_eq!(split(args), expected, "{args}");
        }
    }

    #[test]
    fn offers_of_another_shape_are_none() {
        let accept = |auth: &str| {
            Outboxes::new(Reliable::default()).accept("/", auth, &SocketData::default())
        };
        let id = "S9m2fQw7Rk1Zt0yPp3Lh";
        let offer = |v: &str, id: &str| format!(r#"{{"_outbox":{{"v":{v},"id":"{id}"}}}}"#);
        assert_eq!(accept(&offer("1", id)).as_deref(), Some(&*format!("{id} /")));
        assert!(accept(&offer("1", &"a".repeat(64))).is_some());
        for bad in [
            offer("2", id),
            offer("1", &"a".repeat(19)),
            offer("1", &"a".repeat(65)),
            offer("1", "has a space in its id"),
            r#"{"_outbox":1}"#.to_owned(),
            r#"{"_outbox":{"v":1}}"#.to_owned(),
            r#"{"outbox":{"v":1,"id":"S9m2fQw7Rk1Zt0yPp3Lh"}}"#.to_owned(),
            "{}".to_owned(),
        ] {
            assert!(accept(&bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn an_outbox_is_its_users() {
        let rules = Reliable::default().by_user(|name: &String| name.clone());
        let outboxes = Outboxes::new(rules);
        let auth = r#"{"_outbox":{"v":1,"id":"S9m2fQw7Rk1Zt0yPp3Lh"}}"#;
        let key = |name: &str| {
            let mut data = SocketData::default();
            data.set(name.to_owned());
            outboxes.accept("/", auth, &data).unwrap()
        };
        assert_ne!(key("ann"), key("bob"));
        assert_eq!(key("ann"), key("ann"));
        assert!(outboxes.accept("/", auth, &SocketData::default()).is_none(), "nobody's");
    }
}
