//! The cached member list of a room that is sent to again and again.

use sockeye_engine::MemberList;

/// The cached member list of a room, valid until somebody joins or leaves it. `T` is a handle of a
/// socket.
pub(crate) struct MemberCache<T> {
    /// Sessions of the members that take every packet in the protocol's own form.
    pub(crate) sessions: MemberList,
    /// The members that are not yet connected, or take other forms.
    pub(crate) others: Vec<T>,
}

impl<T> MemberCache<T> {
    /// How many members there are.
    pub(crate) fn len(&self) -> usize {
        self.sessions.len() + self.others.len()
    }
}
