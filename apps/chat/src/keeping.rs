//! What is kept and for how long: backups of the data folder, and old messages that are deleted.
//!
//! [`archive`] is the file of a backup, [`backup`] makes one, [`restore`] checks one and puts it in place;
//! [`retention`] deletes messages when their time is over. [`lines`] are everything for other programs, which [`export`]
//! writes and [`import`] reads.

pub mod archive;
pub mod backup;
pub mod export;
pub mod import;
pub mod lines;
pub mod restore;
pub mod retention;
pub mod store;

use std::fmt;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::keys::date;
use crate::store::sqlite::snapshot;

/// What is left free of a disk when something large is written.
const SPARE_BYTES: u64 = 1024 * 1024;

/// A moment for the name of a file: 20261130T201500Z.
fn stamp() -> String {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    date(seconds).replace(['-', ':'], "")
}

/// Bytes as people read them.
struct Size(u64);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = ["kB", "MB", "GB", "TB"];
        if self.0 < 1_000 {
            return write!(f, "{} bytes", self.0);
        }
        #[allow(clippy::cast_precision_loss, reason = "one digit behind the point is shown")]
        let mut size = self.0 as f64 / 1_000.0;
        let mut unit = 0;
        while size >= 999.95 && unit + 1 < units.len() {
            size /= 1_000.0;
            unit += 1;
        }
        write!(f, "{size:.1} {}", units[unit])
    }
}

/// Fails where a folder has no room for so much.
fn check_room(folder: &Path, bytes: u64) -> anyhow::Result<()> {
    let wanted = bytes.saturating_add(SPARE_BYTES);
    if let Some(space) = snapshot::space(folder)
        && space.free_bytes < wanted
    {
        anyhow::bail!(
            "{} is too full: {} are needed, {} are free; make room, or name another folder",
            folder.display(),
            Size(wanted),
            Size(space.free_bytes)
        );
    }
    Ok(())
}

/// A new file that is its owner's alone.
fn create_private(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.read(true).write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// So that the names in a folder are on disk as well.
#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

/// The folder of a path; that of the process for a mere name.
fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// A file or folder that is removed in the end, unless it was moved away.
struct Passing(PathBuf);

impl Drop for Passing {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0).or_else(|_| fs::remove_dir_all(&self.0));
    }
}

/// Says something to whoever waits.
fn say(text: &str) {
    let _ = io::Write::write_fmt(&mut io::stderr(), format_args!("{text}\n"));
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    anyhow::Context::context(runtime, "cannot start the runtime")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_by_people() {
        for (bytes, text) in [
            (0, "0 bytes"),
            (999, "999 bytes"),
            (1_000, "1.0 kB"),
            (999_949, "999.9 kB"),
            (999_950, "1.0 MB"),
            (12_345_678, "12.3 MB"),
            (u64::MAX, "18446744.1 TB"),
        ] {
            assert_eq!(Size(bytes).to_string(), text);
        }
    }
}
