//! A world: one server, its feeds and a stream, and those who read.

use std::time::Duration;

use sockeye::{Namespace, Server};
use sockeye_feeds::{Access, Feeds, FeedsConfig, History, Reading, Stream, Streams, StreamsConfig};
use sockeye_sim::Random;
use tokio::runtime::Handle;
use tokio::task::yield_now;
use tokio::time::sleep;

use crate::connect::Host;
use crate::journal::{Forgets, Journal};
use crate::reader::{Around, Reader};
use crate::tally::Tally;

/// The feeds: of a namespace, of its rooms, of another namespace, and a stream.
const PATHS: [&str; 6] = [
    "/socket.io/feeds/news",
    "/socket.io/feeds/news/a",
    "/socket.io/feeds/news/b%2F1",
    "/socket.io/feeds/news/%C3%BC",
    "/socket.io/feeds/~",
    "/streams/orders/1",
];
pub(crate) const ROOMS: [&str; 3] = ["a", "b/1", "ü"];
pub(crate) const ROOMS_AT: usize = 1;
pub(crate) const MAIN_AT: usize = 4;
pub(crate) const STREAM_AT: usize = 5;
pub(crate) const LARGE_BYTES: usize = 100_000;

/// What the servers of a world are like.
#[derive(Clone)]
struct Rules {
    forgets: Forgets,
    history: History,
    bytes_max_total: usize,
    answer_bytes_max: usize,
    readers_max: usize,
}

impl Rules {
    fn draw(random: &mut Random) -> Self {
        let all = History { events_max: 1_000_000, bytes_max: 1 << 30, age_max: None };
        let (mut bytes_max_total, mut history) = (1 << 30, all);
        let mut forgets = Forgets::Otherwise;
        match random.below(8) {
            0 => history.bytes_max = 400 + random.below(3_000) as usize,
            1 => history.age_max = Some(Duration::from_secs(1 + random.below(60))),
            2 => bytes_max_total = 2_000 + random.below(10_000) as usize,
            3 | 4 => {
                history.events_max = 1 + random.below(20) as usize;
                forgets = Forgets::Events(history.events_max);
            }
            _ => forgets = Forgets::Nothing,
        }
        Self {
            forgets,
            history,
            bytes_max_total,
            answer_bytes_max: [1, 300, 1 << 20][random.below(3) as usize],
            readers_max: if random.chance(15) { 2 } else { 100 },
        }
    }
}

/// A server with what is offered.
pub(crate) struct Offered {
    pub(crate) host: Host,
    feeds: Feeds,
    streams: Streams,
    pub(crate) stream: Stream,
}

impl Offered {
    fn new(rules: &Rules) -> Self {
        let news = || Namespace::new("/news").on_read(async || {});
        let main = Namespace::new("/").on_read(async || {});
        let server = Server::builder().namespace(news()).namespace(main).build().unwrap();
        let reading = Reading {
            answer_bytes_max: rules.answer_bytes_max,
            readers_max: rules.readers_max,
            ..Reading::default()
        };
        let config = FeedsConfig {
            history: rules.history,
            bytes_max_total: rules.bytes_max_total,
            reading: reading.clone(),
            ..FeedsConfig::default()
        };
        let feeds = Feeds::builder().offer("/news").offer("/").offer_room("/news", ROOMS[0]);
        let feeds = feeds.config(config).mount(&server).unwrap();
        let streams = Streams::new(StreamsConfig {
            history: rules.history,
            bytes_max_total: rules.bytes_max_total,
            reading,
            ..StreamsConfig::default()
        });
        streams.mount(&server, "/streams", Access::read_only()).unwrap();
        let stream = streams.create("orders/1", "application/json").unwrap();
        Self { host: Host { server }, feeds, streams, stream }
    }

    /// No more is held than may be.
    fn assert_bounded(&self, rules: &Rules) {
        // One large event is kept beyond what a feed may hold.
        let per_feed = rules.history.bytes_max + LARGE_BYTES + 1_000;
        for (held, count) in [(self.feeds.bytes(), self.feeds.len()), (self.streams.bytes(), 1)] {
            assert!(held <= rules.bytes_max_total && held <= count * per_feed, "{held} bytes");
        }
    }
}

pub(crate) struct World {
    pub(crate) random: Random,
    rules: Rules,
    pub(crate) offered: Offered,
    /// Servers before this one.
    server: u32,
    pub(crate) journals: Vec<Journal>,
    readers: Vec<Reader>,
    /// The feed that is sent to most often.
    pub(crate) favourite: usize,
    /// The number of the next message.
    pub(crate) next: u64,
    /// Tasks that are there without readers.
    tasks: usize,
}

impl World {
    pub(crate) async fn new(mut random: Random) -> Self {
        let rules = Rules::draw(&mut random);
        let offered = Offered::new(&rules);
        let journals = PATHS.iter().enumerate();
        let journals = journals.map(|(at, path)| Journal::new(path, at != STREAM_AT)).collect();
        let count = 1 + random.below(8) as usize;
        // In half of the worlds all read the same.
        let one = random.below(2 * PATHS.len() as u64) as usize;
        let readers = (0..count).map(|number| {
            let feed = random.below(PATHS.len() as u64) as usize;
            // One of them has an address of its own.
            Reader::new(if one < PATHS.len() { one } else { feed }, u8::from(number == 0))
        });
        let readers = readers.collect();
        let tasks = Handle::current().metrics().num_alive_tasks();
        let favourite = one % PATHS.len();
        let (server, next) = (0, 0);
        let mut world =
            Self { random, rules, offered, server, journals, readers, favourite, next, tasks };
        world.begin().await;
        world
    }

    /// The feeds of rooms begin when they are read first.
    async fn begin(&mut self) {
        let mut tally = Tally::default();
        for at in 0..PATHS.len() {
            let mut first = Reader::new(at, 2);
            while !first.is_at_end(self.around()) {
                let mut random = Random::new(self.random.number());
                let around = self.around();
                first.ask(&self.offered.host, around, None, &mut random, &mut tally).await;
                first.read(usize::MAX, around, &mut tally).await;
            }
        }
        sleep(Duration::from_secs(5)).await;
    }

    fn around(&self) -> Around<'_> {
        Around {
            journals: &self.journals,
            forgets: self.rules.forgets,
            is_crowded: self.rules.readers_max < 10,
            server: self.server,
            is_ending: false,
        }
    }

    pub(crate) async fn play(mut self, tally: &mut Tally) {
        for _ in 0..60 + self.random.below(120) {
            let at = self.random.below(self.readers.len() as u64) as usize;
            match self.random.below(20) {
                0..6 => {
                    let most = if self.random.chance(10) { 60 } else { 4 };
                    for _ in 0..=self.random.below(most) {
                        self.send();
                        self.turns().await;
                    }
                }
                6..9 => self.ask(at, tally).await,
                9..13 => self.read(at, usize::MAX, tally).await,
                13..15 => {
                    let max = self.random.below(600) as usize;
                    self.read(at, max, tally).await;
                }
                15 => {
                    for at in 0..self.readers.len() {
                        self.read(at, usize::MAX, tally).await;
                    }
                }
                16 => {
                    for at in 0..self.readers.len() {
                        if !self.readers[at].is_live() {
                            self.ask(at, tally).await;
                        }
                    }
                }
                17 if self.random.chance(50) => self.readers[at].leave(tally),
                17 if self.random.chance(10) => self.restart(tally).await,
                _ => self.wait().await,
            }
            self.offered.assert_bounded(&self.rules);
        }
        for at in 0..self.readers.len() {
            self.catch_up(at, tally).await;
        }
        self.readers.iter_mut().for_each(|reader| reader.leave(tally));
        self.assert_left().await;
    }

    /// Others run for some steps, and time stands still.
    async fn turns(&mut self) {
        for _ in 0..self.random.below(8).saturating_sub(3) {
            yield_now().await;
        }
    }

    async fn wait(&mut self) {
        let seconds = if self.random.chance(90) { 20 } else { 200 };
        sleep(Duration::from_millis(self.random.below(seconds * 1000))).await;
    }

    async fn ask(&mut self, at: usize, tally: &mut Tally) {
        let other = self.random.below(self.readers.len() as u64) as usize;
        let mut reader = self.take(at);
        let foreign = self.readers[other].cursor().map(str::to_owned);
        let foreign = foreign.filter(|_| self.readers[other].feed != reader.feed);
        let mut random = Random::new(self.random.number());
        reader.ask(&self.offered.host, self.around(), foreign, &mut random, tally).await;
        self.readers[at] = reader;
        self.turns().await;
    }

    async fn read(&mut self, at: usize, max: usize, tally: &mut Tally) {
        let mut reader = self.take(at);
        reader.read(max, self.around(), tally).await;
        self.readers[at] = reader;
    }

    fn take(&mut self, at: usize) -> Reader {
        std::mem::replace(&mut self.readers[at], Reader::new(0, 0))
    }

    /// Reads to the end of what there is, however often it is cut off on the way.
    async fn catch_up(&mut self, at: usize, tally: &mut Tally) {
        for other in &mut self.readers {
            other.leave(tally);
        }
        let feed = self.readers[at].feed;
        for _ in 0..100 + 10 * self.journals[feed].kept.len() {
            if self.readers[at].is_at_end(self.around()) {
                return;
            }
            self.ask(at, tally).await;
            self.read(at, usize::MAX, tally).await;
        }
        panic!("a reader of {} does not come to its end", PATHS[feed]);
    }

    /// The server ends and another takes its place, which knows nothing of what was before.
    async fn restart(&mut self, tally: &mut Tally) {
        self.offered.host.server.shutdown().await;
        for at in 0..self.readers.len() {
            let mut reader = self.take(at);
            let around = Around { is_ending: true, ..self.around() };
            reader.read(usize::MAX, around, tally).await;
            assert!(!reader.is_live(), "an answer of {} goes on", PATHS[reader.feed]);
            self.readers[at] = reader;
        }
        self.assert_left().await;
        self.offered = Offered::new(&self.rules);
        self.server += 1;
        self.journals.iter_mut().for_each(Journal::forget);
        self.begin().await;
        tally.restarts += 1;
    }

    /// Nothing is left of those who read.
    async fn assert_left(&self) {
        sleep(Duration::from_secs(3)).await;
        assert_eq!((self.offered.feeds.readers(), self.offered.stream.listeners()), (0, 0));
        let tasks = Handle::current().metrics().num_alive_tasks();
        assert!(tasks <= self.tasks, "{} tasks are left", tasks - self.tasks);
    }
}
