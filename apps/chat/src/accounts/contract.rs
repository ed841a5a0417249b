//! Who somebody is: what travels over HTTP below `/api`, as JSON, and what everybody is told of a person.
//!
//! A request that changes something has `Content-Type: application/json` and comes from a page of this
//! server (`Sec-Fetch-Site` or `Origin`). A refused one is answered 4xx with `{ "error": Refusal }`.
//! Who is logged in has the cookie of a session, which scripts cannot read; the sockets of the page
//! are admitted by the same cookie.
//!
//! | request | body | answer | who may |
//! |---|---|---|---|
//! | `GET /api/me` | | [`Boot`] | everybody |
//! | `POST /api/setup` | [`SetUp`] | [`Me`], a session | whoever has the code, once |
//! | `POST /api/login` | [`LogIn`] | [`Me`], a session | everybody |
//! | `POST /api/guests` | [`BeGuest`] | [`Me`], a session | everybody, while guests are let in |
//! | `POST /api/signup` | [`SignUp`] | [`Me`], a session | whoever has an invitation |
//! | `POST /api/reset` | [`Reset`] | [`Me`], a session | whoever has the link |
//! | `POST /api/logout` | | nothing; the session is over | logged in |
//! | `POST /api/logout-everywhere` | | nothing; all sessions are over | logged in |
//! | `PUT /api/profile` | [`ChangeProfile`] | [`Me`] | logged in |
//! | `PUT /api/password` | [`ChangePassword`] | [`Me`], a new session; all others are over | an account |
//! | `POST /api/account/close` | [`CloseAccount`] | nothing; the account is gone | logged in |
//! | `GET /api/sessions` | | [`SessionView`] list | logged in |
//! | `DELETE /api/sessions/{id}` | | nothing; that session is over | logged in |
//! | `PUT`, `DELETE /api/blocks/{person}` | | nothing | logged in |
//! | `POST /api/passkeys/register/begin`, `…/finish`, `POST /api/passkeys/login/begin`, `…/finish` | as WebAuthn has it | as WebAuthn has it; at the end [`Me`] | an account; everybody |
//! | `GET /api/passkeys`, `DELETE /api/passkeys/{id}` | | [`PasskeyView`] list; nothing | an account |

use serde::{Deserialize, Serialize};
use sockeye::Event;

/// Somebody is called, coloured or allowed otherwise than before; sent on `/rooms` and `/chat` to
/// everybody who may see that person.
pub const PERSON: Event<Person> = Event::new("person");
/// This page's own person or settings have changed, perhaps on another device.
pub const ME: Event<Me> = Event::new("me");

/// The fewest characters of a password.
pub const PASSWORD_CHARS_MIN: usize = 8;
/// The most bytes of a password.
pub const PASSWORD_BYTES_MAX: usize = 256;
/// The most people that somebody can block.
pub const BLOCKS_MAX: u32 = 1_000;

/// What somebody may do on this server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Without an account: a nickname and a colour. Owns nothing.
    Guest,
    /// Has an account.
    Member,
    /// May also invite, close rooms, and end sessions of members and guests.
    Moderator,
    /// May do everything. There is always one.
    Owner,
}

/// Somebody, as everybody sees them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Person {
    /// Never changes, and is never given to somebody else.
    pub id: String,
    /// What they are called.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// Hue of their colour, 0 to 359.
    pub colour: u16,
    /// An emoji in place of the first letter of the name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub picture: Option<String>,
}

/// Who this page is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Me {
    /// As others see them.
    pub person: Person,
    /// The session of this page; not the secret in its cookie.
    pub session: String,
    /// When the session ends unless it is used, in milliseconds since 1970-01-01 UTC.
    pub expires_at: i64,
    /// Those whose messages are not to be shown.
    pub blocked: Vec<Blocked>,
}

/// Somebody whose messages are not to be shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Blocked {
    /// Their id.
    pub id: String,
    /// What they are called now.
    pub name: String,
}

/// What a page is told with its HTML, so that it need not ask.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Boot {
    /// Whoever is logged in.
    pub me: Option<Me>,
    /// Whether nobody has an account yet: the first one is made with the code that the program printed.
    pub needs_setup: bool,
    /// Whether somebody without an account may come in.
    pub has_guests: bool,
    /// Whether passkeys work at this address: it is `localhost`, or a name with https.
    pub has_passkeys: bool,
    /// Whether the lab is served as well, at `/lab`.
    pub has_lab: bool,
    /// Whether the server is reached from this machine only.
    pub is_local: bool,
    /// The address for links that others are given, such as `https://chat.example`. Whoever is not logged in is told
    /// of no other than the public one and the one that was asked for.
    pub address: String,
    /// The most bytes of a picture that is sent.
    pub picture_bytes_max: u64,
    /// Whether there is no such page; the answer has the status 404.
    pub is_missing: bool,
}

/// Makes the first account, an owner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct SetUp {
    /// What the program printed at its start.
    pub code: String,
    /// What they are called, and log in with.
    pub name: String,
    /// At least [`PASSWORD_CHARS_MIN`] characters.
    pub password: String,
}

/// Begins a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct LogIn {
    /// The name of the account.
    pub name: String,
    /// Its password.
    pub password: String,
}

/// Comes in without an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct BeGuest {
    /// The nickname; no account may have one that looks alike.
    pub name: String,
    /// Hue of the colour, 0 to 359; without it, one that follows from the name.
    #[serde(default)]
    #[cfg_attr(test, ts(optional))]
    pub colour: Option<u16>,
}

/// Makes an account. A guest who is logged in becomes that account and keeps what they said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct SignUp {
    /// What follows the `#` of the invitation's link.
    pub code: String,
    /// What they are called, and log in with.
    pub name: String,
    /// At least [`PASSWORD_CHARS_MIN`] characters.
    pub password: String,
    /// Hue of the colour.
    #[serde(default)]
    #[cfg_attr(test, ts(optional))]
    pub colour: Option<u16>,
}

/// Sets a new password by an administrator's link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Reset {
    /// What follows the `#` of the link.
    pub code: String,
    /// The new password.
    pub password: String,
}

/// Changes how others see oneself. What is left out stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ChangeProfile {
    /// Another name.
    #[cfg_attr(test, ts(optional))]
    pub name: Option<String>,
    /// Another hue.
    #[cfg_attr(test, ts(optional))]
    pub colour: Option<u16>,
    /// Another emoji; empty for none.
    #[cfg_attr(test, ts(optional))]
    pub picture: Option<String>,
}

/// Changes the password.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ChangePassword {
    /// The password so far.
    pub old: String,
    /// The new one.
    pub new: String,
}

/// Closes one's own account: its name becomes free, what was said stays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct CloseAccount {
    /// The password; a guest has none.
    #[serde(default)]
    pub password: String,
}

/// A session of one's own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct SessionView {
    /// Its id; not the secret in its cookie.
    pub id: String,
    /// The browser, as it calls itself; at most 200 characters.
    pub agent: String,
    /// Where it was used last.
    pub address: String,
    /// When it began, in milliseconds since 1970-01-01 UTC.
    pub created_at: i64,
    /// When it was used last, within some minutes.
    pub used_at: i64,
    /// Whether it is the one that asks.
    pub is_this: bool,
}

/// A passkey of one's own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct PasskeyView {
    /// Its id.
    pub id: String,
    /// What its owner calls it.
    pub name: String,
    /// When it was made, in milliseconds since 1970-01-01 UTC.
    pub created_at: i64,
    /// When it was used last.
    pub used_at: Option<i64>,
}
