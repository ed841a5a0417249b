//! The server that the program `abuse` attacks: whatever strangers fill together, on one worker, so
//! that nobody can be kept waiting without being seen.

use std::future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::Result;
use serde::Deserialize;
use sockeye::{
    Ack, Args, Config, EmitError, Namespace, RawArgs, RecoveryConfig, Reliable, Server, Socket,
    idempotent,
};

use crate::serving::Listen;

/// Options of this server.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    listen: Listen<3000>,
    /// Milliseconds in which a client may take nothing of what is written to it, instead of 30 s.
    #[arg(long, value_name = "MS")]
    write_timeout: Option<u64>,
    /// Clients that come back continue where they were.
    #[arg(long)]
    recovery: bool,
}

/// | namespace, event | what happens |
/// |---|---|
/// | `/`, `echo` | acknowledged with the same arguments |
/// | `/`, `queued` | acknowledged with the bytes that wait for all clients |
/// | `/`, `flood`, count and bytes | so many events `flood` of so many bytes to the sender |
/// | `/`, `join`, `leave`, a room | acknowledged |
/// | `/`, `say` | `said` with the same arguments to everybody else |
/// | `/reliable`, `keep` | handled once; acknowledged with how many were handled before |
/// | `/reliable`, `hold` | handled once, without an end |
/// | `/keys`, `store` | handled once for each `key` |
/// | `/made-…` | a namespace of that name |
pub(crate) async fn serve(arguments: &Arguments) -> Result<()> {
    let mut config = Config::default();
    arguments.listen.configure(&mut config.engine, 25_000, 20_000);
    let write_timeout = arguments.write_timeout.map(Duration::from_millis);
    config.engine.write_timeout = write_timeout.unwrap_or(config.engine.write_timeout);
    config.engine.polling_close_timeout = Duration::from_secs(2);
    config.recovery = arguments.recovery.then(RecoveryConfig::default);
    let queued = Arc::new(OnceLock::<Server>::new());
    let server = Server::builder()
        .config(config)
        .namespace(everybody(Arc::clone(&queued)))
        .namespace(reliable())
        .namespace(Namespace::new("/keys").on("store", idempotent(key, async |_: Keyed| Ack(1))))
        .namespace(Namespace::new("/made-{name}").on("echo", async |args: RawArgs| Ack(args)))
        .build()?;
    queued.get_or_init(|| server.clone());
    arguments.listen.serve_http2_too(&server, write_timeout).await
}

fn everybody(server: Arc<OnceLock<Server>>) -> Namespace {
    Namespace::new("/")
        .on("queued", move || future::ready(Ack(server.get().map_or(0, Server::queued_bytes))))
        .on("echo", async |args: RawArgs| Ack(args))
        .on("flood", flood)
        .on("join", async |socket: Socket, room: String| {
            socket.join(room);
            Ack(())
        })
        .on("leave", async |socket: Socket, room: String| {
            socket.leave(room);
            Ack(())
        })
        .on("say", async |socket: Socket, args: RawArgs| socket.broadcast().emit("said", &args))
}

async fn flood(
    socket: Socket,
    Args((count, bytes)): Args<(usize, usize)>,
) -> Result<(), EmitError> {
    // As it travels: the attacks are about what is queued, and not about how long encoding takes.
    let text = RawArgs::new(&format!(r#""{}""#, "x".repeat(bytes)), &[]);
    (0..count).try_for_each(|_| socket.emit("flood", &text))
}

fn reliable() -> Namespace {
    let handled = Arc::new(AtomicU64::new(0));
    Namespace::new("/reliable")
        .on("keep", move |_text: String| {
            future::ready(Ack(handled.fetch_add(1, Ordering::Relaxed)))
        })
        .on("hold", async |_text: String| {
            future::pending::<()>().await;
            Ack(())
        })
        .reliable(Reliable::default())
}

/// An event with an idempotency key.
#[derive(Debug, Deserialize)]
struct Keyed {
    key: String,
}

fn key(event: &Keyed) -> Option<String> {
    Some(event.key.clone())
}
