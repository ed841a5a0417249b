//! Converts in a process of its own, which is this program once more: what it may use of memory, time and disk is
//! limited by the system, whatever a decoder does with what it is given, and what goes wrong there ends nothing else.
//!
//! Elsewhere than on Unix, and in tests of the library, it is a thread, and the limits of the pipeline alone count.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::Args;
use serde::{Deserialize, Serialize};
use tokio::process::Command;
use tokio::time::timeout;

use super::files::Incoming;
use super::pipeline::{Converted, Unfit, convert};

/// How it is called on the command line.
pub const COMMAND: &str = "convert-picture";
/// How much of a processor's time it may take.
const SECONDS_MAX: u64 = 15;
/// How long it may take while others are at work too.
const PATIENCE: Duration = Duration::from_secs(60);
/// The most bytes of memory that it may allocate beyond what it has at its start.
#[cfg(unix)]
const ALLOCATED_BYTES_MAX: u64 = 73_000_000;
/// How far others go first who want the processor, too.
#[cfg(unix)]
const NICENESS: i32 = 10;
/// The most bytes of a file that it may write.
#[cfg(unix)]
const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// What the process is told.
#[derive(Clone, Debug, Args)]
pub struct ConvertArgs {
    from: PathBuf,
    to: PathBuf,
    thumbnail: PathBuf,
}

/// Where files are converted.
#[derive(Clone, Debug)]
pub(crate) enum Worker {
    /// In a process of this program.
    Process(PathBuf),
    /// In a thread.
    Thread,
}

/// What the process tells.
#[derive(Debug, Serialize, Deserialize)]
enum Told {
    Made(Converted),
    NotAPicture,
    TooLarge,
    TooLong,
    Failed(String),
}

/// Converts, and tells on standard output what came of it.
///
/// # Errors
/// Nothing could be told.
pub fn run(args: &ConvertArgs) -> io::Result<()> {
    #[cfg(unix)]
    limit();
    let never = AtomicBool::new(false);
    let told = match convert(&args.from, &args.to, &args.thumbnail, &never) {
        Ok(made) => Told::Made(made),
        Err(Unfit::NotAPicture) => Told::NotAPicture,
        Err(Unfit::TooLarge) => Told::TooLarge,
        Err(Unfit::TooLong) => Told::TooLong,
        Err(unfit @ Unfit::Cancelled) => Told::Failed(unfit.to_string()),
        Err(Unfit::Io(error)) => Told::Failed(error.to_string()),
    };
    serde_json::to_writer(io::stdout(), &told).map_err(io::Error::from)
}

/// The limits of this process from now on. Where one cannot be set, those of the pipeline are left.
#[cfg(unix)]
fn limit() {
    use nix::sys::resource::{Resource, setrlimit};

    for (resource, most) in [
        (Resource::RLIMIT_DATA, data_bytes() + ALLOCATED_BYTES_MAX),
        (Resource::RLIMIT_CPU, SECONDS_MAX),
        (Resource::RLIMIT_FSIZE, FILE_BYTES_MAX),
        (Resource::RLIMIT_CORE, 0),
    ] {
        let _ = setrlimit(resource, most, most);
    }
    let _ = rustix::process::nice(NICENESS);
}

/// What counts as data of this process so far.
#[cfg(unix)]
fn data_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmData:"));
    let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kib.unwrap_or_default() * 1024
}

impl Worker {
    /// A process of this program, where that can be limited.
    pub(crate) fn of_this_program() -> Self {
        // What was started stays there, whatever becomes of the file that it was started from.
        let itself = Path::new("/proc/self/exe");
        match std::env::current_exe() {
            Ok(_) if cfg!(unix) && itself.exists() => Worker::Process(itself.to_owned()),
            Ok(path) if cfg!(unix) => Worker::Process(path),
            _ => Worker::Thread,
        }
    }

    /// Makes what can be served of what was sent. Whoever drops this waits for it no longer: it is ended.
    pub(crate) async fn convert(&self, incoming: &Incoming) -> Result<Converted, Unfit> {
        match self {
            Worker::Process(program) => in_process(program, incoming).await,
            Worker::Thread => in_thread(incoming).await,
        }
    }
}

async fn in_process(program: &Path, incoming: &Incoming) -> Result<Converted, Unfit> {
    let child = Command::new(program)
        .arg(COMMAND)
        .args([&incoming.sent, &incoming.picture, &incoming.thumbnail])
        .env_clear()
        // One arena, and nothing is kept of what was freed.
        .env("_RJEM_MALLOC_CONF", "narenas:1,dirty_decay_ms:0,muzzy_decay_ms:0")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    let Ok(ended) = timeout(PATIENCE, child.wait_with_output()).await else {
        return Err(Unfit::TooLong);
    };
    let ended = ended?;
    match (ended.status.code(), serde_json::from_slice(&ended.stdout)) {
        (Some(0), Ok(Told::Made(made))) => Ok(made),
        (Some(0), Ok(Told::NotAPicture)) => Err(Unfit::NotAPicture),
        (Some(0), Ok(Told::TooLarge)) => Err(Unfit::TooLarge),
        (Some(0), Ok(Told::TooLong)) => Err(Unfit::TooLong),
        (Some(0), Ok(Told::Failed(why))) => Err(Unfit::Io(io::Error::other(why))),
        // The system has ended it: there was no memory left for it, or no time.
        (None, _) => Err(Unfit::TooLarge),
        (Some(code), _) => {
            tracing::warn!(code, "a picture made its decoder fail");
            Err(Unfit::NotAPicture)
        }
    }
}

async fn in_thread(incoming: &Incoming) -> Result<Converted, Unfit> {
    struct Wanted(Arc<AtomicBool>);

    impl Drop for Wanted {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }

    let is_cancelled = Arc::new(AtomicBool::new(false));
    let wanted = Wanted(Arc::clone(&is_cancelled));
    let paths = [&incoming.sent, &incoming.picture, &incoming.thumbnail].map(Clone::clone);
    let converted = tokio::task::spawn_blocking(move || {
        let [from, to, thumbnail] = &paths;
        convert(from, to, thumbnail, &is_cancelled)
    });
    let converted = converted.await;
    drop(wanted);
    converted.unwrap_or_else(|error| {
        tracing::warn!(%error, "a picture made its decoder fail");
        Err(Unfit::NotAPicture)
    })
}
