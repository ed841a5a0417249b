//! The files of pictures, in `pictures` in the data folder: `ab/<SHA-256 in hex>.<extension>`, where `ab` is how the
//! hash begins. The same content is there once.
//!
//! A file is whole and on disk before the database names it: written to `incoming`, synced, renamed, the folder synced.
//! One that nobody names any more is deleted by a sweep, not before it is an hour old. Whoever is about to name a file
//! holds it meanwhile (`Held`), and makes it young again if it was there: so a sweep that looked just before takes
//! nothing that is named after.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;
use sha2::{Digest as _, Sha256};

use super::pipeline::Format;
use crate::id::new_id;

/// The folder inside of the data folder.
pub const FOLDER: &str = "pictures";
/// Below it: what is on its way in.
const INCOMING: &str = "incoming";
/// How old a file is that nobody names, before it is deleted.
const GRACE: Duration = Duration::from_secs(3_600);
/// Bytes that are read at once to hash a file.
const READ_BYTES: usize = 64 * 1024;

/// The folder of pictures.
#[derive(Clone, Debug)]
pub(crate) struct Files(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    folder: PathBuf,
    /// How often each file is held.
    held: Mutex<HashMap<String, usize>>,
}

/// The names of what is made of one upload; the files are removed with this.
#[derive(Debug)]
pub(crate) struct Incoming {
    /// What was sent.
    pub(crate) sent: PathBuf,
    /// The picture that is made of it.
    pub(crate) picture: PathBuf,
    /// Its thumbnail.
    pub(crate) thumbnail: PathBuf,
}

/// A file that is in its place and stays there while this is kept, though nothing may name it yet.
#[derive(Debug)]
pub(crate) struct Held {
    files: Files,
    name: String,
    bytes: u64,
}

impl Held {
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl Files {
    /// Those of a data folder. What was left there by a program that was killed is removed.
    ///
    /// # Errors
    /// The folder cannot be made or read.
    pub(crate) fn open(data: &Path) -> io::Result<Self> {
        let folder = data.join(FOLDER);
        let incoming = folder.join(INCOMING);
        make_folder(&incoming)?;
        for entry in fs::read_dir(&incoming)? {
            fs::remove_file(entry?.path())?;
        }
        Ok(Files(Arc::new(Inner { folder, held: Mutex::default() })))
    }

    /// Names for an upload.
    pub(crate) fn incoming(&self) -> Incoming {
        let id = new_id();
        let path = |what| self.0.folder.join(INCOMING).join(format!("{id}.{what}"));
        Incoming { sent: path("sent"), picture: path("picture"), thumbnail: path("thumbnail") }
    }

    /// Where a file is.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.folder.join(name.get(..2).unwrap_or("00")).join(name)
    }

    /// Takes a file that was made, and is on disk under its name when this returns.
    ///
    /// # Errors
    /// It cannot be read, synced or renamed.
    pub(crate) fn keep(&self, made: &Path, format: Format) -> io::Result<Held> {
        let (hash, bytes) = hash(made)?;
        let name = format!("{hash}.{}", format.extension());
        let held = self.hold(&name, bytes);
        let path = self.path(&name);
        if is_there(&path, bytes)? {
            File::options().append(true).open(&path)?.set_modified(SystemTime::now())?;
            return Ok(held);
        }
        let file = File::options().append(true).open(made)?;
        make_private(&file)?;
        file.sync_all()?;
        let folder = path.parent().unwrap_or(&self.0.folder);
        if !folder.exists() {
            make_folder(folder)?;
            sync_folder(&self.0.folder)?;
        }
        fs::rename(made, &path)?;
        sync_folder(folder)?;
        Ok(held)
    }

    fn hold(&self, name: &str, bytes: u64) -> Held {
        *self.0.held.lock().entry(name.to_owned()).or_default() += 1;
        Held { files: self.clone(), name: name.to_owned(), bytes }
    }

    /// The folders in which there are files.
    ///
    /// # Errors
    /// They cannot be listed.
    pub(crate) fn folders(&self) -> io::Result<Vec<PathBuf>> {
        let entries = fs::read_dir(&self.0.folder)?;
        let folders = entries.map(|entry| entry.map(|entry| entry.path()));
        let folders: Vec<_> = folders.collect::<Result<_, _>>()?;
        Ok(folders.into_iter().filter(|path| !path.ends_with(INCOMING) && path.is_dir()).collect())
    }

    /// The names of the files in a folder that are so old that they may be deleted.
    ///
    /// # Errors
    /// They cannot be listed.
    pub(crate) fn old_ones(&self, folder: &Path) -> io::Result<Vec<String>> {
        let mut old = Vec::new();
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            if is_old(&entry.path())
                && let Ok(name) = entry.file_name().into_string()
            {
                old.push(name);
            }
        }
        Ok(old)
    }

    /// Deletes an old file that nobody named a moment ago, unless somebody has begun to since; whether it did.
    ///
    /// # Errors
    /// It cannot be deleted.
    pub(crate) fn delete(&self, name: &str) -> io::Result<bool> {
        let path = self.path(name);
        // While this is locked nobody finds that the file is there.
        let held = self.0.held.lock();
        if held.contains_key(name) || !is_old(&path) {
            return Ok(false);
        }
        fs::remove_file(path).map(|()| true)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut held = self.files.0.held.lock();
        if let Some(count) = held.get_mut(&self.name) {
            *count -= 1;
            if *count == 0 {
                held.remove(&self.name);
            }
        }
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        for path in [&self.sent, &self.picture, &self.thumbnail] {
            // It may be in its place by now, or never have been made.
            let _ = fs::remove_file(path);
        }
    }
}

/// SHA-256 in hex, and the length.
fn hash(path: &Path) -> io::Result<(String, u64)> {
    use std::fmt::Write as _;

    let mut file = File::open(path)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; READ_BYTES];
    let mut bytes = 0;
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            break;
        }
        bytes += count as u64;
        hasher.update(&buffer[..count]);
    }
    let mut hex = String::with_capacity(64);
    for byte in hasher.finalize() {
        let _ = write!(hex, "{byte:02x}");
    }
    Ok((hex, bytes))
}

fn is_there(path: &Path, bytes: u64) -> io::Result<bool> {
    match fs::metadata(path) {
        Ok(metadata) => Ok(metadata.is_file() && metadata.len() == bytes),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// A file from the future counts as young: clocks are put right.
fn is_old(path: &Path) -> bool {
    let modified = fs::metadata(path).and_then(|metadata| metadata.modified());
    let age = modified.ok().and_then(|modified| SystemTime::now().duration_since(modified).ok());
    age.is_some_and(|age| age >= GRACE)
}

fn make_folder(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

#[cfg(unix)]
fn make_private(file: &File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;

    file.set_permissions(fs::Permissions::from_mode(0o600))
}

#[cfg(not(unix))]
fn make_private(_: &File) -> io::Result<()> {
    Ok(())
}

#[cfg(unix)]
fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Here folders cannot be opened; the file system keeps a log of what is renamed.
#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
    use std::time::Instant;

    use tempfile::TempDir;

    use super::*;

    fn made(files: &Files, content: &[u8]) -> Incoming {
        let incoming = files.incoming();
        fs::write(&incoming.picture, content).unwrap();
        incoming
    }

    fn keep(files: &Files, content: &[u8]) -> Held {
        files.keep(&made(files, content).picture, Format::Png).unwrap()
    }

    fn make_old(files: &Files, name: &str) {
        let file = File::options().append(true).open(files.path(name)).unwrap();
        file.set_modified(SystemTime::now() - 2 * GRACE).unwrap();
    }

    #[test]
    fn the_same_content_is_kept_once_and_privately() {
        let data = TempDir::new().unwrap();
        let files = Files::open(data.path()).unwrap();
        let (one, same, other) = (keep(&files, b"a"), keep(&files, b"a"), keep(&files, b"b"));
        assert_eq!((one.name(), one.bytes()), (same.name(), 1));
        assert_ne!(one.name(), other.name());
        assert!(one.name().starts_with("ca978112ca1bbdca") && one.name().ends_with(".png"));
        assert_eq!(fs::read(files.path(one.name())).unwrap(), b"a");
        assert_eq!(files.folders().unwrap().len(), 2);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;

            let mode = |path: PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode(files.path(one.name())), 0o600);
            assert_eq!(mode(data.path().join(FOLDER)), 0o700);
            assert_eq!(mode(files.path(one.name()).parent().unwrap().to_owned()), 0o700);
        }
    }

    #[test]
    fn what_was_on_its_way_is_gone_after_a_start() {
        let data = TempDir::new().unwrap();
        let files = Files::open(data.path()).unwrap();
        let left = made(&files, b"half");
        let path = left.picture.clone();
        std::mem::forget(left);
        let kept = keep(&files, b"whole").name().to_owned();
        let files = Files::open(data.path()).unwrap();
        assert!(!path.exists());
        assert!(files.path(&kept).exists());
        drop(made(&files, b"refused"));
        assert_eq!(fs::read_dir(data.path().join(FOLDER).join(INCOMING)).unwrap().count(), 0);
    }

    #[test]
    fn a_file_goes_when_it_is_old_and_nobody_holds_it() {
        let data = TempDir::new().unwrap();
        let files = Files::open(data.path()).unwrap();
        let held = keep(&files, b"a");
        let name = held.name().to_owned();
        let folder = files.folders().unwrap().remove(0);
        assert_eq!(files.old_ones(&folder).unwrap(), Vec::<String>::new());
        make_old(&files, &name);
        assert_eq!(files.old_ones(&folder).unwrap(), std::slice::from_ref(&name));
        assert!(!files.delete(&name).unwrap(), "it is held");
        drop(held);
        // Sent once more after the sweep has found it old and unnamed.
        drop(keep(&files, b"a"));
        assert!(!files.delete(&name).unwrap(), "it is young again");
        make_old(&files, &name);
        assert!(files.delete(&name).unwrap());
        assert!(!files.path(&name).exists());
        let again = keep(&files, b"a");
        assert!(files.path(again.name()).exists());
    }

    #[test]
    fn a_sweep_beside_uploads_of_the_same_content_takes_nothing_that_is_held() {
        let data = TempDir::new().unwrap();
        let files = Files::open(data.path()).unwrap();
        let name = keep(&files, b"a").name().to_owned();
        let (deleted, is_over) = (AtomicU32::new(0), AtomicBool::new(false));
        let end = Instant::now() + Duration::from_secs(60);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) && Instant::now() < end {
                    if let Ok(file) = File::options().append(true).open(files.path(&name)) {
                        // As if an hour had gone by.
                        let _ = file.set_modified(SystemTime::now() - 2 * GRACE);
                    }
                    deleted.fetch_add(
                        u32::from(files.delete(&name).unwrap_or(false)),
                        Ordering::Relaxed,
                    );
                }
            });
            let mut kept = 0;
            while (kept < 200 || deleted.load(Ordering::Relaxed) == 0) && Instant::now() < end {
                let held = keep(&files, b"a");
                assert_eq!(fs::read(files.path(held.name())).unwrap(), b"a");
                kept += 1;
            }
            is_over.store(true, Ordering::Relaxed);
        });
        assert!(deleted.into_inner() > 0);
    }
}
