//! The recipients of one broadcast, as a snapshot that is walked without a lock.

use std::cell::RefCell;

use super::members::{Chunk, Member};

/// One of the targets: a room, or the one socket whose own room it is.
pub(super) enum Picked<T> {
    Room(Vec<Chunk<T>>),
    One(Member<T>),
}

impl<T> Picked<T> {
    fn members(&self) -> impl Iterator<Item = &Member<T>> {
        let (chunks, one) = match self {
            Picked::Room(chunks) => (chunks.as_slice(), None),
            Picked::One(member) => (&[][..], Some(member)),
        };
        chunks.iter().flat_map(|chunk| chunk.iter()).chain(one)
    }
}

/// The recipients of one broadcast; walking them takes no lock.
pub(crate) struct Selection<T> {
    pub(super) include: Vec<Picked<T>>,
    pub(super) exclude: Vec<Picked<T>>,
    /// Every slot is below this.
    pub(super) slots: usize,
}

thread_local! {
    /// The slots that this walk has seen or excluded: those whose entry equals the current epoch.
    static DONE: RefCell<(u32, Vec<u32>)> = const { RefCell::new((0, Vec::new())) };
}

impl<T: Clone> Selection<T> {
    /// Calls `f` once for each recipient, however many of the rooms it is in.
    pub(crate) fn for_each(&self, mut f: impl FnMut(&T)) {
        if self.include.len() == 1 && self.exclude.is_empty() {
            return self.include[0].members().for_each(|member| f(&member.socket));
        }
        if let ([Picked::Room(_)], [Picked::One(sender)]) = (&*self.include, &*self.exclude) {
            let others = self.include[0].members().filter(|member| member.slot != sender.slot);
            return others.for_each(|member| f(&member.socket));
        }
        for socket in self.distinct() {
            f(socket);
        }
    }

    pub(crate) fn sockets(&self) -> Vec<T> {
        let mut sockets = Vec::new();
        self.for_each(|socket| sockets.push(socket.clone()));
        sockets
    }

    /// The members of several rooms without repeats and without the excluded ones.
    fn distinct(&self) -> Vec<&T> {
        DONE.with_borrow_mut(|(epoch, done)| {
            done.resize(done.len().max(self.slots), *epoch);
            *epoch = epoch.wrapping_add(1);
            if *epoch == 0 {
                done.fill(0);
                *epoch = 1;
            }
            for member in self.exclude.iter().flat_map(Picked::members) {
                done[member.slot] = *epoch;
            }
            let all = self.include.iter().flat_map(Picked::members);
            let new =
                all.filter(|member| std::mem::replace(&mut done[member.slot], *epoch) != *epoch);
            new.map(|member| &member.socket).collect()
        })
    }
}
