//! `sockeye import`.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use clap::Args;
use sha2::{Digest as _, Sha256};

use super::archive::{PICTURES, Place};
use super::lines::{End, FORMAT, FileLine, Line, MessageLine};
use super::{Passing, create_private, folder_of, runtime, say, sync_folder};
use crate::accounts::contract::Role;
use crate::cli::credentials::ExitStatus;
use crate::input::{Emoji, Field, MessageText};
use crate::store::OpenError;
use crate::store::sqlite::create_folder;
use crate::store::sqlite::importer::{Came, Importer};

/// The most bytes of a line: a picture in base64.
const LINE_BYTES_MAX: u64 = 128 * 1024 * 1024;
/// The most characters of an id.
const ID_CHARACTERS_MAX: usize = 40;
/// The most characters of a name.
const NAME_CHARACTERS_MAX: usize = 200;
/// Between two words on how far it is.
const TOLD_EVERY: u64 = 100_000;

const EXAMPLES: &str = "\
Examples:
  sockeye import --dry-run chat.jsonl   whether it could be imported, and what would be new
  sockeye import chat.jsonl             what is not there yet comes in
  zcat chat.jsonl.gz | sockeye import -

The server must not run. All of it is imported or, if a line is wrong, nothing. What came in before is known by its id
and stays as it is, so the same file may be imported again. Times and authors are kept.

Accounts come without passwords: `sockeye admin reset NAME` makes a link for each. An account of the same name that is
there already is taken for the same person, an open room of the same title for the same room. Rooms with a password
become rooms by invitation.

Exit status:
  0  done
  1  failed: nothing was imported, and standard error says why
  2  used wrongly: an argument is not as it has to be";

/// What, and where to.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ImportArgs {
    /// The file that `sockeye export`, or a program of your own, has written; `-` for standard input
    #[arg(value_name = "FILE")]
    pub file: PathBuf,

    /// Folder of the data, the same as for `sockeye serve`; made when it is missing
    #[arg(long, default_value = "./data", value_name = "FOLDER", env = "SOCKEYE_DATA")]
    pub data: PathBuf,

    /// Read all of it and say what would be new, and keep nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// Writes lines into a data folder.
///
/// # Errors
/// A line is wrong, a server uses the folder, or something cannot be written.
pub fn run(args: &ImportArgs) -> anyhow::Result<ExitStatus> {
    let input: Box<dyn io::Read> = if args.file == Path::new("-") {
        Box::new(io::stdin().lock())
    } else {
        let file = File::open(&args.file);
        Box::new(file.with_context(|| format!("cannot read {}", args.file.display()))?)
    };
    let mut lines = Lines { input: BufReader::new(input), name: args.file.clone(), number: 0 };
    runtime()?.block_on(import(args, &mut lines))?;
    Ok(ExitStatus::Done)
}

struct Lines<R> {
    input: BufReader<R>,
    name: PathBuf,
    number: u64,
}

impl<R: io::Read> Lines<R> {
    fn next(&mut self) -> anyhow::Result<Option<Line>> {
        let mut text = Vec::new();
        let read = (&mut self.input).take(LINE_BYTES_MAX).read_until(b'\n', &mut text)?;
        if read == 0 {
            return Ok(None);
        }
        self.number += 1;
        let line = serde_json::from_slice(&text).with_context(|| self.place())?;
        Ok(Some(line))
    }

    fn place(&self) -> String {
        format!("{}:{}", self.name.display(), self.number)
    }
}

/// How many of each were new.
#[derive(Debug, Default)]
struct News {
    came: End,
    new: End,
    pictures_left_out: u64,
}

async fn import(args: &ImportArgs, lines: &mut Lines<impl io::Read>) -> anyhow::Result<()> {
    let Some(Line::Sockeye(header)) = lines.next()? else {
        anyhow::bail!(
            "{} does not begin with a line of the type \"sockeye\"",
            lines.name.display()
        );
    };
    anyhow::ensure!(
        header.format == FORMAT,
        "{} is of the format {}, and this program knows {FORMAT}",
        lines.name.display(),
        header.format
    );
    check_id(&header.source)?;
    let importer = Importer::open(&args.data, &header.source).await;
    let mut importer = importer.map_err(|error| match error {
        OpenError::InUse => anyhow::anyhow!(
            "a server runs on {}: stop it first, and start it again afterwards",
            args.data.display()
        ),
        error => anyhow::Error::new(error).context(format!("cannot use {}", args.data.display())),
    })?;
    let mut news = News::default();
    let ended = loop {
        let Some(line) = lines.next()? else { break false };
        if let Line::End(end) = &line {
            anyhow::ensure!(
                *end == news.came,
                "{}: it tells of other lines than came",
                lines.place()
            );
            break true;
        }
        let came = take(args, &mut importer, &line, &mut news).await;
        let came = came.with_context(|| lines.place())?;
        news.came.count(&line);
        if came == Came::New {
            news.new.count(&line);
        }
        if lines.number.is_multiple_of(TOLD_EVERY) {
            say(&format!("  {} lines", lines.number));
        }
    };
    anyhow::ensure!(ended, "{}: its last line is missing, the file was cut", lines.name.display());
    let finished = importer.finish(!args.dry_run).await;
    finished.with_context(|| format!("cannot write into {}", args.data.display()))?;
    let News { came, new, pictures_left_out } = news;
    for (what, came, new) in [
        ("people", came.people, new.people),
        ("rooms", came.rooms, new.rooms),
        ("messages", came.messages, new.messages),
        ("members", came.members, new.members),
        ("files of pictures", came.files, new.files),
    ] {
        say(&format!("{came} {what}, {new} of them new"));
    }
    if pictures_left_out > 0 {
        say(&format!(
            "{pictures_left_out} pictures were left out: nobody is told to have sent them"
        ));
    }
    if args.dry_run {
        say("nothing was kept: this was a dry run");
    }
    Ok(())
}

async fn take(
    args: &ImportArgs,
    importer: &mut Importer,
    line: &Line,
    news: &mut News,
) -> anyhow::Result<Came> {
    match line {
        Line::Sockeye(_) | Line::End(_) => {
            anyhow::bail!("such a line is the first or the last one")
        }
        Line::Person(line) => {
            check_id(&line.id)?;
            check_name(&line.name)?;
            let role = serde_json::from_value::<Role>(line.role.clone().into());
            role.context("the role is owner, moderator, member or guest")?;
            anyhow::ensure!(line.colour < 360, "the colour is a hue, 0 to 359");
            Ok(importer.person(line).await?)
        }
        Line::Room(line) => {
            check_id(&line.id)?;
            let kinds = ["open", "password", "invited", "direct"];
            anyhow::ensure!(
                kinds.contains(&&*line.kind),
                "the kind is one of {}",
                kinds.join(", ")
            );
            if line.kind == "direct" {
                anyhow::ensure!(
                    (2..=10).contains(&line.with.len()),
                    "direct messages are between 2 and 10 people"
                );
            } else {
                check_name(&line.title)?;
            }
            Ok(importer.room(line).await?)
        }
        Line::File(line) => keep(args, line),
        Line::Message(line) => {
            check_message(line)?;
            if line.person.is_none() {
                news.pictures_left_out += line.pictures.len() as u64;
            }
            let came = importer.message(line).await?;
            came.with_context(|| format!("no line tells of the room {:?} before", line.room))
        }
        Line::Member(line) => {
            let roles = ["owner", "moderator", "member", "banned"];
            anyhow::ensure!(
                roles.contains(&&*line.role),
                "the role is one of {}",
                roles.join(", ")
            );
            let came = importer.member(line).await?;
            came.context("no lines tell of the room and the person before")
        }
    }
}

fn check_id(id: &str) -> anyhow::Result<()> {
    let is_good = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    anyhow::ensure!(
        (1..=ID_CHARACTERS_MAX).contains(&id.len()) && id.bytes().all(is_good),
        "{id:?} is no id: 1 to {ID_CHARACTERS_MAX} letters, digits, - and _"
    );
    Ok(())
}

/// Names from before may be such as nobody can take now.
fn check_name(name: &str) -> anyhow::Result<()> {
    let characters = name.chars().count();
    anyhow::ensure!(
        (1..=NAME_CHARACTERS_MAX).contains(&characters),
        "a name or title has 1 to {NAME_CHARACTERS_MAX} characters"
    );
    Ok(())
}

fn check_message(line: &MessageLine) -> anyhow::Result<()> {
    anyhow::ensure!(line.id > 0, "the id of a message is greater than 0");
    let texts = line.edits.iter().map(|edit| &edit.text).chain([&line.text]);
    for text in texts.filter(|text| !text.is_empty()) {
        MessageText::parse(text.clone()).context("the text")?;
    }
    let is_empty = line.text.is_empty() && line.pictures.is_empty() && line.deleted_at.is_none();
    anyhow::ensure!(!is_empty, "the text is empty, and there is no picture");
    for reaction in &line.reactions {
        Emoji::parse(&reaction.emoji, Field::Reaction).context("the reaction")?;
    }
    for picture in &line.pictures {
        check_id(&picture.id)?;
        for name in [&picture.file, &picture.thumbnail] {
            place(name)?;
        }
    }
    Ok(())
}

/// Where the file of a picture belongs.
fn place(name: &str) -> anyhow::Result<Place> {
    let first = name.get(..2).unwrap_or_default();
    let place = Place::parse(&format!("{PICTURES}/{first}/{name}"));
    place.with_context(|| format!("{name:?} is no name of a picture's file"))
}

/// Puts the file of a picture into its place. One that no message has in the end is swept away by the server.
fn keep(args: &ImportArgs, line: &FileLine) -> anyhow::Result<Came> {
    let place = place(&line.name)?;
    let bytes = BASE64_STANDARD.decode(&line.data).context("the data are no base64")?;
    let sha256: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    anyhow::ensure!(place.sha256() == Some(&sha256), "the data are not those of {:?}", line.name);
    let path = args.data.join(place.path());
    if path.exists() {
        return Ok(Came::Known);
    }
    if !args.dry_run {
        let folder = folder_of(&path);
        create_folder(folder)?;
        let part = Passing(folder.join(format!(".{}.{}", line.name, std::process::id())));
        let mut file = create_private(&part.0)?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        fs::rename(&part.0, &path)?;
        sync_folder(folder)?;
    }
    Ok(Came::New)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_those_of_addresses() {
        let long = "x".repeat(ID_CHARACTERS_MAX);
        for good in ["a", "X2v0cJkq3q1KQ0dG", "slack-C024BE7LR", &long] {
            assert!(check_id(good).is_ok(), "{good}");
        }
        for bad in ["", "a b", "a/b", "é", "..", &format!("{long}x")] {
            assert!(check_id(bad).is_err(), "{bad}");
        }
    }
}
