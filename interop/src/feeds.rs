//! The server for whoever reads and writes over plain HTTP: every namespace offered as feeds, streams
//! that anybody may make and write, and clients who have events emitted.

use std::time::Duration;

use anyhow::Result;
use clap::Args as Options;
use serde::Deserialize;
use serde_json::Deserializer;
use serde_json::value::RawValue;
use sockeye::engine::Origins;
use sockeye::{
    Ack, Args, Config, EventError, Io, Namespace, RawArgs, Refuse, Room, Server, Visitor,
};
use sockeye_feeds::publish::{MemoryKeys, NewKey, Publishing};
use sockeye_feeds::{Access, Feeds, FeedsConfig, Reading, Streams, StreamsConfig};

use crate::serving::{Listen, self_signed};

/// Options of this server. What is not given is as the library has it.
#[derive(Debug, Options)]
pub(crate) struct Arguments {
    #[command(flatten)]
    listen: Listen<4437>,
    /// Serves HTTPS with a certificate of its own, over HTTP/2 too.
    #[arg(long)]
    tls_self_signed: bool,
    /// Lets only pages of its own origin in, and those of `--allow-origin`. Without either every page is let
    /// in: the suite of Durable Streams asks as one of another.
    #[arg(long)]
    same_origin: bool,
    /// Events that a feed keeps.
    #[arg(long, value_name = "COUNT")]
    history_events: Option<usize>,
    /// Milliseconds of silence until a heartbeat.
    #[arg(long, value_name = "MS")]
    heartbeat: Option<u64>,
    /// Milliseconds until `EventSource` comes back.
    #[arg(long, value_name = "MS")]
    retry: Option<u64>,
    /// Milliseconds that a long poll waits: the suite of Durable Streams gives each case five seconds.
    #[arg(long, value_name = "MS", default_value_t = 1_000)]
    long_poll: u64,
    /// Milliseconds in which a reader may take nothing of what is written to it.
    #[arg(long, value_name = "MS")]
    write_timeout: Option<u64>,
    /// Readers at once.
    #[arg(long, value_name = "COUNT")]
    readers_max: Option<usize>,
}

/// | address | who may read |
/// |---|---|
/// | `/socket.io/feeds/~`, `news`, `a%2Fb` and their rooms | everybody, but not the room `secret` |
/// | `/socket.io/feeds/club` | whose token is `ticket to ride` |
/// | `/socket.io/feeds/closed` | nobody |
/// | `/v1/stream/..` | everybody, who may also write |
/// | `/api/v1/..` | whoever has the key `sk_test_stand_in`, who may do everything |
///
/// A client of each of these namespaces can `publish`: a room or null, the name of an event and its
/// arguments. `publish volatile` does so for those who are there. Both are acknowledged.
pub(crate) async fn serve(arguments: &Arguments) -> Result<()> {
    let mut config = Config::default();
    if !arguments.same_origin && !arguments.listen.names_origins() {
        config.engine.origins = Origins::Any;
    }
    arguments.listen.configure(&mut config.engine, 25_000, 20_000);
    let server = Server::builder()
        .config(config)
        .namespace(publishing("/").on_read(but_secrets))
        .namespace(publishing("/news").on_read(but_secrets))
        .namespace(publishing("/a/b").on_read(but_secrets))
        .namespace(publishing("/club").on_connect(members).on_read(but_secrets))
        .namespace(publishing("/closed"))
        .build()?;
    let reading = arguments.reading();
    let mut feeds = FeedsConfig { reading: reading.clone(), ..FeedsConfig::default() };
    feeds.history.events_max = arguments.history_events.unwrap_or(feeds.history.events_max);
    Feeds::builder().offer_all().config(feeds).mount(&server)?;
    let streams = Streams::new(StreamsConfig { reading, ..StreamsConfig::default() });
    streams.mount(&server, "/v1/stream", Access::everything())?;
    let keys = MemoryKeys::new();
    keys.add(NewKey::for_everything("stand-in"), "sk_test_stand_in")?;
    Publishing::new(keys).mount(&server)?;
    match arguments.tls_self_signed {
        true => arguments.listen.serve_encrypted(&server, self_signed()?).await,
        false => arguments.listen.serve(&server).await,
    }
}

impl Arguments {
    fn reading(&self) -> Reading {
        let usual = Reading::default();
        let or = |ms: Option<u64>, usual| ms.map_or(usual, Duration::from_millis);
        Reading {
            heartbeat: or(self.heartbeat, usual.heartbeat),
            retry: or(self.retry, usual.retry),
            long_poll: Duration::from_millis(self.long_poll),
            write_timeout: or(self.write_timeout, usual.write_timeout),
            readers_max: self.readers_max.unwrap_or(usual.readers_max),
            ..usual
        }
    }
}

fn publishing(path: &'static str) -> Namespace {
    Namespace::new(path)
        .on("publish", async |io: Io, args: RawArgs| emit(&io, &args, false))
        .on("publish volatile", async |io: Io, args: RawArgs| emit(&io, &args, true))
}

/// The first argument is a room or null, the second the name; the others are sent as they came.
fn emit(io: &Io, args: &RawArgs, is_volatile: bool) -> Result<Ack<()>, EventError> {
    let Args((room, event)) = args.decode::<Args<(Option<String>, String)>>()?;
    let mut others = args.json();
    for _ in 0..2 {
        let mut values = Deserializer::from_str(others).into_iter::<&RawValue>();
        values.next().transpose()?;
        others = others[values.byte_offset()..].trim_start();
        others = others.strip_prefix(',').unwrap_or(others);
    }
    let others = RawArgs::new(others, args.attachments());
    // No room is everybody.
    let to = io.to(room.as_slice());
    let to = if is_volatile { to.volatile() } else { to };
    to.emit(&event, &others)?;
    Ok(Ack(()))
}

async fn but_secrets(room: Option<Room>) -> Result<(), Refuse> {
    match room.as_deref() {
        Some("secret") => Err(Refuse::new("nobody may read this room")),
        _ => Ok(()),
    }
}

/// What a member shows.
#[derive(Debug, Deserialize)]
struct Ticket {
    token: String,
}

async fn members(_: Visitor, ticket: Option<Ticket>) -> Result<(), Refuse> {
    match ticket {
        Some(Ticket { token }) if token == "ticket to ride" => Ok(()),
        _ => Err(Refuse::new("members show their token")),
    }
}
