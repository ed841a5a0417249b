//! The packets of a namespace that wait to be sent: one text buffer for all, so that an emit does
//! not allocate.

use std::collections::VecDeque;

use bytes::Bytes;

/// Bytes of the text buffer that an empty queue keeps at most.
const KEPT_CAPACITY: usize = 16 * 1024;

/// A queue of packets in the order in which they were emitted.
#[derive(Debug, Default)]
pub(super) struct SendQueue {
    text: String,
    /// Where the first packet begins in `text`.
    start: usize,
    packets: VecDeque<QueuedPacket>,
    attachment_bytes: usize,
}

#[derive(Debug)]
struct QueuedPacket {
    /// Bytes of its text.
    length: usize,
    kind: QueuedKind,
    attachments: Vec<Bytes>,
}

/// The kind of a packet, which decides what becomes of it when the connection is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum QueuedKind {
    /// An event, to be sent on this connection or a later one.
    Event,
    /// An event whose ack is awaited under this id.
    Request(u64),
    /// The ack of an event of this connection, which has no meaning on another.
    Ack,
    /// A packet that is not to be sent any more.
    Dropped,
}

impl SendQueue {
    /// Appends a packet; `write` appends its text.
    pub(super) fn push(
        &mut self,
        kind: QueuedKind,
        attachments: Vec<Bytes>,
        write: impl FnOnce(&mut String),
    ) {
        let before = self.text.len();
        write(&mut self.text);
        let length = self.text.len() - before;
        self.attachment_bytes += attachments.iter().map(Bytes::len).sum::<usize>();
        self.packets.push_back(QueuedPacket { length, kind, attachments });
    }

    /// Takes out the first packet that is to be sent: `send` gets its text and attachments. `None`:
    /// there is none.
    pub(super) fn pop(&mut self, send: &mut dyn FnMut(&str, &[Bytes])) -> Option<QueuedKind> {
        while let Some(packet) = self.packets.pop_front() {
            let end = self.start + packet.length;
            if packet.kind != QueuedKind::Dropped {
                send(&self.text[self.start..end], &packet.attachments);
            }
            self.attachment_bytes -= packet.attachments.iter().map(Bytes::len).sum::<usize>();
            self.start = end;
            self.compact();
            if packet.kind != QueuedKind::Dropped {
                return Some(packet.kind);
            }
        }
        None
    }

    /// Drops the packets of this kind. They keep their place in the queue until `pop` reaches them.
    pub(super) fn drop_all(&mut self, kind: QueuedKind) {
        for packet in self.packets.iter_mut().filter(|packet| packet.kind == kind) {
            packet.kind = QueuedKind::Dropped;
        }
    }

    pub(super) fn clear(&mut self) {
        *self = SendQueue::default();
    }

    pub(super) fn is_empty(&self) -> bool {
        self.packets.is_empty()
    }

    /// The number of packets.
    pub(super) fn packets(&self) -> usize {
        self.packets.len()
    }

    /// The bytes of the packets, attachments included.
    pub(super) fn bytes(&self) -> usize {
        self.text.len() - self.start + self.attachment_bytes
    }

    fn compact(&mut self) {
        if self.packets.is_empty() {
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

    fn pop(queue: &mut SendQueue) -> Option<(String, usize, QueuedKind)> {
        let mut sent = None;
        let kind = queue.pop(&mut |text, attachments| {
            sent = Some((text.to_owned(), attachments.len()));
        })?;
        sent.map(|(text, attachments)| (text, attachments, kind))
    }

    #[test]
    fn packets_come_out_in_order_and_leave_nothing() {
        let mut queue = SendQueue::default();
        queue.push(QueuedKind::Event, Vec::new(), |text| text.push_str("one"));
        queue.push(QueuedKind::Request(0), vec![Bytes::from_static(b"xy")], |text| {
            text.push_str("two")
        });
        queue.push(QueuedKind::Ack, Vec::new(), |text| text.push_str("three"));
        assert_eq!((queue.packets(), queue.bytes()), (3, 13));
        assert_eq!(pop(&mut queue), Some(("one".into(), 0, QueuedKind::Event)));
        assert_eq!(pop(&mut queue), Some(("two".into(), 1, QueuedKind::Request(0))));
        assert_eq!(pop(&mut queue), Some(("three".into(), 0, QueuedKind::Ack)));
        assert_eq!(pop(&mut queue), None);
        assert_eq!((queue.packets(), queue.bytes()), (0, 0));
        assert!(queue.is_empty());
    }

    #[test]
    fn dropped_packets_are_skipped() {
        let mut queue = SendQueue::default();
        queue.push(QueuedKind::Request(0), Vec::new(), |text| text.push_str("zero"));
        queue.push(QueuedKind::Ack, Vec::new(), |text| text.push_str("answer"));
        queue.push(QueuedKind::Request(1), Vec::new(), |text| text.push_str("one"));
        queue.drop_all(QueuedKind::Ack);
        queue.drop_all(QueuedKind::Request(0));
        queue.drop_all(QueuedKind::Request(9));
        assert_eq!(pop(&mut queue), Some(("one".into(), 0, QueuedKind::Request(1))));
        assert_eq!(pop(&mut queue), None);
    }

    #[test]
    fn a_queue_that_never_runs_empty_does_not_grow() {
        let mut queue = SendQueue::default();
        let packet = "x".repeat(1000);
        queue.push(QueuedKind::Event, Vec::new(), |text| text.push_str(&packet));
        for _ in 0..1000 {
            queue.push(QueuedKind::Event, Vec::new(), |text| text.push_str(&packet));
            assert!(pop(&mut queue).is_some());
        }
        assert_eq!(queue.bytes(), 1000);
        assert!(queue.text.capacity() < 8 * KEPT_CAPACITY);
    }
}
