//! The server for clients whose connections are cut: recovery on, and something to say all the time.
//! Every event that is kept has a number of its own count, so that a client sees by itself whether one
//! came twice, was lost or came in another order.

use std::time::Duration;

use anyhow::Result;
use sockeye::{
    Args, Binary, Config, EmitError, Io, Namespace, RawArgs, RecoveryConfig, Server, Socket,
};

use crate::serving::Listen;

/// Between two rounds of events.
const PAUSE: Duration = Duration::from_millis(4);

pub(crate) async fn serve(listen: &Listen<3000>) -> Result<()> {
    let recovery = Some(RecoveryConfig::default());
    let mut config = Config { recovery, ..Config::default() };
    // Who cannot know that a connection is dead has to find out soon.
    listen.configure(&mut config.engine, 1_000, 2_000);
    let server = Server::builder()
        .config(config)
        .namespace(talking("/"))
        .namespace(talking("/other"))
        .build()?;
    for io in ["/", "/other"].into_iter().filter_map(|path| server.of(path)) {
        tokio::spawn(async move {
            for number in 1.. {
                tokio::time::sleep(PAUSE).await;
                if let Err(error) = say(&io, number) {
                    tracing::error!(%error, "an event cannot be sent");
                }
            }
        });
    }
    listen.serve(&server).await
}

fn talking(path: &'static str) -> Namespace {
    Namespace::new(path).on_connect(async |socket: Socket| socket.join("room")).on("relay", relay)
}

/// One round: what is kept, to everybody and to a room.
fn say(io: &Io, number: u64) -> Result<(), EmitError> {
    let filler = "x".repeat(usize::try_from(number * 37 % 400).unwrap_or(0));
    if number.is_multiple_of(5) {
        let data = Binary(vec![7; 50 + filler.len()].into());
        io.emit("news", &Args((number, data)))?;
    } else {
        io.emit("news", &Args((number, filler)))?;
    }
    io.to("room").compress(false).emit("room news", &number)?;
    io.volatile().emit("now", &number)
}

/// What a stranger says goes to everybody in each way that is not kept.
async fn relay(socket: Socket, said: RawArgs) -> Result<(), EmitError> {
    let io = socket.io();
    io.volatile().emit("relayed", &said)?;
    drop(io.emit_with_ack::<_, ()>("question", &said)?);
    Ok(())
}
