//! Handling events of a client's outbox once: the server's side of `docs/reliable.md`.
//!
//! A client with an outbox sends its id when it connects, and numbers its events. The answers of
//! each outbox are remembered: an event whose number is known is answered as it was the first time.

use std::any::Any;
use std::fmt::{self, Write as _};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use sockeye_engine::SessionId;
use sockeye_socket_proto::{RawArgs, decode_args};
use tokio::time::Instant;

use super::answers::{Answers, Bounds, Handling, Key, Known, SharedAnswers};
use super::shares::{Group, SharesByOwner};
use crate::error::EventError;
use crate::server::snapshot::{OutboxesSnapshot, Usage};
use crate::socket::data::SocketData;
use crate::socket::id::SocketId;

/// The rules and limits by which events of a client's outbox are handled once:
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
#[derive(Clone, Default)]
pub struct Reliable {
    bounds: Bounds,
    user: Option<ByUser>,
}

type ByUser = Arc<dyn Fn(&SocketData) -> Option<String> + Send + Sync>;

impl Reliable {
    /// Answers remembered of one outbox, and so events that its client may have under way. Default
    /// 1,000, at least 1.
    pub fn answers_max(mut self, max: usize) -> Self {
        self.bounds.answers_max = max.max(1);
        self
    }

    /// Bytes of the answers of one outbox. Default 1 MiB. The newest is kept whatever its size.
    pub fn answer_bytes_max(mut self, max: usize) -> Self {
        self.bounds.answer_bytes_max = max;
        self
    }

    /// How long an answer is remembered. Default 10 minutes.
    pub fn age_max(mut self, max: Duration) -> Self {
        self.bounds.age_max = max;
        self
    }

    /// Outboxes remembered in one namespace, or in all those of one dynamic declaration together.
    /// Beyond that the owner with the most loses one: the user (see [`by_user`](Reliable::by_user))
    /// or else address, of its sessions the one with the most, and of that the outbox that was not
    /// used for longest. Default 10,000, at least 1.
    pub fn outboxes_max(mut self, max: usize) -> Self {
        self.bounds.owners_max = max.max(1);
        self
    }

    /// Bytes of all answers remembered for these outboxes; the owner with the most loses one, found
    /// as for [`outboxes_max`](Reliable::outboxes_max). Default 64 MiB.
    pub fn bytes_max(mut self, max: usize) -> Self {
        self.bounds.bytes_max = max;
        self
    }

    /// Binds an outbox to a user: to what `on_connect` [`set`](crate::Socket::set) as `T`. A client
    /// that sends another user's outbox id then has an outbox of its own. Without a `T` its outbox
    /// is not accepted.
    pub fn by_user<T: Any + Send + Sync>(
        mut self,
        user: impl Fn(&T) -> String + Send + Sync + 'static,
    ) -> Self {
        self.user = Some(Arc::new(move |data| data.get::<T>().map(|of| user(&of))));
        self
    }

    pub(crate) fn age(&self) -> Duration {
        self.bounds.age_max
    }
}

impl fmt::Debug for Reliable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let by_user = self.user.is_some();
        f.debug_struct("Reliable").field("bounds", &self.bounds).field("by_user", &by_user).finish()
    }
}

/// The outboxes of a namespace, or of all those of one dynamic declaration, by their keys: see
/// [`accept`](Outboxes::accept).
pub(crate) struct Outboxes {
    rules: Reliable,
    answers: SharedAnswers<Arc<str>, u64, Recipients>,
}

/// The other recipients of the answer to an event that is being handled, one for each socket.
type Recipients = Vec<Box<dyn Recipient>>;

/// The sender of an event that is being handled already, which waits for the answer.
pub(crate) trait Recipient: Send {
    fn socket(&self) -> SocketId;

    fn is_connected(&self) -> bool;

    fn send(&self, answer: &RawArgs);
}

/// Sockets that wait for one answer, besides the one whose event is handled. An outbox is one
/// client's, and few of its connections are open at a time; the last ones to ask get the answer.
const WAITING_SOCKETS_MAX: usize = 16;

/// The number of an event in its outbox, as sent with the event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EventNumber {
    number: u64,
    /// The lowest number that the client still awaits an answer for.
    wanted: u64,
}

/// The action for an event that has a number.
pub(crate) enum Begin {
    /// Handle it, and hold this until it is answered.
    New(Arc<OutboxEvent>),
    /// Do nothing: it is being handled already, and its answer will be sent.
    Underway,
    /// Send this answer.
    Answered(RawArgs),
}

/// The guard of an event that is being handled. Dropped without an answer, the event may be sent
/// again; a panic is an answer.
pub(crate) struct OutboxEvent(Handling<Arc<str>, u64, Recipients>);

impl EventNumber {
    /// Splits the number from the arguments, if the last of them is one.
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
        let answers = Arc::new(Mutex::new(Answers::new(rules.bounds)));
        Arc::new(Self { rules, answers })
    }

    /// The key of the outbox that a client announces in its `auth`, if it does: its id, a space,
    /// the namespace, and after a comma, which no namespace contains, the user.
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

    /// Writes the member of the reply by which a client learns that its outbox is accepted.
    pub(crate) fn write_reply(&self, key: &Arc<str>, out: &mut String) {
        let last = self.answers.lock().last_of(key);
        let Bounds { answers_max, age_max, .. } = self.rules.bounds;
        let reply = format_args!(
            "\"_outbox\":{{\"v\":1,\"window\":{answers_max},\"age\":{},\"last\":{last}}}",
            age_max.as_secs()
        );
        out.write_fmt(reply).expect("writing to a string does not fail");
    }

    /// Begins an event with a number that arrived over this session.
    pub(crate) fn begin(
        &self,
        key: &Arc<str>,
        EventNumber { number, wanted }: EventNumber,
        (session, address): (&SessionId, impl FnOnce() -> Option<IpAddr>),
        recipient: &(impl Recipient + Clone + 'static),
    ) -> Begin {
        let touch = |shares: &mut SharesByOwner<_>| {
            shares.touch(key, session, || group(key, address));
        };
        let repeat = |waiting: &mut Recipients| wait(waiting, Box::new(recipient.clone()));
        let (now, event) = (Instant::now(), (key, number));
        let known = self.answers.lock().begin(now, event, wanted, touch, repeat);
        match known {
            Known::New => {
                let (answers, owner) = (Arc::clone(&self.answers), Arc::clone(key));
                let handling = Handling { answers, owner, key: number, by: None };
                Begin::New(Arc::new(OutboxEvent(handling)))
            }
            Known::Underway(()) => Begin::Underway,
            Known::Answered(answer) => Begin::Answered(answer),
            Known::Forgotten => {
                let why = "it is too long ago to know whether this event was handled";
                Begin::Answered(EventError::new("forgotten", why).to_ack())
            }
        }
    }

    /// Forgets what is too old.
    pub(crate) fn sweep(&self) {
        self.answers.lock().forget_old(Instant::now());
    }

    /// Counts of what is remembered. Reads every outbox.
    pub(crate) fn snapshot(&self) -> OutboxesSnapshot {
        let Bounds { owners_max, bytes_max, .. } = self.rules.bounds;
        let (outboxes, answers, bytes) = self.answers.lock().amounts();
        OutboxesSnapshot {
            outboxes: Usage::new(outboxes, owners_max),
            answers,
            bytes: Usage::new(bytes, bytes_max),
        }
    }
}

impl Key for u64 {
    const IS_NUMBER: bool = true;
    const ENTRY_BYTES: usize = 0;

    fn number(self) -> u64 {
        self
    }
}

/// Adds a recipient. The newest request of a socket replaces its earlier one, and those of sockets that
/// have ended are removed: however often an event is repeated, little is kept for it.
fn wait(waiting: &mut Recipients, recipient: Box<dyn Recipient>) {
    waiting.retain(|other| other.socket() != recipient.socket() && other.is_connected());
    if waiting.len() >= WAITING_SOCKETS_MAX {
        waiting.remove(0);
    }
    waiting.push(recipient);
}

/// The group of the session that uses an outbox.
fn group(key: &str, address: impl FnOnce() -> Option<IpAddr>) -> Group {
    match key.split_once(',') {
        Some((_, user)) => Group::User(user.into()),
        None => Group::of(address()),
    }
}

impl OutboxEvent {
    /// Remembers the event's answer and sends it to the waiters; the first counts.
    pub(crate) fn finish(&self, answer: &RawArgs) {
        let waiting = self.0.finish(answer);
        waiting.iter().flatten().for_each(|recipient| recipient.send(answer));
    }

    /// Remembers an error as the answer, so the repeated event does not end the next session.
    pub(crate) fn panicked(&self) {
        self.finish(&EventError::new("panic", "the handler panicked").to_ack());
    }
}

impl Drop for OutboxEvent {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.panicked();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_the_last_argument_and_written_exactly() {
        let split = |args| EventNumber::split(args).map(|(rest, it)| (rest, it.number, it.wanted));
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
