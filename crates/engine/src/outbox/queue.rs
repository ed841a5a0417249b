//! Messages that wait for a poll.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use sockeye_engine_proto::{PayloadForm, PayloadWriter};

use crate::outbox::encoded::{Encoded, WireForm};

/// The messages of a session that polls, each with its attachments.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    groups: VecDeque<Group>,
    packets: u32,
    bytes: usize,
    /// Bytes among them that nobody else has.
    own_bytes: usize,
    /// A poll is parked.
    pub(super) is_parked: bool,
}

/// A message and its attachments, which nothing may come between.
#[derive(Debug)]
pub(super) enum Group {
    Own { text: Option<Box<str>>, attachments: Box<[Bytes]>, compress: bool },
    Shared(Arc<Encoded>),
}

impl Queue {
    pub(super) const fn packets(&self) -> u32 {
        self.packets
    }

    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) const fn own_bytes(&self) -> usize {
        self.own_bytes
    }

    pub(super) fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    pub(super) fn push_own(&mut self, text: Option<&str>, attachments: &[Bytes], compress: bool) {
        let bytes = text.map_or(0, str::len) + attachments.iter().map(Bytes::len).sum::<usize>();
        let packets = usize::from(text.is_some()) + attachments.len();
        self.count(u32::try_from(packets).unwrap_or(u32::MAX), bytes);
        self.own_bytes += bytes;
        let (text, attachments) = (text.map(Box::from), Box::from(attachments));
        self.groups.push_back(Group::Own { text, attachments, compress });
    }

    pub(super) fn push_shared(&mut self, packet: &Arc<Encoded>) {
        self.count(packet.packets(), packet.bytes());
        self.groups.push_back(Group::Shared(Arc::clone(packet)));
    }

    /// What always holds, in debug builds.
    pub(super) fn check(&self) {
        debug_assert!(self.own_bytes <= self.bytes, "a part of all");
        if self.groups.is_empty() {
            debug_assert_eq!((self.packets, self.bytes), (0, 0), "nothing waits");
        }
    }

    fn count(&mut self, packets: u32, bytes: usize) {
        self.packets = self.packets.saturating_add(packets);
        self.bytes += bytes;
    }

    pub(super) fn into_groups(self) -> impl Iterator<Item = Group> {
        self.groups.into_iter()
    }

    /// Whether a binary message is queued.
    pub(super) fn has_binary(&self) -> bool {
        self.groups.iter().any(|group| match group {
            Group::Own { attachments, .. } => !attachments.is_empty(),
            Group::Shared(packet) => !packet.attachments().is_empty(),
        })
    }

    /// Renders everything into the body of a poll's response. `true`: some of it may be compressed.
    pub(super) fn drain_into(&mut self, payload: &mut PayloadWriter) -> bool {
        let mut may_be_compressed = false;
        payload.reserve(self.packets as usize, self.bytes);
        for group in self.groups.drain(..) {
            match group {
                Group::Own { text, attachments, compress } => {
                    may_be_compressed |= compress;
                    write(payload, text.as_deref(), &attachments);
                }
                Group::Shared(packet) => {
                    may_be_compressed |= packet.may_be_compressed();
                    match payload.form() {
                        PayloadForm::V4 => {
                            packet.form(WireForm::Payload).for_each(|piece| payload.encoded(piece));
                        }
                        _ => write(payload, packet.text(), packet.attachments()),
                    }
                }
            }
        }
        if self.groups.capacity() > CAPACITY_KEPT {
            self.groups.shrink_to(CAPACITY_KEPT);
        }
        (self.packets, self.bytes, self.own_bytes) = (0, 0, 0);
        may_be_compressed
    }
}

fn write(payload: &mut PayloadWriter, text: Option<&str>, attachments: &[Bytes]) {
    if let Some(text) = text {
        payload.text(text);
    }
    attachments.iter().for_each(|attachment| payload.binary(attachment));
}

/// A queue keeps room for this many groups.
const CAPACITY_KEPT: usize = 4;
