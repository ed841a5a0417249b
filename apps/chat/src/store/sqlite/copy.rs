//! Copies of the whole database, each as it was at one moment, whoever reads and writes meanwhile.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use sqlx::SqliteConnection;

/// What a file is called until it is whole.
const PART: &str = "part";

/// Makes a copy under this name, readable by its owner only. There is none, or all of it, and then it is on disk.
pub(super) async fn make(connection: &mut SqliteConnection, to: &Path) -> Result<(), sqlx::Error> {
    let part = to.with_extension(PART);
    let made = write(connection, &part).await;
    let made = made.and_then(|()| put_in_place(&part, to).map_err(sqlx::Error::Io));
    if made.is_err() {
        let _ = fs::remove_file(&part);
    }
    made
}

async fn write(connection: &mut SqliteConnection, part: &Path) -> Result<(), sqlx::Error> {
    create_private(part).map_err(sqlx::Error::Io)?;
    let name = part.to_str().ok_or_else(|| {
        sqlx::Error::Io(io::Error::other(format!(
            "the path {} is not Unicode: choose another folder",
            part.display()
        )))
    })?;
    // An empty file is taken as a new one.
    sqlx::query("VACUUM INTO ?1").bind(name).execute(connection).await?;
    Ok(())
}

fn put_in_place(part: &Path, to: &Path) -> io::Result<()> {
    File::open(part)?.sync_all()?;
    fs::rename(part, to)?;
    sync_folder(to)
}

/// A file that is made anew; what an earlier attempt has left there is removed.
fn create_private(path: &Path) -> io::Result<()> {
    let _ = fs::remove_file(path);
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

/// So that the name of a file is on disk as well.
#[cfg(unix)]
fn sync_folder(of: &Path) -> io::Result<()> {
    of.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

/// Here folders cannot be opened.
#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}
