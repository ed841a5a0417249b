//! `sockeye export`.

use std::collections::HashSet;
use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use clap::Args;

use super::archive::PICTURES;
use super::lines::{End, FORMAT, FileLine, Header, Line};
use super::{Passing, create_private, folder_of, runtime, say, sync_folder};
use crate::accounts::now;
use crate::cli::credentials::ExitStatus;
use crate::store::FILE_NAME;
use crate::store::sqlite::exporter::Exporter;

const EXAMPLES: &str = "\
Examples:
  sockeye export chat.jsonl                      everything, pictures included
  sockeye export --without-pictures chat.jsonl   without the files of pictures
  sockeye export --room X2v0cJkq3q1KQ0dG -       one room, to standard output

The file has a line of JSON for each person, room, message and member; docs/guide/chat-keeping.md has every field. What
people log in with, passwords of rooms and invitations are not in it; for those there is `sockeye backup`.

Exit status:
  0  done
  1  failed: there is no file, and standard error says why
  2  used wrongly: an argument is not as it has to be";

/// What, and where to.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ExportArgs {
    /// A new file, or `-` for standard output
    #[arg(value_name = "FILE")]
    pub file: PathBuf,

    /// Folder of the data, the same as for `sockeye serve`
    #[arg(long, default_value = "./data", value_name = "FOLDER", env = "SOCKEYE_DATA")]
    pub data: PathBuf,

    /// Only this room, and those who have to do with it: its id, as `sockeye admin rooms` has it
    #[arg(long, value_name = "ID")]
    pub room: Option<String>,

    /// Leave out what is in the pictures' files; that there are pictures is told
    #[arg(long)]
    pub without_pictures: bool,
}

/// Writes everything as lines of JSON.
///
/// # Errors
/// There is no chat or no such room, or something cannot be read or written.
pub fn run(args: &ExportArgs) -> anyhow::Result<ExitStatus> {
    anyhow::ensure!(
        args.data.join(FILE_NAME).exists(),
        "there is no chat in {}: name its folder by --data",
        args.data.display()
    );
    if args.file == Path::new("-") {
        let end = write(args, BufWriter::new(io::stdout().lock()))?;
        told(&end);
        return Ok(ExitStatus::Done);
    }
    let file = &args.file;
    anyhow::ensure!(!file.exists(), "{} is there already: name another file", file.display());
    let name = file.file_name().context("the file needs a name")?.to_string_lossy().into_owned();
    let part = folder_of(file).join(format!(".{name}.{}.part", std::process::id()));
    let part = Passing(part);
    let out = create_private(&part.0);
    let out = out.with_context(|| format!("cannot write {}", part.0.display()))?;
    let end = write(args, BufWriter::new(&out))?;
    out.sync_all()?;
    fs::rename(&part.0, file)?;
    sync_folder(folder_of(file))?;
    told(&end);
    Ok(ExitStatus::Done)
}

fn told(end: &End) {
    say(&format!(
        "{} people, {} rooms, {} messages, {} files of pictures",
        end.people, end.rooms, end.messages, end.files
    ));
}

fn write(args: &ExportArgs, mut out: impl Write) -> anyhow::Result<End> {
    let mut end = End::default();
    let mut files = HashSet::new();
    let cannot_read = || format!("cannot read {}", args.data.display());
    let is_there = runtime()?.block_on(async {
        let exporter = Exporter::open(&args.data).await.with_context(cannot_read)?;
        let header = Header {
            format: FORMAT,
            source: exporter.source.clone(),
            program: env!("CARGO_PKG_VERSION").to_owned(),
            made_at: now(),
        };
        put(&mut out, &Line::Sockeye(header))?;
        let mut each = |line: Line| {
            if let Line::Message(message) = &line
                && !args.without_pictures
            {
                let names = message.pictures.iter().flat_map(|part| [&part.file, &part.thumbnail]);
                for name in names {
                    if files.insert(name.clone())
                        && let Some(file) = read(&args.data, name)?
                    {
                        end.count(&file);
                        put(&mut out, &file)?;
                    }
                }
            }
            end.count(&line);
            put(&mut out, &line)
        };
        exporter.tell(args.room.as_deref(), &mut each).await
    })?;
    let room = args.room.as_deref().unwrap_or_default();
    anyhow::ensure!(
        is_there,
        "there is no room with the id {room:?}: `sockeye admin rooms` has them"
    );
    put(&mut out, &Line::End(end))?;
    out.flush()?;
    Ok(end)
}

fn put(out: &mut impl Write, line: &Line) -> anyhow::Result<()> {
    serde_json::to_writer(&mut *out, line)?;
    Ok(out.write_all(b"\n")?)
}

/// The file of a picture, if it is there.
fn read(data: &Path, name: &str) -> anyhow::Result<Option<Line>> {
    let path = data.join(PICTURES).join(name.get(..2).unwrap_or_default()).join(name);
    match fs::read(&path) {
        Ok(bytes) => {
            let data = BASE64_STANDARD.encode(bytes);
            Ok(Some(Line::File(FileLine { name: name.to_owned(), data })))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}
