use std::time::SystemTime;

use http::{HeaderMap, HeaderName, HeaderValue};

use super::*;
use crate::tail::road::LAST_EVENT_ID;

mod model;

const SECOND: Duration = Duration::from_secs(1);

fn settings(road: Road, since: &str) -> Settings {
    Settings {
        road,
        since: since.parse().unwrap(),
        is_once: false,
        events_max: None,
        ends_at_gap: false,
        interval: 3 * SECOND,
        has_key: false,
        seed: 7,
    }
}

/// A reader, and what it told.
struct Play {
    follow: Follow,
    out: Vec<Output>,
}

impl Play {
    fn new(settings: Settings) -> Self {
        Play { follow: Follow::new(settings), out: Vec::new() }
    }

    fn on(road: Road, since: &str) -> Self {
        Play::new(settings(road, since))
    }

    fn ask(&mut self) -> Ask {
        match self.follow.step() {
            Step::Ask(ask) => ask,
            Step::End(ending) => panic!("{ending:?}"),
        }
    }

    fn ending(&mut self) -> (ExitStatus, String) {
        match self.follow.step() {
            Step::End(ending) => (ending.status, ending.message.unwrap_or_default()),
            Step::Ask(ask) => panic!("{ask:?}"),
        }
    }

    fn head(&mut self, status: u16, headers: &[(&str, &str)]) {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let name: HeaderName = name.parse().unwrap();
            map.insert(name, HeaderValue::from_str(value).unwrap());
        }
        let status = StatusCode::from_u16(status).unwrap();
        self.follow.head(Head::read(status, &map, SystemTime::UNIX_EPOCH), &mut self.out);
    }

    fn bytes(&mut self, bytes: &str) {
        self.follow.bytes(bytes.as_bytes(), &mut self.out);
    }

    fn end(&mut self, lasted: Duration) {
        self.follow.end(lasted, &mut self.out);
    }

    /// A whole answer.
    fn answer(&mut self, status: u16, headers: &[(&str, &str)], body: &str) {
        self.head(status, headers);
        self.bytes(body);
        self.end(Duration::ZERO);
    }

    /// The lines told since the last call, as `id event data`.
    fn lines(&mut self) -> Vec<String> {
        let lines = self.out.iter().filter_map(|output| match output {
            Output::Line(line) => Some(line),
            Output::News(_) => None,
        });
        let word = |word: &Option<String>| word.clone().unwrap_or("-".to_owned());
        let lines =
            lines.map(|line| format!("{} {} {}", word(&line.id), word(&line.event), line.data));
        let lines = lines.collect();
        self.out.retain(|output| matches!(output, Output::News(_)));
        lines
    }

    /// The news told since the last call.
    fn news(&mut self) -> String {
        let news = self.out.iter().filter_map(|output| match output {
            Output::News(news) => Some(news.as_str()),
            Output::Line(_) => None,
        });
        let news = news.collect::<Vec<_>>().join("\n");
        self.out.retain(|output| matches!(output, Output::Line(_)));
        news
    }
}

const EVENTS: &[(&str, &str)] = &[("content-type", "text/event-stream")];
const NDJSON: &[(&str, &str)] = &[("content-type", "application/x-ndjson")];

fn page_headers(next: &str) -> [(&str, &str); 3] {
    [
        ("content-type", "application/json"),
        ("stream-next-offset", next),
        ("stream-up-to-date", "true"),
    ]
}

fn is_about(delay: Duration, seconds: u32) -> bool {
    let base = seconds * SECOND;
    base <= delay && delay <= base + base / 2
}

const ROADS: [Road; 7] = [
    Road::Auto,
    Road::Sse,
    Road::Ndjson,
    Road::LongPoll,
    Road::Poll,
    Road::DurableSse,
    Road::DurableLongPoll,
];

/// A reader on an event stream that has said `0a` and been heard.
fn opened() -> Play {
    let mut play = Play::on(Road::Sse, "now");
    play.ask();
    play.head(200, EVENTS);
    play.bytes(":\nretry: 1000\nid: 0a\n\n");
    play
}

#[test]
fn a_stream_that_ends_is_continued_after_the_time_that_the_server_wishes() {
    let mut play = opened();
    play.bytes("data: 1\nid: 0b\n\ndata: 2\n\nid: 0c\ndata: 3\n");
    assert_eq!(play.lines(), ["0b - 1", "- - 2"]);
    play.end(SECOND);
    let ask = play.ask();
    assert!(is_about(ask.after, 1), "{ask:?}");
    assert!(ask.headers.contains(&(LAST_EVENT_ID, "0b".to_owned())), "{ask:?}");
    let news = play.news();
    assert!(
        news.starts_with("the answer ended; connecting again in 1.") && news.ends_with("from 0b"),
        "{news}"
    );
    // Failures in a row count double each.
    for seconds in [1, 2, 4] {
        play.follow.failed(Failure::Unreachable("refused".to_owned()), &mut play.out);
        assert!(is_about(play.ask().after, seconds), "{:?}", play.ask());
    }
    play.news();
    play.head(200, EVENTS);
    assert_eq!(play.news(), "connected again");
    // An opening alone is no reason to come back sooner, a minute of it is.
    play.follow.broken("cut", SECOND, &mut play.out);
    assert!(is_about(play.ask().after, 8));
    play.head(200, EVENTS);
    play.follow.broken("cut", 60 * SECOND, &mut play.out);
    assert!(is_about(play.ask().after, 1));
}

#[test]
fn who_cannot_be_reached_at_first_is_told_and_later_is_waited_for() {
    let mut play = Play::on(Road::Ndjson, "now");
    play.follow.failed(Failure::Unreachable("refused".to_owned()), &mut play.out);
    assert_eq!(play.ending(), (ExitStatus::Unreachable, "refused".to_owned()));
    let mut play = Play::on(Road::Poll, "now");
    play.follow.failed(Failure::Silent, &mut play.out);
    assert_eq!(play.ending().0, ExitStatus::Unreachable);
    let mut play = opened();
    play.follow.failed(Failure::Silent, &mut play.out);
    assert!(is_about(play.ask().after, 1));
    let ending = Ending { status: ExitStatus::Failed, message: None };
    play.follow.failed(Failure::Final(ending), &mut play.out);
    assert_eq!(play.ending().0, ExitStatus::Failed);
}

#[test]
fn a_refusal_ends_it_and_a_server_without_place_is_waited_for() {
    let said = r#"{"error":{"code":"c","message":"m"}}"#;
    for (status, exit, words) in [
        (401, ExitStatus::Refused, "refused: 401 c: m. No key was given"),
        (403, ExitStatus::Refused, "refused: 403 c: m"),
        (404, ExitStatus::Failed, "there is no such feed or stream: 404 c: m"),
        (400, ExitStatus::Failed, "the server answers 400 c: m"),
        (500, ExitStatus::Failed, "the server answers 500 c: m"),
    ] {
        for road in ROADS {
            let mut play = Play::on(road, "0a");
            play.answer(status, &[], said);
            let (ended, message) = play.ending();
            assert_eq!(ended, exit, "{road:?}");
            assert!(message.starts_with(words), "{message}");
        }
    }
    let mut play = Play::new(Settings { has_key: true, ..settings(Road::Sse, "now") });
    play.answer(401, &[], said);
    assert_eq!(play.ending().1, "refused: 401 c: m");
    for road in ROADS {
        let mut play = Play::on(road, "0a");
        play.answer(503, &[("retry-after", "7")], said);
        assert!(is_about(play.ask().after, 7), "{road:?}: {:?}", play.ask());
        assert!(play.news().starts_with("503 c: m; connecting again in"));
        play.answer(429, &[], "");
        assert!(is_about(play.ask().after, 4), "{road:?}: {:?}", play.ask());
    }
    // Once it has worked, an error of the server is one that passes.
    let mut play = opened();
    play.end(SECOND);
    play.answer(500, &[], said);
    assert!(is_about(play.ask().after, 2));
    play.answer(403, &[], said);
    assert_eq!(play.ending().0, ExitStatus::Refused);
}

#[test]
fn a_refusal_is_read_as_far_as_it_is_of_use() {
    let mut play = Play::on(Road::Sse, "now");
    play.head(404, &[]);
    assert!(play.follow.patience().is_some());
    play.bytes(&"x".repeat(1024 * 1024));
    assert_eq!(play.follow.patience(), None);
    assert_eq!(play.ending().0, ExitStatus::Failed);
    let mut play = Play::on(Road::Sse, "now");
    play.head(401, &[]);
    play.follow.silent(SECOND, &mut play.out);
    assert_eq!(play.ending().0, ExitStatus::Refused);
    let mut play = Play::on(Road::Sse, "now");
    play.head(401, &[]);
    play.follow.broken("cut", SECOND, &mut play.out);
    assert_eq!(play.ending().0, ExitStatus::Refused);
}

const GAP: &str = r#"{"reason":"too_old","oldest":"0m","newest":"0z"}"#;

#[test]
fn a_gap_is_a_line_on_every_road_and_it_goes_on_from_the_oldest() {
    let line = format!("0m gap {GAP}");
    for road in ROADS {
        for ends_at_gap in [false, true] {
            let mut play = Play::new(Settings { ends_at_gap, ..settings(road, "0a") });
            match road {
                Road::Auto | Road::Sse => {
                    play.head(200, EVENTS);
                    play.bytes(&format!(":\n\nid: 0m\nevent: gap\ndata: {GAP}\n\n"));
                }
                Road::Ndjson => {
                    play.head(200, NDJSON);
                    play.bytes(&format!("\n{{\"id\":\"0m\",\"event\":\"gap\",\"data\":{GAP}}}\n"));
                }
                _ => {
                    let error = r#"{"error":{"code":"too_old","message":"m"},"#;
                    play.answer(410, &[("stream-next-offset", "0m")], &GAP.replacen('{', error, 1));
                }
            }
            assert_eq!(play.lines(), [line.as_str()], "{road:?}");
            assert_eq!(play.follow.place(), &Place::At("0m".to_owned()));
            assert_eq!(play.follow.events(), 0);
            if ends_at_gap {
                let ended = (ExitStatus::Loss, "events were lost: too_old".to_owned());
                assert_eq!(play.ending(), ended, "{road:?}");
            } else if !matches!(road, Road::Auto | Road::Sse | Road::Ndjson) {
                assert_eq!(play.ask().after, Duration::ZERO, "{road:?}");
            }
        }
    }
}

#[test]
fn gaps_without_an_event_between_them_are_asked_for_ever_more_slowly() {
    let mut play = Play::on(Road::LongPoll, "0a");
    for seconds in [0, 2, 4, 8] {
        play.answer(410, &[("stream-next-offset", "0m")], GAP);
        let after = play.ask().after;
        assert!(is_about(after, seconds), "{after:?}");
    }
    play.answer(200, &page_headers("0n"), "[1]");
    play.answer(410, &[("stream-next-offset", "0p")], GAP);
    assert_eq!(play.ask().after, Duration::ZERO);
}

#[test]
fn a_feed_that_is_gone_ends_it() {
    let gap = r#"{"reason":"gone","oldest":null,"newest":null}"#;
    let mut play = opened();
    play.bytes(&format!("event: gap\ndata: {gap}\n\nretry: 10000\n\n"));
    assert_eq!(play.lines(), [format!("- gap {gap}")]);
    assert_eq!(play.ending(), (ExitStatus::Failed, "the feed or stream is no more".to_owned()));
    let mut play = Play::on(Road::DurableSse, "0a");
    play.answer(410, &[], gap);
    assert_eq!(play.lines(), [format!("- gap {gap}")]);
    assert_eq!(play.ending().0, ExitStatus::Failed);
}

#[test]
fn a_server_without_place_is_no_loss() {
    for oldest in ["null", "\"00\"", "\"0a\""] {
        let mut play = opened();
        play.follow.settings.ends_at_gap = true;
        let id = if oldest == "null" {
            String::new()
        } else {
            format!("id: {}\n", oldest.trim_matches('"'))
        };
        let gap = format!(r#"{{"reason":"overload","oldest":{oldest},"newest":null}}"#);
        play.bytes(&format!("{id}event: gap\ndata: {gap}\n\nretry: 10000\n\n"));
        assert_eq!(play.news(), "the server has no place for one more reader");
        play.end(Duration::ZERO);
        assert_eq!(play.lines(), [] as [String; 0]);
        assert_eq!(play.follow.place(), &Place::At("0a".to_owned()));
        assert!(is_about(play.ask().after, 10));
    }
    // Who was too slow for what is kept has lost something.
    let mut play = opened();
    let gap = r#"{"reason":"overload","oldest":"0b","newest":null}"#;
    play.bytes(&format!("id: 0b\nevent: gap\ndata: {gap}\n\n"));
    assert_eq!(play.lines(), [format!("0b gap {gap}")]);
    assert_eq!(play.follow.place(), &Place::At("0b".to_owned()));
}

#[test]
fn where_no_stream_comes_through_it_polls() {
    let falls_back = |mut play: Play, why: &str| {
        let ask = play.ask();
        assert_eq!(ask.after, Duration::ZERO);
        assert!(ask.query.contains(&("wait", "25".to_owned())), "{ask:?}");
        assert!(ask.query.contains(&("offset", "0a".to_owned())), "{ask:?}");
        let news = play.news();
        assert!(news.contains(why) && news.ends_with("; long polling instead"), "{news}");
        play.answer(200, &page_headers("0b"), "[1]");
        assert_eq!(play.lines(), ["0b - 1"]);
    };
    let mut play = Play::on(Road::Auto, "0a");
    play.head(200, &page_headers("0b"));
    assert_eq!(play.follow.patience(), None);
    falls_back(play, "what answers is no stream (application/json)");
    let mut play = Play::on(Road::Auto, "0a");
    assert_eq!(play.ask().patience, 8 * SECOND);
    play.follow.failed(Failure::Silent, &mut play.out);
    falls_back(play, "nothing comes through");
    let mut play = Play::on(Road::Auto, "0a");
    play.head(200, EVENTS);
    assert_eq!(play.follow.patience(), Some(8 * SECOND));
    play.follow.silent(8 * SECOND, &mut play.out);
    falls_back(play, "nothing comes through");
    for (status, why) in [(406, "streams are not offered"), (504, "has no patience for streams")] {
        let mut play = Play::on(Road::Auto, "0a");
        play.answer(status, &[], "");
        falls_back(play, why);
    }
    // What begins well and falls silent twice in a row is held back too.
    let mut play = Play::on(Road::Auto, "0a");
    for _ in 0..2 {
        play.head(200, EVENTS);
        play.bytes(":\n\n");
        assert_eq!(play.follow.patience(), Some(45 * SECOND));
        play.follow.silent(45 * SECOND, &mut play.out);
    }
    falls_back(play, "nothing comes through");
    // But not what had gone on for a while: a machine that slept finds its connection silent too.
    let mut play = Play::on(Road::Auto, "0a");
    for _ in 0..3 {
        play.head(200, EVENTS);
        play.bytes(":\n\n");
        play.follow.silent(600 * SECOND, &mut play.out);
        assert!(play.news().contains("nothing came for 45 s; connecting again"));
    }
    // A page that is no feed is none on the other road either.
    let mut play = Play::on(Road::Auto, "0a");
    play.head(200, &[("content-type", "text/html")]);
    play.head(200, &[("content-type", "text/html")]);
    let (status, message) = play.ending();
    assert_eq!(status, ExitStatus::Failed);
    assert!(message.contains("the answer is text/html, without Stream-Next-Offset"), "{message}");
}

#[test]
fn a_stream_that_may_not_come_through_begins_with_the_cursor_of_now() {
    const STREAM: &str = "text/event-stream, application/x-ndjson;q=0.9";
    let mut play = Play::on(Road::Auto, "now");
    let ask = play.ask();
    assert_eq!(ask.query, [("offset", "now".to_owned())]);
    assert_eq!((ask.headers[0].1.as_str(), ask.patience), ("*/*", 8 * SECOND));
    play.answer(200, &page_headers("0a"), "[]");
    let ask = play.ask();
    assert_eq!(ask.after, Duration::ZERO);
    assert_eq!(ask.headers[0].1, STREAM);
    assert_eq!(ask.headers[1], (LAST_EVENT_ID, "0a".to_owned()));
    // Who has nothing but streams answers with one, or refuses, and is not asked that way again.
    let mut play = Play::on(Road::Auto, "now");
    play.head(200, EVENTS);
    play.bytes("data: 1\n\n");
    assert_eq!(play.lines(), ["- - 1"]);
    play.end(SECOND);
    assert_eq!((play.ask().query, play.ask().headers[0].1.as_str()), (vec![], STREAM));
    for (status, media_type) in [(200, "text/html"), (406, "")] {
        let mut play = Play::on(Road::Auto, "now");
        play.answer(status, &[("content-type", media_type)], "");
        let ask = play.ask();
        assert_eq!((ask.query, ask.headers[0].1.as_str()), (vec![], STREAM), "{status}");
        assert_eq!((ask.after, play.news()), (Duration::ZERO, String::new()));
    }
}

#[test]
fn a_stream_that_falls_silent_is_opened_again() {
    for (road, headers) in [(Road::Sse, EVENTS), (Road::Ndjson, NDJSON)] {
        let mut play = Play::on(road, "0a");
        for _ in 0..3 {
            play.head(200, headers);
            play.follow.silent(45 * SECOND, &mut play.out);
            assert!(is_about(play.ask().after, 2));
            assert!(play.news().contains("nothing came for 45 s; connecting again in"));
        }
    }
}

#[test]
fn each_road_wants_its_own_kind_of_answer() {
    for (road, media_type) in [
        (Road::Sse, "application/x-ndjson"),
        (Road::Sse, ""),
        (Road::Ndjson, "text/event-stream"),
        (Road::DurableSse, "application/json"),
        (Road::Poll, "text/event-stream"),
        (Road::LongPoll, "text/html"),
    ] {
        let mut play = Play::on(road, "0a");
        play.head(200, &[("content-type", media_type)]);
        assert_eq!(play.ending().0, ExitStatus::Failed, "{road:?}: {media_type}");
    }
    let mut play = Play::on(Road::Ndjson, "0a");
    play.head(200, NDJSON);
    play.bytes("{\"data\":1}\n<html>\n");
    assert_eq!(play.lines(), ["- - 1"]);
    let (status, message) = play.ending();
    assert_eq!(status, ExitStatus::Failed);
    assert!(message.starts_with("a line is no event"), "{message}");
}

#[test]
fn an_id_that_cannot_be_sent_back_is_refused() {
    let mut play = opened();
    play.bytes("id: a\tb\u{1b}\ndata: 1\n\n");
    assert_eq!(play.ending().0, ExitStatus::Failed);
}

#[test]
fn once_ends_with_what_is_there() {
    for road in [Road::Auto, Road::LongPoll, Road::Poll, Road::DurableLongPoll] {
        let mut play = Play::new(Settings { is_once: true, ..settings(road, "beginning") });
        assert_eq!(play.ask().query, [("offset", "-1".to_owned())]);
        play.answer(200, &page_headers("0b")[..2], "[1]");
        assert_eq!(play.ask().after, Duration::ZERO);
        play.answer(200, &page_headers("0c"), "[2]");
        assert_eq!(play.lines(), ["0b - 1", "0c - 2"]);
        assert_eq!(play.ending(), (ExitStatus::Done, String::new()));
    }
    // A server that never says that this was everything, and one that has nothing.
    let mut play = Play::new(Settings { is_once: true, ..settings(Road::Poll, "0a") });
    play.answer(200, &page_headers("0a")[..2], "[]");
    assert_eq!(play.ending().0, ExitStatus::Done);
    let mut play = Play::new(Settings { is_once: true, ..settings(Road::DurableSse, "0a") });
    play.head(200, EVENTS);
    play.bytes("event: data\ndata: [1]\n\nevent: control\ndata: {\"streamNextOffset\":\"0b\"}\n\n");
    assert!(play.follow.patience().is_some());
    play.bytes("event: control\ndata: {\"streamNextOffset\":\"0b\",\"upToDate\":true}\n\n");
    assert_eq!(play.lines(), ["0b - 1"]);
    assert_eq!(play.ending().0, ExitStatus::Done);
}

#[test]
fn after_as_many_events_as_were_asked_for_it_ends() {
    let mut play = Play::new(Settings { events_max: Some(2), ..settings(Road::Poll, "0a") });
    play.answer(200, &page_headers("0d"), r#"[{"event":"gap","data":[]},2,3]"#);
    assert_eq!(play.lines(), ["- gap []", "- - 2"]);
    assert_eq!(play.ending(), (ExitStatus::Done, String::new()));
}

#[test]
fn polls_wait_as_their_road_says() {
    let mut play = Play::on(Road::Poll, "0a");
    play.answer(200, &page_headers("0b"), "[1]");
    assert_eq!(play.ask().after, 3 * SECOND);
    play.answer(200, &page_headers("0c")[..2], "[1]");
    assert_eq!(play.ask().after, Duration::ZERO, "there is more");
    for road in [Road::LongPoll, Road::DurableLongPoll] {
        let mut play = Play::on(road, "0a");
        play.answer(200, &page_headers("0b"), "[1]");
        assert_eq!(play.ask().after, Duration::ZERO);
        play.head(204, &[("stream-next-offset", "0b"), ("stream-cursor", "9")]);
        play.end(25 * SECOND);
        let ask = play.ask();
        assert_eq!(ask.after, Duration::ZERO, "it was held");
        let cursor = ("cursor", "9".to_owned());
        assert_eq!(ask.query.contains(&cursor), road == Road::DurableLongPoll);
        play.answer(200, &page_headers("0b"), "[]");
        assert_eq!(play.ask().after, 3 * SECOND, "it was not held");
        play.head(200, &page_headers("0b"));
        play.follow.broken("cut", SECOND, &mut play.out);
        assert!(is_about(play.ask().after, 2));
    }
}

#[test]
fn the_first_answer_may_be_that_nothing_came() {
    let mut play = Play::on(Road::DurableLongPoll, "0a");
    play.head(204, &[("stream-next-offset", "0a"), ("stream-up-to-date", "true")]);
    play.end(20 * SECOND);
    assert_eq!(play.ask().after, Duration::ZERO);
    assert_eq!(play.ask().query[0], ("offset", "0a".to_owned()));
    let mut play = Play::on(Road::DurableLongPoll, "0a");
    play.answer(204, &[], "");
    assert_eq!(play.ending().0, ExitStatus::Failed);
}

#[test]
fn a_poll_sends_back_the_tag_of_the_same_place_when_its_page_was_whole() {
    let tag = |play: &mut Play| play.ask().headers.get(1).map(|(_, tag)| tag.clone());
    let mut play = Play::on(Road::Poll, "0a");
    let headers = page_headers("0a");
    play.answer(200, &[headers[0], headers[1], headers[2], ("etag", "\"e\"")], "[]");
    assert_eq!(tag(&mut play).as_deref(), Some("\"e\""));
    play.answer(304, &[("stream-next-offset", "0z")], "");
    assert_eq!(play.ask().after, 3 * SECOND);
    assert_eq!(play.follow.place(), &Place::At("0a".to_owned()));
    assert_eq!(tag(&mut play).as_deref(), Some("\"e\""));
    play.answer(200, &[headers[0], ("stream-next-offset", "0b"), ("etag", "\"f\"")], "[1]");
    assert_eq!(tag(&mut play), None);
    // Its events would be taken for known.
    play.head(200, &[headers[0], ("stream-next-offset", "0c"), ("etag", "\"g\"")]);
    play.follow.broken("cut", SECOND, &mut play.out);
    assert_eq!(tag(&mut play), None);
    let mut play = Play::on(Road::Poll, "beginning");
    for _ in 0..2 {
        play.answer(200, &[headers[0], ("stream-next-offset", "-1"), ("etag", "\"e\"")], "[]");
        assert_eq!(tag(&mut play).as_deref(), Some("\"e\""));
        play.answer(304, &[], "");
        assert_eq!(play.follow.place(), &Place::Beginning);
    }
}

#[test]
fn a_page_that_was_cut_where_nobody_noticed_is_asked_for_again() {
    let mut play = Play::on(Road::LongPoll, "0a");
    for _ in 0..3 {
        play.answer(200, &page_headers("0b"), "[1,");
        assert_eq!(play.lines(), [] as [String; 0]);
        assert_eq!(play.ask().query[0], ("offset", "0a".to_owned()));
        assert!(play.ask().after >= 2 * SECOND);
    }
    play.answer(200, &page_headers("0b"), "[1,");
    assert_eq!(play.ending().0, ExitStatus::Failed);
}

#[test]
fn what_is_closed_ends_it() {
    let mut play = opened();
    play.end(SECOND);
    play.answer(204, &[], "");
    assert_eq!(play.ending().0, ExitStatus::Done);
    let mut play = Play::on(Road::Ndjson, "0a");
    play.answer(200, &[NDJSON[0], ("stream-closed", "true")], "\n");
    assert_eq!(play.ending().0, ExitStatus::Done);
    let mut play = Play::on(Road::LongPoll, "0a");
    let headers = page_headers("0b");
    play.answer(200, &[headers[0], headers[1], ("stream-closed", "true")], "[1]");
    assert_eq!(play.lines(), ["0b - 1"]);
    assert_eq!(play.ending().0, ExitStatus::Done);
    let mut play = Play::on(Road::DurableSse, "0a");
    play.head(200, EVENTS);
    play.bytes("event: control\ndata: {\"streamNextOffset\":\"0b\",\"streamClosed\":true}\n\n");
    assert_eq!(
        play.ending(),
        (ExitStatus::Done, "the stream is closed, nothing will follow".to_owned())
    );
}

#[test]
fn durable_streams_end_their_answers_by_themselves() {
    let control = "event: control\ndata: {\"streamNextOffset\":\"0b\",\"upToDate\":true}\n\n";
    let mut play = Play::on(Road::DurableSse, "0a");
    play.head(200, EVENTS);
    play.bytes(control);
    play.end(60 * SECOND);
    assert_eq!(play.ask().after, Duration::ZERO);
    assert_eq!(play.news(), "");
    // But not at once.
    play.head(200, EVENTS);
    play.bytes(control);
    play.end(Duration::ZERO);
    assert!(is_about(play.ask().after, 2));
}
