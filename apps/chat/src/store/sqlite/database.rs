//! The database's files: whether they are still those that were opened, and connections to them.

use std::fs::{self, File, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use parking_lot::{Mutex, RwLock};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
    SqliteSynchronous,
};
use sqlx::{ConnectOptions as _, Connection as _, Row as _};

use super::{FILE_NAME, Fault};

/// Read-only connections, all of them open from the start: later the files may be out of reach.
const READERS: u32 = 4;
/// How long a statement waits for another process that holds the database, such as a backup.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// What every SQLite database begins with.
const HEADER: &[u8; 16] = b"SQLite format 3\0";
/// What SQLite adds to the name for its log and for the index of that.
const COMPANIONS: [&str; 2] = ["-wal", "-shm"];

/// See the module's description.
#[derive(Debug)]
pub(super) struct Database {
    path: PathBuf,
    companions: [PathBuf; COMPANIONS.len()],
    options: SqliteConnectOptions,
    reads: RwLock<SqlitePool>,
    /// What SQLite has as its companions.
    held: Mutex<Companions>,
    /// Tells which file is served, and keeps its inode from being given to another one. Open to the
    /// end: whoever closes a descriptor of a file drops all locks of this process on it, SQLite's
    /// too (POSIX `fcntl`).
    file: File,
}

/// The log and its index, as this program left them.
#[derive(Clone, Copy, Debug)]
struct Companions {
    ids: [Option<FileId>; COMPANIONS.len()],
    log_bytes: u64,
}

/// Tells files apart, whatever their names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FileId(u64, u64);

/// Where the database of a data folder is; a link leads elsewhere, and its companions are there.
pub(super) fn path(folder: &Path) -> PathBuf {
    let path = folder.join(FILE_NAME);
    fs::canonicalize(&path).unwrap_or(path)
}

impl Database {
    /// Opens the database, making it where it is missing, with the connection that writes.
    pub(super) async fn open(path: &Path) -> Result<(Self, SqliteConnection), sqlx::Error> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(BUSY_TIMEOUT)
            .disable_statement_logging();
        let mut connection = SqliteConnection::connect_with(&options).await?;
        touch(&mut connection).await?;
        // Made just now, perhaps where a link leads.
        let path = fs::canonicalize(path).map_err(sqlx::Error::Io)?;
        // Never again: where the file is missing it has been taken away.
        let options = options.create_if_missing(false);
        let file = File::open(&path).map_err(sqlx::Error::Io)?;
        let reads = readers(&options).await?;
        let companions = COMPANIONS.map(|suffix| {
            let mut name = path.clone().into_os_string();
            name.push(suffix);
            PathBuf::from(name)
        });
        let held = Mutex::new(Companions::at(&companions));
        let reads = RwLock::new(reads);
        Ok((Database { path, companions, options, reads, held, file }, connection))
    }

    /// The connections that read.
    pub(super) fn reads(&self) -> SqlitePool {
        self.reads.read().clone()
    }

    /// Whether the path still names the file that is served, which still is a database.
    pub(super) fn check(&self) -> Result<(), Fault> {
        let held = self.file.metadata().map(|metadata| id(&metadata));
        if held.ok().is_none_or(|held| id_at(&self.path) != Some(held)) {
            return Err(Fault::Moved);
        }
        if begins_as_database(&self.file) { Ok(()) } else { Err(Fault::Overwritten) }
    }

    /// Whether the log and its index are those that SQLite writes to, and everything is open.
    pub(super) fn has_companions(&self) -> bool {
        self.held.lock().ids == Companions::at(&self.companions).ids
            && !self.reads.read().is_closed()
    }

    /// Whether the log is not as long any more as it was after the last transaction.
    pub(super) fn is_log_cut(&self) -> bool {
        Companions::at(&self.companions).log_bytes < self.held.lock().log_bytes
    }

    /// A transaction is at its end, or the log was put into the database.
    pub(super) fn remember_log(&self) {
        self.held.lock().log_bytes = Companions::at(&self.companions).log_bytes;
    }

    /// Where it is, with its log.
    pub(super) fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(&self.path)
    }

    /// Bytes of the file and of its log.
    pub(super) fn bytes(&self) -> u64 {
        let file = self.file.metadata().map_or(0, |metadata| metadata.len());
        file + Companions::at(&self.companions).log_bytes
    }

    /// Bytes that may still be written to the file system, and its size. `None` where it does not
    /// tell.
    pub(super) fn space(&self) -> Option<Space> {
        space(&self.file)
    }

    /// One more connection that writes.
    pub(super) async fn connect(&self) -> Result<SqliteConnection, Fault> {
        let opened = async {
            let mut connection = SqliteConnection::connect_with(&self.options).await?;
            touch(&mut connection).await?;
            Ok(connection)
        };
        let connection = opened.await.map_err(Fault::write)?;
        // What was opened is what is at the path; if that is another file, nothing was written yet.
        self.check()?;
        *self.held.lock() = Companions::at(&self.companions);
        Ok(connection)
    }

    /// Opens everything anew, because the log or its index was taken away, or the log was cut. What
    /// is in a log that is whole goes into the database first, through the connection that still
    /// has it open; while that fails, or nothing new could be opened, the connections stay as they are.
    pub(super) async fn renew(&self, writer: &mut Option<SqliteConnection>) -> Result<(), Fault> {
        if let Some(old) = writer
            && !(self.has_companions() && self.is_log_cut())
        {
            let saved = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(old).await;
            let is_busy: bool = saved.and_then(|row| row.try_get(0)).map_err(Fault::write)?;
            if is_busy {
                return Err(Fault::Log);
            }
        }
        // Those of one program share the index of the log, so the old ones are closed before new ones
        // are opened; not before it is known that those can be.
        self.check_access().map_err(|error| Fault::write(sqlx::Error::Io(error)))?;
        if let Some(old) = writer.take()
            && let Err(error) = old.close().await
        {
            tracing::warn!(%error, "the database did not close cleanly");
        }
        self.reads().close().await;
        let connected = self.connect().await;
        // Reading may go on where nothing can be written.
        let reads = readers(&self.options).await.map_err(Fault::write)?;
        self.check()?;
        *self.reads.write() = reads;
        *writer = Some(connected?);
        Ok(())
    }

    /// Whether SQLite could open its files, and make those that are missing.
    fn check_access(&self) -> io::Result<()> {
        let check = |path: &Path| match fs::symlink_metadata(path) {
            Ok(metadata) if metadata.is_file() => check_access(path),
            Ok(_) => Err(io::Error::other("something else is in its place")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                // Not left there: it would be readable by more than the database is.
                File::create_new(path)?;
                fs::remove_file(path)
            }
            Err(error) => Err(error),
        };
        check_access(&self.path)?;
        self.companions.iter().try_for_each(|path| {
            // Its name alone: whoever asks for the health is told.
            let name = path.file_name().unwrap_or_default().display();
            check(path).map_err(|error| io::Error::other(format!("{name}: {error}")))
        })
    }

    /// Puts what is in the log into the database, through the connection that writes.
    pub(super) async fn checkpoint(&self, connection: &mut SqliteConnection) {
        // As far as others who read it allow; it is done again when the log is full.
        match sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(connection).await {
            Ok(_) => self.remember_log(),
            Err(error) => tracing::warn!(%error, "the log stays as it is"),
        }
    }

    /// Reads from the files and not from what is remembered of them.
    pub(super) async fn read(&self) -> Result<(), sqlx::Error> {
        let mut connection = self.reads().acquire().await?;
        sqlx::query("PRAGMA shrink_memory").execute(&mut *connection).await?;
        sqlx::query("SELECT max(id), (SELECT max(last_message_id) FROM rooms) FROM messages")
            .fetch_one(&mut *connection)
            .await?;
        Ok(())
    }
}

impl Companions {
    fn at(paths: &[PathBuf; COMPANIONS.len()]) -> Self {
        let found = paths.each_ref().map(|path| fs::symlink_metadata(path).ok());
        let log_bytes = found[0].as_ref().map_or(0, Metadata::len);
        Companions { ids: found.map(|metadata| metadata.as_ref().map(id)), log_bytes }
    }
}

/// What a file system has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Space {
    pub(crate) free_bytes: u64,
    pub(crate) total_bytes: u64,
}

/// They stay for good: while the writer changes its connection, the log must not lose its last one,
/// which would remove it.
async fn readers(options: &SqliteConnectOptions) -> Result<SqlitePool, sqlx::Error> {
    SqlitePoolOptions::new()
        .min_connections(READERS)
        .max_connections(READERS)
        .idle_timeout(None)
        .max_lifetime(None)
        .acquire_timeout(BUSY_TIMEOUT)
        .after_connect(|connection, _| Box::pin(touch(connection)))
        .connect_with(options.clone().read_only(true))
        .await
}

/// SQLite opens its files when it first needs them.
async fn touch(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    sqlx::query("SELECT count(*) FROM sqlite_schema").fetch_one(connection).await.map(drop)
}

/// Of a link its own: what it leads to has its log under another name.
fn id_at(path: &Path) -> Option<FileId> {
    fs::symlink_metadata(path).ok().map(|metadata| id(&metadata))
}

#[cfg(unix)]
fn id(metadata: &Metadata) -> FileId {
    use std::os::unix::fs::MetadataExt as _;

    FileId(metadata.dev(), metadata.ino())
}

/// Here a file that is open can be neither deleted nor replaced.
#[cfg(not(unix))]
fn id(_: &Metadata) -> FileId {
    FileId(0, 0)
}

/// Without opening it, since closing it would drop SQLite's locks.
#[cfg(unix)]
fn check_access(path: &Path) -> io::Result<()> {
    use nix::unistd::{AccessFlags, access};

    Ok(access(path, AccessFlags::R_OK | AccessFlags::W_OK)?)
}

#[cfg(not(unix))]
fn check_access(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(unix)]
fn begins_as_database(file: &File) -> bool {
    use std::os::unix::fs::FileExt as _;

    let mut header = [0; HEADER.len()];
    file.read_exact_at(&mut header, 0).is_ok() && header == *HEADER
}

#[cfg(not(unix))]
fn begins_as_database(_: &File) -> bool {
    true
}

#[cfg(unix)]
pub(super) fn space(file: &File) -> Option<Space> {
    let stat = nix::sys::statvfs::fstatvfs(file).ok()?;
    #[allow(clippy::useless_conversion, reason = "the types differ by system")]
    let bytes = |blocks| u64::from(stat.fragment_size()).saturating_mul(u64::from(blocks));
    Some(Space { free_bytes: bytes(stat.blocks_available()), total_bytes: bytes(stat.blocks()) })
}

#[cfg(not(unix))]
pub(super) fn space(_: &File) -> Option<Space> {
    None
}
