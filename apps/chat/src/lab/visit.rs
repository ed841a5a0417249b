//! What a visit has of its own: a server, and a tap before it for each road.

use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::routing::any;
use parking_lot::Mutex;
use sockeye::engine::{self, Origins};
use sockeye::sockjs::{self, SockJs};
use sockeye::{Config, Io, Namespace, Server};
use sockeye_feeds::{Feeds, FeedsConfig, History};
use sockeye_websocket::{Acceptor, AllowedHosts, Connections, Group, HttpServer, bind};
use sockeye_websocket::{Config as WebSocketConfig, WebSocket};
use tokio::task::JoinSet;

use super::board::{Board, now_ms};
use super::contract::{EVENT, NAMESPACE, Road, RoadAddress, Tick};
use super::sockjs::Listeners;
use super::tap::Tap;

const FEED_PATH: &str = "/socket.io/feeds/lab";
const SOCKET_IO_PATH: &str = "/socket.io/";
const SOCKJS_PATH: &str = "/sockjs";
const WEBSOCKET_PATH: &str = "/websocket";
/// What a session may have waiting, so that a slow line holds little: more ends it.
const QUEUED_BYTES_MAX: usize = 1024 * 1024;
/// What all sessions of one protocol may have waiting.
const QUEUED_BYTES_MAX_TOTAL: usize = 32 * 1024 * 1024;
/// Those of Socket.IO, and those of SockJS: a polling one outlives its connections.
const SESSIONS_MAX: u32 = 256;
/// What the feed keeps for those who poll: two seconds of the most that is sent, in events and in bytes.
const KEPT_EVENTS_MAX: usize = 4 * 1024;
const KEPT_BYTES_MAX: usize = 8 * 1024 * 1024;
/// How long raw WebSockets may take to end.
const END_TIMEOUT: Duration = Duration::from_secs(1);

/// Where the page is, as its browser says.
#[derive(Clone, Debug)]
pub(crate) struct PageAddress {
    /// `http://localhost:3200`.
    pub(crate) origin: String,
    /// `localhost`.
    pub(crate) host: String,
}

/// One visit. It is over when it is dropped; [`Visit::end`] is the friendly way.
#[derive(Debug)]
pub(crate) struct Visit {
    pub(crate) board: Arc<Mutex<Board>>,
    pub(crate) taps: Vec<Tap>,
    pub(crate) addresses: Vec<RoadAddress>,
    server: Server,
    events: Io,
    sockjs: SockJs<Listeners>,
    listeners: Listeners,
    group: Group,
    websockets: Connections,
    _http: JoinSet<io::Result<()>>,
}

impl Visit {
    /// Begins a visit of `page`, whose taps listen on `host`.
    ///
    /// # Errors
    /// When `host` cannot be listened on, or `page` has no origin that a browser would have.
    pub(crate) async fn begin(host: &str, page: &PageAddress) -> anyhow::Result<Self> {
        let hosts = AllowedHosts::local();
        let hosts = page.host.parse().into_iter().fold(hosts, AllowedHosts::and);
        let origin = page.origin.parse().context("the page has no origin")?;
        let limits = engine::Config {
            origins: Origins::SameOriginOr(vec![origin]),
            allowed_hosts: Some(hosts.clone()),
            // What travels is to be read in the view of the wire.
            compress_from_bytes: None,
            queued_bytes_max: QUEUED_BYTES_MAX,
            queued_bytes_max_total: QUEUED_BYTES_MAX_TOTAL,
            sessions_per_address_max: Some(SESSIONS_MAX),
            ..engine::Config::default()
        };
        let namespace: Namespace = Namespace::new(NAMESPACE).on_read(async || {});
        let config = Config { engine: limits.clone(), ..Config::default() };
        // A statement of the page compares the handshakes of clients of 2.x and of 4.x.
        let server =
            Server::builder().config(config).allow_eio3(true).namespace(namespace).build()?;
        Feeds::builder().config(feed_config()).offer(NAMESPACE).mount(&server)?;
        let events = server.of(NAMESPACE).context("the namespace is there")?;
        let listeners = Listeners::default();
        let place = sockjs::Config { path: SOCKJS_PATH.to_owned(), ..sockjs::Config::default() };
        let sockjs = SockJs::new(place, limits.clone(), listeners.clone())?;
        let (group, websockets) = (Group::new(), Connections::new());
        let acceptor = Acceptor::new()
            .config(WebSocketConfig {
                queued_bytes_max: QUEUED_BYTES_MAX,
                ..WebSocketConfig::default()
            })
            .origins(limits.origins)
            .allowed_hosts(hosts)
            .connections(&websockets);
        let router = router(&server, &sockjs, acceptor, &group);

        let inner = bind((Ipv4Addr::LOCALHOST.to_string().as_str(), 0)).await?;
        let address = inner.first().context("an address of loopback")?.local_addr()?;
        let mut http = JoinSet::new();
        http.spawn(HttpServer::new(inner, router).into_future());
        let board = Arc::default();
        let (mut taps, mut addresses) = (Vec::new(), Vec::new());
        for road in Road::ALL {
            let listeners = bind((host, 0)).await?;
            let port = listeners.first().context("an address of the host")?.local_addr()?.port();
            addresses.push(address_of(road, port));
            taps.push(Tap::new(road, listeners, address, &board));
        }
        Ok(Self {
            board,
            taps,
            addresses,
            server,
            events,
            sockjs,
            listeners,
            group,
            websockets,
            _http: http,
        })
    }

    /// Sends the next event on every road: its number.
    pub(crate) fn send(&self, size: u32) -> u64 {
        self.send_first(size, |_, _| {})
    }

    /// The same, but first tells the board its number.
    pub(crate) fn send_first(&self, size: u32, tell: impl FnOnce(&mut Board, u64)) -> u64 {
        let n = {
            let mut board = self.board.lock();
            let n = board.send();
            tell(&mut board, n);
            n
        };
        let (tick, json) = tick(n, now_ms(), size as usize);
        self.board.lock().sent(json.len());
        if let Err(error) = self.events.emit(EVENT, &tick) {
            tracing::warn!(%error, "an event of the lab was not sent");
        }
        self.group.send(&*json);
        self.listeners.send(&json);
        n
    }

    /// Ends everything, the ports first.
    pub(crate) async fn end(self) {
        drop(self.taps);
        self.server.shutdown().await;
        self.sockjs.engine().shutdown(engine::CloseReason::ServerShutdown).await;
        self.websockets.shutdown(END_TIMEOUT).await;
    }
}

fn feed_config() -> FeedsConfig {
    let history =
        History { events_max: KEPT_EVENTS_MAX, bytes_max: KEPT_BYTES_MAX, ..History::default() };
    FeedsConfig { history, ..FeedsConfig::default() }
}

/// An event of `size` bytes, or of what it takes without filling, and its JSON.
fn tick(n: u64, at: f64, size: usize) -> (Tick, String) {
    let mut tick = Tick { n, mark: format!("#{n}#"), at, pad: String::new() };
    let json = |tick: &Tick| serde_json::to_string(tick).expect("a plain struct");
    let bare = json(&tick).len();
    tick.pad = "x".repeat(size.saturating_sub(bare));
    let json = json(&tick);
    (tick, json)
}

fn address_of(road: Road, port: u16) -> RoadAddress {
    let path = match road {
        Road::Polling | Road::LongPolling | Road::Ndjson | Road::Sse => FEED_PATH,
        Road::Sockjs => SOCKJS_PATH,
        Road::SocketIoPolling | Road::SocketIo => SOCKET_IO_PATH,
        Road::Websocket => WEBSOCKET_PATH,
    };
    RoadAddress { id: road, port, available: true, path: path.to_owned() }
}

fn router(
    server: &Server,
    sockjs: &SockJs<Listeners>,
    acceptor: Acceptor,
    group: &Group,
) -> Router {
    let group = group.clone();
    let websocket = async move |mut request: Request| {
        let (response, upgrade) = match acceptor.upgrade::<Body, Body>(&mut request) {
            Ok(accepted) => accepted,
            Err(refusal) => return refusal.into_response::<Body>(),
        };
        tokio::spawn(async move {
            if let Ok(socket) = upgrade.await {
                listen(&group, socket).await;
            }
        });
        response
    };
    Router::new()
        .route(WEBSOCKET_PATH, any(websocket))
        .route_service(SOCKJS_PATH, sockjs.clone().into_service())
        .route_service(&format!("{SOCKJS_PATH}/{{*rest}}"), sockjs.clone().into_service())
        .fallback_service(server.clone().into_service())
}

async fn listen(group: &Group, mut socket: WebSocket) {
    let _membership = group.join(&socket);
    while let Ok(Some(_)) = socket.recv().await {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_has_the_size_that_was_asked_for() {
        for size in [64, 65, 200, 65_536] {
            for (n, at) in [(1, 1_764_486_511_123.0), (1_234_567, 1_764_486_511_123.4)] {
                let (event, json) = tick(n, at, size);
                assert_eq!(json.len(), size, "{json}");
                assert_eq!(serde_json::from_str::<Tick>(&json).unwrap(), event);
            }
        }
        assert!(tick(u64::MAX, 0.0, 1).1.len() > 64);
    }
}
