//! The program `sockeye`.
#![forbid(unsafe_code)]

use std::env;
use std::io::{self, IsTerminal as _};
use std::pin::Pin;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use sockeye_chat::cli::credentials::ExitStatus;
use sockeye_chat::cli::file::{InForce, Parsed};
use sockeye_chat::cli::{self, Command};
use sockeye_chat::keeping::{backup, export, import, restore, retention};
use sockeye_chat::pictures::worker;
use sockeye_chat::tail::TailArgs;
use sockeye_chat::{admin, emit, keys, lab, serve, signals, tail};
#[cfg(not(target_env = "msvc"))]
use tikv_jemallocator::Jemalloc;
use tokio::runtime::{Builder, Runtime};
use tracing_subscriber::EnvFilter;

/// It gives back what floods have taken; the system's keeps it (docs/operations.md).
#[cfg(not(target_env = "msvc"))]
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

/// For what still holds a thread when everything is drained. Without it the end of the runtime would
/// wait for that as long as it takes.
const RUNTIME_TIMEOUT: Duration = Duration::from_secs(2);

/// Done when the server is told to stop.
type Stop = Pin<Box<dyn Future<Output = ()> + Send>>;

fn main() -> ExitCode {
    let ended = cli::file::parse(env::args_os()).map_err(Into::into).and_then(
        |Parsed { command, in_force }| match command {
            Command::Config(_) => config(in_force.as_ref()),
            Command::Serve(args) => run(&args.log, async |stop| serve::serve(&args, stop).await)
                .map(|()| ExitStatus::Done),
            Command::Lab(args) => run(&args.log, async |stop| lab::serve(&args, stop).await)
                .map(|()| ExitStatus::Done),
            Command::Key(args) => keys::run(&args),
            Command::Admin(args) => admin::command::run(&args),
            Command::Backup(args) => backup::run(&args),
            Command::Restore(args) => restore::run(&args),
            Command::Export(args) => export::run(&args),
            Command::Import(args) => import::run(&args),
            Command::Retention(args) => retention::run(&args),
            Command::Emit(args) => emit::run(&args),
            Command::Tail(args) => tail(&args),
            Command::ConvertPicture(args) => {
                worker::run(&args).map(|()| ExitStatus::Done).map_err(Into::into)
            }
        },
    );
    match ended {
        Ok(status) => status.into(),
        Err(error) => {
            // Not through the log, whose filter may hide it.
            let _ = io::Write::write_fmt(&mut io::stderr(), format_args!("error: {error:#}\n"));
            ExitCode::FAILURE
        }
    }
}

/// Prints what `sockeye serve` goes by.
fn config(in_force: Option<&InForce>) -> anyhow::Result<ExitStatus> {
    let text = in_force.map(InForce::to_toml).unwrap_or_default();
    io::Write::write_all(&mut io::stdout(), text.as_bytes())?;
    Ok(ExitStatus::Done)
}

/// Two threads: what waits for standard output is in one of its own.
fn tail(args: &TailArgs) -> anyhow::Result<ExitStatus> {
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context("cannot start the runtime")?;
    let status = runtime.block_on(async {
        let stop = signals::stop_requested().context("cannot listen for signals")?;
        Ok(tail::run(args, stop).await)
    });
    // What still waits for a standard output that takes nothing ends with the process.
    runtime.shutdown_background();
    status
}

/// Logs, and serves until it is told to stop.
fn run(log: &str, serve: impl AsyncFnOnce(Stop) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let filter =
        EnvFilter::try_new(log).with_context(|| format!("`{log}` is not a filter for the log"))?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .init();
    let runtime = Runtime::new().context("cannot start the runtime")?;
    let served = runtime.block_on(async {
        let stop = signals::stop_requested().context("cannot listen for signals")?;
        serve(Box::pin(stop)).await
    });
    runtime.shutdown_timeout(RUNTIME_TIMEOUT);
    served
}
