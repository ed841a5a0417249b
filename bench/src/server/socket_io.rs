//! Socket.IO: `echo`, `broadcast` and `ack`; `room`, which reaches the clients that said `enter`; `feed`, which
//! goes to a room that is read over plain HTTP.

use sockeye::{Ack, Config, EmitError, Namespace, RawArgs, Server, Socket};
use sockeye_cluster::{BusCluster, ClusterConfig};
use sockeye_feeds::Feeds;
use sockeye_redis::{
    ClassicBus, ClassicConfig, ShardedBus, ShardedConfig, StreamsBus, StreamsConfig,
};

use super::engine_io::limits;
use super::{Bus, BusKind, Options};

/// The server at `/socket.io/`; with feeds at `/socket.io/feeds` if they are asked for.
pub(crate) fn server(options: &Options) -> anyhow::Result<Server> {
    let namespace = Namespace::new("/")
        .on("echo", echo)
        .on("broadcast", broadcast)
        .on("enter", async |socket: Socket| socket.join(ROOM))
        .on("room", room)
        .on("feed", feed)
        .on("ack", acknowledge)
        .on_read(async || {});
    let mut config = Config::default();
    config.engine = limits(config.engine);
    let builder = Server::builder().config(config).namespace(namespace);
    let name = std::process::id().to_string();
    let server = match &options.bus {
        None => builder.build()?,
        Some(Bus { kind: BusKind::Classic, redis }) => {
            let bus = ClassicBus::new(redis, ClassicConfig::default())?;
            builder.cluster(BusCluster::new(bus, ClusterConfig::new(name))).build()?
        }
        Some(Bus { kind: BusKind::Sharded, redis }) => {
            let bus = ShardedBus::new(redis, ShardedConfig::default())?;
            builder.cluster(BusCluster::new(bus, ClusterConfig::new(name))).build()?
        }
        Some(Bus { kind: BusKind::Streams, redis }) => {
            let bus = StreamsBus::new(redis, StreamsConfig::default())?;
            builder.cluster(BusCluster::new(bus, ClusterConfig::new(name))).build()?
        }
    };
    if options.feeds {
        Feeds::builder().offer_room("/", READERS).mount(&server)?;
    }
    Ok(server)
}

const ROOM: &str = "members";
/// In which no socket is.
const READERS: &str = "readers";

async fn echo(socket: Socket, args: RawArgs) -> Result<(), EmitError> {
    socket.emit("echo", &args)
}

async fn broadcast(socket: Socket, args: RawArgs) -> Result<(), EmitError> {
    socket.io().emit("broadcast", &args)
}

async fn room(socket: Socket, args: RawArgs) -> Result<(), EmitError> {
    socket.io().to(ROOM).emit("room", &args)
}

async fn feed(socket: Socket, args: RawArgs) -> Result<(), EmitError> {
    socket.io().to(READERS).emit("feed", &args)
}

async fn acknowledge(args: RawArgs) -> Ack<RawArgs> {
    Ack(args)
}
