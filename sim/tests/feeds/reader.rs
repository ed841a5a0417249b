//! Somebody who reads one feed, on whichever road, with the cursor that the road before left.

use std::time::Duration;

use sockeye_sim::Random;
use tokio::io::{AsyncReadExt as _, DuplexStream};
use tokio::time::timeout;

use crate::answer::{Answer, Cut, Gap, Item, Message, Road};
use crate::connect::{Asked, Host};
use crate::journal::{Forgets, Journal, Place, position};
use crate::tally::Tally;

/// A reader, with or without an answer on its way.
pub(crate) struct Reader {
    /// Its feed, by its number.
    pub(crate) feed: usize,
    /// Its address, by its number.
    pub(crate) address: u8,
    cursor: Option<Cursor>,
    /// The last volatile event that it got.
    last: Option<u64>,
    road: Option<Road>,
    live: Option<Live>,
}

struct Cursor {
    text: String,
    /// Of which server: none knows those of another.
    server: u32,
}

/// An answer on its way.
struct Live {
    io: DuplexStream,
    road: Road,
    answer: Answer,
    /// After so many bytes the connection is cut.
    left: usize,
    place: Place,
    claim: Claim,
    /// A gap that it was told of ends the answer.
    must_end: bool,
}

/// What a request says about where it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Claim {
    /// Its own cursor, or where there is none the beginning or the end.
    Honest,
    /// A cursor of another feed, or of a server that is no more.
    Foreign,
    Malformed,
}

/// What all readers of a world know.
#[derive(Clone, Copy)]
pub(crate) struct Around<'a> {
    pub(crate) journals: &'a [Journal],
    pub(crate) forgets: Forgets,
    /// There may be no place.
    pub(crate) is_crowded: bool,
    /// The number of the server.
    pub(crate) server: u32,
    /// The server ends.
    pub(crate) is_ending: bool,
}

impl Around<'_> {
    /// Where the oldest is that is kept.
    fn beginning(&self) -> Place {
        match self.forgets {
            Forgets::Nothing => Place::Exactly(0),
            _ => Place::NotBefore(0),
        }
    }
}

const MALFORMED: [&str; 6] = ["x", "-2", "NOW", "%00", "00000000000000zz", "0000000000000001AAAA"];
/// Virtual: everything that is under way arrives before it is over.
const MOMENT: Duration = Duration::from_millis(300);

impl Reader {
    pub(crate) fn new(feed: usize, address: u8) -> Self {
        Self { feed, address, cursor: None, last: None, road: None, live: None }
    }

    pub(crate) const fn is_live(&self) -> bool {
        self.live.is_some()
    }

    pub(crate) fn cursor(&self) -> Option<&str> {
        self.cursor.as_ref().map(|cursor| &*cursor.text)
    }

    /// Leaves without a word, if it is there.
    pub(crate) fn leave(&mut self, tally: &mut Tally) {
        if let Some(live) = self.live.take() {
            tally.note_cut(live.answer.cut());
        }
    }

    /// Whether it has everything.
    pub(crate) fn is_at_end(&self, around: Around<'_>) -> bool {
        let end = around.journals[self.feed].kept.len();
        self.cursor
            .as_ref()
            .is_some_and(|cursor| cursor.server == around.server && position(&cursor.text) == end)
    }

    /// Asks for what comes next.
    pub(crate) async fn ask(
        &mut self,
        host: &Host,
        around: Around<'_>,
        foreign: Option<String>,
        random: &mut Random,
        tally: &mut Tally,
    ) {
        self.leave(tally);
        let road = Road::ALL[random.below(6) as usize];
        let journal = &around.journals[self.feed];
        let (claim, from) = self.claim(around, foreign, random);
        let begins = from.is_none() && matches!(road, Road::Poll | Road::Wait);
        let place = match (&from, claim) {
            (Some(text), Claim::Honest) if text != "-1" && text != "now" => {
                Place::Exactly(position(text))
            }
            (Some(text), _) if text == "-1" => around.beginning(),
            (None, _) if begins => around.beginning(),
            _ => Place::NotBefore(journal.kept.len()),
        };
        let asked = Asked { road, from, path: journal.path, address: self.address };
        let buffer = [100, 700, 4096, 64 * 1024][random.below(4) as usize];
        // A request that is not sent in whole is no request.
        let part = random.chance(3).then(|| random.below(60) as usize);
        let io = host.send(&asked, buffer, part, random).await;
        if part.is_some() {
            return;
        }
        tally.roads.insert(road);
        tally.changes += u32::from(self.road.is_some_and(|before| before != road));
        self.road = Some(road);
        let left = match random.below(10) {
            0 => random.below(4),
            1 => random.below(500),
            2 => 300 + random.below(600),
            3 => 300 + random.below(3_000),
            4 => 300 + random.below(100_000),
            _ => u64::MAX,
        };
        let answer = Answer::new(road, journal.is_feed);
        self.live = Some(Live {
            io,
            road,
            answer,
            left: usize::try_from(left).unwrap_or(usize::MAX),
            place,
            claim,
            must_end: false,
        });
    }

    fn claim(
        &self,
        around: Around<'_>,
        foreign: Option<String>,
        random: &mut Random,
    ) -> (Claim, Option<String>) {
        if random.chance(4) {
            let text = MALFORMED[random.below(MALFORMED.len() as u64) as usize];
            return (Claim::Malformed, Some(text.to_owned()));
        }
        if let Some(foreign) = foreign.filter(|_| random.chance(4)) {
            return (Claim::Foreign, Some(foreign));
        }
        match &self.cursor {
            Some(cursor) => {
                let is_ours = cursor.server == around.server;
                let claim = if is_ours { Claim::Honest } else { Claim::Foreign };
                (claim, Some(cursor.text.clone()))
            }
            None => {
                let from = [Some("-1"), Some("now"), None][random.below(3) as usize];
                (Claim::Honest, from.map(str::to_owned))
            }
        }
    }

    /// Reads at most so many bytes of what there is. Of an answer that is still on its way when nothing
    /// more comes, everything has come.
    pub(crate) async fn read(&mut self, max: usize, around: Around<'_>, tally: &mut Tally) {
        let mut left = max;
        let mut buffer = vec![0; 8192];
        while let Some(live) = &mut self.live {
            let count = left.min(live.left).min(buffer.len());
            if live.left == 0 {
                return self.leave(tally);
            }
            if left == 0 {
                return;
            }
            match timeout(MOMENT, live.io.read(&mut buffer[..count])).await {
                Err(_) => return self.assert_has_all(around),
                Ok(Err(_) | Ok(0)) => {
                    let items = live.answer.end();
                    self.take(items, around, tally);
                    self.live = None;
                }
                Ok(Ok(count)) => {
                    left -= count;
                    live.left -= count;
                    let items = live.answer.take(&buffer[..count]);
                    self.take(items, around, tally);
                    if self.live.as_ref().is_some_and(|live| live.answer.is_over) {
                        self.live = None;
                    }
                }
            }
        }
    }

    /// Whoever waits for more has everything that there is.
    fn assert_has_all(&self, around: Around<'_>) {
        let Some(live) = &self.live else { return };
        let journal = &around.journals[self.feed];
        let end = journal.kept.len();
        assert_eq!(live.claim, Claim::Honest, "no gap was said");
        assert!(!live.must_end, "it goes on behind its end");
        // Of a poll that waits for what comes it is not known what came before it.
        if let Place::Exactly(at) = live.place {
            assert_eq!(at, end, "{:?} of {} waits in vain", live.road, journal.path);
        }
        let has_head = !matches!(live.answer.cut(), Cut::BeforeTheHead | Cut::InTheHead);
        assert!(has_head || !live.road.is_listening(), "{:?} has no head", live.road);
    }

    fn take(&mut self, items: Vec<Item>, around: Around<'_>, tally: &mut Tally) {
        for item in items {
            self.take_one(item, around, tally);
        }
    }

    fn take_one(&mut self, item: Item, around: Around<'_>, tally: &mut Tally) {
        let journal = &around.journals[self.feed];
        let live = self.live.as_mut().expect("it comes from there");
        assert!(!live.must_end || matches!(item, Item::Head(_)), "{item:?} behind the end");
        match item {
            Item::Gap(gap) => self.lose(&gap, around, tally),
            Item::Later => {
                assert!(around.is_crowded || around.is_ending, "there is place");
                live.must_end = true;
                tally.later += 1;
            }
            // Where a gap is to come it says where that ends.
            Item::Head(_) if live.claim != Claim::Honest => {}
            Item::Head(cursor) => {
                if let Place::NotBefore(at) = live.place {
                    assert!(position(&cursor) >= at, "{cursor} is before {at}");
                    live.place = Place::Exactly(position(&cursor));
                    // `EventSource` shows its page no head.
                    if live.road != Road::EventSource {
                        self.cursor = Some(Cursor { text: cursor, server: around.server });
                    }
                }
            }
            Item::At(cursor) => self.go_on(&[], cursor, around),
            Item::Kept(messages, cursor) => {
                tally.events += messages.len();
                self.go_on(&messages, cursor, around);
            }
            Item::Volatile(message) => {
                assert_eq!(live.claim, Claim::Honest, "{message:?} instead of a gap");
                self.last = Some(journal.judge_volatile(live.place, self.last, &message));
                tally.volatile += 1;
            }
        }
    }

    fn go_on(&mut self, messages: &[Message], cursor: String, around: Around<'_>) {
        let live = self.live.as_mut().expect("it comes from there");
        assert_eq!(live.claim, Claim::Honest, "{messages:?} at {cursor} instead of a gap");
        let journal = &around.journals[self.feed];
        live.place = journal.judge_kept(live.place, messages, &cursor);
        self.cursor = Some(Cursor { text: cursor, server: around.server });
    }

    /// It is told of a loss, and goes on from there.
    fn lose(&mut self, gap: &Gap, around: Around<'_>, tally: &mut Tally) {
        let journal = &around.journals[self.feed];
        let live = self.live.as_mut().expect("it comes from there");
        tally.gaps.insert(gap.reason.clone());
        let is_to_end = gap.reason == "overload";
        live.must_end = is_to_end;
        let expected = match live.claim {
            Claim::Malformed => "malformed",
            Claim::Foreign => "foreign",
            Claim::Honest => "too_old",
        };
        if is_to_end && gap.oldest.is_none() {
            assert!(around.is_crowded, "{}: there is place", journal.path);
            return;
        }
        if is_to_end {
            tally.gaps.insert("too slow".to_owned());
        } else {
            assert_eq!(gap.reason, expected, "{}", journal.path);
        }
        match live.claim {
            // Its place was given to another, and it has lost nothing.
            Claim::Honest if is_to_end && around.is_crowded => drop(journal.judge_bounds(gap)),
            Claim::Honest => journal.judge_loss(live.place, gap, around.forgets),
            _ => drop(journal.judge_bounds(gap)),
        }
        let oldest = gap.oldest.clone().expect("the bounds were judged");
        live.claim = Claim::Honest;
        live.place = Place::Exactly(position(&oldest));
        self.cursor = Some(Cursor { text: oldest, server: around.server });
    }
}
