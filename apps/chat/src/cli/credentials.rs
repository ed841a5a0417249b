//! What the commands that talk to a server share: the status they exit with, and where their secrets come from.
//!
//! A secret never stands on the command line, which every user of the machine can read (`ps`) and which the
//! shell keeps in its history: it comes from the environment or from a file.

use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use http::HeaderValue;
use thiserror::Error;

/// The variable of the environment with the key for publishing, or the token of a reader.
pub const KEY_VARIABLE: &str = "SOCKEYE_KEY";

/// The most bytes of a secret in a file. They go into one header.
const SECRET_BYTES_MAX: usize = 4096;

/// The statuses with which the commands exit, as their `--help` has them.
pub const EXIT_STATUSES: &str = "\
Exit status:
  0  done
  1  failed: the server answered with an error, or something here went wrong
  2  used wrongly: an argument, a variable or a file is missing, or not as it has to be
  3  refused by the server: no key, a wrong one, or one that may not do this (401, 403)
  4  not reachable: no answer in time, or no connection
  5  loss: events are missing that nobody can send any more";

/// How a command ended: what it exits with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ExitStatus {
    /// It did what it was asked for.
    Done = 0,
    /// The server answered with an error, or something here went wrong.
    Failed = 1,
    /// An argument, a variable or a file is not as it has to be. (Clap's own status too.)
    Usage = 2,
    /// The server refused: 401 or 403.
    Refused = 3,
    /// No connection, or no answer in time.
    Unreachable = 4,
    /// Events are missing.
    Loss = 5,
}

impl ExitStatus {
    /// That of an answer of a server.
    pub fn of_answer(status: http::StatusCode) -> Self {
        match status.as_u16() {
            401 | 403 => Self::Refused,
            _ if status.is_success() => Self::Done,
            _ => Self::Failed,
        }
    }
}

impl From<ExitStatus> for ExitCode {
    fn from(status: ExitStatus) -> Self {
        ExitCode::from(status as u8)
    }
}

/// Where the key or token comes from.
#[derive(Clone, Debug, Default, Args)]
pub struct KeyArgs {
    /// File with the key or token, `-` for standard input; without it the variable SOCKEYE_KEY is used
    ///
    /// There is no argument for the key itself: other users of this machine could read it.
    #[arg(long, value_name = "FILE")]
    pub key_file: Option<PathBuf>,
}

impl KeyArgs {
    /// The key or token: from the file that was named, else from the environment. `None`: neither was given.
    ///
    /// # Errors
    /// When it cannot be read, or is none.
    pub fn secret(&self) -> Result<Option<Secret>, SecretError> {
        match &self.key_file {
            Some(file) => Secret::from_file(file).map(Some),
            None => Secret::from_variable(KEY_VARIABLE),
        }
    }
}

/// A secret that goes into a header. Its `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

/// Why there is no secret. It never has the secret in it.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SecretError {
    /// The file cannot be read.
    #[error("cannot read the key in {file}")]
    Read {
        /// Which one.
        file: String,
        /// Why not.
        source: io::Error,
    },
    /// It is no text that can be sent.
    #[error(
        "what stands in {0} is no key: it takes one line of visible ASCII characters, {SECRET_BYTES_MAX} at most"
    )]
    NoKey(String),
}

impl Secret {
    /// The first line of a file, `-` for standard input.
    ///
    /// # Errors
    /// When it cannot be read, or is no key.
    pub fn from_file(file: &Path) -> Result<Self, SecretError> {
        let name = match file.as_os_str() == "-" {
            true => "the standard input".to_owned(),
            false => file.display().to_string(),
        };
        let limit = SECRET_BYTES_MAX as u64 + 2;
        let mut bytes = Vec::new();
        let read = match file.as_os_str() == "-" {
            true => io::stdin().lock().take(limit).read_to_end(&mut bytes),
            false => File::open(file).and_then(|file| file.take(limit).read_to_end(&mut bytes)),
        };
        read.map_err(|source| SecretError::Read { file: name.clone(), source })?;
        let text = String::from_utf8(bytes).map_err(|_| SecretError::NoKey(name.clone()))?;
        Self::new(&text).ok_or(SecretError::NoKey(name))
    }

    /// That of a variable of the environment; `None` when it is not set, or empty.
    ///
    /// # Errors
    /// When it is no key.
    pub fn from_variable(name: &str) -> Result<Option<Self>, SecretError> {
        let Some(value) = std::env::var_os(name).filter(|value| !value.is_empty()) else {
            return Ok(None);
        };
        let value = value.to_str().and_then(Self::new);
        value.map(Some).ok_or_else(|| SecretError::NoKey(format!("the variable {name}")))
    }

    /// One line, without the white space around it.
    fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        let is_key = !text.is_empty()
            && text.len() <= SECRET_BYTES_MAX
            && text.bytes().all(|byte| byte.is_ascii_graphic());
        is_key.then(|| Self(text.to_owned()))
    }

    /// The value of a header `Authorization`: `Bearer` and the secret.
    pub fn bearer(&self) -> HeaderValue {
        let value = HeaderValue::from_str(&format!("Bearer {}", self.0));
        let mut value = value.expect("a secret has visible ASCII characters only");
        value.set_sensitive(true);
        value
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_key_is_one_line_of_visible_characters() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key");
        let read = |text: &[u8]| {
            fs::write(&file, text).unwrap();
            Secret::from_file(&file)
        };
        for text in ["sk_a_b", "sk_a_b\n", "  sk_a_b\r\n\n"] {
            assert_eq!(read(text.as_bytes()).unwrap().0, "sk_a_b", "{text:?}");
        }
        let long = "k".repeat(SECRET_BYTES_MAX);
        assert_eq!(read(long.as_bytes()).unwrap().0.len(), SECRET_BYTES_MAX);
        let too_long = format!("{long}k");
        for text in ["", "\n", "a b", "a\nb", "a\u{e9}", "a\0", &too_long] {
            let error = read(text.as_bytes()).unwrap_err();
            assert!(matches!(error, SecretError::NoKey(_)), "{text:?}: {error}");
        }
        assert!(matches!(read(&[0xff]).unwrap_err(), SecretError::NoKey(_)));
        let missing = Secret::from_file(&folder.path().join("missing")).unwrap_err();
        assert!(matches!(missing, SecretError::Read { .. }));
    }

    #[test]
    fn it_is_never_shown() {
        let secret = Secret::new("sk_a_secret").unwrap();
        assert_eq!(format!("{secret:?}"), "Secret");
        assert_eq!(secret.bearer().to_str().unwrap(), "Bearer sk_a_secret");
        assert!(!format!("{:?}", secret.bearer()).contains("sk_a"));
    }

    #[test]
    fn the_statuses_are_those_of_the_help() {
        let all = [
            ExitStatus::Done,
            ExitStatus::Failed,
            ExitStatus::Usage,
            ExitStatus::Refused,
            ExitStatus::Unreachable,
            ExitStatus::Loss,
        ];
        let lines: Vec<_> = EXIT_STATUSES.lines().skip(1).collect();
        assert_eq!(lines.len(), all.len());
        for (status, line) in all.into_iter().zip(lines) {
            assert!(line.starts_with(&format!("  {}  ", status as u8)), "{line}");
        }
        for (answer, status) in [
            (200, ExitStatus::Done),
            (401, ExitStatus::Refused),
            (403, ExitStatus::Refused),
            (404, ExitStatus::Failed),
            (503, ExitStatus::Failed),
        ] {
            let answer = http::StatusCode::from_u16(answer).unwrap();
            assert_eq!(ExitStatus::of_answer(answer), status);
        }
    }
}
