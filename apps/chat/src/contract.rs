//! Everything that travels between the chat's server and its page, declared once: each feature has a contract of
//! its own, and what all of them share is here.
//!
//! The page's TypeScript declarations in `web/src/contract.ts` are written from these files; the tests fail
//! when they differ.
//!
//! The page has one connection with two namespaces: `/rooms`, the live list, and `/chat`, the conversations.
//! Both admit whoever has the cookie of a session ([`accounts`](crate::accounts::contract)); without one they
//! refuse with `unauthorized`. An event that is refused is answered with `{ "error": Refusal }`.

use serde::{Deserialize, Serialize};

/// Why something was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Refusal {
    /// A word for programs, such as `name_empty` or `too_fast`.
    pub code: String,
    /// A sentence for people.
    pub message: String,
    /// When it may be tried again, in seconds; only where waiting helps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub retry_after: Option<u32>,
}

/// The title of the first room, which is always there; `/room` leads to it.
pub const FIRST_ROOM: &str = "lobby";

#[cfg(test)]
pub(crate) mod typescript;
