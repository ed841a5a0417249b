//! Numbers for Prometheus, at `/metrics`: those of the server's crates, and a few of the chat.
//!
//! They are for this machine, and for whoever has the key. Where a proxy stands in front, whoever comes through it is
//! another machine; a proxy that is not trusted is no reason to take its clients for this one.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::OnceLock;
use std::time::Duration;

use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use sha2::{Digest as _, Sha256};
use thiserror::Error;
use tokio::task::JoinHandle;

use crate::accounts::now;
use crate::app::App;
use crate::conversation;
use crate::presence::contract::ONLINE_ROOM;
use crate::store::StoreError;

/// A key is at least so long, since it may be guessed at.
const KEY_CHARACTERS_MIN: usize = 16;
/// How often what was measured is gathered while nobody asks.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(5);
/// Bounds of what is counted by how long it took, in seconds.
const BUCKETS: [f64; 12] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];
/// What proxies add to a request.
const FORWARDING: [&str; 6] =
    ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "via"];

/// There is one recorder for a process.
static RECORDER: OnceLock<PrometheusHandle> = OnceLock::new();

/// The key with which other machines ask for the numbers.
#[derive(Clone, PartialEq, Eq)]
pub struct MetricsKey([u8; 32]);

/// Why a text is no [`MetricsKey`].
#[derive(Debug, Error)]
#[error("a key for the metrics has {KEY_CHARACTERS_MIN} characters at least")]
pub struct MetricsKeyError;

impl FromStr for MetricsKey {
    type Err = MetricsKeyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_long = text.chars().count() >= KEY_CHARACTERS_MIN;
        if is_long { Ok(Self::digest(text)) } else { Err(MetricsKeyError) }
    }
}

impl MetricsKey {
    fn digest(text: &str) -> Self {
        MetricsKey(Sha256::digest(text).into())
    }
}

/// Shows nothing of it.
impl std::fmt::Debug for MetricsKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MetricsKey")
    }
}

/// From now on the crates of the server count. Before it is built, since it looks once.
pub fn install() {
    if RECORDER.get().is_some() {
        return;
    }
    let builder = PrometheusBuilder::new().set_buckets(&BUCKETS);
    match builder.map(PrometheusBuilder::build_recorder) {
        Ok(recorder) => {
            let handle = recorder.handle();
            match metrics::set_global_recorder(recorder) {
                Ok(()) => drop(RECORDER.set(handle)),
                Err(error) => tracing::warn!(%error, "the server counts nothing for /metrics"),
            }
        }
        Err(error) => tracing::warn!(%error, "the server counts nothing for /metrics"),
    }
}

/// Gathers what was measured, until it is aborted: without it, it would pile up while nobody asks.
pub fn keep_up() -> JoinHandle<()> {
    tokio::spawn(async {
        let mut times = tokio::time::interval(UPKEEP_INTERVAL);
        loop {
            times.tick().await;
            if let Some(recorder) = RECORDER.get() {
                recorder.run_upkeep();
            }
        }
    })
}

/// Whether whoever asks may know.
pub(crate) fn may_ask(app: &App, key: Option<&MetricsKey>, head: &Parts) -> bool {
    let address = app.reach.source(head).address.map(|address| address.ip());
    let is_here = address.is_some_and(is_loopback)
        && (app.reach.has_proxies() || !came_by_proxy(&head.headers));
    is_here || key.is_some_and(|key| told_key(&head.headers).as_ref() == Some(key))
}

fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

fn came_by_proxy(headers: &HeaderMap) -> bool {
    FORWARDING.iter().any(|name| headers.contains_key(*name))
}

/// Digests are compared, so the time tells nothing of the key.
fn told_key(headers: &HeaderMap) -> Option<MetricsKey> {
    let told = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, key) = told.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| MetricsKey::digest(key.trim()))
}

/// The numbers as text.
///
/// # Errors
/// The database failed.
pub(crate) async fn text(app: &App) -> Result<String, StoreError> {
    let census = app.store.census(now()).await?;
    let chat = app.accounts.io().and_then(|io| io.of(conversation::PATH));
    let online = match chat {
        Some(chat) => chat.presence(ONLINE_ROOM).count().await,
        None => 0,
    };
    let mut text = RECORDER.get().map(PrometheusHandle::render).unwrap_or_default();
    let mut gauge = |name: &str, about: &str, value: u64| {
        let _ = write!(text, "# HELP {name} {about}\n# TYPE {name} gauge\n{name} {value}\n\n");
    };
    let wide = |count: u32| u64::from(count);
    gauge("sockeye_chat_people_online", "People who are connected", online as u64);
    gauge("sockeye_chat_accounts", "Accounts that are not closed", wide(census.accounts));
    gauge("sockeye_chat_guests", "Guests", wide(census.guests));
    gauge("sockeye_chat_rooms", "Rooms, direct messages included", wide(census.rooms));
    gauge("sockeye_chat_messages", "Messages that are stored", census.messages);
    gauge("sockeye_chat_store_queued", "What waits to be stored", app.store.queued() as u64);
    gauge(
        "sockeye_chat_database_bytes",
        "Bytes of the database with its log",
        census.database_bytes,
    );
    gauge(
        "sockeye_chat_picture_bytes",
        "Bytes of the pictures, without their thumbnails",
        census.picture_bytes,
    );
    if let Some(free_bytes) = census.free_bytes {
        gauge(
            "sockeye_chat_disk_free_bytes",
            "Bytes that are free where the database is",
            free_bytes,
        );
    }
    gauge(
        "sockeye_chat_disk_reserve_bytes",
        "Bytes that have to be free for a message",
        census.free_bytes_min,
    );
    let is_storing = u64::from(app.store.health().await.is_ok());
    gauge("sockeye_chat_is_storing", "1 while messages can be stored", is_storing);
    let started = u64::try_from(app.started_at / 1_000).unwrap_or_default();
    gauge("sockeye_chat_started_seconds", "When it was started, since 1970-01-01 UTC", started);
    let name = "sockeye_chat_refused_total";
    let _ = write!(text, "# HELP {name} How often each limit was reached\n# TYPE {name} counter\n");
    let space = ("free-space-min", 0, census.refused_for_space);
    for (limit, _, reached) in app.usage.limits().into_iter().chain([space]) {
        let _ = writeln!(text, "{name}{{limit=\"{limit}\"}} {reached}");
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_long_and_shown_nowhere() {
        assert!("0123456789abcde".parse::<MetricsKey>().is_err());
        let key: MetricsKey = "0123456789abcdef".parse().unwrap();
        assert_eq!(format!("{key:?}"), "MetricsKey");
        for (header, is_it) in [
            ("Bearer 0123456789abcdef", true),
            ("bearer  0123456789abcdef ", true),
            ("Bearer 0123456789abcdeF", false),
            ("Basic 0123456789abcdef", false),
            ("0123456789abcdef", false),
            ("Bearer ", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, header.parse().unwrap());
            assert_eq!(told_key(&headers).as_ref() == Some(&key), is_it, "{header}");
        }
        assert!(told_key(&HeaderMap::new()).is_none());
    }
}
