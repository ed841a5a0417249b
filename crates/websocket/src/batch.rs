//! What a group sends in one tick: one run of bytes, which its members share until it is written.
//!
//! | state  | then                                                                                    |
//! |--------|-----------------------------------------------------------------------------------------|
//! | open   | the group appends without touching its members; a member copies its part when something |
//! |        | else of its own has to follow                                                           |
//! | sealed | the bytes are read without a lock, by the flush pass; the group begins another batch    |

use std::borrow::Cow;
use std::mem;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use parking_lot::Mutex;

/// The frames a group has sent since its last flush pass.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    open: Mutex<Frames>,
    sealed: OnceLock<Frames>,
}

#[derive(Debug, Default)]
struct Frames {
    bytes: Vec<u8>,
    /// Those that one member does not get.
    excluded: Vec<Excluded>,
}

#[derive(Clone, Copy, Debug)]
struct Excluded {
    key: usize,
    start: usize,
    end: usize,
}

/// What a member gets of a batch.
#[derive(Debug)]
pub(crate) struct Share {
    batch: Arc<Batch>,
    /// The member's key in the group.
    key: usize,
    /// What is before this it has got already.
    start: usize,
}

/// A batch takes no more than this; larger frames are shared as they are.
pub(crate) const BATCH_BYTES_MAX: usize = 64 * 1024;
/// Nor more frames that somebody does not get: they are searched once for each member.
const EXCLUDED_MAX: usize = 32;
/// Memory beyond this is not kept for the next batch.
const KEPT_CAPACITY_MAX: usize = 8 * 1024;

impl Batch {
    /// An open one that begins with `frame`. It takes over the memory of one that nobody needs any more.
    pub(crate) fn begin(
        spent: Option<Arc<Self>>,
        frame: &[u8],
        except: Option<usize>,
    ) -> Arc<Self> {
        let mut batch = spent.unwrap_or_default();
        match Arc::get_mut(&mut batch) {
            Some(batch) => batch.reopen(),
            None => batch = Arc::default(),
        }
        let appended = batch.append(frame, except);
        debug_assert!(appended, "an empty batch takes a frame of this size");
        batch
    }

    /// Appends a frame; false when the batch is sealed or full.
    pub(crate) fn append(&self, frame: &[u8], except: Option<usize>) -> bool {
        let mut frames = self.open.lock();
        let start = frames.bytes.len();
        let is_full =
            start + frame.len() > BATCH_BYTES_MAX || frames.excluded.len() == EXCLUDED_MAX;
        if is_full || self.sealed.get().is_some() {
            return false;
        }
        frames.bytes.extend_from_slice(frame);
        if let Some(key) = except {
            let end = frames.bytes.len();
            frames.excluded.push(Excluded { key, start, end });
        }
        true
    }

    /// Nothing can be appended any more.
    pub(crate) fn seal(&self) {
        self.sealed();
    }

    /// What a new member of the batch gets: everything.
    pub(crate) fn share(self: &Arc<Self>, key: usize) -> Share {
        Share { batch: Arc::clone(self), key, start: 0 }
    }

    fn sealed(&self) -> &Frames {
        // Whoever appends finds either the frames where they were or that the batch is sealed.
        self.sealed.get().unwrap_or_else(|| {
            let mut open = self.open.lock();
            self.sealed.get_or_init(|| mem::take(&mut open))
        })
    }

    fn reopen(&mut self) {
        let mut frames = self.sealed.take().unwrap_or_else(|| mem::take(self.open.get_mut()));
        frames.excluded.clear();
        frames.bytes.clear();
        frames.bytes.shrink_to(KEPT_CAPACITY_MAX);
        *self.open.get_mut() = frames;
    }
}

impl Frames {
    /// The pieces that `key` gets of what is behind `start`.
    fn pieces(&self, key: usize, start: usize) -> impl Iterator<Item = &[u8]> {
        let holes = self.excluded.iter().filter(move |hole| hole.key == key && hole.start >= start);
        let ends = holes.clone().map(|hole| hole.start).chain([self.bytes.len()]);
        let starts = [start].into_iter().chain(holes.map(|hole| hole.end));
        starts.zip(ends).map(|(start, end)| &self.bytes[start..end])
    }

    fn has_holes(&self, key: usize, start: usize) -> bool {
        self.excluded.iter().any(|hole| hole.key == key && hole.start >= start)
    }
}

impl Share {
    /// Bytes in it so far.
    pub(crate) fn len(&self) -> usize {
        let count = |frames: &Frames| frames.pieces(self.key, self.start).map(<[u8]>::len).sum();
        let open = self.batch.open.lock();
        count(self.batch.sealed.get().unwrap_or(&open))
    }

    /// Appends what is in it so far to `out` and begins after that. Others go on sharing the batch.
    pub(crate) fn take_into(&mut self, out: &mut Vec<u8>) {
        let open = self.batch.open.lock();
        let frames = self.batch.sealed.get().unwrap_or(&open);
        frames.pieces(self.key, self.start).for_each(|piece| out.extend_from_slice(piece));
        self.start = frames.bytes.len();
    }

    /// All of it; the batch is sealed.
    pub(crate) fn bytes(&self) -> Cow<'_, [u8]> {
        let frames = self.batch.sealed();
        if frames.has_holes(self.key, self.start) {
            frames.pieces(self.key, self.start).flatten().copied().collect::<Vec<_>>().into()
        } else {
            frames.bytes[self.start..].into()
        }
    }

    /// All of it but the first `skipped` bytes, to be kept; the batch is sealed.
    pub(crate) fn into_bytes(self, skipped: usize) -> Bytes {
        match self.bytes() {
            Cow::Owned(bytes) => Bytes::from(bytes).slice(skipped..),
            Cow::Borrowed(_) => {
                let start = self.start + skipped;
                Bytes::from_owner(Sealed(self.batch)).slice(start..)
            }
        }
    }
}

/// All bytes of a batch that is sealed.
struct Sealed(Arc<Batch>);

impl AsRef<[u8]> for Sealed {
    fn as_ref(&self) -> &[u8] {
        &self.0.sealed().bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(share: &mut Share) -> Vec<u8> {
        let mut bytes = Vec::new();
        assert_eq!(share.len(), {
            share.take_into(&mut bytes);
            bytes.len()
        });
        bytes
    }

    #[test]
    fn members_share_until_one_needs_its_part() {
        let batch = Batch::begin(None, b"one", None);
        let (mut first, second) = (batch.share(1), batch.share(2));
        assert!(batch.append(b"two", Some(1)));
        assert!(batch.append(b"three", None));
        assert_eq!(taken(&mut first), b"onethree");
        assert_eq!(first.len(), 0);
        assert!(batch.append(b"four", None));
        assert_eq!(*first.bytes(), *b"four");
        // Reading it has sealed it.
        assert!(!batch.append(b"five", None));
        assert_eq!(*second.bytes(), *b"onetwothreefour");
        assert_eq!(second.into_bytes(3), "twothreefour");
        assert_eq!(batch.share(1).into_bytes(1), "nethreefour");
    }

    #[test]
    fn only_a_batch_that_nobody_needs_is_used_again() {
        let batch = Batch::begin(None, b"one", Some(7));
        let share = batch.share(7);
        let next = Batch::begin(Some(batch), b"two", None);
        assert_eq!((share.bytes().len(), next.share(7).len()), (0, 3));
        let pointer = Arc::as_ptr(&next);
        next.seal();
        let again = Batch::begin(Some(next), b"three", None);
        assert_eq!(Arc::as_ptr(&again), pointer);
        assert_eq!(*again.share(7).bytes(), *b"three");
    }

    #[test]
    fn full_at_its_limits() {
        let batch = Batch::begin(None, &[0; BATCH_BYTES_MAX - 2], None);
        assert!(!batch.append(&[0; 3], None));
        assert!(batch.append(&[0; 2], None));
        assert!(!batch.append(&[0; 1], None));
        let batch = Batch::begin(None, &[0; 2], Some(0));
        for key in 1..EXCLUDED_MAX {
            assert!(batch.append(&[0; 2], Some(key)));
        }
        assert!(!batch.append(&[0; 2], None));
        // What is large is not kept.
        let large = Batch::begin(None, &[0; KEPT_CAPACITY_MAX + 1], None);
        let next = Batch::begin(Some(large), &[0; 2], None);
        assert!(next.open.lock().bytes.capacity() <= KEPT_CAPACITY_MAX);
    }
}
