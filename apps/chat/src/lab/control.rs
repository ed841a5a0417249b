//! The control WebSocket: what the page asks of its visit, and what it is told.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{HOST, ORIGIN};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use axum::routing::any;
use sockeye_websocket::ws::CloseCode;
use sockeye_websocket::{
    Acceptor, Config, Connections, Message, Reader, SendError, WebSocket, Writer,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use super::board::{Board, now_ms};
use super::contract::{
    CLOSE_FULL, CONTROL_PATH, FromPage, FromServer, Road, RoadNumbers, Sent, Settings,
};
use super::handshake;
use super::settings::{self, LIMITS, VISITS_MAX};
use super::visit::{PageAddress, Visit};

/// Where the guide's pages begin.
const GUIDE_URL: &str = "https://github.com/sockeye-rs/sockeye/blob/main/docs/guide/";
/// How often the page is told what passed.
const TELL_INTERVAL: Duration = Duration::from_millis(100);
/// How often the page is told what was counted.
const NUMBERS_INTERVAL: Duration = Duration::from_millis(250);
/// A page that has so much to read is told nothing new until it has read: less than what a writer waits
/// at, so that the feed goes on meanwhile.
const QUEUED_BYTES_MAX: usize = 32 * 1024;
/// The most bytes of a message from the page.
const MESSAGE_BYTES_MAX: usize = 4 * 1024;
/// An end that says nothing for so long is gone, and its visit with it.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// Feed that is late by more is not made up for.
const LATE_MAX: Duration = Duration::from_secs(1);

/// The lab of a server: its visits, at most eight at the same time.
///
/// ```
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// use sockeye_chat::lab::Lab;
///
/// let lab = Lab::new(Some("127.0.0.1"));
/// let router: axum::Router = lab.router(); // the control WebSocket; the page is another's
/// # drop(router);
/// lab.shutdown().await;
/// # });
/// ```
#[derive(Clone, Debug)]
pub struct Lab(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// Where the taps listen.
    host: String,
    places: Arc<Semaphore>,
    visits: AtomicU64,
    connections: Connections,
}

impl Lab {
    /// A lab whose taps listen on `host`; by default on this machine alone.
    pub fn new(host: Option<&str>) -> Self {
        Self(Arc::new(Inner {
            host: host.unwrap_or("localhost").to_owned(),
            places: Arc::new(Semaphore::new(VISITS_MAX)),
            visits: AtomicU64::new(0),
            connections: Connections::new(),
        }))
    }

    /// The control WebSocket at [`CONTROL_PATH`], for pages of its own origin. Whoever serves it checks
    /// for which hosts requests are.
    pub fn router(&self) -> Router {
        let lab = self.clone();
        Router::new()
            .route(CONTROL_PATH, any(async move |request: Request| lab.clone().accept(request)))
    }

    /// Ends all visits, within five seconds.
    pub async fn shutdown(&self) {
        self.0.connections.shutdown(Duration::from_secs(5)).await;
    }

    fn accept(self, mut request: Request) -> Response {
        let acceptor = Acceptor::new()
            .config(Config {
                message_bytes_max: MESSAGE_BYTES_MAX,
                idle_timeout: Some(IDLE_TIMEOUT),
                keep_alive_interval: Some(IDLE_TIMEOUT / 3),
                ..Config::default()
            })
            .connections(&self.0.connections);
        let page = page_address(request.headers(), request.uri());
        let (response, upgrade) = match acceptor.upgrade::<Body, Body>(&mut request) {
            Ok(accepted) => accepted,
            Err(refusal) => return refusal.into_response::<Body>(),
        };
        tokio::spawn(async move {
            let Ok(socket) = upgrade.await else { return };
            match (Arc::clone(&self.0.places).try_acquire_owned(), page) {
                (Err(_), _) => {
                    let reason = format!(
                        "all {VISITS_MAX} visits are taken: close the lab in another tab, or come back later"
                    );
                    let _ = socket.close(CloseCode::new(CLOSE_FULL), &reason).await;
                }
                (_, None) => {
                    let _ = socket.close(CloseCode::POLICY, "the request has no Host").await;
                }
                (Ok(place), Some(page)) => self.visit(socket, page, place).await,
            }
        });
        response
    }

    async fn visit(self, socket: WebSocket, page: PageAddress, _place: OwnedSemaphorePermit) {
        let visit = match Visit::begin(&self.0.host, &page).await {
            Ok(visit) => visit,
            Err(error) => {
                tracing::warn!(error = format!("{error:#}"), "a visit of the lab cannot begin");
                let reason = "the lab cannot listen for its roads; the server's log says why";
                let _ = socket.close(CloseCode::INTERNAL, reason).await;
                return;
            }
        };
        let number = self.0.visits.fetch_add(1, Ordering::Relaxed) + 1;
        let (reader, writer) = socket.split();
        let mut control = Control::new(visit, writer);
        // Whatever ends it, the visit ends.
        let _ = control.run(number, page.host, reader).await;
        control.visit.end().await;
    }
}

fn page_address(headers: &HeaderMap, uri: &Uri) -> Option<PageAddress> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let named = text(HOST).or_else(|| uri.authority().map(Authority::as_str))?;
    let authority: Authority = named.parse().ok()?;
    let origin = text(ORIGIN).map_or_else(|| format!("http://{named}"), str::to_owned);
    Some(PageAddress { origin, host: authority.host().to_owned() })
}

/// The control of one visit.
struct Control {
    visit: Visit,
    writer: Writer,
    settings: Settings,
    /// When the next burst is due.
    next_burst: Instant,
    race: Option<Race>,
    told: Option<(Sent, Settings, [RoadNumbers; 8])>,
}

/// An event by itself, which the regular ones wait for.
struct Race {
    n: u64,
    /// The roads that were open when it was sent.
    open: Vec<Road>,
    until: Instant,
    told: usize,
}

impl Control {
    fn new(visit: Visit, writer: Writer) -> Self {
        let (settings, next_burst) = (settings::FIRST, Instant::now());
        Self { visit, writer, settings, next_burst, race: None, told: None }
    }

    /// Goes on until the WebSocket has ended.
    async fn run(
        &mut self,
        visit: u64,
        origin_host: String,
        mut reader: Reader,
    ) -> Result<(), SendError> {
        let hello = FromServer::Hello {
            visit,
            origin_host,
            roads: self.visit.addresses.clone(),
            settings: self.settings,
            limits: LIMITS,
            guide_url: GUIDE_URL.to_owned(),
        };
        self.tell(&hello).await?;
        let (mut tell, mut numbers) = (interval(TELL_INTERVAL), interval(NUMBERS_INTERVAL));
        tell.set_missed_tick_behavior(MissedTickBehavior::Delay);
        numbers.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let is_sending = self.settings.running && self.race.is_none();
            let has_room = self.writer.queued_bytes() <= QUEUED_BYTES_MAX;
            tokio::select! {
                message = reader.recv() => {
                    let Ok(Some(message)) = message else { return Ok(()) };
                    // Of both the connection takes care.
                    if matches!(message, Message::Ping(_) | Message::Pong(_)) {
                        continue;
                    }
                    if let Err((of, message)) = self.hear(message.as_text().unwrap_or_default()) {
                        self.tell(&FromServer::Refused { of, message }).await?;
                    }
                }
                () = sleep_until(self.next_burst), if is_sending => self.burst(),
                _ = tell.tick() => if has_room { self.tell_passed().await? },
                _ = numbers.tick() => if has_room { self.tell_numbers().await? },
            }
        }
    }

    async fn tell(&self, message: &FromServer) -> Result<(), SendError> {
        let json = serde_json::to_string(message).expect("plain structs with string keys");
        self.writer.send(&*json).await
    }

    fn burst(&mut self) {
        for _ in 0..self.settings.burst {
            self.visit.send(self.settings.size);
        }
        let now = Instant::now();
        self.next_burst += self.period();
        if self.next_burst + LATE_MAX < now {
            self.next_burst = now;
        }
    }

    fn period(&self) -> Duration {
        Duration::from_secs_f64(self.settings.rate.recip())
    }

    /// Does what the page asks, or says of which message it does not, and why.
    fn hear(&mut self, text: &str) -> Result<(), (String, String)> {
        let message: FromPage = settings::parse(text)?;
        let of = settings::name(&message);
        self.obey(message).map_err(|why| (of.to_owned(), why))
    }

    fn obey(&mut self, message: FromPage) -> Result<(), String> {
        match message {
            FromPage::Set { rate, size, burst, running } => {
                self.settings = settings::set(self.settings, rate, size, burst, running)?;
                self.next_burst =
                    self.next_burst.clamp(Instant::now(), Instant::now() + self.period());
            }
            FromPage::Line { road, delay_ms, bytes_per_second } => {
                settings::check_line(delay_ms, bytes_per_second)?;
                for road in road.roads() {
                    let tap = &self.visit.taps[road.index()];
                    let mut line = tap.line();
                    if let Some(delay) = delay_ms {
                        line.delay = Duration::from_millis(delay.into());
                    }
                    line.bytes_per_second = bytes_per_second.unwrap_or(line.bytes_per_second);
                    tap.set_line(line);
                }
            }
            FromPage::Cut { road, for_ms } => {
                settings::check_cut(for_ms)?;
                for road in road.roads() {
                    self.visit.taps[road.index()].cut(Duration::from_millis(for_ms.into()));
                }
            }
            FromPage::Watch { road } => self.board().watch(road),
            FromPage::Race {} => self.begin_race()?,
            FromPage::Reset {} => self.board().reset(),
        }
        Ok(())
    }

    fn board(&self) -> parking_lot::MutexGuard<'_, Board> {
        self.visit.board.lock()
    }

    fn begin_race(&mut self) -> Result<(), String> {
        if self.race.is_some() {
            return Err("a race is under way: wait for its end".to_owned());
        }
        let open = self.board().open_roads();
        if open.is_empty() {
            return Err("no road is open: open one first".to_owned());
        }
        let until = Instant::now() + Duration::from_millis(LIMITS.race_ms_max.into());
        let size = self.settings.size;
        let n = self.visit.send_first(size, Board::begin_race);
        self.race = Some(Race { n, open, until, told: 0 });
        Ok(())
    }

    /// What passed since the last time.
    async fn tell_passed(&mut self) -> Result<(), SendError> {
        let (seen, records, handshakes) = {
            let mut board = self.board();
            (board.take_seen(), board.take_records(), board.take_handshakes())
        };
        let (items, dropped) = seen;
        if !items.is_empty() {
            self.tell(&FromServer::Seen { items, dropped }).await?;
        }
        for (road, request, response) in handshakes {
            self.tell(&handshake::told(road, &request, &response)).await?;
        }
        if let Some((road, records, dropped)) = records
            && !records.is_empty()
        {
            self.tell(&FromServer::Wire { road, records, dropped }).await?;
        }
        self.tell_race().await
    }

    async fn tell_race(&mut self) -> Result<(), SendError> {
        let Some(race) = &self.race else { return Ok(()) };
        let order = self.board().raced().to_vec();
        let has_shown = |road: &Road| order.iter().any(|(it, _)| it == road);
        let done = race.open.iter().all(has_shown) || Instant::now() >= race.until;
        if !done && order.len() == race.told {
            return Ok(());
        }
        let (n, told) = (race.n, order.len());
        self.tell(&FromServer::Raced { n, order, done }).await?;
        if done {
            self.race = None;
            self.board().end_race();
            self.next_burst = Instant::now() + self.period();
        } else if let Some(race) = &mut self.race {
            race.told = told;
        }
        Ok(())
    }

    /// What was counted, if that has changed.
    async fn tell_numbers(&mut self) -> Result<(), SendError> {
        let (sent, mut numbers) = self.board().numbers();
        for (numbers, tap) in numbers.iter_mut().zip(&self.visit.taps) {
            numbers.line = tap.line().into();
        }
        let now = (sent, self.settings, numbers);
        if self.told == Some(now) {
            return Ok(());
        }
        self.told = Some(now);
        let roads: BTreeMap<_, _> = Road::ALL.into_iter().zip(numbers).collect();
        let settings = self.settings;
        self.tell(&FromServer::Numbers { at: now_ms(), sent, settings, roads }).await
    }
}
