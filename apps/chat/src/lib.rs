//! The chat of sockeye: one binary, one data folder, rooms with a history that survives restarts.
//!
//! It is built on nothing but the public API of the crates, and is the example to read for how
//! they go together. From the outside in:
//!
//! - [`cli`] reads the command line, [`serve`] puts the parts together and drains at the end,
//!   [`signals`] says when, [`tls`] has the certificate.
//! - [`keys`] are those of the publishing API; [`emit`] uses one. A running server is asked for them, and for what
//!   `sockeye admin` does, through its socket in the data folder, `control`.
//! - [`keeping`] makes backups and puts them back.
//! - [`tail`] follows the feed of any server; which request comes next it knows without IO.
//! - [`site`] answers HTTP requests with the page ([`ui`]), whose Svelte source is in `web/`.
//! - [`lab`] shows one live feed on eight roads, and what each costs: by itself, or beside the chat.
//! - [`contract`] declares once what travels, for the server, its tests and the page.
//! - A feature is a folder with its contract, its handlers, what it needs of the store, and, under the same name in
//!   `web/src`, its part of the page: [`accounts`], [`invitations`], [`rooms`], [`messages`], [`pictures`], [`reading`],
//!   [`presence`],
//!   [`admin`]; [`notes`] is the chat of the notes. [`app`] is what they share.
//! - [`conversation`] is the namespace `/chat`, in which rooms, messages and presence have their events.
//! - [`input`] and [`names`] check what people typed, [`quota`] how much of it, [`store`] keeps everything.
#![forbid(unsafe_code)]

pub mod accounts;
pub mod address;
pub mod admin;
mod api;
pub mod app;
mod bucket;
pub mod cli;
pub mod contract;
#[cfg(unix)]
pub mod control;
pub mod conversation;
pub mod emit;
mod files;
pub mod id;
pub mod input;
pub mod invitations;
pub mod keeping;
pub mod keys;
pub mod lab;
pub mod messages;
pub mod metrics;
pub mod names;
pub mod notes;
pub mod pictures;
pub mod presence;
pub mod quota;
pub mod reading;
mod refusal;
pub mod rooms;
pub mod serve;
pub mod signals;
pub mod site;
pub mod store;
pub mod tail;
pub mod tls;
pub mod ui;
