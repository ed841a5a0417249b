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

use crate::write_buffer::{give_back, take_pooled};

/// Frames that many connections get, gathered once for all of them. It begins open, and everything
/// appended then reaches all who hold a [`Share`]; reading it seals it.
#[derive(Debug, Default)]
pub struct Batch {
    open: Mutex<Frames>,
    sealed: OnceLock<Frames>,
}

#[derive(Debug, Default)]
struct Frames {
    bytes: Vec<u8>,
    count: u32,
    /// Those that one member does not get.
    excluded: Vec<Excluded>,
}

#[derive(Clone, Copy, Debug)]
struct Excluded {
    key: usize,
    start: usize,
    end: usize,
}

/// What a member gets of a batch. `key` is the same in all calls for one member, and no other
/// member's.
#[derive(Debug)]
pub struct Share {
    batch: Arc<Batch>,
    /// What is before this it has got already.
    start: u32,
    /// So many frames are before that.
    count: u32,
}

/// A batch takes no more than this; larger frames are shared as they are.
pub const BATCH_BYTES_MAX: usize = 64 * 1024;
/// Nor more frames that somebody does not get: they are searched once for each member.
const EXCLUDED_MAX: usize = 32;
/// Memory beyond this is not kept for the next batch.
const KEPT_CAPACITY_MAX: usize = 8 * 1024;

impl Batch {
    /// An open one that begins with `frame`, of at most [`BATCH_BYTES_MAX`], for everybody but
    /// `except`. It takes over the memory of one that nobody needs any more.
    #[must_use]
    pub fn begin(spent: Option<Arc<Self>>, frame: &[u8], except: Option<usize>) -> Arc<Self> {
        let mut batch = spent.unwrap_or_default();
        match Arc::get_mut(&mut batch) {
            Some(batch) => batch.reopen(),
            None => batch = Arc::default(),
        }
        let appended = batch.append(frame, except);
        debug_assert!(appended, "an empty batch takes a frame of this size");
        batch
    }

    /// Appends a frame for everybody but `except`; false when the batch is sealed or full.
    pub fn append(&self, frame: &[u8], except: Option<usize>) -> bool {
        let mut frames = self.open.lock();
        let start = frames.bytes.len();
        let is_full =
            start + frame.len() > BATCH_BYTES_MAX || frames.excluded.len() == EXCLUDED_MAX;
        if is_full || self.sealed.get().is_some() {
            return false;
        }
        if frames.bytes.capacity() == 0 {
            frames.bytes = take_pooled();
        }
        frames.bytes.extend_from_slice(frame);
        frames.count += 1;
        if let Some(key) = except {
            let end = frames.bytes.len();
            frames.excluded.push(Excluded { key, start, end });
        }
        true
    }

    /// Nothing can be appended any more.
    pub fn seal(&self) {
        self.sealed();
    }

    /// What a new member of the batch gets: everything.
    #[must_use]
    pub fn share(self: &Arc<Self>) -> Share {
        Share { batch: Arc::clone(self), start: 0, count: 0 }
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
        frames.count = 0;
        *self.open.get_mut() = frames;
    }
}

impl Drop for Frames {
    fn drop(&mut self) {
        give_back(mem::take(&mut self.bytes));
    }
}

impl Frames {
    /// Those that `key` does not get of what is behind `start`.
    fn holes(&self, key: usize, start: usize) -> impl Iterator<Item = &Excluded> + Clone {
        self.excluded.iter().filter(move |hole| hole.key == key && hole.start >= start)
    }

    /// The pieces that `key` gets of what is behind `start`.
    fn pieces(&self, key: usize, start: usize) -> impl Iterator<Item = &[u8]> {
        let holes = self.holes(key, start);
        let ends = holes.clone().map(|hole| hole.start).chain([self.bytes.len()]);
        let starts = [start].into_iter().chain(holes.map(|hole| hole.end));
        starts.zip(ends).map(|(start, end)| &self.bytes[start..end])
    }
}

impl Share {
    /// Nothing comes to it any more, nor to anybody else's.
    pub fn seal(&self) {
        self.batch.seal();
    }

    /// Bytes in it so far.
    #[must_use]
    pub fn len(&self, key: usize) -> usize {
        self.look(|frames| frames.pieces(key, self.start()).map(<[u8]>::len).sum())
    }

    /// Frames in it so far.
    #[must_use]
    pub fn count(&self, key: usize) -> u32 {
        self.look(|frames| {
            let holes = frames.holes(key, self.start()).count();
            (frames.count - self.count).saturating_sub(u32::try_from(holes).unwrap_or(u32::MAX))
        })
    }

    /// Appends what is in it so far to `out` and begins after that. Others go on sharing the batch.
    pub fn take_into(&mut self, key: usize, out: &mut Vec<u8>) {
        let start = self.start();
        (self.start, self.count) = self.look(|frames| {
            frames.pieces(key, start).for_each(|piece| out.extend_from_slice(piece));
            let end = u32::try_from(frames.bytes.len()).expect("a batch is no longer than 64 KiB");
            (end, frames.count)
        });
    }

    /// All of it; the batch is sealed.
    #[must_use]
    pub fn bytes(&self, key: usize) -> Cow<'_, [u8]> {
        let (frames, start) = (self.batch.sealed(), self.start());
        if frames.excluded.is_empty() || frames.holes(key, start).next().is_none() {
            frames.bytes[start..].into()
        } else {
            frames.pieces(key, start).flatten().copied().collect::<Vec<_>>().into()
        }
    }

    /// All of it but the first `skipped` bytes, to be kept; the batch is sealed.
    #[must_use]
    pub fn into_bytes(self, key: usize, skipped: usize) -> Bytes {
        match self.bytes(key) {
            Cow::Owned(bytes) => Bytes::from(bytes).slice(skipped..),
            Cow::Borrowed(_) => {
                let start = self.start() + skipped;
                Bytes::from_owner(Sealed(self.batch)).slice(start..)
            }
        }
    }

    fn look<R>(&self, at: impl FnOnce(&Frames) -> R) -> R {
        if let Some(sealed) = self.batch.sealed.get() {
            return at(sealed);
        }
        let open = self.batch.open.lock();
        at(self.batch.sealed.get().unwrap_or(&open))
    }

    const fn start(&self) -> usize {
        self.start as usize
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

    fn taken(share: &mut Share, key: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        assert_eq!(share.len(key), {
            share.take_into(key, &mut bytes);
            bytes.len()
        });
        assert_eq!((share.len(key), share.count(key)), (0, 0));
        bytes
    }

    #[test]
    fn members_share_until_one_needs_its_part() {
        let batch = Batch::begin(None, b"one", None);
        let (mut first, second) = (batch.share(), batch.share());
        assert!(batch.append(b"two", Some(1)));
        assert!(batch.append(b"three", None));
        assert_eq!((first.count(1), second.count(2)), (2, 3));
        assert_eq!(taken(&mut first, 1), b"onethree");
        assert!(batch.append(b"four", None));
        assert_eq!((*first.bytes(1)).to_vec(), b"four");
        assert_eq!((first.count(1), second.count(2)), (1, 4));
        // Reading it has sealed it.
        assert!(!batch.append(b"five", None));
        assert_eq!(*second.bytes(2), *b"onetwothreefour");
        assert_eq!(second.into_bytes(2, 3), "twothreefour");
        assert_eq!(batch.share().into_bytes(1, 1), "nethreefour");
    }

    #[test]
    fn only_a_batch_that_nobody_needs_is_used_again() {
        let batch = Batch::begin(None, b"one", Some(7));
        let share = batch.share();
        let next = Batch::begin(Some(batch), b"two", None);
        assert_eq!((share.bytes(7).len(), next.share().len(7)), (0, 3));
        let pointer = Arc::as_ptr(&next);
        next.seal();
        let again = Batch::begin(Some(next), b"three", None);
        assert_eq!(Arc::as_ptr(&again), pointer);
        assert_eq!(*again.share().bytes(7), *b"three");
        assert_eq!(again.share().count(7), 1);
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
