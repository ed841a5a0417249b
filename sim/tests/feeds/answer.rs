//! What a client makes of the bytes of an answer, as they come: a client for every road, which shares no
//! line with what is tested.

use serde_json::Value;

/// A way to read a feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Road {
    EventSource,
    Ndjson,
    DurableSse,
    Poll,
    Wait,
    LongPoll,
}

impl Road {
    pub(crate) const ALL: [Self; 6] =
        [Self::EventSource, Self::Ndjson, Self::DurableSse, Self::Poll, Self::Wait, Self::LongPoll];

    /// Whether an answer goes on and on.
    pub(crate) const fn is_listening(self) -> bool {
        matches!(self, Self::EventSource | Self::Ndjson | Self::DurableSse)
    }
}

/// An event, or what was appended to a stream.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Message {
    pub(crate) name: Option<String>,
    pub(crate) data: Value,
}

impl Message {
    /// Of an array of a poll.
    fn of(mut value: Value, is_feed: bool) -> Self {
        if !is_feed {
            return Self { name: None, data: value };
        }
        let name = value["event"].as_str().expect("an event has a name").to_owned();
        Self { name: Some(name), data: value["data"].take() }
    }
}

/// What is said of a loss.
#[derive(Clone, Debug)]
pub(crate) struct Gap {
    pub(crate) reason: String,
    pub(crate) oldest: Option<String>,
    pub(crate) newest: Option<String>,
}

impl Gap {
    fn of(value: &Value) -> Self {
        let cursor = |name: &str| value[name].as_str().map(str::to_owned);
        let reason = value["reason"].as_str().expect("a gap has a reason").to_owned();
        Self { reason, oldest: cursor("oldest"), newest: cursor("newest") }
    }
}

/// What an answer brought.
#[derive(Debug)]
pub(crate) enum Item {
    /// The head says where the answer begins, or where a poll ends.
    Head(String),
    /// Messages that are kept, with the cursor behind them.
    Kept(Vec<Message>, String),
    Volatile(Message),
    /// The cursor alone.
    At(String),
    Gap(Gap),
    /// Come back later.
    Later,
}

/// Where in an answer a connection was cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Cut {
    BeforeTheHead,
    InTheHead,
    WithinAnEvent,
    BehindAnEvent,
}

#[derive(Debug, PartialEq, Eq)]
enum Framing {
    Chunks { left: usize, is_behind: bool },
    Length(usize),
    Rest,
}

/// An answer on its way.
#[derive(Debug)]
pub(crate) struct Answer {
    road: Road,
    is_feed: bool,
    head: Option<String>,
    status: u16,
    raw: Vec<u8>,
    framing: Framing,
    body: Vec<u8>,
    fields: Fields,
    /// `data` of Durable SSE, before its `control`.
    pending: Vec<Message>,
    /// All of it has come.
    pub(crate) is_over: bool,
}

/// The fields of an event that has not ended.
#[derive(Debug, Default)]
struct Fields {
    event: Option<String>,
    data: Option<String>,
    id: Option<String>,
}

impl Answer {
    pub(crate) fn new(road: Road, is_feed: bool) -> Self {
        let (head, fields) = (None, Fields::default());
        let (raw, body, pending) = (Vec::new(), Vec::new(), Vec::new());
        let framing = Framing::Rest;
        Self { road, is_feed, head, status: 0, raw, framing, body, fields, pending, is_over: false }
    }

    /// Where it is when nothing more comes.
    pub(crate) fn cut(&self) -> Cut {
        let is_clean = match self.road {
            Road::EventSource | Road::DurableSse => {
                self.fields.data.is_none() && self.fields.id.is_none() && self.pending.is_empty()
            }
            _ => true,
        };
        match &self.head {
            None if self.raw.is_empty() => Cut::BeforeTheHead,
            None => Cut::InTheHead,
            Some(_) if self.body.is_empty() && is_clean => Cut::BehindAnEvent,
            Some(_) => Cut::WithinAnEvent,
        }
    }

    /// Takes what came.
    pub(crate) fn take(&mut self, bytes: &[u8]) -> Vec<Item> {
        self.raw.extend_from_slice(bytes);
        let mut items = Vec::new();
        if self.head.is_none() {
            let Some(end) = self.raw.windows(4).position(|it| it == b"\r\n\r\n") else {
                return items;
            };
            let head: Vec<u8> = self.raw.drain(..end + 4).collect();
            self.begin(String::from_utf8(head).expect("a head is ASCII"), &mut items);
        }
        self.unframe();
        if self.status == 200 && self.road.is_listening() {
            match self.road {
                Road::Ndjson => self.lines(&mut items),
                _ => self.event_stream(&mut items),
            }
        } else if self.is_over {
            self.whole(&mut items);
        }
        items
    }

    fn begin(&mut self, head: String, items: &mut Vec<Item>) {
        self.status = head[9..12].parse().expect("a status is a number");
        self.head = Some(head);
        let is_chunked = self.header("transfer-encoding") == Some("chunked");
        let length = self.header("content-length").map(|it| it.parse().expect("a number"));
        self.framing = match length {
            _ if is_chunked => Framing::Chunks { left: 0, is_behind: false },
            Some(length) => Framing::Length(length),
            None if matches!(self.status, 204 | 304) => Framing::Length(0),
            None => Framing::Rest,
        };
        let is_stream = self.status == 200 && self.road.is_listening();
        if !is_stream {
            return;
        }
        let content_type = self.header("content-type");
        let expected =
            if self.road == Road::Ndjson { "application/x-ndjson" } else { "text/event-stream" };
        assert_eq!(content_type, Some(expected));
        assert_eq!(self.header("cache-control"), Some("no-cache, no-store, no-transform"));
        assert_eq!(self.header("x-accel-buffering"), Some("no"));
        if let Some(next) = self.header("stream-next-offset") {
            items.push(Item::Head(next.to_owned()));
        }
    }

    fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.as_deref().unwrap_or_default().split("\r\n").skip(1);
        let mut fields = lines.filter_map(|line| line.split_once(": "));
        fields.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// Moves what is known to be of the body, also of a chunk that has not ended.
    fn unframe(&mut self) {
        loop {
            match &mut self.framing {
                Framing::Rest => return self.body.append(&mut self.raw),
                Framing::Length(left) => {
                    let count = self.raw.len().min(*left);
                    self.body.extend(self.raw.drain(..count));
                    *left -= count;
                    self.is_over = *left == 0;
                    return;
                }
                Framing::Chunks { is_behind: is_behind @ true, .. } => {
                    if self.raw.len() < 2 {
                        return;
                    }
                    assert_eq!(self.raw.drain(..2).collect::<Vec<_>>(), b"\r\n");
                    *is_behind = false;
                }
                Framing::Chunks { left: 0, .. } => {
                    let Some(end) = self.raw.windows(2).position(|it| it == b"\r\n") else {
                        return;
                    };
                    let line: Vec<u8> = self.raw.drain(..end + 2).collect();
                    let line = str::from_utf8(&line[..end]).expect("a size is ASCII");
                    let left = usize::from_str_radix(line, 16).expect("a size is a number");
                    if left == 0 {
                        self.is_over = true;
                        return;
                    }
                    self.framing = Framing::Chunks { left, is_behind: false };
                }
                Framing::Chunks { left, is_behind } => {
                    let count = self.raw.len().min(*left);
                    if count == 0 {
                        return;
                    }
                    self.body.extend(self.raw.drain(..count));
                    *left -= count;
                    *is_behind = *left == 0;
                }
            }
        }
    }

    /// The connection has ended.
    pub(crate) fn end(&mut self) -> Vec<Item> {
        let mut items = Vec::new();
        let is_new = !self.is_over && self.framing == Framing::Rest && self.head.is_some();
        let is_whole = self.status != 200 || !self.road.is_listening();
        self.is_over |= is_new;
        if is_new && is_whole {
            self.whole(&mut items);
        }
        items
    }

    fn lines(&mut self, items: &mut Vec<Item>) {
        while let Some(end) = self.body.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.body.drain(..=end).collect();
            if line == b"\n" {
                continue;
            }
            let mut value: Value = serde_json::from_slice(&line).expect("a line is JSON");
            let id = value["id"].as_str().map(str::to_owned);
            let name = value["event"].as_str().map(str::to_owned);
            if name.as_deref() == Some("gap") && value["data"].is_object() {
                items.push(Item::Gap(Gap::of(&value["data"])));
                continue;
            }
            items.push(message(Message { name, data: value["data"].take() }, id));
        }
    }

    /// The HTML standard, 9.2.6.
    fn event_stream(&mut self, items: &mut Vec<Item>) {
        loop {
            let Some(end) = self.body.iter().position(|byte| matches!(byte, b'\n' | b'\r')) else {
                return;
            };
            let is_return = self.body[end] == b'\r';
            if is_return && self.body.len() == end + 1 {
                return;
            }
            let length = if is_return && self.body[end + 1] == b'\n' { 2 } else { 1 };
            let line: Vec<u8> = self.body.drain(..end + length).collect();
            let line = str::from_utf8(&line[..end]).expect("an event stream is UTF-8");
            if line.is_empty() {
                self.dispatch(items);
                continue;
            }
            let (name, value) = line.split_once(':').unwrap_or((line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match name {
                "event" => self.fields.event = Some(value.to_owned()),
                "id" if !value.contains('\0') => self.fields.id = Some(value.to_owned()),
                "data" => match &mut self.fields.data {
                    Some(data) => *data = format!("{data}\n{value}"),
                    None => self.fields.data = Some(value.to_owned()),
                },
                "retry" => assert!(value.parse::<u64>().is_ok(), "{value}"),
                "" => {}
                other => panic!("a field {other:?}"),
            }
        }
    }

    fn dispatch(&mut self, items: &mut Vec<Item>) {
        let Fields { event, data, id } = std::mem::take(&mut self.fields);
        let Some(data) = data else {
            // It dispatches nothing, and its id counts.
            items.extend(id.map(Item::At));
            return;
        };
        let data: Value = serde_json::from_str(&data).expect("all data is JSON here");
        match event.as_deref() {
            Some("data") if self.road == Road::DurableSse => self.pend(data),
            Some("control") if self.road == Road::DurableSse => {
                let next = data["streamNextOffset"].as_str().expect("it says where it is");
                items.push(kept(std::mem::take(&mut self.pending), next.to_owned()));
            }
            _ if self.road == Road::DurableSse => panic!("an event {event:?}"),
            Some("gap") if data.is_object() => items.push(Item::Gap(Gap::of(&data))),
            _ => items.push(message(Message { name: event, data }, id)),
        }
    }

    fn pend(&mut self, data: Value) {
        let Value::Array(values) = data else { panic!("{data} instead of an array") };
        let is_feed = self.is_feed;
        self.pending.extend(values.into_iter().map(|value| Message::of(value, is_feed)));
    }

    /// An answer that counts when all of it is there.
    fn whole(&mut self, items: &mut Vec<Item>) {
        let body = std::mem::take(&mut self.body);
        let next = self.header("stream-next-offset").map(str::to_owned);
        let json = || serde_json::from_slice::<Value>(&body).expect("it is JSON");
        match self.status {
            200 => {
                self.pend(json());
                let next = next.expect("a poll ends with a cursor");
                items.push(kept(std::mem::take(&mut self.pending), next));
            }
            204 if self.road == Road::LongPoll => items.push(Item::At(next.expect("a cursor"))),
            400 | 410 => {
                let gap = Gap::of(&json());
                assert_eq!(next, gap.oldest);
                assert_eq!(self.status == 400, gap.reason == "malformed");
                items.push(Item::Gap(gap));
            }
            503 => {
                assert!(self.header("retry-after").is_some());
                items.push(Item::Later);
            }
            status => panic!("{status}: {}", String::from_utf8_lossy(&body)),
        }
    }
}

fn kept(messages: Vec<Message>, next: String) -> Item {
    match messages.is_empty() {
        true => Item::At(next),
        false => Item::Kept(messages, next),
    }
}

fn message(message: Message, id: Option<String>) -> Item {
    match id {
        Some(id) => Item::Kept(vec![message], id),
        None => Item::Volatile(message),
    }
}
