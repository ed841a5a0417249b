//! An event for the clients of a cluster, from a program that is no server.
//! The address of Redis is the first argument, or `redis://127.0.0.1:6379`.
#![allow(clippy::print_stdout, reason = "it shows who heard it")]

use std::env;

use sockeye_emitter::{Emitter, EmitterConfig, Event};

const NEWS: Event<String> = Event::new("news");

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let redis = env::args().nth(1).unwrap_or_else(|| "redis://127.0.0.1:6379".to_owned());
    let emitter = Emitter::connect(&redis, EmitterConfig::classic()).await?;
    let heard = emitter.except("muted").emit(NEWS, "the doors are open").await?;
    match heard.servers() {
        Some(servers) => println!("servers that heard it: {servers}"),
        None => println!("published"),
    }
    Ok(())
}
