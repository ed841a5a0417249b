//! Invitations: how others get in.
//!
//! A code is a secret behind the `#` of a link; the store has its digest.

pub mod contract;
pub(crate) mod http;
pub mod store;

/// The most invitations that are not over.
pub const INVITATIONS_MAX: i64 = 1_000;
/// The most of them that a member has made, who may invite into rooms of their own only. Moderators and owners may
/// make all that there can be.
pub const INVITATIONS_OF_MEMBER_MAX: i64 = 50;
/// How many seconds an invitation is valid unless somebody says otherwise: a week.
pub const SECONDS_DEFAULT: u32 = 7 * 24 * 3_600;
/// The most seconds it can be valid: a year.
pub const SECONDS_MAX: u32 = 365 * 24 * 3_600;
/// The most uses that can be set; as often as one likes is possible too.
pub const USES_MAX: u32 = 10_000;
