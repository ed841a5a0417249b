//! `sockeye restore`.

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Seek as _, SeekFrom, Write};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;

use super::archive::{CONFIGURATION, Manifest, PICTURES, Place, unpack};
use super::{
    Passing, Size, check_room, create_private, folder_of, runtime, say, stamp, sync_folder,
};
use crate::cli::credentials::ExitStatus;
use crate::keys;
use crate::store::sqlite::{create_folder, snapshot};
use crate::store::{FILE_NAME, OpenError};

const EXAMPLES: &str = "\
Examples:
  sockeye restore sockeye-20261130T201500Z.tar             into ./data, where no chat is
  sockeye restore --data /var/lib/sockeye --force X.tar    what is there is moved aside first
  sockeye restore --check X.tar                            only looks whether it is whole

The server must not run: its folder is claimed meanwhile. Every file is compared with its SHA-256, and the database
looked through, before anything is put in place. Nothing is ever deleted: with --force, what is there is in the
folder before-restore-DATE of the data folder afterwards. A backup of an earlier version is brought up to date by the
next start of the server.

Exit status:
  0  done
  1  failed: the data are as they were, and standard error says why
  2  used wrongly: an argument is not as it has to be";

/// What, and where to.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct RestoreArgs {
    /// The backup, a file that `sockeye backup` has made
    #[arg(value_name = "FILE")]
    pub file: PathBuf,

    /// Folder of the data, the same as for `sockeye serve`; made when it is missing
    #[arg(long, default_value = "./data", value_name = "FOLDER", env = "SOCKEYE_DATA")]
    pub data: PathBuf,

    /// Move aside what is there
    #[arg(long, conflicts_with = "check")]
    pub force: bool,

    /// Look whether the backup is whole, and change nothing; the server may run
    #[arg(long)]
    pub check: bool,
}

/// What of a data folder a backup replaces.
const REPLACED: [&str; 6] =
    [FILE_NAME, "chat.db-wal", "chat.db-shm", keys::FILE_NAME, CONFIGURATION, PICTURES];

/// Checks a backup and puts it in place.
///
/// # Errors
/// It is no whole backup, a server uses the folder, something is there, or something cannot be written.
pub fn run(args: &RestoreArgs) -> anyhow::Result<ExitStatus> {
    let file =
        File::open(&args.file).with_context(|| format!("cannot read {}", args.file.display()))?;
    if args.check {
        check(&args.file, &file)?;
    } else {
        restore(args, &file)?;
    }
    Ok(ExitStatus::Done)
}

fn check(name: &Path, file: &File) -> anyhow::Result<()> {
    // Its database is looked through where there is room for it: beside the backup if one may write there.
    let passing = ["", std::env::temp_dir().to_str().unwrap_or_default()]
        .map(|folder| if folder.is_empty() { folder_of(name) } else { Path::new(folder) })
        .map(|folder| folder.join(format!(".sockeye-check-{}", std::process::id())))
        .into_iter()
        .find(|folder| create_folder(folder).is_ok());
    let Some(passing) = passing.map(Passing) else {
        anyhow::bail!("there is no folder to unpack the database into: set TMPDIR to one");
    };
    check_room(&passing.0, file.metadata()?.len())?;
    let manifest = unpack_into(name, file, &passing.0, |place| place.as_str() == FILE_NAME)?;
    say(&format!("{} is whole: {}", name.display(), facts(&manifest)));
    Ok(())
}

fn restore(args: &RestoreArgs, file: &File) -> anyhow::Result<()> {
    let data = &args.data;
    create_folder(data).with_context(|| format!("cannot make {}", data.display()))?;
    let _claim = snapshot::claim(data).map_err(|error| match error {
        OpenError::InUse => anyhow::anyhow!(
            "a server runs on {}: stop it first, and start it again afterwards",
            data.display()
        ),
        error => anyhow::Error::new(error).context(format!("cannot use {}", data.display())),
    })?;
    let is_there = |name: &&str| data.join(name).symlink_metadata().is_ok();
    // Options may be there before the chat is.
    let has_options = is_there(&CONFIGURATION);
    let is_data = |name: &&str| *name != CONFIGURATION && is_there(name);
    let mut there: Vec<_> = REPLACED.into_iter().filter(is_data).collect();
    anyhow::ensure!(
        there.is_empty() || args.force,
        "{} is not empty: {} would be replaced; name another folder by --data, or have it moved aside by --force",
        data.display(),
        there.join(", ")
    );
    check_room(data, file.metadata()?.len())?;
    let staging = Passing(data.join(format!(".restore-{}", std::process::id())));
    let _ = fs::remove_dir_all(&staging.0);
    create_folder(&staging.0)?;
    let manifest = unpack_into(&args.file, file, &staging.0, |_| true)?;
    hand_over(&staging.0, data)?;
    let options = staging.0.join(CONFIGURATION);
    if has_options && options.exists() {
        if args.force {
            there.push(CONFIGURATION);
        } else {
            fs::remove_file(&options)?;
            say(&format!("{CONFIGURATION} stays as it is there; --force takes that of the backup"));
        }
    }

    if !there.is_empty() {
        let aside = data.join(format!("before-restore-{}", stamp()));
        create_folder(&aside)?;
        for name in there {
            let moved = fs::rename(data.join(name), aside.join(name));
            moved.with_context(|| format!("cannot move {name} into {}", aside.display()))?;
        }
        sync_folder(&aside)?;
        say(&format!("what was there is in {}", aside.display()));
    }
    // The database last: where it is, all is.
    for name in REPLACED.into_iter().rev() {
        let from = staging.0.join(name);
        if from.exists() {
            let moved = fs::rename(&from, data.join(name));
            moved.with_context(|| format!("cannot put {name} into {}", data.display()))?;
        }
    }
    sync_folder(data)?;
    say(&format!("restored into {}: {}", data.display(), facts(&manifest)));
    Ok(())
}

fn facts(manifest: &Manifest) -> String {
    let bytes = manifest.files.values().map(|entry| entry.bytes).sum();
    format!(
        "{}, made by sockeye {} (schema {}), {} people, {} rooms, {} messages, {} pictures",
        Size(bytes),
        manifest.program,
        manifest.schema,
        manifest.people,
        manifest.rooms,
        manifest.messages,
        manifest.pictures
    )
}

/// A file, or nothing.
enum Out {
    File(BufWriter<File>),
    Nothing,
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Out::File(file) => file.write(bytes),
            Out::Nothing => Ok(bytes.len()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Out::File(file) => file.flush(),
            Out::Nothing => Ok(()),
        }
    }
}

/// Unpacks what is wanted into an empty folder, and looks at all of it.
fn unpack_into(
    name: &Path,
    mut file: &File,
    folder: &Path,
    is_wanted: impl Fn(&Place) -> bool,
) -> anyhow::Result<Manifest> {
    file.seek(SeekFrom::Start(0))?;
    let open = |place: &Place, _| {
        if !is_wanted(place) {
            return Ok(Out::Nothing);
        }
        let path = folder.join(place.path());
        create_folder(folder_of(&path))?;
        Ok(Out::File(BufWriter::new(create_private(&path)?)))
    };
    let close = |_: &Place, out| match out {
        Out::File(file) => file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all(),
        Out::Nothing => Ok(()),
    };
    let unfit = || format!("{} is no backup that can be used", name.display());
    let manifest = unpack(BufReader::new(file), open, close).with_context(unfit)?;
    let found = runtime()?.block_on(snapshot::examine(&folder.join(FILE_NAME)));
    let found = found.with_context(|| format!("its {FILE_NAME}")).with_context(unfit)?;
    let told = (manifest.schema, manifest.rooms, manifest.messages, manifest.people);
    anyhow::ensure!(
        told == (found.schema, found.rooms, found.messages, found.people),
        "{} is no backup that can be used: its manifest tells of another database",
        name.display()
    );
    Ok(manifest)
}

/// Whoever restores as root does it for the one to whom the data folder belongs.
#[cfg(unix)]
fn hand_over(folder: &Path, data: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::{MetadataExt as _, chown};

    if !nix::unistd::geteuid().is_root() {
        return Ok(());
    }
    let owner = fs::metadata(data)?;
    let (user, group) = (Some(owner.uid()), Some(owner.gid()));
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        chown(&folder, user, group)?;
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                folders.push(entry.path())
            } else {
                chown(entry.path(), user, group)?
            }
        }
    }
    Ok(())
}

#[cfg(not(unix))]
fn hand_over(_: &Path, _: &Path) -> anyhow::Result<()> {
    Ok(())
}
