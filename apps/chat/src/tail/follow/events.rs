//! What an answer gave: events, gaps, and the place behind them.

use super::{CLOSED, Doing, Ending, Follow, Output};
use crate::cli::credentials::ExitStatus;
use crate::tail::answer::Got;
use crate::tail::line::{Gap, Line};
use crate::tail::refusal::plain;
use crate::tail::road::Place;

impl Follow {
    /// What an answer gave.
    pub(super) fn take(&mut self, got: Vec<Got>, out: &mut Vec<Output>) {
        for got in got {
            match got {
                Got::Line(line) => self.line(line, out),
                Got::Cursor(cursor) => self.set_place(&cursor),
                Got::Retry(retry) => self.backoff.set_retry(retry),
                Got::StreamCursor(cursor) => self.remembered.cursor = Some(cursor),
                Got::UpToDate(is_up_to_date) => {
                    self.is_up_to_date = is_up_to_date;
                    self.has_progress = true;
                    if is_up_to_date && self.settings.is_once {
                        self.doing =
                            Doing::Ended(Ending { status: ExitStatus::Done, message: None });
                    }
                }
                Got::Closed => self.finish(ExitStatus::Done, CLOSED),
            }
            if matches!(self.doing, Doing::Ended(_)) {
                return;
            }
        }
    }

    pub(super) fn line(&mut self, line: Line, out: &mut Vec<Output>) {
        if let Some(gap) = line.gap() {
            return self.gap(&gap, line, out);
        }
        if let Some(id) = &line.id {
            self.set_place(id);
        }
        self.has_progress = true;
        self.silences = 0;
        self.gaps = 0;
        self.backoff.reset();
        self.events += 1;
        out.push(Output::Line(line));
        if self.settings.events_max.is_some_and(|events_max| self.events >= events_max) {
            self.doing = Doing::Ended(Ending { status: ExitStatus::Done, message: None });
        }
    }

    /// Events were lost: it goes on at the oldest one that is kept, as the server says. A server that has
    /// no place says `overload` too; then nothing that comes after the own place is lost.
    pub(super) fn gap(&mut self, gap: &Gap, line: Line, out: &mut Vec<Output>) {
        let oldest = gap.oldest.as_deref().unwrap_or_default();
        if gap.reason == "overload" && self.place.is_at_least(oldest) {
            let message = "the server has no place for one more reader".to_owned();
            return out.push(Output::News(message));
        }
        if let Some(id) = &line.id {
            self.set_place(id);
        }
        out.push(Output::Line(line));
        if matches!(self.doing, Doing::Ended(_)) {
            return;
        }
        if self.settings.ends_at_gap {
            let message = format!("events were lost: {}", plain(&gap.reason));
            self.finish(ExitStatus::Loss, &message);
        } else if gap.reason == "gone" {
            self.finish(ExitStatus::Failed, "the feed or stream is no more");
        }
    }

    pub(super) fn set_place(&mut self, cursor: &str) {
        if cursor == self.place.offset() {
            return;
        }
        if cursor.is_empty() {
            // An event stream of somebody else may take its last event id back.
            self.place = Place::Now;
            return;
        }
        match Place::at(cursor) {
            Ok(place) => {
                self.remembered.etag = None;
                self.place = place;
            }
            Err(_) => self.finish(
                ExitStatus::Failed,
                "the server has given an event an id that cannot be sent back",
            ),
        }
    }
}
