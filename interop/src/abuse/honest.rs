//! People who do nothing wrong while somebody attacks: one who talks all along, and newcomers, each
//! from an address of its own.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};

use crate::wire::{self, POLLING, Reads, SocketIo, Source};

/// What they do, which depends on the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Talk {
    /// `echo`, a hundred times a second at most.
    Echo,
    /// A message to a room of the chat, twice a second.
    Chat,
}

/// The room that honest people of the chat talk in.
pub(crate) const ROOM: &str = "honest";

/// They talk until they are asked how it was.
#[derive(Debug)]
pub(crate) struct Honest {
    stop: Arc<AtomicBool>,
    talker: JoinHandle<Result<Vec<Duration>>>,
    newcomers: JoinHandle<Result<Vec<Duration>>>,
}

/// How long honest people waited.
#[derive(Debug)]
pub(crate) struct Delays {
    pub(crate) p99: Duration,
    pub(crate) max: Duration,
}

const TALKER: Source = Source(77);
/// Newcomers are 127.0.0.100 and the hundred after it.
const NEWCOMERS: u8 = 100;

impl Honest {
    pub(crate) fn start(server: SocketAddr, talk: Talk) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let talking = Arc::clone(&stop);
        let talker = thread::spawn(move || talk_on(server, talk, &talking));
        let coming = Arc::clone(&stop);
        let newcomers = thread::spawn(move || come(server, talk, &coming));
        Self { stop, talker, newcomers }
    }

    /// Ends it: how long the talker and the newcomers waited for their answers, or what went wrong.
    pub(crate) fn stop(self) -> [Result<Delays>; 2] {
        self.stop.store(true, Ordering::Relaxed);
        let ends = [("an honest client", self.talker), ("a newcomer", self.newcomers)];
        ends.map(|(who, thread)| {
            let delays = thread.join().map_err(|_| anyhow!("{who} panicked"))?;
            Delays::of(delays.with_context(|| format!("{who} was not served"))?)
        })
    }
}

/// What the server says of the bytes that wait for all of its clients.
pub(crate) fn queued_bytes(server: SocketAddr) -> Result<u64> {
    let mut client = SocketIo::open(server, TALKER, Reads::Yes)?;
    client.connect("", "")?;
    client.ask("", r#"["queued"]"#)?[0].as_u64().context("no number")
}

fn talk_on(server: SocketAddr, talk: Talk, stop: &AtomicBool) -> Result<Vec<Duration>> {
    let mut client = SocketIo::open(server, TALKER, Reads::Yes)?;
    client.connect("", "")?;
    if talk == Talk::Chat {
        client.ask("", &format!(r#"["join",{{"room":"{ROOM}","name":"ann"}}]"#))?;
    }
    let mut delays = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let begun = Instant::now();
        let (event, pause) = match talk {
            Talk::Echo => (r#"["echo","hello"]"#, Duration::from_millis(10)),
            Talk::Chat => (r#"["chat",{"name":"ann","msg":"hello"}]"#, Duration::from_millis(500)),
        };
        let answer = client.ask("", event)?;
        ensure!(answer[0].get("error").is_none(), "refused: {answer}");
        delays.push(begun.elapsed());
        thread::sleep(pause);
    }
    Ok(delays)
}

/// Twice a second somebody new comes, who wants one answer.
fn come(server: SocketAddr, talk: Talk, stop: &AtomicBool) -> Result<Vec<Duration>> {
    let path = if talk == Talk::Chat { "/healthz" } else { POLLING };
    let mut delays = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let begun = Instant::now();
        let source = Source(NEWCOMERS + u8::try_from(delays.len() % 100)?);
        let mut stream = wire::open(server, source, Reads::Yes)?;
        let answer = wire::request(&mut stream, "GET", path, "")?;
        ensure!(answer.status == 200, "{} {}", answer.status, answer.body);
        delays.push(begun.elapsed());
        thread::sleep(Duration::from_millis(500));
    }
    Ok(delays)
}

impl Delays {
    fn of(mut delays: Vec<Duration>) -> Result<Self> {
        delays.sort();
        let max = *delays.last().context("nothing was asked")?;
        let p99 = delays[(delays.len() * 99 / 100).min(delays.len() - 1)];
        Ok(Self { p99, max })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_a_hundred_is_beyond_p99() {
        let delays = Delays::of((1..=1000).map(Duration::from_millis).collect()).unwrap();
        assert_eq!(delays.max.as_millis(), 1000);
        assert_eq!(delays.p99.as_millis(), 991);
        assert!(Delays::of(Vec::new()).is_err());
    }
}
