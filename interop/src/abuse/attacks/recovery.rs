//! What a server keeps for clients that come back.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use super::{Attacked, staying};
use crate::wire::{self, Reads, SocketIo, Source};

const ATTACKER: Source = Source(66);
const VICTIM: Source = Source(55);
const SPEAKER: Source = Source(44);
/// Then the returns have shown what they can.
const RETURNS_TIME: Duration = Duration::from_secs(15);
/// Rooms have to be entered and left in less, on a machine that is busy and with a debug build too.
const ROOMS_TIME: Duration = Duration::from_secs(40);

/// A client that is away: what it needs to come back, and the id that it had.
#[derive(Clone, Debug)]
struct Away {
    auth: String,
    id: String,
}

/// Comes, gets an event from the speaker, and loses its connection.
fn go_away(server: SocketAddr, who: Source, speaker: &mut SocketIo) -> Result<Away> {
    let mut client = SocketIo::open(server, who, Reads::Yes)?;
    let reply = client.connect("", "")?;
    speaker.packet(r#"42["say","before"]"#)?;
    let offset = loop {
        let packet = client.next_packet()?;
        if let Some(arguments) = packet.strip_prefix(r#"42["said","before","#) {
            break arguments.trim_end_matches("\"]").trim_start_matches('"').to_owned();
        }
    };
    let [id, secret] = ["sid", "pid"].map(|name| reply[name].as_str().map(str::to_owned));
    let secret = secret.context("no recovery")?;
    let auth = format!(r#"{{"pid":"{secret}","offset":"{offset}"}}"#);
    Ok(Away { auth, id: id.context("no id")? })
}

fn come_back(server: SocketAddr, who: Source, away: &Away) -> Result<(SocketIo, Value)> {
    let mut client = SocketIo::open(server, who, Reads::Yes)?;
    let reply = client.connect("", &away.auth)?;
    Ok((client, reply))
}

pub(super) fn returns(server: SocketAddr, count: usize) -> Result<Attacked> {
    let mut speaker = SocketIo::open(server, SPEAKER, Reads::Yes)?;
    speaker.connect("", "")?;
    let victim = go_away(server, VICTIM, &mut speaker)?;
    let attacker = go_away(server, ATTACKER, &mut speaker)?;
    speaker.packet(r#"42["say","missed"]"#)?;

    let begun = Instant::now();
    let returned = Arc::new(AtomicUsize::new(0));
    let threads = (0..8).map(|_| {
        let (attacker, returned) = (attacker.clone(), Arc::clone(&returned));
        thread::spawn(move || -> Result<()> {
            while begun.elapsed() < RETURNS_TIME && returned.fetch_add(1, Ordering::Relaxed) < count
            {
                come_back(server, ATTACKER, &attacker)?;
            }
            Ok(())
        })
    });
    for thread in threads.collect::<Vec<_>>() {
        thread.join().map_err(|_| anyhow::anyhow!("a thread panicked"))??;
    }
    let returned = returned.load(Ordering::Relaxed).min(count);
    let reached = format!("{returned} returns in {:.1} s", begun.elapsed().as_secs_f64());

    // The missed event comes before the reply, as with the official server, or right behind it.
    let mut client = SocketIo::open(server, VICTIM, Reads::Yes)?;
    client.packet(&format!("40{}", victim.auth))?;
    let (mut is_missed_here, mut is_same) = (false, false);
    while !is_missed_here || !is_same {
        let packet = client.next_packet()?;
        is_missed_here |= packet.starts_with(r#"42["said","missed""#);
        if let Some(reply) = packet.strip_prefix("40") {
            let reply: Value = serde_json::from_str(reply)?;
            is_same = reply["sid"] == victim.id;
            ensure!(is_same, "{reached}; who was away is forgotten: {reply}");
        }
    }
    Ok(staying(reached, (client, speaker)))
}

pub(super) fn rooms(server: SocketAddr, count: usize) -> Result<Attacked> {
    const AT_ONCE: usize = 500;
    let mut client = SocketIo::open(server, ATTACKER, Reads::Yes)?;
    client.connect("", "")?;
    let begun = Instant::now();
    for event in ["join", "leave"] {
        for first in (0..count).step_by(AT_ONCE) {
            if begun.elapsed() > ROOMS_TIME {
                let seconds = ROOMS_TIME.as_secs();
                bail!("after {seconds} s it was at {event} of room {first} of {count}");
            }
            let packets = (first..first + AT_ONCE)
                .flat_map(|room| wire::text(&format!(r#"42["{event}","room-{room}"]"#)));
            client.socket.send(&packets.collect::<Vec<_>>())?;
            client.ask("", r#"["echo"]"#)?;
        }
    }
    let reached = format!("{count} rooms in {:.1} s", begun.elapsed().as_secs_f64());
    Ok(staying(reached, client))
}
