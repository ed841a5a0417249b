//! `sockeye key`: the keys of the publishing API, in the data folder.
//!
//! They are in one file. A server that runs on the folder is asked through its control socket, so that a key
//! counts at once and the file has one owner; without a server the file is changed directly.

use std::error::Error;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use clap::{Args, Subcommand};
use serde::{Deserialize, Serialize};
use sockeye_feeds::publish::{FileKeys, NewKey, StoredKey, Verb};

use crate::cli::credentials::ExitStatus;
#[cfg(unix)]
use crate::control;

/// The file of the keys in the data folder.
pub const FILE_NAME: &str = "keys.json";

/// The statuses with which the command exits, as its `--help` has them.
const KEY_EXIT_STATUSES: &str = "\
Exit status:
  0  done
  1  failed: nothing was changed, and standard error says why
  2  used wrongly: an argument is not as it has to be";

/// What to do with keys, and where.
#[derive(Clone, Debug, Args)]
#[command(after_help = KEY_EXIT_STATUSES)]
pub struct KeyCommand {
    /// Folder of the data, the same as for `sockeye serve`
    #[arg(
        long,
        global = true,
        default_value = "./data",
        value_name = "FOLDER",
        env = "SOCKEYE_DATA"
    )]
    pub data: PathBuf,

    /// What to do.
    #[command(subcommand)]
    pub action: KeyAction,
}

/// What to do with keys.
#[derive(Clone, Debug, Subcommand)]
pub enum KeyAction {
    /// Make a key, and print it: it is shown this once
    ///
    /// `export SOCKEYE_KEY=$(sockeye key create shop --namespace /orders)`
    Create(CreateArgs),
    /// List the keys, without their secrets
    List {
        /// As JSON, a line each
        #[arg(long)]
        json: bool,
    },
    /// Revoke a key: requests with it are refused from now on
    Revoke {
        /// Its id: what stands between the underscores, and in the list
        id: String,
    },
}

/// What a new key is to be.
#[derive(Clone, Debug, Args)]
pub struct CreateArgs {
    /// Name by which people tell it from others
    pub name: String,

    /// Namespace it is for: /a, /a/* for what begins with /a/, * for all; can be repeated
    #[arg(long, value_name = "NAMESPACE", default_value = "/")]
    pub namespace: Vec<String>,

    /// What it may do: publish, join, leave, disconnect, read; can be repeated
    #[arg(long, value_name = "VERB", default_value = "publish", value_delimiter = ',')]
    pub verb: Vec<Verb>,

    /// How long it is valid, such as 90d, 12h or 30m; without it until it is revoked
    #[arg(long, value_name = "TIME", value_parser = lifetime)]
    pub expires: Option<Duration>,
}

/// What is asked of whoever has the keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Asked {
    /// To make a key.
    Create {
        /// Its name.
        name: String,
        /// What it is for.
        namespaces: Vec<String>,
        /// What it may do there.
        verbs: Vec<Verb>,
        /// How many seconds it is valid.
        lifetime: Option<u64>,
    },
    /// For all keys.
    List {},
    /// To revoke a key.
    Revoke {
        /// Its id.
        id: String,
    },
}

/// What is answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Answer {
    /// The key, and its secret.
    Created {
        /// What is stored of it.
        key: StoredKey,
        /// The whole key.
        secret: String,
    },
    /// The keys.
    Keys(Vec<StoredKey>),
    /// Whether there was such a key.
    Revoked(bool),
    /// Why it was not done.
    Failed(String),
}

/// Does it, and prints what comes of it.
///
/// # Errors
/// When the keys cannot be read or changed, or the server does not answer.
pub fn run(command: &KeyCommand) -> anyhow::Result<ExitStatus> {
    let asked = match &command.action {
        KeyAction::Create(args) => Asked::Create {
            name: args.name.clone(),
            namespaces: args.namespace.clone(),
            verbs: args.verb.clone(),
            lifetime: args.expires.map(|lifetime| lifetime.as_secs()),
        },
        KeyAction::List { .. } => Asked::List {},
        KeyAction::Revoke { id } => Asked::Revoke { id: id.clone() },
    };
    let answer = match ask_server(&command.data, &asked)? {
        Some(answer) => answer,
        None => ask_file(&command.data, asked)?,
    };
    let mut out = io::stdout().lock();
    match answer {
        Answer::Created { key, secret } => {
            writeln!(out, "{secret}")?;
            let _ =
                writeln!(io::stderr(), "{}\nkeep the key now: it is not shown again", line(&key));
        }
        Answer::Keys(keys) => {
            print(&mut out, &keys, matches!(command.action, KeyAction::List { json: true }))?
        }
        Answer::Revoked(true) => {}
        Answer::Revoked(false) => {
            anyhow::bail!("there is no key with this id: `sockeye key list` has them")
        }
        Answer::Failed(reason) => anyhow::bail!(reason),
    }
    Ok(ExitStatus::Done)
}

/// Does what is asked.
pub fn answer(keys: &FileKeys, asked: Asked) -> Answer {
    let failed = |error: &dyn Error| {
        let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
        Answer::Failed(format!("{error}{cause}"))
    };
    match asked {
        Asked::Create { name, namespaces, verbs, lifetime } => {
            let key = NewKey::named(name).verbs(verbs);
            let key = namespaces.into_iter().fold(key, NewKey::namespace);
            let until = |seconds| SystemTime::now().checked_add(Duration::from_secs(seconds));
            let key = match lifetime.map(until) {
                None => key,
                Some(Some(until)) => key.expires(until),
                Some(None) => return Answer::Failed("no key is valid for so long".to_owned()),
            };
            match keys.create(key) {
                Ok(issued) => Answer::Created {
                    key: issued.key().stored().clone(),
                    secret: issued.secret().to_owned(),
                },
                Err(error) => failed(&error),
            }
        }
        Asked::List {} => match keys.reload() {
            Ok(()) => Answer::Keys(keys.list().iter().map(|key| key.stored().clone()).collect()),
            Err(error) => failed(&error),
        },
        Asked::Revoke { id } => match keys.revoke(&id) {
            Ok(was_there) => Answer::Revoked(was_there),
            Err(error) => failed(&error),
        },
    }
}

#[cfg(unix)]
fn ask_server(data: &Path, asked: &Asked) -> anyhow::Result<Option<Answer>> {
    match control::ask(data, &control::Asked::Keys(asked.clone()))? {
        None => Ok(None),
        Some(control::Answer::Keys(answer)) => Ok(Some(answer)),
        Some(control::Answer::Admin { .. }) => anyhow::bail!("the server answers something else"),
    }
}

/// There is no control socket here: the server reads the file when it has changed.
#[cfg(not(unix))]
fn ask_server(_: &Path, _: &Asked) -> anyhow::Result<Option<Answer>> {
    Ok(None)
}

fn ask_file(data: &Path, asked: Asked) -> anyhow::Result<Answer> {
    if matches!(asked, Asked::Create { .. }) {
        fs::create_dir_all(data)
            .with_context(|| format!("cannot make the data folder {}", data.display()))?;
    }
    if !data.is_dir() {
        anyhow::bail!("there is no data folder {}: name it by --data", data.display());
    }
    Ok(answer(&FileKeys::open(data.join(FILE_NAME))?, asked))
}

fn print(out: &mut impl Write, keys: &[StoredKey], is_json: bool) -> anyhow::Result<()> {
    for key in keys {
        match is_json {
            true => writeln!(out, "{}", serde_json::to_string(key)?)?,
            false => writeln!(out, "{}", line(key))?,
        }
    }
    Ok(())
}

/// A key in one line.
fn line(key: &StoredKey) -> String {
    let verbs: Vec<_> = key.verbs.iter().map(|verb| verb.as_str()).collect();
    let mut line = format!(
        "{}  {}  {}  {}  made {}",
        key.id,
        key.name,
        verbs.join(","),
        key.namespaces.join(","),
        date(key.created_at)
    );
    if let Some(expires) = key.expires_at {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let is_over = now.is_ok_and(|now| now.as_secs() >= expires);
        line.push_str(if is_over { "  expired " } else { "  expires " });
        line.push_str(&date(expires));
    }
    line
}

/// A time in seconds since 1970 as RFC 3339 has it, in UTC.
pub(crate) fn date(seconds: u64) -> String {
    let (days, of_day) = (seconds / 86_400, seconds % 86_400);
    // Years that begin in March, so that the day of the leap year is the last one. 719,468 days lie between
    // March of the year 0 and 1970; an era of 400 years has 146,097.
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = era * 400 + year + u64::from(month <= 2);
    let (hour, minute, second) = (of_day / 3_600, of_day / 60 % 60, of_day % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// A time as people write it: a whole number with its unit.
pub(crate) fn lifetime(text: &str) -> Result<Duration, String> {
    let (number, unit) =
        text.split_at(text.len() - text.chars().next_back().map_or(0, char::len_utf8));
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return Err("write a whole number and s, m, h or d".to_owned()),
    };
    let number: u64 = number.parse().map_err(|_| "write a whole number and s, m, h or d")?;
    let whole = number.checked_mul(seconds).filter(|whole| (1..=86_400 * 36_500).contains(whole));
    whole.map(Duration::from_secs).ok_or_else(|| "it has to be from 1s to 36500d".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Cli, Command};
    use clap::Parser as _;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (951_868_800, "2000-03-01T00:00:00Z"),
            (1_796_000_000, "2026-11-30T00:53:20Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(date(seconds), text);
        }
    }

    #[test]
    fn lifetimes_have_a_unit() {
        for (text, seconds) in [("1s", 1), ("30m", 1_800), ("12h", 43_200), ("90d", 7_776_000)] {
            assert_eq!(lifetime(text), Ok(Duration::from_secs(seconds)));
        }
        for text in
            ["", "d", "0d", "1", "-1d", "1.5h", "1w", "1\u{e9}", "99999999999999999999d", "36501d"]
        {
            assert!(lifetime(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_default_is_to_publish_in_the_main_namespace() {
        let parse = |line: &str| match Cli::try_parse_from(line.split(' ')).unwrap().into_command()
        {
            Command::Key(KeyCommand { action: KeyAction::Create(args), data }) => (args, data),
            command => panic!("{command:?}"),
        };
        let (args, data) = parse("sockeye key create shop");
        assert_eq!((args.namespace, args.verb), (vec!["/".to_owned()], vec![Verb::Publish]));
        assert_eq!(data, Path::new("./data"));
        let (args, data) = parse(
            "sockeye key create shop --namespace /a --namespace /b --verb join,read --data /x",
        );
        assert_eq!(args.namespace, ["/a", "/b"]);
        assert_eq!((args.verb, data), (vec![Verb::Join, Verb::Read], "/x".into()));
        assert!(Cli::try_parse_from(["sockeye", "key", "create", "a", "--verb", "fly"]).is_err());
    }

    #[test]
    fn what_is_wrong_with_a_key_is_answered() {
        let folder = tempfile::tempdir().unwrap();
        let keys = FileKeys::open(folder.path().join(FILE_NAME)).unwrap();
        let create = |namespace: &str, lifetime| {
            let asked = Asked::Create {
                name: "a".into(),
                namespaces: vec![namespace.into()],
                verbs: vec![Verb::Read],
                lifetime,
            };
            answer(&keys, asked)
        };
        let Answer::Failed(reason) = create("news", None) else { panic!() };
        assert!(reason.contains("with the slash"), "{reason}");
        assert!(matches!(create("/", Some(u64::MAX)), Answer::Failed(_)));
        let Answer::Created { key, secret } = create("/", Some(60)) else { panic!() };
        assert!(secret.starts_with(&format!("sk_{}_", key.id)));
        assert_eq!(key.expires_at, Some(key.created_at + 60));
        assert_eq!(answer(&keys, Asked::List {}), Answer::Keys(vec![key.clone()]));
        assert_eq!(answer(&keys, Asked::Revoke { id: key.id.clone() }), Answer::Revoked(true));
        assert_eq!(answer(&keys, Asked::Revoke { id: key.id }), Answer::Revoked(false));
    }
}
