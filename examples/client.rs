//! The other end, in Rust: connects, joins a room, says something, prints what it hears.
//!
//! Start `rooms` first: `cargo run -p sockeye-examples --example rooms`, then
//! `cargo run -p sockeye-examples --example client -- http://localhost:3000`, as often as you like.
//! It ends with Ctrl-C, or when the server sends it away.

use serde::Serialize;
use sockeye_client::{Args, Client, DisconnectReason, Event};

#[derive(Serialize)]
struct Say {
    rooms: [&'static str; 1],
    text: String,
}

/// Answered with the rooms one is in, one's own id first.
const JOIN: Event<String, Vec<String>> = Event::new("join");
const SAY: Event<Say> = Event::new("say");
const SAID: Event<Args<(String, String)>> = Event::new("said");

#[tokio::main(flavor = "current_thread")]
#[allow(clippy::print_stdout, reason = "this is what the program is for")]
async fn main() -> anyhow::Result<()> {
    let url = std::env::args().nth(1).unwrap_or_else(|| "http://localhost:3000".to_owned());
    let client = Client::builder(&url)?
        .on(SAID, async |Args((from, text)): Args<(String, String)>| println!("{from}: {text}"))
        .on_disconnect(async |reason: DisconnectReason| println!("gone: {reason}"))
        .connect()
        .await?;

    let rooms = client.emit_with_ack(JOIN, "lobby").await?;
    println!("in {}", rooms.join(", "));
    client.emit(SAY, &Say { rooms: ["lobby"], text: "hello".to_owned() })?;

    let mut state = client.state();
    tokio::select! {
        () = sockeye_examples::stopped() => client.close().await,
        _ = state.wait_for(|state| *state == sockeye_client::ConnectionState::Closed) => {}
    }
    Ok(())
}
