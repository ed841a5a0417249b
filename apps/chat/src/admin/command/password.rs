//! A password on its way from a terminal, or from a line of standard input.

use std::fmt;
use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use crate::accounts::contract::PASSWORD_BYTES_MAX;
use crate::accounts::passwords;

/// A password. Its `Debug` hides it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Password(String);

impl Password {
    /// Asks for it twice where standard input is a terminal, which does not show it; otherwise takes the first line.
    ///
    /// # Errors
    /// It is too short or too long, the two differ, or nothing can be read.
    pub fn ask() -> anyhow::Result<Self> {
        let stdin = io::stdin();
        if !stdin.is_terminal() {
            return Password::read(&mut stdin.lock());
        }
        let password = Password::read(&mut hidden("Password: ")?.as_bytes())?;
        anyhow::ensure!(
            hidden("Once more: ")? == password.0,
            "the two passwords differ: nothing was done"
        );
        Ok(password)
    }

    /// The first line.
    fn read(from: &mut impl io::BufRead) -> anyhow::Result<Self> {
        let mut line = Vec::new();
        // Somebody may have named a file without end.
        let most = PASSWORD_BYTES_MAX as u64 + 3;
        io::Read::take(from, most)
            .read_until(b'\n', &mut line)
            .context("cannot read a password")?;
        let line = String::from_utf8(line).ok().context("the password is not valid UTF-8")?;
        Password::parse(
            line.strip_suffix('\n').map_or(&*line, |line| line.strip_suffix('\r').unwrap_or(line)),
        )
    }

    fn parse(text: &str) -> anyhow::Result<Self> {
        anyhow::ensure!(
            !text.is_empty(),
            "there is no password: type it, or write it as a line to standard input"
        );
        passwords::check(text)?;
        Ok(Password(text.to_owned()))
    }

    /// The password as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

/// What is typed on the terminal, which does not show it.
fn hidden(prompt: &str) -> anyhow::Result<String> {
    let mut err = io::stderr();
    let line = {
        // First, so that nothing is shown of what is typed once it is asked for.
        let _silence = silence::Silence::begin().context("cannot hide what is typed")?;
        err.write_all(prompt.as_bytes())?;
        err.flush()?;
        typed(&mut io::stdin().lock())
    };
    // The end of the line was not shown either.
    err.write_all(b"\n")?;
    line
}

/// What Ctrl-C types while it interrupts nothing.
const CTRL_C: u8 = 3;

/// A line, without its end.
fn typed(from: &mut impl io::BufRead) -> anyhow::Result<String> {
    let mut line = Vec::new();
    loop {
        let available = from.fill_buf().context("cannot read what is typed")?;
        let end = available.iter().position(|byte| matches!(*byte, b'\n' | CTRL_C));
        let length = end.map_or(available.len(), |end| end + 1);
        line.extend_from_slice(&available[..length]);
        from.consume(length);
        anyhow::ensure!(line.last() != Some(&CTRL_C), "interrupted: nothing was done");
        if length == 0 || end.is_some() {
            break;
        }
    }
    let line = String::from_utf8(line).ok().context("the password is not valid UTF-8")?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

#[cfg(unix)]
mod silence {
    use std::io;

    use nix::sys::termios::{
        LocalFlags, SetArg, SpecialCharacterIndices, Termios, tcgetattr, tcsetattr,
    };

    /// While it is there, the terminal does not show what is typed, and Ctrl-C is typed like anything else.
    pub(super) struct Silence(Termios);

    impl Silence {
        pub(super) fn begin() -> io::Result<Self> {
            let before = tcgetattr(io::stdin())?;
            let mut silent = before.clone();
            // A signal would end the program, and the terminal would go on showing nothing: so Ctrl-C types a
            // character, and ends the line.
            silent.local_flags.remove(LocalFlags::ECHO | LocalFlags::ISIG);
            silent.control_chars[SpecialCharacterIndices::VEOL as usize] = super::CTRL_C;
            // Nothing that was typed before it was asked for.
            tcsetattr(io::stdin(), SetArg::TCSAFLUSH, &silent)?;
            Ok(Silence(before))
        }
    }

    impl Drop for Silence {
        fn drop(&mut self) {
            let _ = tcsetattr(io::stdin(), SetArg::TCSANOW, &self.0);
        }
    }
}

/// Here nothing hides it.
#[cfg(not(unix))]
mod silence {
    use std::io;

    pub(super) struct Silence;

    impl Silence {
        pub(super) fn begin() -> io::Result<Self> {
            Err(io::Error::other("this system has no way to: write the password to standard input"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_a_line() {
        let read = |mut text: &[u8]| Password::read(&mut text).map(|password| password.0);
        for text in ["12345678", "12345678\n", "12345678\r\n", "12345678\nx"] {
            assert_eq!(read(text.as_bytes()).unwrap(), "12345678");
        }
        assert_eq!(read(b" spaces stay \n").unwrap(), " spaces stay ");
        let longest = "x".repeat(PASSWORD_BYTES_MAX);
        assert_eq!(read(format!("{longest}\r\n").as_bytes()).unwrap(), longest);
        let longer = format!("{longest}x\n");
        for (text, why) in [
            (&b""[..], "no password"),
            (b"\n12345678", "no password"),
            (b"1234567\n", "fewer than 8"),
            (b"\xff\xff\xff\xff\xff\xff\xff\xff\n", "UTF-8"),
            (longer.as_bytes(), "more than 256"),
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
        assert_eq!(typed(&mut &b"12345678\nx"[..]).unwrap(), "12345678");
        assert_eq!(typed(&mut &b""[..]).unwrap(), "");
        assert!(typed(&mut &b"1234\x0356\n"[..]).unwrap_err().to_string().contains("interrupted"));
        // Characters and not bytes.
        assert!(read("\u{bc00}\u{bc00}\u{bc00}".as_bytes()).is_err());
        assert!(!format!("{:?}", Password("secret".into())).contains("secret"));
    }
}
