//! One node of a cluster, whose server is driven by lines of JSON: requests on standard input, answers and what happens on
//! standard output. It takes the place of one of the nodes in the suites of the official adapters.

mod control;
mod lines;
mod value;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::{Args, ValueEnum};
use parking_lot::Mutex;
use serde_json::{Value, json};
use sockeye::{
    Ack, Config, DisconnectReason, Io, Namespace, RawArgs, RecoveryConfig, Room, RoomChange,
    Server, ServerSideEvent, Socket,
};
use sockeye_cluster::{Bus, BusCluster, ClusterConfig};
use sockeye_redis::{
    ClassicBus, ClassicConfig, ShardedBus, ShardedConfig, StreamsBus, StreamsConfig,
    SubscriptionMode,
};
use tokio::sync::oneshot;

use self::control::Control;
use self::lines::say;

/// Options of the node.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// What carries messages between the nodes.
    #[arg(long)]
    bus: Kind,
    /// Where it is, such as redis://127.0.0.1:6379.
    #[arg(long)]
    url: String,
    /// Port, the same for both loopback families; 0 takes a free one.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// How channels begin, and the name of the streams.
    #[arg(long, default_value = "socket.io")]
    key: String,
    /// Which rooms have channels of their own: redis-sharded.
    #[arg(long, default_value = "dynamic")]
    subscription_mode: Mode,
    /// Streams: redis-streams.
    #[arg(long, value_name = "N", default_value_t = 1)]
    stream_count: u32,
    /// Messages that are not kept travel on channels of shards: redis-streams.
    #[arg(long)]
    sharded_pubsub: bool,
    /// Answers go to the node that asked alone: redis.
    #[arg(long)]
    specific_response_channel: bool,
    /// Milliseconds between two heartbeats; a node is gone after twice as long.
    #[arg(long, value_name = "MS", default_value_t = 5_000)]
    heartbeat_ms: u64,
    /// Milliseconds for which answers are waited for, where a request does not say.
    #[arg(long, value_name = "MS", default_value_t = 5_000)]
    timeout_ms: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// `createAdapter` of `@socket.io/redis-adapter`.
    Redis,
    /// `createShardedAdapter` of `@socket.io/redis-adapter`.
    RedisSharded,
    /// `createAdapter` of `@socket.io/redis-streams-adapter`, with recovery.
    RedisStreams,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Mode {
    Static,
    Dynamic,
    DynamicPrivate,
}

impl From<Mode> for SubscriptionMode {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Static => Self::Static,
            Mode::Dynamic => Self::Dynamic,
            Mode::DynamicPrivate => Self::DynamicPrivate,
        }
    }
}

pub(crate) async fn serve(arguments: &Arguments) -> Result<()> {
    let Arguments { key, url, .. } = arguments;
    match arguments.bus {
        Kind::Redis => {
            let mut config = ClassicConfig::default();
            config.key.clone_from(key);
            config.specific_response_channel = arguments.specific_response_channel;
            serve_over(ClassicBus::new(url, config)?, arguments).await
        }
        Kind::RedisSharded => {
            let mut config = ShardedConfig::default();
            config.prefix.clone_from(key);
            config.mode = arguments.subscription_mode.into();
            serve_over(ShardedBus::new(url, config)?, arguments).await
        }
        Kind::RedisStreams => {
            let mut config = StreamsConfig::default();
            config.stream_name.clone_from(key);
            config.channel_prefix.clone_from(key);
            config.stream_count = arguments.stream_count;
            config.use_sharded_pub_sub = arguments.sharded_pubsub;
            serve_over(StreamsBus::new(url, config)?, arguments).await
        }
    }
}

/// What a client of this node has set as its data.
type Data = Value;

/// Events between nodes that wait for their answer, by the number that they were told with.
#[derive(Clone, Default)]
struct Calls {
    waiting: Arc<Mutex<HashMap<u64, oneshot::Sender<RawArgs>>>>,
    next: Arc<AtomicU64>,
}

async fn serve_over(bus: impl Bus, arguments: &Arguments) -> Result<()> {
    let heartbeat = Duration::from_millis(arguments.heartbeat_ms);
    let timeout = Duration::from_millis(arguments.timeout_ms);
    let name = format!("stand-in {}", std::process::id());
    let mut cluster = ClusterConfig::new(name).heartbeat(heartbeat, 2 * heartbeat);
    cluster.request_timeout = timeout;
    let cluster = BusCluster::new(bus, cluster);
    let calls = Calls::default();
    let recovery = (arguments.bus == Kind::RedisStreams).then(|| {
        let max_disconnection = Duration::from_secs(5);
        RecoveryConfig { max_disconnection, ..RecoveryConfig::default() }
    });
    let every = regex::Regex::new("^/")?;
    let server = Server::builder()
        .config(Config { ack_timeout: timeout, recovery, ..Config::default() })
        .namespace(namespace(Namespace::new("/"), &calls))
        .namespace(namespace(Namespace::matching(every), &calls))
        .cluster(cluster.clone())
        .build()?;
    let listeners = sockeye_websocket::bind(("localhost", arguments.port))
        .await
        .with_context(|| format!("cannot listen on --port {}", arguments.port))?;
    let port = listeners.first().context("nothing to listen on")?.local_addr()?.port();
    cluster.ready().await;
    say(&json!({ "event": "listening", "port": port }));

    let is_classic = arguments.bus == Kind::Redis;
    let control = Control { server: server.clone(), cluster, calls, is_classic };
    let driven = async move {
        let mut lines = lines::read();
        while let Some(line) = lines.recv().await {
            if control.take(&line) {
                break;
            }
        }
    };
    let serving = server.serve(listeners).with_graceful_shutdown(driven);
    serving.await?;
    // The server is gone with its last handle; what it says to the others then is still to be written.
    drop(server);
    tokio::time::sleep(Duration::from_millis(100)).await;
    Ok(())
}

fn namespace(namespace: Namespace, calls: &Calls) -> Namespace {
    let calls = calls.clone();
    namespace
        .share::<Data>()
        .on_connected(connected)
        .on_disconnect(disconnected)
        .on_room_change(room_changed)
        .server_side_fallback(move |io, event| server_side(calls.clone(), io, event))
}

async fn connected(socket: Socket) {
    let Some(found) = control::local(&socket.io(), socket.id().as_str()).await else { return };
    say(&json!({
        "event": "connection",
        "nsp": socket.namespace(),
        "socket": socket.id().as_str(),
        "rooms": rooms(&socket.rooms()),
        "handshake": found["handshake"],
        "data": found["data"],
        "recovered": socket.recovered(),
    }));
}

async fn disconnected(socket: Socket, reason: DisconnectReason) {
    say(&json!({
        "event": "disconnect",
        "nsp": socket.namespace(),
        "socket": socket.id().as_str(),
        "reason": reason.as_str(),
    }));
}

fn room_changed(io: &Io, change: &RoomChange) {
    let (RoomChange::Joined { id, .. } | RoomChange::Left { id, .. }) = change else { return };
    if let Some(socket) = io.socket(id.as_str()) {
        say(&json!({
            "event": "rooms",
            "nsp": io.namespace(),
            "socket": id.as_str(),
            "rooms": rooms(&socket.rooms()),
        }));
    }
}

/// Tells the event; its answer, if one is wanted, is what the request `answer` brings.
async fn server_side(calls: Calls, io: Io, event: ServerSideEvent) -> Ack<RawArgs> {
    let ServerSideEvent { event, is_request, .. } = event;
    let mut told = json!({
        "event": "server_side",
        "nsp": io.namespace(),
        "name": event.name,
        "args": value::of(&event.args),
    });
    if !is_request {
        say(&told);
        return Ack(RawArgs::default());
    }
    let (answer, answered) = oneshot::channel();
    let call = calls.next.fetch_add(1, Ordering::Relaxed);
    calls.waiting.lock().insert(call, answer);
    told["call"] = call.into();
    say(&told);
    match answered.await {
        Ok(args) => Ack(args),
        // The process ends.
        Err(_) => std::future::pending().await,
    }
}

fn rooms(rooms: &[Room]) -> Vec<&str> {
    rooms.iter().map(Room::as_str).collect()
}
