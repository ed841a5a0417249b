//! The options of `sockeye serve` from `sockeye.toml` in the data folder.
//!
//! What options there are, only clap's definitions say: a key of the file is the long name of an option, and its value is
//! parsed as that of the option is. Flags win over the environment, that over the file, that over the defaults.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Args as _, CommandFactory as _, FromArgMatches as _};
use thiserror::Error;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Cli, Command, ServeArgs};
use crate::keeping::archive::CONFIGURATION;

/// The option that says where the file is.
const DATA: &str = "data";
/// Options that are called so are none.
const NO_OPTIONS: [&str; 2] = ["help", "version"];

/// A command line, with what the file adds to it.
#[derive(Debug)]
pub struct Parsed {
    /// What to do.
    pub command: Command,
    /// For a command with the options of `sockeye serve`: what they are, and where each is from.
    pub in_force: Option<InForce>,
}

/// What `sockeye serve` goes by.
#[derive(Clone, Debug)]
pub struct InForce {
    /// Where the file is, or would be.
    file: PathBuf,
    is_there: bool,
    options: Vec<InForceOption>,
}

#[derive(Clone, Debug)]
struct InForceOption {
    name: String,
    kind: Kind,
    is_secret: bool,
    /// None where it is not set.
    values: Vec<String>,
    origin: Origin,
}

/// Where a value is from.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Origin {
    Flag,
    Environment(String),
    /// The line.
    File(usize),
    Default,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Switch,
    One,
    Several,
}

/// Why the file cannot be used.
#[derive(Debug, Error)]
#[error("{}{}: {problem}", .file.display(), .line.map(|line| format!(":{line}")).unwrap_or_default())]
pub struct FileError {
    file: PathBuf,
    line: Option<usize>,
    problem: String,
}

/// Reads a command line, ends the process with an explanation where it is wrong, and adds the file.
///
/// # Errors
/// The file cannot be used.
pub fn parse(line: impl IntoIterator<Item = OsString>) -> Result<Parsed, FileError> {
    let line: Vec<_> = line.into_iter().collect();
    match parse_with_file(line) {
        Ok(parsed) => Ok(parsed),
        Err(Wrong::File(error)) => Err(error),
        Err(Wrong::Line(error)) => error.exit(),
    }
}

#[derive(Debug)]
enum Wrong {
    File(FileError),
    /// The command line, perhaps together with the file.
    Line(clap::Error),
}

fn parse_with_file(line: Vec<OsString>) -> Result<Parsed, Wrong> {
    // What is wrong with it is told below, when the file has added what may be missing.
    let lenient = Cli::command().ignore_errors(true).try_get_matches_from(&line).ok();
    let told = lenient.as_ref().and_then(serving);
    let Some((name, told)) = told else { return strict(&line).map(|(parsed, _)| parsed) };
    let Some(data) = told.get_one::<PathBuf>(DATA) else {
        return strict(&line).map(|(parsed, _)| parsed);
    };
    let file = data.join(CONFIGURATION);
    let entries = read(&file).map_err(Wrong::File)?;
    let is_there = entries.is_some();
    let entries = entries.unwrap_or_default();
    let is_own = |id: &str| {
        let source = told.value_source(id);
        matches!(source, Some(ValueSource::CommandLine | ValueSource::EnvVariable))
    };
    let added = entries.iter().filter(|entry| !is_own(&entry.id)).flat_map(Entry::flags);
    let named = line.get(1).is_some_and(|first| first == name);
    let rest = line.iter().skip(if named { 2 } else { 1 }).cloned();
    let program = line.first().cloned().unwrap_or_default();
    let whole: Vec<_> = [program, name.into()].into_iter().chain(added).chain(rest).collect();
    let (mut parsed, matches) = strict(&whole)?;
    let Some((_, matches)) = serving(&matches) else { return Ok(parsed) };
    let options = options().filter(|arg| arg.get_id() != DATA).map(|arg| {
        let id = arg.get_id().as_str();
        let entry = entries.iter().find(|entry| entry.id == id);
        let origin = match (told.value_source(id), entry) {
            (Some(ValueSource::CommandLine), _) => Origin::Flag,
            (Some(ValueSource::EnvVariable), _) => Origin::Environment(
                arg.get_env().unwrap_or_default().to_string_lossy().into_owned(),
            ),
            (_, Some(entry)) => Origin::File(entry.line),
            _ => Origin::Default,
        };
        let kind = kind(&arg);
        let values = match kind {
            Kind::Switch => vec![matches.get_flag(id).to_string()],
            Kind::One | Kind::Several => {
                let values = matches.get_raw(id).into_iter().flatten();
                values.map(|value| value.to_string_lossy().into_owned()).collect()
            }
        };
        let is_secret = arg.is_hide_env_values_set();
        InForceOption { name: long(&arg), kind, is_secret, values, origin }
    });
    let options = options.collect();
    parsed.in_force = Some(InForce { file, is_there, options });
    Ok(parsed)
}

fn strict(line: &[OsString]) -> Result<(Parsed, ArgMatches), Wrong> {
    let matches = Cli::command().try_get_matches_from(line).map_err(Wrong::Line)?;
    let cli = Cli::from_arg_matches(&matches).map_err(Wrong::Line)?;
    Ok((Parsed { command: cli.into_command(), in_force: None }, matches))
}

/// What the file of a data folder says of an option, for commands that have only this one of it.
///
/// # Errors
/// The file cannot be used.
pub fn value(data: &Path, name: &str) -> Result<Option<String>, FileError> {
    let entries = read(&data.join(CONFIGURATION))?.unwrap_or_default();
    Ok(entries
        .into_iter()
        .find(|entry| entry.name == name)
        .and_then(|entry| entry.values.into_iter().next()))
}

/// What is told of serving, by the command that has its options.
fn serving(matches: &ArgMatches) -> Option<(&'static str, &ArgMatches)> {
    match matches.subcommand() {
        None => Some(("serve", matches)),
        Some(("serve", matches)) => Some(("serve", matches)),
        Some(("config", matches)) => Some(("config", matches)),
        Some(_) => None,
    }
}

/// The options of serving.
fn options() -> impl Iterator<Item = Arg> {
    let command = ServeArgs::augment_args(clap::Command::new("serve"));
    let options: Vec<_> = command.get_arguments().cloned().collect();
    options.into_iter().filter(|arg| !NO_OPTIONS.contains(&long(arg).as_str()))
}

fn long(arg: &Arg) -> String {
    arg.get_long().unwrap_or_default().to_owned()
}

fn kind(arg: &Arg) -> Kind {
    match arg.get_action() {
        ArgAction::SetTrue => Kind::Switch,
        ArgAction::Append => Kind::Several,
        _ => Kind::One,
    }
}

/// A line of the file.
#[derive(Debug)]
struct Entry {
    id: String,
    name: String,
    kind: Kind,
    values: Vec<String>,
    line: usize,
}

impl Entry {
    /// The same on a command line.
    fn flags(&self) -> Vec<OsString> {
        let flag = |value: &String| match self.kind {
            Kind::Switch => (value == "true").then(|| format!("--{}", self.name).into()),
            Kind::One | Kind::Several => Some(format!("--{}={value}", self.name).into()),
        };
        self.values.iter().filter_map(flag).collect()
    }
}

/// `None`: there is no file.
fn read(file: &Path) -> Result<Option<Vec<Entry>>, FileError> {
    let error = |line, problem| FileError { file: file.to_owned(), line, problem };
    let text = match fs::read_to_string(file) {
        Ok(text) => text,
        // What is wrong with the data folder is said where it is opened.
        Err(problem)
            if matches!(problem.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) =>
        {
            return Ok(None);
        }
        Err(problem) => return Err(error(None, format!("it cannot be read: {problem}"))),
    };
    let line_of = |offset: usize| text[..offset.min(text.len())].matches('\n').count() + 1;
    let table = DeTable::parse(&text).map_err(|problem| {
        let line = problem.span().map(|span| line_of(span.start));
        error(line, problem.message().to_owned())
    })?;
    let mut entries = Vec::new();
    for (key, value) in table.get_ref() {
        let line = line_of(key.span().start);
        let entry =
            entry(key.get_ref(), value, line).and_then(|entry| check(&entry).map(|()| entry));
        entries.push(entry.map_err(|problem| error(Some(line), problem))?);
    }
    entries.sort_by_key(|entry| entry.line);
    Ok(Some(entries))
}

fn entry(name: &str, value: &Spanned<DeValue<'_>>, line: usize) -> Result<Entry, String> {
    if name == DATA {
        return Err(
            "the file is in the data folder: name that by --data or SOCKEYE_DATA".to_owned()
        );
    }
    let Some(arg) = options().find(|arg| long(arg) == name) else {
        let nearest = nearest(name);
        return Err(format!("there is no option {name:?}: did you mean {nearest:?}?"));
    };
    let kind = kind(&arg);
    let values = match (kind, value.get_ref()) {
        (Kind::Switch, DeValue::Boolean(is_on)) => vec![is_on.to_string()],
        (Kind::Switch, _) => return Err(format!("{name} is true or false")),
        (Kind::Several, DeValue::Array(values)) => {
            values.iter().map(|value| text(name, value.get_ref())).collect::<Result<_, _>>()?
        }
        (Kind::One | Kind::Several, value) => vec![text(name, value)?],
    };
    Ok(Entry { id: arg.get_id().to_string(), name: name.to_owned(), kind, values, line })
}

fn text(name: &str, value: &DeValue<'_>) -> Result<String, String> {
    match value {
        DeValue::String(text) => Ok(text.to_string()),
        DeValue::Integer(number) if number.radix() == 10 => Ok(number.as_str().to_owned()),
        _ => Err(format!("{name} is a text in quotes, or a number")),
    }
}

/// Whether each value is one that the option takes. What has to be there beside it is looked at with the rest.
fn check(entry: &Entry) -> Result<(), String> {
    use clap::error::ErrorKind;

    let command = ServeArgs::augment_args(clap::Command::new("serve")).no_binary_name(true);
    match command.try_get_matches_from(entry.flags()) {
        Err(error)
            if !matches!(
                error.kind(),
                ErrorKind::MissingRequiredArgument | ErrorKind::ArgumentConflict
            ) =>
        {
            let told = error.to_string();
            let first = told.lines().next().unwrap_or_default();
            Err(first.trim_start_matches("error: ").to_owned())
        }
        Ok(_) | Err(_) => Ok(()),
    }
}

/// The option whose name is most like this one.
fn nearest(name: &str) -> String {
    let name = name.replace('_', "-");
    let names = options().map(|arg| long(&arg)).filter(|long| long != DATA);
    names.min_by_key(|long| distance(&name, long)).unwrap_or_default()
}

/// How many letters have to be put in, taken out or changed to make one of the other.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<_> = other.chars().collect();
    let mut row: Vec<_> = (0..=other.len()).collect();
    for (n, a) in one.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = n + 1;
        for (m, b) in other.iter().enumerate() {
            let changed = diagonal + usize::from(a != *b);
            diagonal = row[m + 1];
            row[m + 1] = changed.min(diagonal + 1).min(row[m] + 1);
        }
    }
    row[other.len()]
}

impl InForce {
    /// The file, if there is one.
    pub fn file(&self) -> Option<&Path> {
        self.is_there.then_some(&*self.file)
    }

    /// As a file that says the same; where each value is from stands behind it.
    pub fn to_toml(&self) -> String {
        let there = if self.is_there { "" } else { " (there is none)" };
        let mut out = format!(
            "# What `sockeye serve` goes by, with the same options and environment.\n# The file: {}{there}\n\n",
            self.file.display()
        );
        for option in &self.options {
            let origin = match &option.origin {
                Origin::Flag => format!("--{}", option.name),
                Origin::Environment(name) => format!("environment: {name}"),
                Origin::File(line) => format!("file, line {line}"),
                Origin::Default => "default".to_owned(),
            };
            let name = &option.name;
            let _ = if option.values.is_empty() {
                writeln!(out, "# {name} is not set")
            } else if option.is_secret {
                writeln!(out, "# {name} is set and not shown  # {origin}")
            } else {
                writeln!(out, "{name} = {}  # {origin}", option.value())
            };
        }
        out
    }
}

impl InForceOption {
    fn value(&self) -> String {
        let value = |text: &String| {
            let is_number = text.parse::<i64>().is_ok_and(|number| number.to_string() == *text);
            if is_number { text.clone() } else { quoted(text) }
        };
        match self.kind {
            Kind::Switch => self.values.concat(),
            Kind::One => self.values.first().map(value).unwrap_or_default(),
            Kind::Several => {
                format!("[{}]", self.values.iter().map(value).collect::<Vec<_>>().join(", "))
            }
        }
    }
}

/// A basic string of TOML.
fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => {
                let _ = write!(quoted, "\\u{:04X}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests;
