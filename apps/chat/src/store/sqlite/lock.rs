//! One program for each data folder.

use std::fs::{File, TryLockError};
use std::io;
use std::path::Path;

use super::OpenError;

/// Claims the folder until the file is dropped. `None`: it cannot be claimed on this file system.
pub(super) fn take(folder: &Path) -> Result<Option<File>, OpenError> {
    let file = open(folder).map_err(OpenError::Folder)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse),
        Err(TryLockError::Error(error)) => {
            tracing::warn!(%error, "cannot tell whether another sockeye uses the data folder");
            Ok(None)
        }
    }
}

/// The folder itself carries the lock: a file in it could be deleted, and then made and locked
/// once more by a second program, or be a link to something else.
#[cfg(unix)]
fn open(folder: &Path) -> io::Result<File> {
    File::open(folder)
}

/// Here a folder cannot be locked, but a file that is open cannot be deleted either.
#[cfg(not(unix))]
fn open(folder: &Path) -> io::Result<File> {
    let file = folder.join("sockeye.lock");
    File::options().create(true).truncate(false).write(true).open(file)
}
