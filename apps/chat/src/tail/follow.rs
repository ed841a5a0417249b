//! The state of a reader that follows a feed or a stream: which request comes next, from which place, after
//! how long, and when it is over. No IO and no clock: who calls it tells what came and how long it took.

use std::mem;
use std::time::Duration;

use http::StatusCode;

use super::answer::{Answer, Durable, Unreadable};
use super::backoff::Backoff;
use super::event_stream::EventStream;
use super::head::Head;
use super::line::Line;
use super::ndjson::Ndjson;
use super::refusal::{Refusal, plain};
use super::road::{Ask, Place, Remembered, Road, ask, patience};
use crate::cli::credentials::ExitStatus;

mod ends;
mod events;
#[cfg(test)]
mod tests;

/// What is said when there will be no more events.
const CLOSED: &str = "the stream is closed, nothing will follow";
/// A stream that lasted this long was none that fails at once.
const LASTED: Duration = Duration::from_secs(10);
/// A poll that was answered sooner was not held.
const HELD: Duration = Duration::from_secs(1);

/// So often a page that is no JSON counts as cut, by something that does not know where an answer ends.
const CUT_PAGES_MAX: u32 = 3;

/// What is to be followed, and until when.
#[derive(Clone, Debug)]
pub struct Settings {
    /// On which road.
    pub road: Road,
    /// Where it begins.
    pub since: Place,
    /// It ends when it has what is there.
    pub is_once: bool,
    /// It ends after as many events; gaps are none.
    pub events_max: Option<u64>,
    /// It ends when events were lost.
    pub ends_at_gap: bool,
    /// How often [`Road::Poll`] asks.
    pub interval: Duration,
    /// Whether there is a key, which only the words about a refusal depend on.
    pub has_key: bool,
    /// Where chance begins.
    pub seed: u64,
}

/// What comes next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A request.
    Ask(Ask),
    /// Nothing: it is over.
    End(Ending),
}

/// How it is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ending {
    /// What the program exits with.
    pub status: ExitStatus,
    /// What there is to say about it.
    pub message: Option<String>,
}

/// What is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// An event or a gap, for standard output.
    Line(Line),
    /// What becomes of the connection, for standard error.
    News(String),
}

/// Why a request has no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// There was no connection, or it broke.
    Unreachable(String),
    /// There was a connection and nothing came.
    Silent,
    /// Asking again would not help.
    Final(Ending),
}

/// What is going on.
#[derive(Debug)]
enum Doing {
    /// It waits to ask.
    Asking(Duration),
    /// It reads what was asked for.
    Reading(Answer),
    /// It reads why nothing is given.
    ReadingRefusal(Refusal),
    /// It is over.
    Ended(Ending),
}

/// A reader of a feed or a stream. In turn: [`step`](Self::step) says what to ask; [`head`](Self::head) takes
/// the head of the answer, or [`failed`](Self::failed) why there is none; while [`patience`](Self::patience)
/// is some, [`bytes`](Self::bytes) takes what arrives within that time, or [`silent`](Self::silent) is called
/// after it; [`end`](Self::end) or [`broken`](Self::broken) says that the answer is over.
#[derive(Debug)]
pub struct Follow {
    settings: Settings,
    road: Road,
    place: Place,
    remembered: Remembered,
    backoff: Backoff,
    doing: Doing,
    events: u64,
    /// An answer was one of a feed or a stream.
    was_answered: bool,
    /// The server gives no cursor of `now`: it is one that has streams only.
    has_no_anchor: bool,
    /// The connection was lost, which was told.
    is_lost: bool,
    /// Something of the body has arrived.
    is_opened: bool,
    /// The answer had events, or a `control`.
    has_progress: bool,
    /// `ETag` of the page that is being read. Before that is whole it must not be sent back: the server would
    /// take its events for known.
    etag: Option<String>,
    /// The head of the stream says that nothing follows what it has.
    is_closed: bool,
    /// How the page that has just ended stands to what there is.
    is_up_to_date: bool,
    /// Answers in a row that fell silent without an event.
    silences: u32,
    /// Polls in a row that had a gap only.
    gaps: u32,
    /// Pages in a row that were no JSON.
    cut_pages: u32,
}

impl Follow {
    /// Nothing was asked yet.
    pub fn new(settings: Settings) -> Self {
        let road = match settings.road {
            Road::DurableSse => Road::DurableSse,
            _ if settings.is_once => Road::Poll,
            road => road,
        };
        Follow {
            road,
            place: settings.since.clone(),
            remembered: Remembered::default(),
            backoff: Backoff::new(settings.seed),
            doing: Doing::Asking(Duration::ZERO),
            events: 0,
            was_answered: false,
            has_no_anchor: false,
            is_lost: false,
            is_opened: false,
            has_progress: false,
            etag: None,
            is_closed: false,
            is_up_to_date: false,
            silences: 0,
            gaps: 0,
            cut_pages: 0,
            settings,
        }
    }

    /// The time that it was given is over.
    pub fn time_is_over(&self) -> Ending {
        let (status, message) = match self.settings.events_max {
            _ if !self.was_answered => (
                ExitStatus::Unreachable,
                "the time is over, and no feed or stream has answered".to_owned(),
            ),
            Some(events_max) => {
                let events = self.events;
                (
                    ExitStatus::Failed,
                    format!("the time is over after {events} of {events_max} events"),
                )
            }
            None if self.settings.is_once => {
                (ExitStatus::Failed, "the time is over before everything had come".to_owned())
            }
            None => return Ending { status: ExitStatus::Done, message: None },
        };
        Ending { status, message: Some(message) }
    }

    /// What to do next. An answer that was not read to its end is given up.
    pub fn step(&mut self) -> Step {
        let after = match &self.doing {
            Doing::Ended(ending) => return Step::End(ending.clone()),
            Doing::Asking(after) => *after,
            Doing::Reading(_) | Doing::ReadingRefusal(_) => Duration::ZERO,
        };
        let road = if self.is_anchoring() { Road::Poll } else { self.road };
        let ask = ask(road, &self.place, &self.remembered, after);
        Step::Ask(Ask { patience: patience(self.road, false), ..ask })
    }

    /// Whether it asks for the cursor of `now` first. Where no stream comes through that is known after seconds
    /// only, and what has come meanwhile has to be read on the other road.
    pub(super) fn is_anchoring(&self) -> bool {
        self.road == Road::Auto && self.place == Place::Now && !self.has_no_anchor
    }

    /// How long the next bytes of the answer may take; `None`: it is not needed any further.
    pub fn patience(&self) -> Option<Duration> {
        match self.doing {
            Doing::Reading(_) => Some(patience(self.road, self.is_opened)),
            Doing::ReadingRefusal(_) => Some(patience(Road::Poll, true)),
            Doing::Asking(_) | Doing::Ended(_) => None,
        }
    }

    /// The place behind what was told.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// How many events were told.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// Takes the head of an answer.
    pub fn head(&mut self, head: Head, out: &mut Vec<Output>) {
        self.is_opened = false;
        self.has_progress = false;
        self.is_up_to_date = false;
        match head.status {
            StatusCode::OK => self.accept(head, out),
            StatusCode::NO_CONTENT if self.is_plain_stream() => {
                self.finish(ExitStatus::Done, "the server says that nothing will follow");
            }
            StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED
                if self.was_answered || head.next.is_some() =>
            {
                let own = self.place.offset().to_owned();
                let next = match head.status {
                    // What is behind it is known, but nothing was read now.
                    StatusCode::NOT_MODIFIED => own,
                    _ => head.next.clone().unwrap_or(own),
                };
                self.etag = head.etag.clone().or_else(|| self.remembered.etag.clone());
                let head = Head { is_up_to_date: true, ..head };
                self.connected(out);
                self.doing = Doing::Reading(Answer::page(&head, next));
            }
            _ => self.doing = Doing::ReadingRefusal(Refusal::new(head)),
        }
    }

    fn is_plain_stream(&self) -> bool {
        matches!(self.road, Road::Auto | Road::Sse | Road::Ndjson)
    }

    /// The head of an answer with something to read.
    fn accept(&mut self, head: Head, out: &mut Vec<Output>) {
        let is_plain_stream = self.is_plain_stream();
        let is_durable = self.road == Road::DurableSse && self.place != Place::Now;
        let is_anchoring = self.is_anchoring();
        let wants_page = is_anchoring || (!is_plain_stream && !is_durable);
        let answer = match (head.media_type.as_str(), &head.next) {
            ("text/event-stream", _) if is_durable => Answer::Durable(Durable::new(head.is_base64)),
            ("text/event-stream", _) if matches!(self.road, Road::Auto | Road::Sse) => {
                Answer::Events(EventStream::default(), head.is_base64)
            }
            ("application/x-ndjson", _) if matches!(self.road, Road::Auto | Road::Ndjson) => {
                Answer::Ndjson(Ndjson::default())
            }
            (media_type, Some(next)) if wants_page && media_type != "text/event-stream" => {
                self.etag = head.etag.clone();
                Answer::page(&head, next.clone())
            }
            _ if is_anchoring => return self.give_up_anchor(),
            (media_type, _) if self.road == Road::Auto => {
                let why = format!("what answers is no stream ({})", plain(media_type));
                return self.fall_back(&why, out);
            }
            _ => return self.is_no_feed(&head, wants_page),
        };
        let is_stream = matches!(answer, Answer::Events(..) | Answer::Ndjson(_));
        if let (Place::Now, Some(next), true) = (&self.place, &head.next, is_stream) {
            // Streams say it at once: from here on nothing is missed.
            self.set_place(next);
        }
        self.has_no_anchor |= is_anchoring && is_stream;
        if !matches!(self.doing, Doing::Ended(_)) {
            self.connected(out);
            self.is_closed = is_plain_stream && head.is_closed;
            self.doing = Doing::Reading(answer);
        }
    }

    /// The stream itself comes next.
    pub(super) fn give_up_anchor(&mut self) {
        self.has_no_anchor = true;
        self.doing = Doing::Asking(Duration::ZERO);
    }

    fn is_no_feed(&mut self, head: &Head, wants_page: bool) {
        let media_type = match head.media_type.as_str() {
            "" => "of no type".to_owned(),
            media_type => plain(media_type),
        };
        let without = match wants_page && head.next.is_none() {
            true => ", without Stream-Next-Offset",
            false => "",
        };
        let road = self.road.name();
        let message = format!(
            "this is no feed and no stream that can be read by {road}: the answer is {media_type}{without}; \
             the address of a feed is one like http://HOST/socket.io/feeds/news/sport"
        );
        self.finish(ExitStatus::Failed, &message);
    }

    fn connected(&mut self, out: &mut Vec<Output>) {
        self.was_answered = true;
        if mem::take(&mut self.is_lost) {
            out.push(Output::News("connected again".to_owned()));
        }
    }

    /// Takes bytes of the answer.
    pub fn bytes(&mut self, bytes: &[u8], out: &mut Vec<Output>) {
        self.is_opened |= !bytes.is_empty();
        match &mut self.doing {
            Doing::Reading(answer) => {
                let mut got = Vec::new();
                let read = answer.read(bytes, &mut got);
                self.take(got, out);
                if let (Err(error), false) = (read, matches!(self.doing, Doing::Ended(_))) {
                    self.unreadable(&error);
                }
            }
            Doing::ReadingRefusal(refusal) => refusal.read(bytes),
            Doing::Asking(_) | Doing::Ended(_) => {}
        }
        if let Doing::ReadingRefusal(refusal) = &self.doing
            && refusal.is_full()
        {
            self.end(Duration::ZERO, out);
        }
    }

    /// The answer has ended, in good order; `lasted` is the time since it was asked for.
    pub fn end(&mut self, lasted: Duration, out: &mut Vec<Output>) {
        match mem::replace(&mut self.doing, Doing::Asking(Duration::ZERO)) {
            Doing::Reading(answer @ Answer::Page(..)) => {
                let before = self.place.clone();
                let mut got = Vec::new();
                let finished = answer.finish(&mut got);
                self.take(got, out);
                match finished {
                    _ if matches!(self.doing, Doing::Ended(_)) => {}
                    Ok(()) => self.after_page(&before, lasted),
                    Err(Unreadable::Page(error)) if self.cut_pages < CUT_PAGES_MAX => {
                        self.cut_pages += 1;
                        self.lost(&error.to_string(), lasted, out);
                    }
                    Err(error) => self.unreadable(&error),
                }
            }
            Doing::Reading(Answer::Durable(_)) if self.has_progress && lasted >= HELD => {
                self.backoff.reset();
            }
            Doing::Reading(_) if self.is_closed => self.finish(ExitStatus::Done, CLOSED),
            Doing::Reading(_) => self.lost("the answer ended", lasted, out),
            Doing::ReadingRefusal(refusal) => self.refused(&refusal, out),
            doing @ (Doing::Asking(_) | Doing::Ended(_)) => self.doing = doing,
        }
    }

    /// The connection broke before the answer ended.
    pub fn broken(&mut self, why: &str, lasted: Duration, out: &mut Vec<Output>) {
        match mem::replace(&mut self.doing, Doing::Asking(Duration::ZERO)) {
            Doing::ReadingRefusal(refusal) if refusal.may_be_gap() && refusal.gap().is_none() => {
                // What was lost, and why, stood in the rest.
                self.lost(why, lasted, out);
            }
            Doing::ReadingRefusal(refusal) => self.refused(&refusal, out),
            Doing::Reading(_) => self.lost(why, lasted, out),
            doing @ (Doing::Asking(_) | Doing::Ended(_)) => self.doing = doing,
        }
    }

    /// Nothing came for as long as [`patience`](Self::patience) said.
    pub fn silent(&mut self, lasted: Duration, out: &mut Vec<Output>) {
        if matches!(self.doing, Doing::ReadingRefusal(_)) {
            return self.broken("", lasted, out);
        }
        if lasted >= 2 * patience(self.road, true) {
            // Heartbeats came through.
            self.silences = 0;
        }
        self.silences += 1;
        if self.road == Road::Auto && (!self.is_opened || self.silences > 1) {
            return self
                .fall_back("nothing comes through, something on the way may hold it back", out);
        }
        let seconds = patience(self.road, self.is_opened).as_secs();
        self.broken(&format!("nothing came for {seconds} s"), lasted, out);
    }

    /// There is no answer.
    pub fn failed(&mut self, failure: Failure, out: &mut Vec<Output>) {
        self.has_progress = false;
        match failure {
            Failure::Final(ending) => self.doing = Doing::Ended(ending),
            Failure::Silent if self.road == Road::Auto => {
                self.is_opened = false;
                self.silent(Duration::ZERO, out);
            }
            Failure::Silent if !self.was_answered => {
                self.finish(
                    ExitStatus::Unreachable,
                    "the server accepts connections and does not answer",
                );
            }
            Failure::Unreachable(why) if !self.was_answered => {
                self.finish(ExitStatus::Unreachable, &why);
            }
            Failure::Silent => self.lost("no answer", Duration::ZERO, out),
            Failure::Unreachable(why) => self.lost(&why, Duration::ZERO, out),
        }
    }
}
