//! An answer that gives no events, and what it says about that.

use std::error::Error;
use std::time::Duration;

use http::StatusCode;
use serde::Deserialize;

use super::answer::REFUSAL_BYTES_MAX;
use super::head::Head;
use super::line::Gap;

/// The most characters of somebody else's words that are told.
const WORDS_MAX: usize = 300;

/// An answer whose status says that it gives nothing.
#[derive(Debug)]
pub struct Refusal {
    head: Head,
    body: Vec<u8>,
}

/// The error of the servers of Sockeye.
#[derive(Deserialize)]
struct Said {
    error: SaidError,
}

#[derive(Deserialize)]
struct SaidError {
    code: String,
    message: String,
}

impl Refusal {
    /// That of a head.
    pub fn new(head: Head) -> Self {
        Refusal { head, body: Vec::new() }
    }

    /// Takes bytes of the body; more than are of use are left out.
    pub fn read(&mut self, bytes: &[u8]) {
        let place = REFUSAL_BYTES_MAX - self.body.len();
        self.body.extend_from_slice(&bytes[..bytes.len().min(place)]);
    }

    /// Whether more of the body is of use.
    pub fn is_full(&self) -> bool {
        self.body.len() == REFUSAL_BYTES_MAX
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        self.head.status
    }

    /// `Retry-After`.
    pub fn retry_after(&self) -> Option<Duration> {
        self.head.retry_after
    }

    /// Whether its status is one with which a loss is told: 410, or 400 for a cursor that is none.
    pub fn may_be_gap(&self) -> bool {
        matches!(self.head.status, StatusCode::GONE | StatusCode::BAD_REQUEST)
    }

    /// What was lost, if its body says so.
    pub fn gap(&self) -> Option<Gap> {
        let gap: Option<Gap> = serde_json::from_slice(&self.body).ok();
        let oldest = || self.head.next.clone();
        let gap = gap.map(|gap| Gap { oldest: gap.oldest.or_else(oldest), ..gap });
        gap.filter(|_| self.may_be_gap())
    }

    /// What was lost, of an answer that came whole. Other servers of Durable Streams say in its head where it
    /// goes on, and no more.
    pub fn whole_gap(&self) -> Option<Gap> {
        self.gap().or_else(|| {
            let oldest = self.head.next.clone();
            let is_gap = self.head.status == StatusCode::GONE && oldest.is_some();
            is_gap.then(|| Gap { reason: "too_old".to_owned(), oldest, newest: None })
        })
    }

    /// It in one line.
    pub fn message(&self) -> String {
        let status = self.head.status.as_str();
        let said: Option<Said> = serde_json::from_slice(&self.body).ok();
        match said {
            Some(Said { error }) => {
                format!("{status} {}: {}", plain(&error.code), plain(&error.message))
            }
            None => format!("{status} {}", self.head.status.canonical_reason().unwrap_or_default()),
        }
    }
}

/// Somebody else's words, so that they cannot do anything to a terminal: in one line, not too long.
pub fn plain(words: &str) -> String {
    let mut chars = words.chars().map(|char| if char.is_control() { ' ' } else { char });
    let mut plain: String = chars.by_ref().take(WORDS_MAX).collect();
    if chars.next().is_some() {
        plain.push('…');
    }
    plain
}

/// An error and its causes, in one line.
pub fn error_line(error: &dyn Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        line.push_str(": ");
        line.push_str(&error.to_string());
        cause = error.source();
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderMap;
    use std::time::SystemTime;

    fn refusal(status: u16, next: Option<&str>, body: &str) -> Refusal {
        let status = StatusCode::from_u16(status).unwrap();
        let mut head = Head::read(status, &HeaderMap::new(), SystemTime::UNIX_EPOCH);
        head.next = next.map(str::to_owned);
        let mut refusal = Refusal::new(head);
        refusal.read(body.as_bytes());
        refusal
    }

    #[test]
    fn what_was_lost_is_in_the_body_or_the_head() {
        let body = r#"{"error":{"code":"too_old","message":"m"},"reason":"too_old","oldest":"0a","newest":"0c"}"#;
        let gap =
            Gap { reason: "too_old".into(), oldest: Some("0a".into()), newest: Some("0c".into()) };
        assert_eq!(refusal(410, Some("0a"), body).gap(), Some(gap.clone()));
        let malformed = body.replace("too_old", "malformed");
        assert_eq!(refusal(400, None, &malformed).gap().unwrap().reason, "malformed");
        assert_eq!(refusal(404, None, body).gap(), None);
        let other = Gap { newest: None, ..gap };
        assert_eq!(refusal(410, Some("0a"), "gone").whole_gap(), Some(other));
        for (status, next) in [(400, Some("0a")), (410, None), (404, Some("0a"))] {
            assert_eq!(refusal(status, next, "bad").whole_gap(), None);
        }
        assert_eq!(refusal(410, Some("0a"), "{\"reas").gap(), None);
    }

    #[test]
    fn a_message_is_told_without_what_could_harm_a_terminal() {
        let body = r#"{"error":{"code":"refused","message":"no\u001b[31m\nway"}}"#;
        assert_eq!(refusal(403, None, body).message(), "403 refused: no [31m way");
        assert_eq!(refusal(404, None, "<html>").message(), "404 Not Found");
        assert_eq!(plain(&"x".repeat(WORDS_MAX)).len(), WORDS_MAX);
        assert!(plain(&"x".repeat(WORDS_MAX + 1)).ends_with("x…"));
        let mut full = refusal(500, None, &"x".repeat(REFUSAL_BYTES_MAX));
        assert!(full.is_full());
        full.read(b"more");
        assert_eq!(full.body.len(), REFUSAL_BYTES_MAX);
    }
}
