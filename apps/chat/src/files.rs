//! How many files this program may have open, and how many connections that leaves room for.

use std::io;

/// For the database, the listeners, the log and what is opened in passing.
const OWN_FILES: u64 = 64;
/// The most connections where files do not run out before.
const CONNECTIONS_MAX: u64 = 100_000;
/// The most of those that have not sent a request yet.
const HANDSHAKES_MAX: u64 = 10_000;
/// What macOS allows at most where it says that there is no limit (`OPEN_MAX`).
#[cfg(unix)]
const UNLIMITED_FILES: u64 = 10_240;

/// How many connections the listener may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Room {
    pub(crate) connections: usize,
    pub(crate) handshakes: usize,
}

/// Takes as many files as the system allows, and says how many connections they are enough for.
/// Without room accepting fails before anybody has to give way.
pub(crate) fn make_room() -> Room {
    let files = raise_limit().unwrap_or_else(|error| {
        tracing::warn!(%error, "cannot tell how many files may be open");
        u64::MAX
    });
    let room = Room::for_files(files);
    if (room.connections as u64) < CONNECTIONS_MAX {
        let Room { connections, handshakes } = room;
        tracing::warn!(files, connections, handshakes, "few files may be open (`ulimit -n`)");
    }
    room
}

impl Room {
    /// How many of them one address may have that stay, so that it does not take them all.
    pub(crate) fn of_address(self) -> u32 {
        u32::try_from(self.connections / 2).unwrap_or(u32::MAX)
    }

    fn for_files(files: u64) -> Self {
        let connections = files.saturating_sub(OWN_FILES).clamp(2, CONNECTIONS_MAX);
        // Those that say nothing give way to each other while there is room for others.
        let handshakes = HANDSHAKES_MAX.min(connections / 2);
        let count = |connections| usize::try_from(connections).unwrap_or(usize::MAX);
        Room { connections: count(connections), handshakes: count(handshakes) }
    }
}

/// The limit of open files, raised as far as it may be.
#[cfg(unix)]
fn raise_limit() -> io::Result<u64> {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};

    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    let higher = [hard, hard.min(UNLIMITED_FILES)].into_iter().filter(|files| *files > soft);
    for files in higher {
        if setrlimit(Resource::RLIMIT_NOFILE, files, hard).is_ok() {
            return Ok(files);
        }
    }
    Ok(soft)
}

/// Sockets are no files here.
#[cfg(not(unix))]
fn raise_limit() -> io::Result<u64> {
    Ok(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_connections_for_so_many_files() {
        for (files, connections, handshakes) in [
            (0, 2, 1),
            (1_024, 960, 480),
            (20_064, 20_000, 10_000),
            (100_064, 100_000, 10_000),
            (u64::MAX, 100_000, 10_000),
        ] {
            assert_eq!(Room::for_files(files), Room { connections, handshakes }, "{files}");
        }
    }
}
