//! The file of a backup: a tar archive without compression, of plain files alone.
//!
//! | entry | |
//! |---|---|
//! | `chat.db` | the database, as it was at one moment; the first entry |
//! | `keys.json` | the keys of the publishing API, if there are any |
//! | `sockeye.toml` | the configuration, if there is one |
//! | `pictures/<first two digits>/<SHA-256>.<ending>` | a picture |
//! | `manifest.json` | [`Manifest`]: what has to be there; the last entry, so a file that was cut has none |
//!
//! Nothing else may be in it, and nothing twice. Names are taken from this list and never from the archive, so none leads
//! out of the folder into which it is unpacked; links and other kinds of entries are refused.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Read, Write};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tar::{Archive, Builder, EntryType, Header};
use thiserror::Error;

use crate::keys;
use crate::store::FILE_NAME;

/// The version of the format. Another one is another program's.
pub const FORMAT: u32 = 1;
/// The last entry.
pub const MANIFEST: &str = "manifest.json";
/// The folder of the pictures.
pub const PICTURES: &str = "pictures";
/// The configuration.
pub const CONFIGURATION: &str = "sockeye.toml";

/// Those of the names of pictures.
const ENDINGS: [&str; 5] = ["gif", "jpg", "png", "webp", "avif"];
/// The most bytes of the manifest: it has some 170 bytes for each picture.
const MANIFEST_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// The most bytes of the small files.
const SMALL_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// The most bytes of a picture.
const PICTURE_BYTES_MAX: u64 = 1024 * 1024 * 1024;
const COPIED_BYTES: usize = 64 * 1024;

/// What a backup has in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// [`FORMAT`].
    pub format: u32,
    /// The version of the program that made it.
    pub program: String,
    /// When, in milliseconds since 1970-01-01 UTC.
    pub made_at: u64,
    /// The version of the database's schema.
    pub schema: i64,
    /// How many people, guests included.
    pub people: u64,
    /// How many rooms, direct messages included.
    pub rooms: u64,
    /// How many messages.
    pub messages: u64,
    /// How many pictures.
    pub pictures: u64,
    /// Every other entry.
    pub files: BTreeMap<String, Entry>,
}

/// A file in a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Its size.
    pub bytes: u64,
    /// SHA-256 of what is in it, in hexadecimal digits.
    pub sha256: String,
}

/// Why a file is no backup that can be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ArchiveError {
    /// It cannot be read, or is no tar archive.
    #[error("it cannot be read as an archive")]
    Read(#[source] io::Error),
    /// What is unpacked cannot be written.
    #[error("{name} cannot be written")]
    Write {
        /// Which file.
        name: String,
        /// Why.
        source: io::Error,
    },
    /// Something that no backup has in it.
    #[error("{0:?} is in it, which no backup has")]
    Stranger(String),
    /// Something is in it twice.
    #[error("{0:?} is in it twice")]
    Twice(String),
    /// Something is larger than it can be.
    #[error("{0:?} is too large")]
    TooLarge(String),
    /// The end is missing.
    #[error("its end is missing: the file was cut, or copied in part")]
    Cut,
    /// Something comes behind the end.
    #[error("something comes behind its end")]
    BehindTheEnd,
    /// The manifest cannot be read.
    #[error("its manifest cannot be read")]
    Manifest(#[source] serde_json::Error),
    /// It is of another version.
    #[error("it is of the format {0}, and this program knows {FORMAT}: take a newer version of it")]
    Format(u32),
    /// A file is not what the manifest says.
    #[error("{0:?} is damaged: it is not what the manifest says")]
    Damaged(String),
    /// The manifest has a file that is not there, or the other way round.
    #[error("{0:?} is missing, in the archive or in its manifest")]
    Missing(String),
}

/// A place for a file, in a data folder and in a backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place(String);

impl Place {
    /// Where this name belongs, if it is one that a backup has.
    pub fn parse(name: &str) -> Option<Self> {
        let is_known = [FILE_NAME, keys::FILE_NAME, CONFIGURATION].contains(&name);
        (is_known || is_picture(name)).then(|| Place(name.to_owned()))
    }

    /// Its name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Below the data folder.
    pub fn path(&self) -> PathBuf {
        self.0.split('/').collect()
    }

    /// What is in the file of this name, if the name says so.
    pub fn sha256(&self) -> Option<&str> {
        is_picture(&self.0).then(|| self.0.rsplit('/').next()?.split('.').next()).flatten()
    }

    fn bytes_max(&self) -> u64 {
        match self.0.as_str() {
            FILE_NAME => u64::MAX,
            name if name.starts_with(PICTURES) => PICTURE_BYTES_MAX,
            _ => SMALL_BYTES_MAX,
        }
    }
}

/// `pictures/ab/ab…64 digits.jpg`
fn is_picture(name: &str) -> bool {
    let mut parts = name.split('/');
    let (Some(PICTURES), Some(folder), Some(file), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    let Some((hash, ending)) = file.split_once('.') else { return false };
    let is_digit = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    hash.len() == 64
        && hash.bytes().all(is_digit)
        && folder.len() == 2
        && hash.starts_with(folder)
        && ENDINGS.contains(&ending)
}

/// Writes a backup.
pub struct ArchiveWriter<W: Write> {
    builder: Builder<W>,
    files: BTreeMap<String, Entry>,
    made_at_seconds: u64,
}

impl<W: Write> ArchiveWriter<W> {
    /// One that was made at this time.
    pub fn new(out: W, made_at_seconds: u64) -> Self {
        ArchiveWriter { builder: Builder::new(out), files: BTreeMap::new(), made_at_seconds }
    }

    /// Appends a file of which this many bytes are to come, and says what it was.
    ///
    /// # Errors
    /// It cannot be read or is shorter, or nothing can be written.
    pub fn append(&mut self, place: &Place, bytes: u64, file: impl Read) -> io::Result<Entry> {
        let mut hashing = Hashing { inner: file.take(bytes), hash: Sha256::new(), bytes: 0 };
        let mut header = self.header(bytes);
        self.builder.append_data(&mut header, place.as_str(), &mut hashing)?;
        if hashing.bytes != bytes {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it has become shorter"));
        }
        let sha256 = hex(&hashing.hash.finalize());
        let entry = Entry { bytes, sha256 };
        self.files.insert(place.as_str().to_owned(), entry.clone());
        Ok(entry)
    }

    /// Ends it with its manifest, which is given the files.
    ///
    /// # Errors
    /// Nothing can be written.
    pub fn finish(mut self, mut manifest: Manifest) -> io::Result<(W, Manifest)> {
        manifest.files = std::mem::take(&mut self.files);
        let text = serde_json::to_vec_pretty(&manifest)?;
        let mut header = self.header(text.len() as u64);
        self.builder.append_data(&mut header, MANIFEST, &*text)?;
        Ok((self.builder.into_inner()?, manifest))
    }

    fn header(&self, bytes: u64) -> Header {
        let mut header = Header::new_ustar();
        header.set_entry_type(EntryType::Regular);
        header.set_mode(0o600);
        header.set_mtime(self.made_at_seconds);
        header.set_size(bytes);
        header
    }
}

impl<W: Write> fmt::Debug for ArchiveWriter<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ArchiveWriter").field("files", &self.files).finish_non_exhaustive()
    }
}

/// Reads a backup to its end, and gives each file to whoever `open` says, before it is known to be whole: what was
/// given counts only when the manifest comes back.
///
/// # Errors
/// It is no backup, or not as it was made.
pub fn unpack<W: Write>(
    archive: impl Read,
    mut open: impl FnMut(&Place, u64) -> io::Result<W>,
    mut close: impl FnMut(&Place, W) -> io::Result<()>,
) -> Result<Manifest, ArchiveError> {
    let mut archive = Archive::new(archive);
    let mut found = BTreeMap::new();
    let mut manifest: Option<Manifest> = None;
    // Raw: entries that say something of others, such as a longer name, are strangers here.
    for entry in archive.entries().map_err(ArchiveError::Read)?.raw(true) {
        let mut entry = entry.map_err(ArchiveError::Read)?;
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        if manifest.is_some() {
            return Err(ArchiveError::BehindTheEnd);
        }
        if entry.header().entry_type() != EntryType::Regular {
            return Err(ArchiveError::Stranger(name));
        }
        let bytes = entry.header().entry_size().map_err(ArchiveError::Read)?;
        if name == MANIFEST {
            manifest = Some(read_manifest(&mut entry, bytes)?);
            continue;
        }
        let Some(place) = Place::parse(&name) else { return Err(ArchiveError::Stranger(name)) };
        if bytes > place.bytes_max() {
            return Err(ArchiveError::TooLarge(name));
        }
        if found.contains_key(&name) {
            return Err(ArchiveError::Twice(name));
        }
        let cannot = |source| ArchiveError::Write { name: place.as_str().to_owned(), source };
        let mut out = open(&place, bytes).map_err(cannot)?;
        let mut hashing = Hashing { inner: &mut entry, hash: Sha256::new(), bytes: 0 };
        let mut buffer = vec![0; COPIED_BYTES];
        loop {
            let read = hashing.read(&mut buffer).map_err(ArchiveError::Read)?;
            if read == 0 {
                break;
            }
            out.write_all(&buffer[..read]).map_err(cannot)?;
        }
        if hashing.bytes != bytes {
            return Err(ArchiveError::Cut);
        }
        let sha256 = hex(&hashing.hash.finalize());
        close(&place, out).map_err(cannot)?;
        found.insert(name, Entry { bytes, sha256 });
    }
    let manifest = manifest.ok_or(ArchiveError::Cut)?;
    compare(&manifest, &found)?;
    Ok(manifest)
}

fn read_manifest(entry: &mut impl Read, bytes: u64) -> Result<Manifest, ArchiveError> {
    /// What is read first, because the rest may be another.
    #[derive(Deserialize)]
    struct Version {
        format: u32,
    }

    if bytes > MANIFEST_BYTES_MAX {
        return Err(ArchiveError::TooLarge(MANIFEST.to_owned()));
    }
    let mut text = Vec::new();
    entry.take(bytes).read_to_end(&mut text).map_err(ArchiveError::Read)?;
    if text.len() as u64 != bytes {
        return Err(ArchiveError::Cut);
    }
    let version: Version = serde_json::from_slice(&text).map_err(ArchiveError::Manifest)?;
    if version.format != FORMAT {
        return Err(ArchiveError::Format(version.format));
    }
    serde_json::from_slice(&text).map_err(ArchiveError::Manifest)
}

fn compare(manifest: &Manifest, found: &BTreeMap<String, Entry>) -> Result<(), ArchiveError> {
    let names = manifest.files.keys().chain(found.keys());
    for name in names {
        match (manifest.files.get(name), found.get(name)) {
            (Some(told), Some(found)) if told == found => {}
            (Some(_), Some(_)) => return Err(ArchiveError::Damaged(name.clone())),
            _ => return Err(ArchiveError::Missing(name.clone())),
        }
    }
    if !found.contains_key(FILE_NAME) {
        return Err(ArchiveError::Missing(FILE_NAME.to_owned()));
    }
    Ok(())
}

/// Hashes what is read.
struct Hashing<R> {
    inner: R,
    hash: Sha256,
    bytes: u64,
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.hash.update(&buffer[..read]);
        self.bytes += read as u64;
        Ok(read)
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
pub(crate) mod tests;
