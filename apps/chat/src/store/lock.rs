//! One program for each data folder.

use std::fs::{File, TryLockError};
use std::path::Path;

use super::OpenError;

/// The file that is locked. It stays behind; what counts is the lock, which ends with the program
/// however that ends.
const FILE_NAME: &str = "sockeye.lock";

/// Claims the folder until the file is dropped. `None`: it cannot be claimed on this file system.
pub(super) fn take(folder: &Path) -> Result<Option<File>, OpenError> {
    let file = File::create(folder.join(FILE_NAME)).map_err(OpenError::Folder)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse),
        Err(TryLockError::Error(error)) => {
            tracing::warn!(%error, "cannot tell whether another sockeye uses the data folder");
            Ok(None)
        }
    }
}
