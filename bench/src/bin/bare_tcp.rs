//! The two bare TCP loops: `bare_tcp echo` and `bare_tcp fanout`.

#![forbid(unsafe_code)]

use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr};

use clap::{Parser, Subcommand};
use sockeye_bench::bare::{BareLoop, Mode};
use sockeye_bench::process;

#[derive(Parser)]
#[command(about, version)]
struct Arguments {
    #[command(subcommand)]
    mode: ModeArgument,
    /// Port to listen on; 0 takes any free one.
    #[arg(long, default_value_t = 0, global = true)]
    port: u16,
    /// The core to run on.
    #[arg(long, global = true)]
    core: Option<usize>,
}

#[derive(Subcommand)]
enum ModeArgument {
    /// Send back what comes.
    Echo,
    /// Send each message to every connection.
    Fanout {
        /// Length of every message.
        #[arg(long)]
        message_bytes: usize,
    },
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    process::raise_open_files()?;
    if let Some(core) = arguments.core {
        process::pin(core)?;
    }
    let mode = match arguments.mode {
        ModeArgument::Echo => Mode::Echo,
        ModeArgument::Fanout { message_bytes } => {
            anyhow::ensure!(message_bytes > 0, "a message has at least one byte");
            Mode::FanOut { message_bytes }
        }
    };
    let bare = BareLoop::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, arguments.port)), mode)?;
    writeln!(io::stdout(), "listening on tcp://{}", bare.local_address()?)?;
    Ok(bare.run()?)
}
