//! Keys in a file.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use parking_lot::{Mutex, RwLock};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use tokio::task::spawn_blocking;
use tokio::time::Instant;

use super::{ApiKey, Found, IssuedKey, KeyError, KeyStore, NewKey, StoredKey, random_hex};

/// How often at most it is looked whether the file has changed.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// The most keys of a file, and its most bytes.
const KEYS_MAX: usize = 10_000;
const FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// The form of the file.
const VERSION: u32 = 1;

/// Keys in a JSON file, without their secrets: a handle, cheap to clone.
///
/// The file is written as a whole beside itself and then renamed, for its owner alone (mode 0600), so whoever
/// reads it finds the old one or the new one. Several programs may change it: each waits for the others
/// (by a lock on the file `<name>.lock` beside it). When it has changed it is read again, a second later at most.
/// If it is damaged then, or gone, the keys that were there go on to be valid, and the log says so.
///
/// ```
/// use sockeye_feeds::publish::{FileKeys, NewKey, Verb};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = std::env::temp_dir().join(format!("sockeye-doc-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder)?;
/// let keys = FileKeys::open(folder.join("keys.json"))?;
/// let issued = keys.create(NewKey::named("shop").namespace("/orders").verb(Verb::Publish))?;
/// println!("hand this over, it is shown once: {}", issued.secret());
/// assert_eq!(keys.list()[0].id(), issued.key().id());
/// assert!(keys.revoke(issued.key().id())?);
/// # std::fs::remove_dir_all(&folder)?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct FileKeys {
    shared: Arc<Shared>,
}

struct Shared {
    path: PathBuf,
    state: RwLock<State>,
    /// When it was last looked whether the file has changed.
    looked: Mutex<Option<Instant>>,
}

#[derive(Default)]
struct State {
    keys: BTreeMap<String, Arc<ApiKey>>,
    /// The file that they are from; `None`: there was none.
    stamp: Option<Stamp>,
    /// The file that could not be read: it is told once.
    damaged: Option<Option<Stamp>>,
}

/// What tells one state of the file from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    bytes: u64,
    inode: u64,
}

/// Why the keys of a file cannot be read or changed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum KeyFileError {
    /// It cannot be read.
    #[error("cannot read the keys in {}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// It cannot be written. The old one is as it was.
    #[error("cannot write the keys to {}", path.display())]
    Write {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// What is in it are no keys. It is left as it is.
    #[error(
        "the file of keys {} is damaged, and was left as it is: mend it, or move it away and make the keys anew",
        path.display()
    )]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// Where.
        source: Damage,
    },
    /// It was there, and is not any more.
    #[error(
        "the file of keys {} is gone: put it back; to begin with no keys, start again without it",
        path.display()
    )]
    Gone {
        /// Which file.
        path: PathBuf,
    },
    /// There are too many.
    #[error("a file has {KEYS_MAX} keys at most: revoke some")]
    TooMany,
    /// The key is none.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// What is wrong with a damaged file.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Damage {
    /// It is no JSON, or not of this form.
    #[error("it is not the JSON of keys")]
    Json(#[from] serde_json::Error),
    /// It is from a later version of this program.
    #[error("it is of version {0}, and this program reads version {VERSION}")]
    Version(u32),
    /// One of the keys is none.
    #[error("key number {number}")]
    Key {
        /// Which one, from 1.
        number: usize,
        /// What is wrong with it.
        source: KeyError,
    },
    /// It is too large.
    #[error("it has more than {KEYS_MAX} keys or {FILE_BYTES_MAX} bytes")]
    TooLarge,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Contents {
    version: u32,
    keys: Vec<StoredKey>,
}

/// Only this is read of a file of another version.
#[derive(Deserialize)]
struct Version {
    version: u32,
}

impl FileKeys {
    /// The keys in a file. If there is none there are no keys; it is made with the first.
    ///
    /// # Errors
    /// When it cannot be read, or is damaged.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, KeyFileError> {
        let path = path.into();
        // A link is kept: what it leads to is replaced.
        let path = fs::canonicalize(&path).unwrap_or(path);
        let state = match read(&path)? {
            Some((keys, stamp)) => State { keys, stamp: Some(stamp), damaged: None },
            None => State::default(),
        };
        let shared = Shared { path, state: RwLock::new(state), looked: Mutex::default() };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.shared.path
    }

    /// Makes a key. It blocks the thread while the file is written.
    ///
    /// # Errors
    /// When it cannot be, or the file cannot be read or written.
    pub fn create(&self, key: NewKey) -> Result<IssuedKey, KeyFileError> {
        let issued = key.issue()?;
        self.change(|keys| {
            if keys.len() >= KEYS_MAX {
                return Err(KeyFileError::TooMany);
            }
            keys.insert(issued.key().id().to_owned(), issued.shared());
            Ok(true)
        })?;
        Ok(issued)
    }

    /// Takes a key away. False: there is none with this id. It blocks the thread while the file is written.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub fn revoke(&self, id: &str) -> Result<bool, KeyFileError> {
        self.change(|keys| Ok(keys.remove(id).is_some()))
    }

    /// All keys as they were last read, by their ids.
    pub fn list(&self) -> Vec<Arc<ApiKey>> {
        self.shared.state.read().keys.values().map(Arc::clone).collect()
    }

    /// Whether there is no key, as of a second ago at most.
    pub async fn is_empty(&self) -> bool {
        self.look_if_due().await;
        self.shared.state.read().keys.is_empty()
    }

    /// Reads the file again if it has changed, in a thread for that, and not for every request.
    async fn look_if_due(&self) {
        if self.shared.is_look_due() {
            let shared = Arc::clone(&self.shared);
            // It is cut off only where the runtime ends.
            let _ = spawn_blocking(move || shared.look()).await;
        }
    }

    /// Reads the file again if it has changed. It blocks the thread meanwhile.
    ///
    /// # Errors
    /// When it cannot be read, is damaged or gone: then the keys are as they were.
    pub fn reload(&self) -> Result<(), KeyFileError> {
        self.shared.reload()
    }

    /// Changes the keys as they are in the file now, and writes them if anything has changed.
    fn change(
        &self,
        change: impl FnOnce(&mut BTreeMap<String, Arc<ApiKey>>) -> Result<bool, KeyFileError>,
    ) -> Result<bool, KeyFileError> {
        let path = &self.shared.path;
        let failed = |source| KeyFileError::Write { path: path.clone(), source };
        // Until it is dropped.
        let _lock = lock(path).map_err(failed)?;
        self.shared.reload()?;
        let mut keys = self.shared.state.read().keys.clone();
        let is_changed = change(&mut keys)?;
        if is_changed {
            let stamp = write(path, &keys).map_err(failed)?;
            *self.shared.state.write() = State { keys, stamp: Some(stamp), damaged: None };
        }
        Ok(is_changed)
    }
}

impl Shared {
    fn reload(&self) -> Result<(), KeyFileError> {
        let now = stamp(&self.path);
        if now.is_some() && now == self.state.read().stamp {
            return Ok(());
        }
        let found = read(&self.path)?;
        let mut state = self.state.write();
        match found {
            Some((keys, stamp)) => {
                *state = State { keys, stamp: Some(stamp), damaged: None };
                Ok(())
            }
            None if state.stamp.is_none() => Ok(()),
            None => Err(KeyFileError::Gone { path: self.path.clone() }),
        }
    }

    /// Reads the file again if it has changed, and says so once if that cannot be.
    fn look(&self) {
        let before = stamp(&self.path);
        let Err(error) = self.reload() else { return };
        let mut state = self.state.write();
        if state.damaged != Some(before) {
            state.damaged = Some(before);
            let keys = state.keys.len();
            let error = &error as &dyn std::error::Error;
            tracing::error!(error, keys, "the keys that were there go on to be valid");
        }
    }

    fn is_look_due(&self) -> bool {
        let now = Instant::now();
        let mut looked = self.looked.lock();
        let is_due = looked.is_none_or(|looked| now.duration_since(looked) >= LOOK_INTERVAL);
        if is_due {
            *looked = Some(now);
        }
        is_due
    }
}

impl KeyStore for FileKeys {
    fn find<'a>(&'a self, id: &'a str) -> Found<'a> {
        Box::pin(async move {
            self.look_if_due().await;
            Ok(self.shared.state.read().keys.get(id).map(Arc::clone))
        })
    }
}

impl fmt::Debug for FileKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileKeys").field("path", &self.shared.path).finish_non_exhaustive()
    }
}

type Read = Option<(BTreeMap<String, Arc<ApiKey>>, Stamp)>;

fn read(path: &Path) -> Result<Read, KeyFileError> {
    let failed = |source| KeyFileError::Read { path: path.to_owned(), source };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let stamp = Stamp::of(&file.metadata().map_err(failed)?);
    let mut text = Vec::new();
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut text).map_err(failed)?;
    let damaged = |source| KeyFileError::Damaged { path: path.to_owned(), source };
    let keys = parse(&text).map_err(damaged)?;
    Ok(Some((keys, stamp)))
}

fn parse(text: &[u8]) -> Result<BTreeMap<String, Arc<ApiKey>>, Damage> {
    if text.len() as u64 > FILE_BYTES_MAX {
        return Err(Damage::TooLarge);
    }
    let Version { version } = serde_json::from_slice(text)?;
    if version != VERSION {
        return Err(Damage::Version(version));
    }
    let Contents { keys: stored, .. } = serde_json::from_slice(text)?;
    if stored.len() > KEYS_MAX {
        return Err(Damage::TooLarge);
    }
    let mut keys = BTreeMap::new();
    for (at, stored) in stored.into_iter().enumerate() {
        let wrong = |source| Damage::Key { number: at + 1, source };
        let key = ApiKey::new(stored).map_err(wrong)?;
        if keys.contains_key(key.id()) {
            return Err(wrong(KeyError::Taken));
        }
        keys.insert(key.id().to_owned(), Arc::new(key));
    }
    Ok(keys)
}

/// Writes the whole file beside the old one, and puts it in its place.
fn write(path: &Path, keys: &BTreeMap<String, Arc<ApiKey>>) -> io::Result<Stamp> {
    let keys = keys.values().map(|key| key.stored().clone()).collect();
    let mut text = serde_json::to_vec_pretty(&Contents { version: VERSION, keys })?;
    text.push(b'\n');
    let beside = with_suffix(path, &format!(".{}.new", random_hex::<6>()));
    let written = (|| {
        let mut file =
            for_its_owner(OpenOptions::new().write(true).create_new(true)).open(&beside)?;
        file.write_all(&text)?;
        file.sync_all()?;
        let stamp = Stamp::of(&file.metadata()?);
        fs::rename(&beside, path)?;
        // So that the new name is there after a loss of power; not every system can do it.
        if let Some(Ok(folder)) = path.parent().map(File::open) {
            let _ = folder.sync_all();
        }
        Ok(stamp)
    })();
    if written.is_err() {
        let _ = fs::remove_file(&beside);
    }
    written
}

/// Waits until no other program changes the file. It is one's own until what this returns is dropped.
fn lock(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    let options = options.create(true).truncate(false).write(true);
    let file = for_its_owner(options).open(with_suffix(path, ".lock"))?;
    file.lock()?;
    Ok(file)
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}

fn stamp(path: &Path) -> Option<Stamp> {
    fs::metadata(path).ok().map(|metadata| Stamp::of(&metadata))
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self { modified: metadata.modified().ok(), bytes: metadata.len(), inode: inode(metadata) }
    }
}

#[cfg(unix)]
fn inode(metadata: &Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(metadata)
}

#[cfg(not(unix))]
fn inode(_: &Metadata) -> u64 {
    0
}

#[cfg(unix)]
fn for_its_owner(options: &mut OpenOptions) -> &mut OpenOptions {
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600)
}

#[cfg(not(unix))]
fn for_its_owner(options: &mut OpenOptions) -> &mut OpenOptions {
    options
}
