//! One reader, and what it makes of the bytes that it got.

use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, DuplexStream};
use tokio::time::timeout;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Road {
    EventSource,
    Ndjson,
    DurableSse,
}

/// Somebody who reads, on a connection of their own.
pub(crate) struct Reader {
    pub(crate) road: Road,
    pub(crate) io: DuplexStream,
    pub(crate) read: Vec<u8>,
    /// The position where it begins.
    pub(crate) begin: u64,
    /// The first volatile message that may be for it.
    pub(crate) volatile_from: usize,
    pub(crate) is_at_end: bool,
}

/// What came.
#[derive(Debug)]
pub(crate) enum Got {
    Kept(Vec<u64>, u64),
    Volatile(u64),
    At(u64),
    Gap(String),
    Closed,
}

pub(crate) fn position(cursor: &str) -> u64 {
    u64::from_str_radix(&cursor[..16], 16).unwrap()
}

/// The number of a message.
pub(crate) fn number(message: &Value) -> u64 {
    let args = message.get("data").unwrap_or(message);
    args[0].as_u64().unwrap()
}

impl Reader {
    /// Reads up to so many bytes of what comes.
    pub(crate) async fn read(&mut self, mut count: usize) {
        let mut buffer = vec![0; 64 * 1024];
        while count > 0 && !self.is_at_end {
            let max = count.min(buffer.len());
            let reading = self.io.read(&mut buffer[..max]);
            let Ok(read) = timeout(Duration::from_millis(1), reading).await else { return };
            let read = read.unwrap_or(0);
            self.is_at_end = read == 0;
            self.read.extend_from_slice(&buffer[..read]);
            count -= read;
        }
    }

    pub(crate) fn cursors(&self) -> Vec<String> {
        let text = String::from_utf8_lossy(&self.read);
        let ids = text.match_indices("id: ").map(|(at, mark)| at + mark.len());
        let id = ids.last().and_then(|at| text.get(at..at + 38).map(str::to_owned));
        id.into_iter().collect()
    }

    pub(crate) fn parse(&self) -> Vec<Got> {
        let text = str::from_utf8(&self.read).unwrap();
        match self.road {
            Road::Ndjson => {
                let lines = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
                lines.filter(|line| *line != "\n").map(of_line).collect()
            }
            _ => {
                let events = text.split_inclusive("\n\n").filter(|event| event.ends_with("\n\n"));
                let mut pending = Vec::new();
                events.flat_map(|event| of_event(event, &mut pending)).collect()
            }
        }
    }
}

fn of_line(line: &str) -> Got {
    let value: Value = serde_json::from_str(line).unwrap();
    if value["event"] == "gap" {
        return Got::Gap(value["data"]["reason"].as_str().unwrap().to_owned());
    }
    match value["id"].as_str() {
        Some(id) => Got::Kept(vec![number(&value)], position(id)),
        None => Got::Volatile(number(&value)),
    }
}

fn of_event(event: &str, pending: &mut Vec<u64>) -> Vec<Got> {
    let field = |name: &str| {
        let lines = event.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        lines.map(|value| value.strip_prefix(' ').unwrap_or(value)).next()
    };
    let id = field("id").map(position);
    let Some(data) = field("data") else { return id.map(Got::At).into_iter().collect() };
    let data: Value = serde_json::from_str(data).unwrap();
    match field("event") {
        Some("gap") => vec![Got::Gap(data["reason"].as_str().unwrap().to_owned())],
        Some("data") => {
            pending.extend(data.as_array().unwrap().iter().map(number));
            vec![]
        }
        Some("control") => {
            let next = position(data["streamNextOffset"].as_str().unwrap());
            let is_closed = data["streamClosed"] == true;
            let kept = Got::Kept(std::mem::take(pending), next);
            std::iter::once(kept).chain(is_closed.then_some(Got::Closed)).collect()
        }
        _ => match id {
            Some(id) => vec![Got::Kept(vec![number(&data)], id)],
            None => vec![Got::Volatile(number(&data))],
        },
    }
}
