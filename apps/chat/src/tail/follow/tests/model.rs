//! A reader with a model of a server whose answers are cut, whose events are forgotten, and which restarts:
//! every event comes once and in order, or a gap says so.

use http::header::IF_NONE_MATCH;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use super::*;

/// A feed: the events from `start` to `end`, of the life of a server that is number `life`.
#[derive(Clone, Copy, Debug)]
struct Feed {
    life: u32,
    start: u32,
    end: u32,
}

/// An answer of the model.
struct Answered {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: String,
}

impl Feed {
    fn cursor(self, number: u32) -> String {
        format!("{}c{number}", self.life)
    }

    fn gap(self, reason: &str) -> String {
        let (oldest, newest) = (self.cursor(self.start), self.cursor(self.end));
        format!(r#"{{"reason":"{reason}","oldest":"{oldest}","newest":"{newest}"}}"#)
    }

    /// The position that a request names, or why that is not there.
    fn seek(self, place: &str) -> Result<u32, &'static str> {
        match place {
            "-1" => Ok(self.start),
            "now" => Ok(self.end),
            cursor => match cursor.split_once('c') {
                Some((life, _)) if life != self.life.to_string() => Err("foreign"),
                Some((_, number)) => {
                    let number = number.parse().unwrap();
                    if number < self.start { Err("too_old") } else { Ok(number) }
                }
                None => Err("malformed"),
            },
        }
    }

    /// What the server answers; a page has two events.
    fn answer(self, road: Road, ask: &Ask) -> Answered {
        let query =
            |name| ask.query.iter().find(|(own, _)| *own == name).map(|(_, value)| value.as_str());
        let id = ask.headers.iter().find(|(name, _)| *name == LAST_EVENT_ID);
        let place = id.map(|(_, id)| id.as_str()).or(query("offset")).unwrap_or("now");
        let is_plain_stream = ask.headers[0].1 != "*/*";
        match self.seek(place) {
            Ok(from) if is_plain_stream => self.stream(road, from, None),
            Ok(from) if query("live") == Some("sse") => self.durable(from),
            Ok(from) => self.page(from, ask, place == "now"),
            Err(reason) if is_plain_stream => self.stream(road, self.start, Some(reason)),
            Err(reason) => Answered {
                status: if reason == "malformed" { 400 } else { 410 },
                headers: vec![("stream-next-offset", self.cursor(self.start))],
                body: self.gap(reason),
            },
        }
    }

    fn stream(self, road: Road, from: u32, gap: Option<&str>) -> Answered {
        let at = self.cursor(from);
        let gap = gap.map(|reason| self.gap(reason));
        let events = from + 1..=self.end;
        let life = self.life;
        let (media_type, body) = if road == Road::Ndjson {
            let gap =
                gap.map(|gap| format!("{{\"id\":\"{at}\",\"event\":\"gap\",\"data\":{gap}}}\n"));
            let event = |n| {
                let id = self.cursor(n);
                format!("{{\"id\":\"{id}\",\"event\":\"e\",\"data\":[{life},{n}]}}\n\n")
            };
            let events = events.map(event).collect::<String>();
            ("application/x-ndjson", format!("\n{}{events}", gap.unwrap_or_default()))
        } else {
            let opening = match gap {
                Some(gap) => format!(":\nretry: 2000\n\nid: {at}\nevent: gap\ndata: {gap}\n\n"),
                None => format!(":\nretry: 2000\nid: {at}\n\n"),
            };
            let event =
                |n| format!("id: {}\r\nevent: e\r\ndata: [{life},{n}]\r\n\r\n", self.cursor(n));
            ("text/event-stream", opening + &events.map(event).collect::<String>())
        };
        let headers = vec![("content-type", media_type.to_owned()), ("stream-next-offset", at)];
        Answered { status: 200, headers, body }
    }

    fn messages(self, from: u32, to: u32) -> String {
        let message = |n| format!(r#"{{"event":"e","data":[{},{n}]}}"#, self.life);
        (from + 1..=to).map(message).collect::<Vec<_>>().join(",")
    }

    fn durable(self, from: u32) -> Answered {
        let mut body = String::new();
        let mut at = from;
        while at < self.end {
            let to = self.end.min(at + 2);
            body += &format!("event: data\ndata:[{}]\n\n", self.messages(at, to));
            let next = self.cursor(to);
            body += &format!("event: control\ndata:{{\"streamNextOffset\":\"{next}\"}}\n\n");
            at = to;
        }
        let headers = vec![("content-type", "text/event-stream".to_owned())];
        Answered { status: 200, headers, body }
    }

    fn page(self, from: u32, ask: &Ask, is_now: bool) -> Answered {
        let next = self.end.min(from + 2);
        let mut headers = vec![
            ("content-type", "application/json".to_owned()),
            ("stream-next-offset", self.cursor(next)),
        ];
        if next == self.end {
            headers.push(("stream-up-to-date", "true".to_owned()));
        }
        let body = format!("[{}]", self.messages(from, next));
        if is_now {
            return Answered { status: 200, headers, body };
        }
        let etag = format!("\"{}.{}\"", self.cursor(from), self.cursor(next));
        headers.push(("etag", etag.clone()));
        match ask.headers.contains(&(IF_NONE_MATCH, etag)) {
            true => Answered { status: 304, headers, body: String::new() },
            false => Answered { status: 200, headers, body },
        }
    }
}

impl Play {
    /// Asks the model once, whose answer is cut after `cut` bytes. False: it is over.
    fn round(&mut self, road: Road, feed: Feed, cut: usize) -> bool {
        let Step::Ask(ask) = self.follow.step() else { return false };
        let Answered { status, headers, body } = feed.answer(road, &ask);
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        self.head(status, &headers);
        if cut < body.len() {
            self.bytes(&body[..cut]);
            self.follow.broken("cut", Duration::ZERO, &mut self.out);
        } else {
            self.bytes(&body);
            self.end(Duration::ZERO);
        }
        true
    }
}

const FIRST: Feed = Feed { life: 1, start: 0, end: 8 };

/// The numbers of five events, read while the first answers are cut.
fn read_with_cuts(road: Road, since: &str, cut: usize) -> Vec<String> {
    let mut play = Play::new(Settings { events_max: Some(5), ..settings(road, since) });
    for answer in 0.. {
        assert!(answer < 40, "{road:?} makes no progress with a cut at {cut}: {:?}", play.out);
        // What `now` has is decided at the first answer.
        let feed = if answer == 0 && since == "now" { Feed { end: 3, ..FIRST } } else { FIRST };
        if !play.round(road, feed, if answer < 4 { cut } else { usize::MAX }) {
            break;
        }
    }
    assert_eq!(play.ending(), (ExitStatus::Done, String::new()));
    play.lines().iter().map(|line| line.split(' ').nth(2).unwrap().to_owned()).collect()
}

#[test]
fn every_event_comes_once_and_in_order_wherever_answers_are_cut() {
    for road in ROADS {
        for cut in 0..400 {
            let numbers = read_with_cuts(road, "beginning", cut);
            assert_eq!(numbers, ["[1,1]", "[1,2]", "[1,3]", "[1,4]", "[1,5]"], "{road:?}, {cut}");
            // Where the first answer is a page, `now` is a place once that is whole.
            let is_decided = matches!(road, Road::Sse | Road::Ndjson) || cut >= "[]".len();
            if is_decided {
                let numbers = read_with_cuts(road, "now", cut);
                assert_eq!(
                    numbers,
                    ["[1,4]", "[1,5]", "[1,6]", "[1,7]", "[1,8]"],
                    "{road:?}, {cut}"
                );
            }
            let numbers = read_with_cuts(road, "1c2", cut);
            assert_eq!(numbers, ["[1,3]", "[1,4]", "[1,5]", "[1,6]", "[1,7]"], "{road:?}, {cut}");
        }
    }
}

/// What happens before a request, and to its answer.
#[derive(Clone, Debug)]
struct Happening {
    /// So many events more.
    events: u32,
    /// The oldest ones are forgotten, up to here.
    forgotten: Option<Index>,
    /// The server starts anew.
    restarts: bool,
    /// The answer is cut here.
    cut: Option<Index>,
    /// There is no connection.
    is_unreachable: bool,
}

fn happenings() -> impl Strategy<Value = Vec<Happening>> {
    let rarely = |part| proptest::option::weighted(part, any::<Index>());
    let happening = (0..4_u32, rarely(0.15), proptest::bool::weighted(0.05), rarely(0.5));
    let happening = (happening, proptest::bool::weighted(0.1)).prop_map(
        |((events, forgotten, restarts, cut), is_unreachable)| Happening {
            events,
            forgotten,
            restarts,
            cut,
            is_unreachable,
        },
    );
    vec(happening, 1..30)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    /// What was lost is said where it is missing, and nothing else is.
    #[test]
    fn every_event_comes_once_or_a_gap_says_so(happenings in happenings(), from_now in any::<bool>()) {
        for road in ROADS {
            let mut play = Play::on(road, if from_now { "now" } else { "beginning" });
            let mut feed = Feed { life: 1, start: 0, end: 0 };
            for (index, happening) in happenings.iter().enumerate() {
                feed.end += happening.events;
                if let Some(forgotten) = happening.forgotten {
                    feed.start += forgotten.index((feed.end - feed.start) as usize + 1) as u32;
                }
                if happening.restarts {
                    feed = Feed { life: feed.life + 1, start: 0, end: 2 };
                }
                if happening.is_unreachable && index > 0 {
                    play.ask();
                    play.follow.failed(Failure::Unreachable("down".to_owned()), &mut play.out);
                    continue;
                }
                let cut = happening.cut.map_or(usize::MAX, |cut| cut.index(600));
                prop_assert!(play.round(road, feed, cut));
            }
            // Where `now` is was not decided if all answers were cut at their beginnings.
            play.round(road, feed, usize::MAX);
            // In the end everything comes.
            feed.end += 1;
            for _ in 0..=feed.end {
                play.round(road, feed, usize::MAX);
            }
            check(&play.lines(), feed, road)?;
        }
    }
}

/// Looks at what was printed, up to the last event of the feed.
fn check(lines: &[String], feed: Feed, road: Road) -> Result<(), TestCaseError> {
    let mut before: Option<(u32, u32)> = None;
    let mut gaps = Vec::new();
    for line in lines {
        let data = line.splitn(3, ' ').nth(2).unwrap();
        if let Some(reason) = data.strip_prefix("{\"reason\":\"") {
            gaps.push(reason.split('"').next().unwrap());
            continue;
        }
        let (life, number) = data.trim_matches(['[', ']']).split_once(',').unwrap();
        let event = (life.parse::<u32>().unwrap(), number.parse::<u32>().unwrap());
        if let Some(before) = before {
            let at = format!("{road:?}: {gaps:?} between {before:?} and {event:?}");
            prop_assert!(event > before, "{}", at);
            let follows = event == (before.0, before.1 + 1);
            prop_assert!(follows == gaps.is_empty(), "{}", at);
            prop_assert!((event.0 > before.0) == gaps.contains(&"foreign"), "{}", at);
        }
        before = Some(event);
        gaps.clear();
    }
    prop_assert_eq!(before, Some((feed.life, feed.end)), "{:?}: {:?}", road, lines);
    Ok(())
}
