//! Why an event was refused, and how that is told.

use std::time::Duration;

use serde::Serialize;
use sockeye::Acker;
use thiserror::Error;

use crate::accounts::contract::{BLOCKS_MAX, PASSWORD_BYTES_MAX, PASSWORD_CHARS_MIN};
use crate::accounts::passkeys::store::PASSKEYS_MAX;
use crate::admin::store::Denied;
use crate::contract::Refusal;
use crate::input::{Field, InvalidText, Problem};
use crate::invitations::{INVITATIONS_MAX, INVITATIONS_OF_MEMBER_MAX};
use crate::messages::contract::{EDITS_MAX, PICTURES_MAX, REACTIONS_MAX};
use crate::messages::store::TouchError;
use crate::pictures::contract::MEGAPIXELS_OF_PHOTOS;
use crate::quota::{Exceeded, Limit};
use crate::rooms::contract::{
    CAPACITY_MAX, CAPACITY_MIN, DESCRIPTION_CHARS_MAX, DIRECT_PEOPLE_MAX, KEEP_DAYS_MAX,
};
use crate::rooms::store::{ROOMS_OWNED_MAX, ROOMS_PINNED_MAX, RoomError};
use crate::store::StoreError;

/// Why an event was refused; the client is told the code and the sentence.
#[derive(Debug, Error)]
pub(crate) enum Refused {
    #[error(transparent)]
    Invalid(#[from] InvalidText),
    #[error("join a room first")]
    NotJoined,
    #[error("open the room first")]
    NotOpened,
    #[error("the room is full; try again when somebody has left")]
    RoomFull,
    #[error("you may say nothing here for {} s", seconds(.0))]
    Muted(Duration),
    #[error("that person does not belong to the room")]
    NotMember,
    #[error("this room needs a password of at least one character")]
    RoomPasswordMissing,
    #[error("there is a room of this name")]
    RoomNameTaken,
    #[error("a room is for {CAPACITY_MIN} to {CAPACITY_MAX} people")]
    CapacityRange,
    #[error("a room keeps its messages for {KEEP_DAYS_MAX} days at most")]
    KeepDaysRange,
    #[error("hand the room over to somebody else first, or delete it")]
    RoomOwnerStays,
    #[error("you own {ROOMS_OWNED_MAX} rooms, as many as one may; delete one first")]
    OwnsTooMany,
    #[error("{ROOMS_PINNED_MAX} rooms are pinned, as many as can be; unpin one first")]
    TooManyPinned,
    #[error("as many rooms are open as can be; close one first")]
    TooManyOpen,
    #[error("a description has at most {DESCRIPTION_CHARS_MAX} characters")]
    DescriptionLong,
    #[error("the description has a character that is not allowed")]
    DescriptionCharacter,
    #[error("direct messages are between 2 and {DIRECT_PEOPLE_MAX} people")]
    DirectRange,
    #[error("the name is not the one used to join")]
    NameMismatch,
    #[error("somebody in the room has another name that looks the same")]
    NameLookalike,
    #[error("there is another room whose name looks the same")]
    RoomLookalike,
    #[error("the key was used for another message")]
    KeyReused,
    #[error("there is no such message any more")]
    MessageGone,
    #[error("a message has at most {EDITS_MAX} edits and {REACTIONS_MAX} different reactions")]
    TouchedTooOften,
    #[error("the server could not reach its message store")]
    Storage,
    #[error("the server's disk is full")]
    DiskFull,
    #[error("too much at once; try again in {} s", seconds(.0))]
    TooFast(Duration),
    #[error("too many new rooms; try again in {} s", seconds(.0))]
    TooManyRooms(Duration),
    #[error("the server is busy with pictures; try again in {} s", seconds(.0))]
    Busy(Duration),
    #[error("this is no picture that can be read; JPEG, PNG, GIF and WebP are taken")]
    NotAPicture,
    #[error("a picture has at most {} MiB", .0 / (1024 * 1024))]
    FileLarge(u64),
    #[error(
        "the picture has too many pixels, or cannot be read in the memory that there is for it; \
         photos of up to {MEGAPIXELS_OF_PHOTOS} megapixels are taken"
    )]
    PictureLarge,
    #[error("the animation is too long; send a shorter or a smaller one")]
    AnimationLong,
    #[error("a picture is not there any more; send it again")]
    PictureGone,
    #[error("a message has at most {PICTURES_MAX} pictures")]
    TooManyPictures,
    #[error("today's share is used; try again in {} s", seconds(.0))]
    QuotaUsed(Duration),
    #[error("there is no such room, or it is not for everybody")]
    RoomGone,
    #[error("the client is gone")]
    Gone,
    #[error("log in first")]
    Unauthorized,
    #[error("this is for others to do")]
    Forbidden,
    #[error("only this server's own pages may ask for this")]
    OtherSite,
    #[error("there is nothing here, or it is not for you")]
    NotThere,
    #[error("{0}")]
    BadRequest(String),
    #[error("the body did not come in time")]
    BodyLate,
    #[error("somebody has this name, or one that looks the same")]
    NameTaken,
    #[error("the password has fewer than {PASSWORD_CHARS_MIN} characters")]
    PasswordShort,
    #[error("the password has more than {PASSWORD_BYTES_MAX} bytes")]
    PasswordLong,
    #[error("the name or the password is wrong")]
    WrongLogin,
    #[error("the password is wrong")]
    WrongPassword,
    #[error("people without an account are not let in at the moment")]
    GuestsOff,
    #[error("guests own nothing; make an account first")]
    GuestOwnsNothing,
    #[error("the invitation does not exist, is used up or is over; ask for another one")]
    InvitationOver,
    #[error(
        "this invitation makes no account; log in and follow it again, or ask a moderator of this \
         server for one that does"
    )]
    InvitationNoAccount,
    #[error("the only owner stays one; make somebody else an owner first")]
    LastOwner,
    #[error("at most {BLOCKS_MAX} people can be blocked; unblock somebody first")]
    BlocksFull,
    #[error(
        "there are {INVITATIONS_MAX} invitations, or {INVITATIONS_OF_MEMBER_MAX} by a member; \
         have some revoked first"
    )]
    InvitationsFull,
    #[error("one may not come into this room any more")]
    Banned,
    #[error("the passkey was not accepted; try again, or log in with the password")]
    PasskeyFailed,
    #[error("there are no passkeys at this address: they take https and a name, or localhost")]
    NoPasskeys,
    #[error("at most {PASSKEYS_MAX} passkeys can be had; remove one first")]
    PasskeysFull,
}

/// What an event is answered with.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Reply<T> {
    Done(T),
    Refused { error: Refusal },
}

impl Refused {
    fn code(&self) -> &'static str {
        match self {
            Refused::Invalid(invalid) => invalid.code(),
            Refused::NotJoined => "not_joined",
            Refused::NotOpened => "not_opened",
            Refused::RoomFull => "full",
            Refused::Muted(_) => "muted",
            Refused::NotMember => "not_member",
            Refused::RoomPasswordMissing => "password_short",
            Refused::RoomNameTaken => "name_taken",
            Refused::CapacityRange => "capacity_range",
            Refused::KeepDaysRange => "keep_days_range",
            Refused::RoomOwnerStays => "last_owner",
            Refused::OwnsTooMany => "too_many_rooms",
            Refused::TooManyPinned => "too_many_pinned",
            Refused::TooManyOpen => "too_many_open",
            Refused::DescriptionLong => "description_too_long",
            Refused::DescriptionCharacter => "description_character",
            Refused::DirectRange => "direct_range",
            Refused::NameMismatch => "name_mismatch",
            Refused::NameLookalike => "name_lookalike",
            Refused::RoomLookalike => "room_lookalike",
            Refused::KeyReused => "key_reused",
            Refused::MessageGone => "message_gone",
            Refused::TouchedTooOften => "touched_too_often",
            Refused::Storage => "storage",
            Refused::DiskFull => "disk_full",
            Refused::TooFast(_) => "too_fast",
            Refused::TooManyRooms(_) => "too_many_rooms",
            Refused::Busy(_) => "busy",
            Refused::NotAPicture => "not_a_picture",
            Refused::FileLarge(_) => "file_too_large",
            Refused::PictureLarge => "picture_too_large",
            Refused::AnimationLong => "animation_too_long",
            Refused::PictureGone => "picture_gone",
            Refused::TooManyPictures => "too_many_pictures",
            Refused::QuotaUsed(_) => "quota_used",
            Refused::RoomGone => "gone",
            Refused::Gone => "client_gone",
            Refused::Unauthorized => "unauthorized",
            Refused::Forbidden | Refused::OtherSite => "forbidden",
            Refused::NotThere => "gone",
            Refused::BadRequest(_) | Refused::BodyLate => "bad_request",
            Refused::NameTaken => "name_taken",
            Refused::PasswordShort => "password_short",
            Refused::PasswordLong => "password_long",
            Refused::WrongLogin => "wrong_login",
            Refused::WrongPassword => "wrong_password",
            Refused::GuestsOff => "guests_off",
            Refused::GuestOwnsNothing => "guest_owns_nothing",
            Refused::InvitationOver => "invitation_over",
            Refused::InvitationNoAccount => "invitation_no_account",
            Refused::LastOwner => "last_owner",
            Refused::BlocksFull => "blocks_full",
            Refused::InvitationsFull => "invitations_full",
            Refused::Banned => "banned",
            Refused::PasskeyFailed => "passkey_failed",
            Refused::NoPasskeys => "no_passkeys",
            Refused::PasskeysFull => "passkeys_full",
        }
    }

    /// What the client is told.
    pub(crate) fn told(&self) -> Refusal {
        let retry_after = match self {
            Refused::TooFast(after)
            | Refused::TooManyRooms(after)
            | Refused::QuotaUsed(after)
            | Refused::Busy(after)
            | Refused::Muted(after) => Some(seconds(after)),
            _ => None,
        };
        Refusal { code: self.code().to_owned(), message: self.to_string(), retry_after }
    }
}

/// Answers an event.
pub(crate) fn answer<T: Serialize>(acker: Acker<Reply<T>>, outcome: Result<T, Refused>) {
    if let Err(refused) = &outcome {
        tracing::debug!(code = refused.code(), "event refused");
    }
    settle(acker.answer(&Reply::from(outcome)));
}

/// What the chat sends is always encodable, and a client that reads too slowly is disconnected by
/// the library, so there is nothing to do but to note it.
pub(crate) fn settle<E: std::error::Error>(sent: Result<(), E>) {
    if let Err(error) = sent {
        tracing::debug!(%error, "not sent");
    }
}

/// Whole ones, so many that it is not too early then.
fn seconds(duration: &Duration) -> u32 {
    u32::try_from(duration.as_millis().div_ceil(1_000)).unwrap_or(u32::MAX).max(1)
}

impl<T> From<Result<T, Refused>> for Reply<T> {
    fn from(outcome: Result<T, Refused>) -> Self {
        match outcome {
            Ok(done) => Reply::Done(done),
            Err(refused) => Reply::Refused { error: refused.told() },
        }
    }
}

impl From<Exceeded> for Refused {
    fn from(exceeded: Exceeded) -> Self {
        match exceeded.what {
            Limit::Rate => Refused::TooFast(exceeded.retry_after),
            Limit::Rooms => Refused::TooManyRooms(exceeded.retry_after),
            Limit::Day => Refused::QuotaUsed(exceeded.retry_after),
        }
    }
}

impl From<Denied> for Refused {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::Gone => Refused::NotThere,
            Denied::Forbidden => Refused::Forbidden,
            Denied::LastOwner => Refused::LastOwner,
        }
    }
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::KeyReused => Refused::KeyReused,
            StoreError::Write => Refused::Storage,
            StoreError::Full => Refused::DiskFull,
            StoreError::Gone => Refused::RoomGone,
            StoreError::PictureGone => Refused::PictureGone,
            StoreError::Muted(left) => {
                Refused::Muted(Duration::from_millis(left.try_into().unwrap_or_default()))
            }
            StoreError::Closed | StoreError::Database(_) => {
                tracing::error!(error = &error as &dyn std::error::Error, "message store");
                Refused::Storage
            }
        }
    }
}

impl From<TouchError> for Refused {
    fn from(error: TouchError) -> Self {
        match error {
            TouchError::Gone => Refused::MessageGone,
            TouchError::Forbidden => Refused::Forbidden,
            TouchError::TooMany => Refused::TouchedTooOften,
            TouchError::Empty => {
                let empty = InvalidText { field: Field::Message, problem: Problem::Empty };
                Refused::Invalid(empty)
            }
            TouchError::Store(error) => error.into(),
        }
    }
}

impl From<RoomError> for Refused {
    fn from(error: RoomError) -> Self {
        match error {
            RoomError::Gone => Refused::RoomGone,
            RoomError::Banned => Refused::Banned,
            RoomError::Forbidden => Refused::Forbidden,
            RoomError::WrongPassword => Refused::WrongPassword,
            RoomError::PasswordMissing => Refused::RoomPasswordMissing,
            RoomError::NameTaken => Refused::RoomNameTaken,
            RoomError::Lookalike => Refused::RoomLookalike,
            RoomError::TooMany => Refused::OwnsTooMany,
            RoomError::TooManyPinned => Refused::TooManyPinned,
            RoomError::NotMember => Refused::NotMember,
            RoomError::Guest => Refused::GuestOwnsNothing,
            RoomError::LastOwner => Refused::RoomOwnerStays,
            RoomError::Store(error) => error.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_says_when_to_try_again_in_whole_seconds() {
        for (after, expected) in [(1, 1), (1_000, 1), (1_001, 2), (60_000, 60)] {
            let told = Refused::TooFast(Duration::from_millis(after)).told();
            assert_eq!(told.retry_after, Some(expected), "{after}");
            assert!(told.message.ends_with(&format!("in {expected} s")), "{}", told.message);
        }
        assert_eq!(Refused::Storage.told().retry_after, None);
    }

    #[test]
    fn what_is_done_is_told_as_it_is() {
        let json = |reply: &Reply<u32>| serde_json::to_string(reply).unwrap();
        assert_eq!(json(&Reply::Done(7)), "7");
        let error = Refused::TooManyRooms(Duration::from_secs(60)).told();
        assert_eq!(
            json(&Reply::Refused { error }),
            "{\"error\":{\"code\":\"too_many_rooms\",\
             \"message\":\"too many new rooms; try again in 60 s\",\"retry_after\":60}}"
        );
    }
}
