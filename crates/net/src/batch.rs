//! What a group sends in one tick: one run of bytes, which its members share until it is written.
//!
//! | state  | then                                                                                    |
//! |--------|-----------------------------------------------------------------------------------------|
//! | open   | the group appends without touching its members; a member copies its part when something |
//! |        | else of its own has to follow                                                           |
//! | sealed | the bytes are read without a lock, by the flush pass; the group begins another batch    |

use std::borrow::Cow;
use std::mem;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use parking_lot::Mutex;

use crate::pool::{give_back, take_pooled};

/// One of those who may share batches, for as long as the program runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MemberId(u64);

impl MemberId {
    /// One that nobody else has.
    pub fn next() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }

    /// Its number: whoever was made later has a higher one.
    pub const fn number(self) -> u64 {
        self.0
    }
}

/// Frames that many connections get, gathered once for all of them. It begins open, and everything
/// appended then reaches all who hold a [`Share`]; reading it seals it.
///
/// ```
/// use sockeye_net::batch::{Batch, MemberId};
///
/// let (anna, ben) = (MemberId::next(), MemberId::next());
/// let batch = Batch::begin(None, b"one", None);
/// let (of_anna, of_ben) = (batch.share(anna), batch.share(ben));
/// assert!(batch.append(b"two", Some(anna)));
/// assert_eq!(&*of_anna.bytes(), b"one");
/// assert_eq!(&*of_ben.bytes(), b"onetwo");
/// ```
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
    member: MemberId,
    start: usize,
    end: usize,
}

/// What one member gets of a batch.
#[derive(Debug)]
pub struct Share {
    pub(crate) batch: Arc<Batch>,
    member: MemberId,
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
    pub fn begin(spent: Option<Arc<Self>>, frame: &[u8], except: Option<MemberId>) -> Arc<Self> {
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
    pub fn append(&self, frame: &[u8], except: Option<MemberId>) -> bool {
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
        if let Some(member) = except {
            let end = frames.bytes.len();
            frames.excluded.push(Excluded { member, start, end });
        }
        true
    }

    /// Nothing can be appended any more.
    pub fn seal(&self) {
        self.sealed();
    }

    /// What a new member of the batch gets: everything.
    pub fn share(self: &Arc<Self>, member: MemberId) -> Share {
        Share { batch: Arc::clone(self), member, start: 0, count: 0 }
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
    /// Those that `member` does not get of what is behind `start`.
    fn holes(&self, member: MemberId, start: usize) -> impl Iterator<Item = &Excluded> + Clone {
        self.excluded.iter().filter(move |hole| hole.member == member && hole.start >= start)
    }

    /// The pieces that `member` gets of what is behind `start`.
    fn pieces(&self, member: MemberId, start: usize) -> impl Iterator<Item = &[u8]> {
        let holes = self.holes(member, start);
        let ends = holes.clone().map(|hole| hole.start).chain([self.bytes.len()]);
        let starts = [start].into_iter().chain(holes.map(|hole| hole.end));
        starts.zip(ends).map(|(start, end)| &self.bytes[start..end])
    }
}

impl Share {
    /// Bytes in it so far.
    pub(crate) fn len(&self) -> usize {
        self.look(|frames| frames.pieces(self.member, self.start()).map(<[u8]>::len).sum())
    }

    /// Frames in it so far.
    pub fn count(&self) -> u32 {
        self.look(|frames| {
            let holes = frames.holes(self.member, self.start()).count();
            (frames.count - self.count).saturating_sub(u32::try_from(holes).unwrap_or(u32::MAX))
        })
    }

    /// Appends what is in it so far to `out` and begins after that. Others go on sharing the batch.
    pub fn take_into(&mut self, out: &mut Vec<u8>) {
        let start = self.start();
        (self.start, self.count) = self.look(|frames| {
            frames.pieces(self.member, start).for_each(|piece| out.extend_from_slice(piece));
            let end = u32::try_from(frames.bytes.len()).expect("a batch is no longer than 64 KiB");
            (end, frames.count)
        });
    }

    /// All of it; the batch is sealed.
    pub fn bytes(&self) -> Cow<'_, [u8]> {
        let (frames, start) = (self.batch.sealed(), self.start());
        if frames.excluded.is_empty() || frames.holes(self.member, start).next().is_none() {
            frames.bytes[start..].into()
        } else {
            frames.pieces(self.member, start).flatten().copied().collect::<Vec<_>>().into()
        }
    }

    /// All of it but the first `skipped` bytes, to be kept; the batch is sealed.
    pub fn into_bytes(self, skipped: usize) -> Bytes {
        match self.bytes() {
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

    fn member(number: u64) -> MemberId {
        MemberId(number)
    }

    fn taken(share: &mut Share) -> Vec<u8> {
        let mut bytes = Vec::new();
        assert_eq!(share.len(), {
            share.take_into(&mut bytes);
            bytes.len()
        });
        assert_eq!((share.len(), share.count()), (0, 0));
        bytes
    }

    #[test]
    fn members_share_until_one_needs_its_part() {
        let batch = Batch::begin(None, b"one", None);
        let (mut first, second) = (batch.share(member(1)), batch.share(member(2)));
        assert!(batch.append(b"two", Some(member(1))));
        assert!(batch.append(b"three", None));
        assert_eq!((first.count(), second.count()), (2, 3));
        assert_eq!(taken(&mut first), b"onethree");
        assert!(batch.append(b"four", None));
        assert_eq!((*first.bytes()).to_vec(), b"four");
        assert_eq!((first.count(), second.count()), (1, 4));
        // Reading it has sealed it.
        assert!(!batch.append(b"five", None));
        assert_eq!(*second.bytes(), *b"onetwothreefour");
        assert_eq!(second.into_bytes(3), "twothreefour");
        assert_eq!(batch.share(member(1)).into_bytes(1), "nethreefour");
    }

    #[test]
    fn only_a_batch_that_nobody_needs_is_used_again() {
        let batch = Batch::begin(None, b"one", Some(member(7)));
        let share = batch.share(member(7));
        let next = Batch::begin(Some(batch), b"two", None);
        assert_eq!((share.bytes().len(), next.share(member(7)).len()), (0, 3));
        let pointer = Arc::as_ptr(&next);
        next.seal();
        let again = Batch::begin(Some(next), b"three", None);
        assert_eq!(Arc::as_ptr(&again), pointer);
        assert_eq!(*again.share(member(7)).bytes(), *b"three");
        assert_eq!(again.share(member(7)).count(), 1);
    }

    #[test]
    fn full_at_its_limits() {
        let batch = Batch::begin(None, &[0; BATCH_BYTES_MAX - 2], None);
        assert!(!batch.append(&[0; 3], None));
        assert!(batch.append(&[0; 2], None));
        assert!(!batch.append(&[0; 1], None));
        let batch = Batch::begin(None, &[0; 2], Some(member(0)));
        for number in 1..EXCLUDED_MAX as u64 {
            assert!(batch.append(&[0; 2], Some(member(number))));
        }
        assert!(!batch.append(&[0; 2], None));
        // What is large is not kept.
        let large = Batch::begin(None, &[0; KEPT_CAPACITY_MAX + 1], None);
        let next = Batch::begin(Some(large), &[0; 2], None);
        assert!(next.open.lock().bytes.capacity() <= KEPT_CAPACITY_MAX);
    }
}
