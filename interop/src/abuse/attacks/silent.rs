//! Connections that say nothing.

use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use nix::sys::resource::{Resource, getrlimit};

use super::{Attacked, staying};
use crate::wire::{self, Reads, Source};

/// Files that this program and the server need for something else.
const OTHER_FILES: u64 = 500;

pub(super) fn connections(server: SocketAddr, count: usize) -> Result<Attacked> {
    let (files, _) = getrlimit(Resource::RLIMIT_NOFILE).context("limit of open files")?;
    let count = count.min(usize::try_from(files.saturating_sub(OTHER_FILES))?);
    let mut held: Vec<TcpStream> = Vec::new();
    for _ in 0..count {
        // A server may refuse an attacker.
        held.extend(wire::open(server, Source(66), Reads::Yes).ok());
    }
    // Newcomers come meanwhile.
    thread::sleep(Duration::from_secs(3));
    Ok(staying(format!("{} silent connections", held.len()), held))
}
