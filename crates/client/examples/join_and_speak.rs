//! A chat client in the terminal: lines you type go to a room, what others say is printed.
//!
//! ```sh
//! cargo run -p sockeye-client --example join_and_speak -- http://localhost:3000 lobby me
//! ```
//! The server is `sockeye serve`; its events are declared below.

use std::io::BufRead;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sockeye_client::{Client, DisconnectReason, Event};
use tokio::sync::mpsc;

#[derive(Serialize)]
struct Join {
    room: String,
    name: String,
}

#[derive(Serialize, Deserialize)]
struct Chat {
    name: String,
    msg: String,
}

/// Answered by what was said before.
const JOIN: Event<Join, Vec<Chat>> = Event::new("join");
const CHAT: Event<Chat, serde_json::Value> = Event::new("chat");

#[tokio::main(flavor = "current_thread")]
#[allow(clippy::print_stdout, reason = "this is what the program is for")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let url = args.next().unwrap_or_else(|| "http://localhost:3000".to_owned());
    let room = args.next().unwrap_or_else(|| "room".to_owned());
    let name = args.next().unwrap_or_else(|| "me".to_owned());

    let client = Client::builder(&url)?
        .on("chat", async |chat: Chat| println!("{}: {}", chat.name, chat.msg))
        .on_disconnect(async |reason: DisconnectReason| println!("({reason})"))
        .connect()
        .await?;

    let join = Join { room, name: name.clone() };
    for chat in client.emit_with_ack(JOIN, &join).timeout(Duration::from_secs(5)).await? {
        println!("{}: {}", chat.name, chat.msg);
    }

    let mut lines = typed_lines();
    while let Some(msg) = lines.recv().await {
        // The server answers when the message is stored.
        let chat = Chat { name: name.clone(), msg };
        client.emit_with_ack(CHAT, &chat).timeout(Duration::from_secs(5)).await?;
    }
    client.close().await;
    Ok(())
}

/// Standard input blocks, so it is read by a thread of its own.
fn typed_lines() -> mpsc::UnboundedReceiver<String> {
    let (sender, lines) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    lines
}
