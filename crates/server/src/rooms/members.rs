//! The members of one room.

use std::sync::Arc;

use super::room::Room;

/// The most members of one chunk. All chunks but the last are full.
pub(super) const CHUNK_MEMBERS_MAX: usize = 256;

/// A part of the members. An edit copies the chunk while a broadcast holds it, so joins never wait
/// for sends.
pub(super) type Chunk<T> = Arc<Vec<Member<T>>>;

/// A member of a room.
#[derive(Clone)]
pub(super) struct Member<T> {
    pub(super) socket: T,
    pub(super) slot: usize,
}

/// The members of one room in chunks, and the member cache `A` made of them, if there is one.
pub(super) struct Members<T, A> {
    /// The room's name; `None` for the room of everybody.
    pub(super) name: Option<Room>,
    pub(super) chunks: Vec<Chunk<T>>,
    pub(super) member_cache: Option<Arc<A>>,
    /// Whether a broadcast was sent to it since somebody joined or left.
    pub(super) is_sent_to: bool,
    /// The slots of those that the cache was made of.
    #[cfg(debug_assertions)]
    cached: Vec<usize>,
}

impl<T, A> Members<T, A> {
    pub(super) const fn new(name: Option<Room>) -> Self {
        Members {
            name,
            chunks: Vec::new(),
            member_cache: None,
            is_sent_to: false,
            #[cfg(debug_assertions)]
            cached: Vec::new(),
        }
    }

    pub(super) fn len(&self) -> usize {
        let full = self.chunks.len().saturating_sub(1);
        self.chunks.last().map_or(0, |last| full * CHUNK_MEMBERS_MAX + last.len())
    }

    /// The member at an index, which has a chunk and a position in it.
    pub(super) fn get(&self, index: usize) -> Option<&Member<T>> {
        self.chunks.get(index / CHUNK_MEMBERS_MAX)?.get(index % CHUNK_MEMBERS_MAX)
    }

    /// Keeps a cache that was made of these chunks without the lock, unless somebody has joined or left
    /// meanwhile: that has copied a chunk or changed their number.
    pub(super) fn keep_cache(&mut self, made_of: &[Chunk<T>], cache: &Arc<A>) {
        if self.chunks.len() == made_of.len()
            && self.chunks.iter().zip(made_of).all(|(now, then)| Arc::ptr_eq(now, then))
        {
            self.member_cache = Some(Arc::clone(cache));
            #[cfg(debug_assertions)]
            {
                self.cached = self.slots().collect();
            }
        }
    }

    /// Drops the cache, since somebody joins or leaves.
    fn change(&mut self) {
        self.member_cache = None;
        self.is_sent_to = false;
    }

    #[cfg(debug_assertions)]
    fn slots(&self) -> impl Iterator<Item = usize> {
        self.chunks.iter().flat_map(|chunk| chunk.iter()).map(|member| member.slot)
    }

    /// Checks the invariants.
    pub(super) fn check(&self) {
        if let Some((last, full)) = self.chunks.split_last() {
            debug_assert!(
                full.iter().all(|chunk| chunk.len() == CHUNK_MEMBERS_MAX),
                "all are full"
            );
            debug_assert!((1..=CHUNK_MEMBERS_MAX).contains(&last.len()), "but the last");
        }
        debug_assert!(self.member_cache.is_none() || self.is_sent_to, "it was made for a send");
        #[cfg(debug_assertions)]
        debug_assert!(
            self.member_cache.is_none() || self.slots().eq(self.cached.iter().copied()),
            "the cache is that of the present members"
        );
    }
}

impl<T: Clone, A> Members<T, A> {
    /// Adds a member and returns its index.
    pub(super) fn push(&mut self, member: Member<T>) -> usize {
        self.change();
        match self.chunks.last_mut() {
            Some(chunk) if chunk.len() < CHUNK_MEMBERS_MAX => Arc::make_mut(chunk).push(member),
            _ => self.chunks.push(Arc::new(vec![member])),
        }
        self.len() - 1
    }

    /// Fills the gap at `index` with the last member and returns that one's slot, if it moved.
    pub(super) fn swap_remove(&mut self, index: usize) -> Option<usize> {
        self.change();
        let last = Arc::make_mut(self.chunks.last_mut()?).pop()?;
        if self.chunks.last().is_some_and(|chunk| chunk.is_empty()) {
            self.chunks.pop();
        }
        let gap = self.chunks.get_mut(index / CHUNK_MEMBERS_MAX)?;
        let position = index % CHUNK_MEMBERS_MAX;
        let slot = last.slot;
        *Arc::make_mut(gap).get_mut(position)? = last;
        Some(slot)
    }
}
