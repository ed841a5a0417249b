//! Texts of others in logs.

use std::error::Error;
use std::fmt::{self, Write};

/// Characters of one text that go into a log.
const CHARACTERS_MAX: usize = 200;

/// A text in which a peer's words may be, such as an error that quotes what it sent, as a part of one
/// line of a log: cut after 200 characters, with what would begin a new line or steer a terminal escaped
/// as Rust does it.
#[doc(hidden)]
#[derive(Debug, Clone, Copy)]
pub struct LogText<T>(pub T);

/// An error and its causes in one line, each a [`LogText`].
#[doc(hidden)]
#[derive(Debug, Clone, Copy)]
pub struct LogCauses<'a>(pub &'a (dyn Error + 'static));

impl<T: fmt::Display> fmt::Display for LogText<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = Line { out: f, left: CHARACTERS_MAX, is_cut: false };
        let written = write!(line, "{}", self.0);
        // What is longer is not formatted to its end.
        if line.is_cut { f.write_char('…') } else { written }
    }
}

impl fmt::Display for LogCauses<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", LogText(self.0))?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {}", LogText(error))?;
            cause = error.source();
        }
        Ok(())
    }
}

/// What a text is written through.
struct Line<'a, 'f> {
    out: &'a mut fmt::Formatter<'f>,
    left: usize,
    is_cut: bool,
}

impl Write for Line<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            if self.left == 0 {
                self.is_cut = true;
                return Err(fmt::Error);
            }
            self.left -= 1;
            match character {
                '\u{2028}' | '\u{2029}' => write!(self.out, "{}", character.escape_unicode())?,
                character if character.is_control() => {
                    write!(self.out, "{}", character.escape_default())?;
                }
                character => self.out.write_char(character)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_begins_a_line_or_steers_a_terminal() {
        let text = "a\r\nERROR all is lost\u{1b}[2J\u{2028}\u{85}né\"\\";
        let shown = LogText(text).to_string();
        assert_eq!(shown, "a\\r\\nERROR all is lost\\u{1b}[2J\\u{2028}\\u{85}né\"\\");
    }

    #[test]
    fn what_is_long_is_cut_and_says_so() {
        let whole = "é".repeat(CHARACTERS_MAX);
        assert_eq!(LogText(&whole).to_string(), whole);
        assert_eq!(LogText(format!("{whole}x")).to_string(), format!("{whole}…"));
        // Several pieces count together.
        let pieces = format_args!("{}{}", "a".repeat(150), "b".repeat(150)).to_string();
        assert_eq!(LogText(pieces).to_string().chars().filter(|&c| c == 'b').count(), 50);
    }
}
