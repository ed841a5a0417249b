//! Messages that wait for a poll.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use sockeye_engine_proto::{PayloadForm, PayloadWriter};

use crate::outbox::content::Content;
use crate::outbox::encoded::{Encoded, WireForm};

/// The messages of a session that polls, each with its attachments.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    groups: VecDeque<Group>,
    pub(super) packets: u32,
    pub(super) bytes: usize,
    /// Bytes among them that nobody else has.
    pub(super) own_bytes: usize,
    /// A poll is parked.
    pub(super) is_parked: bool,
}

/// A message and its attachments, which nothing may come between.
#[derive(Debug)]
pub(super) enum Group {
    Own { text: Option<Box<str>>, attachments: Box<[Bytes]>, compress: bool },
    Shared(Arc<Encoded>),
}

impl Group {
    #[inline]
    pub(super) fn content(&self) -> Content<'_> {
        match self {
            &Group::Own { ref text, ref attachments, compress } => {
                Content { text: text.as_deref(), attachments, compress }
            }
            Group::Shared(packet) => packet.content(),
        }
    }
}

impl Queue {
    pub(super) fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    pub(super) fn push_own(&mut self, content: Content<'_>) {
        let Content { text, attachments, compress } = content;
        let before = self.bytes;
        let (text, attachments) = (text.map(Box::from), Box::from(attachments));
        self.push(content, Group::Own { text, attachments, compress });
        self.own_bytes += self.bytes - before;
    }

    pub(super) fn push_shared(&mut self, packet: &Arc<Encoded>) {
        self.push(packet.content(), Group::Shared(Arc::clone(packet)));
    }

    #[inline]
    fn push(&mut self, content: Content<'_>, group: Group) {
        self.packets = self.packets.saturating_add(content.packets());
        self.bytes += content.bytes();
        self.groups.push_back(group);
    }

    /// What always holds, in debug builds.
    pub(super) fn check(&self) {
        debug_assert!(self.own_bytes <= self.bytes, "a part of all");
        if self.groups.is_empty() {
            debug_assert_eq!((self.packets, self.bytes), (0, 0), "nothing waits");
        }
    }

    pub(super) fn into_groups(self) -> impl Iterator<Item = Group> {
        self.groups.into_iter()
    }

    /// Whether a binary message is queued.
    pub(super) fn has_binary(&self) -> bool {
        self.groups.iter().any(|group| !group.content().attachments.is_empty())
    }

    /// Renders everything into the body of a poll's response. `true`: some of it may be compressed.
    pub(super) fn drain_into(&mut self, payload: &mut PayloadWriter) -> bool {
        let mut may_be_compressed = false;
        payload.reserve(self.packets as usize, self.bytes);
        self.empty(|group| {
            let content = group.content();
            may_be_compressed |= content.compress;
            match &group {
                Group::Shared(packet) if payload.form() == PayloadForm::V4 => {
                    packet.form(WireForm::Payload).for_each(|piece| payload.encoded(piece));
                }
                _ => content.push_payload(payload),
            }
        });
        may_be_compressed
    }

    /// Takes everything, message by message.
    pub(super) fn take(&mut self, mut take: impl FnMut(Content<'_>)) {
        self.empty(|group| take(group.content()));
    }

    fn empty(&mut self, take: impl FnMut(Group)) {
        self.groups.drain(..).for_each(take);
        if self.groups.capacity() > CAPACITY_KEPT {
            self.groups.shrink_to(CAPACITY_KEPT);
        }
        (self.packets, self.bytes, self.own_bytes) = (0, 0, 0);
    }
}

/// A queue keeps room for this many groups.
const CAPACITY_KEPT: usize = 4;
