//! `sockeye backup`.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use clap::Args;

use super::archive::{ArchiveWriter, CONFIGURATION, FORMAT, Manifest, PICTURES, Place};
use super::{
    Passing, Size, check_room, create_private, folder_of, runtime, say, stamp, sync_folder,
};
use crate::cli::credentials::ExitStatus;
use crate::keys;
use crate::store::FILE_NAME;
use crate::store::sqlite::snapshot;

const EXAMPLES: &str = "\
Examples:
  sockeye backup                          into this folder: sockeye-20261130T201500Z.tar
  sockeye backup --to /mnt/backups        into another one
  sockeye backup --to /mnt/chat.tar       under this name
  sockeye restore --check /mnt/chat.tar   whether a backup is whole

In it are the database, the pictures, the keys of the publishing API and sockeye.toml; not the certificate. Whoever
has the file can read everything that was said.

Exit status:
  0  done: the file is whole and on disk; its name is on standard output
  1  failed: there is no new file, and standard error says why
  2  used wrongly: an argument is not as it has to be";

/// Where from and where to.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct BackupArgs {
    /// Folder of the data, the same as for `sockeye serve`
    #[arg(long, default_value = "./data", value_name = "FOLDER", env = "SOCKEYE_DATA")]
    pub data: PathBuf,

    /// Folder to put it into, or a name for the file, which must not exist
    #[arg(long, default_value = ".", value_name = "FILE|FOLDER")]
    pub to: PathBuf,
}

/// Makes a backup, and prints its name.
///
/// # Errors
/// There is no chat in the folder, no room on the disk, or something cannot be read or written.
pub fn run(args: &BackupArgs) -> anyhow::Result<ExitStatus> {
    let made = make(&args.data, &args.to)?;
    writeln!(io::stdout(), "{}", made.display())?;
    Ok(ExitStatus::Done)
}

fn make(data: &Path, to: &Path) -> anyhow::Result<PathBuf> {
    let database = data.join(FILE_NAME);
    let Ok(metadata) = fs::metadata(&database) else {
        anyhow::bail!("there is no chat in {}: name its folder by --data", data.display());
    };
    let name = format!("sockeye-{}.tar", stamp());
    let to = if to.is_dir() { to.join(name) } else { to.to_owned() };
    anyhow::ensure!(!to.exists(), "{} is there already: name another file", to.display());
    let folder = folder_of(&to);
    anyhow::ensure!(folder.is_dir(), "there is no folder {}: make it first", folder.display());
    // For a moment the database is there twice: by itself, and in the archive.
    let log = fs::metadata(data.join(format!("{FILE_NAME}-wal"))).map_or(0, |log| log.len());
    let database_bytes = metadata.len() + log;
    let pictures_bytes = pictures(data)?.iter().map(|picture| picture.bytes).sum::<u64>();
    check_room(folder, 2 * database_bytes + pictures_bytes)?;

    say(&format!("copying the database ({})", Size(database_bytes)));
    let copy = Passing(part(&to, "db"));
    let facts = runtime()?.block_on(snapshot::take(data, &copy.0));
    let facts = facts.with_context(|| format!("cannot copy {}", database.display()))?;

    // After the database, so that no picture is missing that it names: those of a message that is deleted
    // meanwhile stay for an hour.
    let pictures = pictures(data)?;
    let manifest = Manifest {
        format: FORMAT,
        program: env!("CARGO_PKG_VERSION").to_owned(),
        made_at: u64::try_from(now().as_millis()).unwrap_or(u64::MAX),
        schema: facts.schema,
        people: facts.people,
        rooms: facts.rooms,
        messages: facts.messages,
        pictures: 0,
        files: Default::default(),
    };
    let archive = Passing(part(&to, "part"));
    let written = write(data, &copy.0, &pictures, manifest, &archive.0);
    let manifest = written.with_context(|| format!("cannot write {}", archive.0.display()))?;
    // Whoever made one of this name meanwhile keeps it.
    fs::hard_link(&archive.0, &to).or_else(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => Err(error),
        // Not every file system has links.
        _ => fs::rename(&archive.0, &to),
    })?;
    drop(archive);
    sync_folder(folder)?;
    let size = fs::metadata(&to).map_or(0, |metadata| metadata.len());
    say(&format!(
        "{}: {} people, {} rooms, {} messages, {} pictures",
        Size(size),
        manifest.people,
        manifest.rooms,
        manifest.messages,
        manifest.pictures
    ));
    Ok(to)
}

fn now() -> std::time::Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// Beside the file: hidden, and of this process alone.
fn part(to: &Path, ending: &str) -> PathBuf {
    let name = to.file_name().unwrap_or_default().to_string_lossy();
    folder_of(to).join(format!(".{name}.{}.{ending}", std::process::id()))
}

fn write(
    data: &Path,
    database: &Path,
    pictures: &[Picture],
    mut manifest: Manifest,
    to: &Path,
) -> anyhow::Result<Manifest> {
    let out = BufWriter::new(create_private(to)?);
    let mut archive = ArchiveWriter::new(out, now().as_secs());
    append(&mut archive, FILE_NAME, database)?;
    for name in [keys::FILE_NAME, CONFIGURATION] {
        append(&mut archive, name, &data.join(name))?;
    }
    if !pictures.is_empty() {
        let bytes = pictures.iter().map(|picture| picture.bytes).sum();
        say(&format!("adding {} pictures ({})", pictures.len(), Size(bytes)));
    }
    let mut gone = 0;
    let step = pictures.len().div_ceil(10).max(1_000);
    for (n, picture) in pictures.iter().enumerate() {
        if append(&mut archive, picture.place.as_str(), &data.join(picture.place.path()))? {
            manifest.pictures += 1;
        } else {
            gone += 1;
        }
        if (n + 1) % step == 0 {
            say(&format!("  {} of {}", n + 1, pictures.len()));
        }
    }
    if gone > 0 {
        say(&format!("{gone} pictures were deleted meanwhile and are not in it"));
    }
    let (out, manifest) = archive.finish(manifest)?;
    out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
    Ok(manifest)
}

/// Whether there is such a file.
fn append(
    archive: &mut ArchiveWriter<impl io::Write>,
    name: &str,
    path: &Path,
) -> anyhow::Result<bool> {
    let place = Place::parse(name).context("a name that no backup has")?;
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    };
    let bytes = file.metadata()?.len();
    let appended = archive.append(&place, bytes, file);
    let entry = appended.with_context(|| format!("cannot copy {}", path.display()))?;
    if place.sha256().is_some_and(|sha256| sha256 != entry.sha256) {
        say(&format!("{} is damaged on this disk: take it from an earlier backup", path.display()));
    }
    Ok(true)
}

struct Picture {
    place: Place,
    bytes: u64,
}

/// The pictures of a data folder, in the order of their names. Files with other names, such as those that are still
/// being written, are none.
fn pictures(data: &Path) -> anyhow::Result<Vec<Picture>> {
    let top = data.join(PICTURES);
    let mut pictures = Vec::new();
    let entries = |folder: &Path| match fs::read_dir(folder) {
        Ok(entries) => entries.collect::<Result<Vec<_>, _>>(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    };
    let cannot = || format!("cannot list the pictures in {}", top.display());
    for folder in entries(&top).with_context(cannot)? {
        if !folder.file_type()?.is_dir() {
            continue;
        }
        for file in entries(&folder.path()).with_context(cannot)? {
            let name = [PICTURES.into(), folder.file_name(), file.file_name()]
                .map(|part| part.to_string_lossy().into_owned())
                .join("/");
            if let Some(place) = Place::parse(&name)
                && let Ok(metadata) = file.metadata()
                && metadata.is_file()
            {
                pictures.push(Picture { place, bytes: metadata.len() });
            }
        }
    }
    pictures.sort_by(|a, b| a.place.as_str().cmp(b.place.as_str()));
    Ok(pictures)
}
