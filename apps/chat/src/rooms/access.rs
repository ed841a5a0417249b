//! Who may do what with a room: the one place where it is decided.

use super::contract::{RoomKind, RoomRole};
use super::store::{Deed, Place, RoomError, RoomOf};
use crate::accounts::contract::Role;
use crate::contract::FIRST_ROOM;

/// What a room is to a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// They belong to it: they may read it, and write unless they are muted.
    Member(RoomRole),
    /// They may come in.
    MayEnter,
    /// They may come in with the password.
    NeedsPassword,
    /// They may not come in, and see that there is the room.
    Banned,
    /// There is no such room for them.
    Nothing,
}

/// What a room of this kind is to a person with this place in it.
pub fn access(kind: RoomKind, place: Option<&Place>) -> Access {
    match (kind, place.map(|place| place.role)) {
        (_, Some(Some(role))) => Access::Member(role),
        (RoomKind::Open | RoomKind::Password, Some(None)) => Access::Banned,
        (RoomKind::Open, None) => Access::MayEnter,
        (RoomKind::Password, None) => Access::NeedsPassword,
        (RoomKind::Invited | RoomKind::Direct, Some(None) | None) => Access::Nothing,
    }
}

impl RoomOf {
    /// What the room is to the person.
    pub fn access(&self) -> Access {
        access(self.room.kind, self.place.as_ref())
    }
}

/// Whether somebody with this role on the server may do that, and to whom they do it, if it is about somebody.
///
/// # Errors
/// Why not.
pub fn check(
    of: &RoomOf,
    by: Role,
    deed: &Deed,
    target: Option<Option<&Place>>,
) -> Result<(), RoomError> {
    let role = match (deed, of.access()) {
        (_, Access::Nothing) => return Err(RoomError::Gone),
        (Deed::Enter { .. }, Access::Banned) => return Err(RoomError::Banned),
        (Deed::Enter { verified }, Access::NeedsPassword)
            if verified.is_none() || *verified != of.room.password =>
        {
            return Err(RoomError::WrongPassword);
        }
        (Deed::Enter { .. }, _) => return Ok(()),
        (_, Access::Member(role)) => Some(role),
        (_, Access::MayEnter | Access::NeedsPassword | Access::Banned) => None,
    };
    match deed {
        Deed::Enter { .. } => return Ok(()),
        Deed::Leave | Deed::Keep { .. } => return role.map(drop).ok_or(RoomError::NotMember),
        _ if of.room.kind == RoomKind::Direct => return Err(RoomError::Forbidden),
        _ => {}
    }
    let is_first = of.room.name == FIRST_ROOM;
    // Whoever keeps order on the server does so in rooms that everybody sees.
    let is_server_moderator = by >= Role::Moderator && of.room.is_public();
    let is_owner = role == Some(RoomRole::Owner);
    let may = match deed {
        Deed::Change(changes) => {
            let is_fixed = changes.title.as_ref().is_some_and(|title| title.as_str() != FIRST_ROOM)
                || changes.kind.is_some_and(|kind| kind != RoomKind::Open)
                || changes.is_passing == Some(true);
            (is_owner || is_server_moderator) && !(is_first && is_fixed)
        }
        Deed::Delete => (is_owner || is_server_moderator) && !is_first,
        Deed::HandOver { .. } | Deed::Promote { .. } => is_owner,
        _ => is_owner || is_server_moderator || role == Some(RoomRole::Moderator),
    };
    if !may {
        return Err(RoomError::Forbidden);
    }
    let target = target.map(|place| place.and_then(|place| place.role));
    // Nobody acts upon an owner, and moderators not upon each other.
    let is_above = match target.flatten() {
        Some(RoomRole::Owner) => false,
        Some(RoomRole::Moderator) => is_owner || is_server_moderator,
        Some(RoomRole::Member) | None => true,
    };
    if is_above { Ok(()) } else { Err(RoomError::Forbidden) }
}

/// Whether somebody with this role on the server may delete what others say in a room.
pub fn may_delete(of: &RoomOf, by: Role) -> bool {
    if of.room.kind == RoomKind::Direct {
        return false;
    }
    let is_moderator = matches!(of.access(), Access::Member(role) if role >= RoomRole::Moderator);
    is_moderator || by >= Role::Moderator && of.room.is_public()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEMBER: Option<Place> = Some(Place {
        role: Some(RoomRole::Member),
        is_pinned: false,
        is_silenced: false,
        muted_until: None,
    });
    const BANNED: Option<Place> =
        Some(Place { role: None, is_pinned: false, is_silenced: false, muted_until: None });

    #[test]
    fn what_a_room_is_to_a_person() {
        use RoomKind::{Direct, Invited, Open, Password};
        let member = Access::Member(RoomRole::Member);
        for (kind, nobody, banned) in [
            (Open, Access::MayEnter, Access::Banned),
            (Password, Access::NeedsPassword, Access::Banned),
            (Invited, Access::Nothing, Access::Nothing),
            (Direct, Access::Nothing, Access::Nothing),
        ] {
            assert_eq!(access(kind, None), nobody, "{kind:?}");
            assert_eq!(access(kind, BANNED.as_ref()), banned, "{kind:?}");
            assert_eq!(access(kind, MEMBER.as_ref()), member, "{kind:?}");
        }
    }
}
