//! What a namespace has yet to send: one text buffer for all packets, so that an emit does not
//! allocate.

use std::collections::VecDeque;

use bytes::Bytes;

/// An empty queue keeps at most this many bytes of text buffer.
const KEPT_CAPACITY: usize = 16 * 1024;

/// Packets in the order in which they were emitted.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    text: String,
    /// Where the first packet begins in `text`.
    start: usize,
    items: VecDeque<Item>,
    attachment_bytes: usize,
}

#[derive(Debug)]
struct Item {
    length: usize,
    kind: Kind,
    attachments: Vec<Bytes>,
}

/// What a packet is to the connection it waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// May go out on any connection.
    Event,
    /// The same, and an answer with this id is awaited.
    Request(u64),
    /// Answers an event of the present connection, and means nothing on another.
    Answer,
    /// Nobody wants it any more.
    Dropped,
}

impl Queue {
    /// Appends a packet; `write` appends its text.
    pub(crate) fn push(
        &mut self,
        kind: Kind,
        attachments: Vec<Bytes>,
        write: impl FnOnce(&mut String),
    ) {
        let before = self.text.len();
        write(&mut self.text);
        let length = self.text.len() - before;
        self.attachment_bytes += attachments.iter().map(Bytes::len).sum::<usize>();
        self.items.push_back(Item { length, kind, attachments });
    }

    /// Takes out the first packet that is still wanted: `send` gets its text and attachments.
    /// `None`: there is none.
    pub(crate) fn pop(&mut self, send: &mut dyn FnMut(&str, &[Bytes])) -> Option<Kind> {
        while let Some(item) = self.items.pop_front() {
            let end = self.start + item.length;
            if item.kind != Kind::Dropped {
                send(&self.text[self.start..end], &item.attachments);
            }
            self.attachment_bytes -= item.attachments.iter().map(Bytes::len).sum::<usize>();
            self.start = end;
            self.compact();
            if item.kind != Kind::Dropped {
                return Some(item.kind);
            }
        }
        None
    }

    /// Drops the packets of this kind that still wait. Their places are given back in their turn.
    pub(crate) fn drop_all(&mut self, kind: Kind) {
        for item in self.items.iter_mut().filter(|item| item.kind == kind) {
            item.kind = Kind::Dropped;
        }
    }

    pub(crate) fn clear(&mut self) {
        *self = Queue::default();
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Packets that wait.
    pub(crate) fn packets(&self) -> usize {
        self.items.len()
    }

    /// Bytes that wait, attachments included.
    pub(crate) fn bytes(&self) -> usize {
        self.text.len() - self.start + self.attachment_bytes
    }

    fn compact(&mut self) {
        if self.items.is_empty() {
            self.start = 0;
            self.text.clear();
            self.text.shrink_to(KEPT_CAPACITY);
        } else if self.start > KEPT_CAPACITY && self.start > self.text.len() / 2 {
            self.text.drain(..self.start);
            self.start = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pop(queue: &mut Queue) -> Option<(String, usize, Kind)> {
        let mut sent = None;
        let kind = queue.pop(&mut |text, attachments| {
            sent = Some((text.to_owned(), attachments.len()));
        })?;
        sent.map(|(text, attachments)| (text, attachments, kind))
    }

    #[test]
    fn packets_come_out_in_order_and_leave_nothing() {
        let mut queue = Queue::default();
        queue.push(Kind::Event, Vec::new(), |text| text.push_str("one"));
        queue.push(Kind::Request(0), vec![Bytes::from_static(b"xy")], |text| text.push_str("two"));
        queue.push(Kind::Answer, Vec::new(), |text| text.push_str("three"));
        assert_eq!((queue.packets(), queue.bytes()), (3, 13));
        assert_eq!(pop(&mut queue), Some(("one".into(), 0, Kind::Event)));
        assert_eq!(pop(&mut queue), Some(("two".into(), 1, Kind::Request(0))));
        assert_eq!(pop(&mut queue), Some(("three".into(), 0, Kind::Answer)));
        assert_eq!(pop(&mut queue), None);
        assert_eq!((queue.packets(), queue.bytes()), (0, 0));
        assert!(queue.is_empty());
    }

    #[test]
    fn what_is_not_wanted_any_more_is_skipped() {
        let mut queue = Queue::default();
        queue.push(Kind::Request(0), Vec::new(), |text| text.push_str("zero"));
        queue.push(Kind::Answer, Vec::new(), |text| text.push_str("answer"));
        queue.push(Kind::Request(1), Vec::new(), |text| text.push_str("one"));
        queue.drop_all(Kind::Answer);
        queue.drop_all(Kind::Request(0));
        queue.drop_all(Kind::Request(9));
        assert_eq!(pop(&mut queue), Some(("one".into(), 0, Kind::Request(1))));
        assert_eq!(pop(&mut queue), None);
    }

    #[test]
    fn a_queue_that_never_runs_empty_does_not_grow() {
        let mut queue = Queue::default();
        let packet = "x".repeat(1000);
        queue.push(Kind::Event, Vec::new(), |text| text.push_str(&packet));
        for _ in 0..1000 {
            queue.push(Kind::Event, Vec::new(), |text| text.push_str(&packet));
            assert!(pop(&mut queue).is_some());
        }
        assert_eq!(queue.bytes(), 1000);
        assert!(queue.text.capacity() < 8 * KEPT_CAPACITY);
    }
}
