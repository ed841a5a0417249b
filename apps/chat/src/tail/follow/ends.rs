//! What comes after an answer: the next request, or the end.

use std::time::Duration;

use super::{Doing, Ending, Follow, HELD, LASTED, Output};
use crate::cli::credentials::ExitStatus;
use crate::tail::answer::Unreadable;
use crate::tail::refusal::{Refusal, error_line, plain};
use crate::tail::road::{Place, Road};

impl Follow {
    /// The next poll, after a page that was whole.
    pub(super) fn after_page(&mut self, before: &Place, lasted: Duration) {
        self.backoff.reset();
        self.gaps = 0;
        self.cut_pages = 0;
        let has_moved = *before != self.place;
        self.remembered.etag = self.etag.take().filter(|_| !has_moved);
        let is_held = lasted >= HELD;
        let after = match self.road {
            _ if has_moved && (!self.is_up_to_date || *before == Place::Now) => Duration::ZERO,
            _ if self.settings.is_once => {
                // Nothing came, and nothing says that there is more.
                self.doing = Doing::Ended(Ending { status: ExitStatus::Done, message: None });
                return;
            }
            Road::Poll => self.settings.interval,
            _ if has_moved || is_held => Duration::ZERO,
            _ => self.settings.interval.max(HELD),
        };
        self.doing = Doing::Asking(after);
    }

    /// The connection is lost, or has ended where it might have gone on.
    pub(super) fn lost(&mut self, why: &str, lasted: Duration, out: &mut Vec<Output>) {
        let after = if self.has_progress || lasted >= LASTED {
            self.backoff.reset();
            self.backoff.after_end()
        } else {
            self.backoff.after_failure()
        };
        self.again(why, after, out);
    }

    pub(super) fn again(&mut self, why: &str, after: Duration, out: &mut Vec<Output>) {
        self.is_lost = true;
        let seconds = after.as_secs_f64();
        let from = match &self.place {
            Place::Beginning => "the beginning",
            Place::Now => "now",
            Place::At(cursor) => cursor,
        };
        let why = plain(why);
        out.push(Output::News(format!("{why}; connecting again in {seconds:.1} s, from {from}")));
        self.doing = Doing::Asking(after);
    }

    pub(super) fn fall_back(&mut self, why: &str, out: &mut Vec<Output>) {
        out.push(Output::News(format!("{why}; long polling instead")));
        self.road = Road::LongPoll;
        self.doing = Doing::Asking(Duration::ZERO);
    }

    pub(super) fn unreadable(&mut self, error: &Unreadable) {
        let message = error_line(error);
        self.finish(ExitStatus::Failed, &message);
    }

    /// The answer was a refusal, whose body has been read.
    pub(super) fn refused(&mut self, refusal: &Refusal, out: &mut Vec<Output>) {
        let status = refusal.status();
        if let Some(gap) = refusal.whole_gap() {
            self.gaps += 1;
            self.connected(out);
            let gaps = self.gaps;
            let line = gap.clone().into_line();
            self.gap(&gap, line, out);
            if matches!(self.doing, Doing::Ended(_)) {
                return;
            }
            self.doing = Doing::Asking(Duration::ZERO);
            if gaps > 1 {
                let after = self.backoff.after_failure();
                self.again("events were lost once more", after, out);
            }
            return;
        }
        let message = refusal.message();
        match status.as_u16() {
            401 | 403 => {
                let hint = if self.settings.has_key {
                    ""
                } else {
                    ". No key was given: set SOCKEYE_KEY, or name a file with --key-file"
                };
                self.finish(ExitStatus::Refused, &format!("refused: {message}{hint}"));
            }
            406 if self.is_anchoring() => self.give_up_anchor(),
            406 if self.road == Road::Auto => self.fall_back("streams are not offered", out),
            504 if self.road == Road::Auto => {
                self.fall_back("something on the way has no patience for streams", out);
            }
            429 | 503 => {
                let after = self.backoff.after_refusal(refusal.retry_after());
                self.again(&message, after, out);
            }
            408 | 500 | 502 | 504 if self.was_answered => {
                let after = self.backoff.after_refusal(refusal.retry_after());
                self.again(&message, after, out);
            }
            404 => self
                .finish(ExitStatus::Failed, &format!("there is no such feed or stream: {message}")),
            _ => self.finish(ExitStatus::Failed, &format!("the server answers {message}")),
        }
    }

    pub(super) fn finish(&mut self, status: ExitStatus, message: &str) {
        self.doing = Doing::Ended(Ending { status, message: Some(message.to_owned()) });
    }
}
