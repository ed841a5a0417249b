//! Messages are deleted when their time is over: by the running server once an hour, and by `sockeye retention`.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use sockeye::Io;
use tokio::sync::oneshot;

use super::store::{Expired, Gone};
use super::{runtime, say};
use crate::accounts::now;
use crate::app::App;
use crate::cli::credentials::ExitStatus;
use crate::cli::file;
use crate::conversation::{self, room_key};
use crate::messages::contract::{PRUNED, Pruned};
use crate::refusal::settle;
use crate::rooms::contract::KEEP_DAYS_MAX;
use crate::store::sqlite::Sqlite;
use crate::store::{FILE_NAME, OpenError, Store, StoreError, StoreOptions};

/// How often a server looks.
const INTERVAL: Duration = Duration::from_secs(3_600);
/// So many at once: other people's messages wait for so long.
const STEP_MESSAGES: u32 = 200;

const EXAMPLES: &str = "\
Examples:
  sockeye retention --dry-run                  what would be deleted now; the server may run
  sockeye retention --dry-run --keep-days 90   what would be, with this for all rooms
  sockeye retention                            deletes it; the server must not run, which does it once an hour

Deleted messages are gone, with their pictures; a backup has them still.

Exit status:
  0  done
  1  failed, and standard error says why
  2  used wrongly: an argument is not as it has to be";

/// Of which data, and how.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct RetentionArgs {
    /// Folder of the data, the same as for `sockeye serve`
    #[arg(long, default_value = "./data", value_name = "FOLDER", env = "SOCKEYE_DATA")]
    pub data: PathBuf,

    /// Days for which messages of all rooms are kept; 0: for ever [default: that of sockeye.toml, or 0]
    #[arg(long, value_name = "DAYS", env = "SOCKEYE_KEEP_DAYS")]
    #[arg(value_parser = clap::value_parser!(u32).range(..=i64::from(KEEP_DAYS_MAX)))]
    pub keep_days: Option<u32>,

    /// Say what would be deleted, and delete nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// Deletes what is over, or says what is.
///
/// # Errors
/// There is no chat, a server has it, or the database failed.
pub fn run(args: &RetentionArgs) -> anyhow::Result<ExitStatus> {
    anyhow::ensure!(
        args.data.join(FILE_NAME).exists(),
        "there is no chat in {}: name its folder by --data",
        args.data.display()
    );
    let days = match args.keep_days {
        Some(days) => Some(days),
        None => file::value(&args.data, "keep-days")?.and_then(|days| days.parse().ok()),
    };
    let days = days.filter(|days| *days > 0);
    runtime()?.block_on(async {
        if args.dry_run {
            let expired = Sqlite::expired_beside(&args.data, now(), days).await;
            print(&expired.with_context(|| format!("cannot read {}", args.data.display()))?);
            return Ok(());
        }
        let options = StoreOptions { free_bytes_min: Some(0) };
        let store = Sqlite::open(&args.data, options).await.map_err(|error| match error {
            OpenError::InUse => anyhow::anyhow!(
                "a server runs on {}, which deletes by itself what is over; look what that is by --dry-run",
                args.data.display()
            ),
            error => anyhow::Error::new(error)
                .context(format!("cannot use the data in {}", args.data.display())),
        })?;
        let store: Arc<dyn Store> = Arc::new(store);
        let deleted = delete(&store, days).await;
        store.close().await;
        deleted
    })?;
    Ok(ExitStatus::Done)
}

async fn delete(store: &Arc<dyn Store>, days: Option<u32>) -> anyhow::Result<()> {
    let expired = store.expired(now(), days).await?;
    print(&expired);
    for room in expired {
        while step(store, &room.room, days, |_| ()).await?.is_some() {}
    }
    Ok(())
}

fn print(expired: &[Expired]) {
    for room in expired {
        let title = if room.title.is_empty() { "(direct messages)" } else { &room.title };
        say(&format!(
            "{} messages older than {} days  {}  {title}",
            room.messages, room.days, room.room
        ));
    }
    if expired.is_empty() {
        say("no message is over");
    }
}

/// Deletes what is over, again and again, and tells those who are there.
pub(crate) async fn go_on(app: App, days: Option<u32>) {
    let mut times = tokio::time::interval(INTERVAL);
    loop {
        times.tick().await;
        if let Err(error) = delete_expired(&app, days).await {
            tracing::warn!(%error, "messages whose time is over were not deleted");
        }
    }
}

/// Deletes what is over now, and tells those who are there. `days`: for how long rooms keep their messages that do not
/// say it themselves.
///
/// # Errors
/// The store failed.
pub async fn delete_expired(app: &App, days: Option<u32>) -> Result<(), StoreError> {
    for Expired { room, days: kept, messages, .. } in app.store.expired(now(), days).await? {
        tracing::info!(%room, days = kept, messages, "messages are over and will be deleted");
        let mut deleted = 0;
        let tell = |gone: &Gone| {
            if let Some(io) = app.accounts.io() {
                tell(app, io, gone);
            }
        };
        while let Some(gone) = step(&app.store, &room, days, tell).await? {
            deleted += gone.messages;
        }
        tracing::info!(%room, messages = deleted, "messages were deleted");
    }
    Ok(())
}

/// Waits for one step, so that what others write comes in between.
async fn step(
    store: &Arc<dyn Store>,
    room: &str,
    days: Option<u32>,
    told: impl FnOnce(&Gone),
) -> Result<Option<Gone>, StoreError> {
    let (report, outcome) = oneshot::channel();
    let done = Box::new(move |gone| drop(report.send(gone)));
    store.prune(room, days, STEP_MESSAGES, done).await?;
    let gone = outcome.await.map_err(|_| StoreError::Closed)??;
    if let Some(gone) = &gone {
        told(gone);
    }
    Ok(gone)
}

fn tell(app: &App, io: &Io, gone: &Gone) {
    if let Some(chat) = io.of(conversation::PATH) {
        let pruned = Pruned { room: gone.room.clone(), to: gone.to };
        settle(chat.to(room_key(&gone.room)).emit(PRUNED, &pruned));
    }
    app.rooms.changed(app, io, &gone.room);
    app.reading.recount(app, io, &gone.room);
}
