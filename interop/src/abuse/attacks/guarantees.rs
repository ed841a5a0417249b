//! What a server remembers so that events are handled once: outboxes and idempotency keys.

use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::{Attacked, staying};
use crate::wire::{self, Reads, SocketIo, Source};

const ATTACKER: Source = Source(66);
const VICTIM: Source = Source(55);
/// Bytes of an event that is repeated: fewer of them are more events, each of which takes a debug build
/// its time, and more of them are fewer repeats.
const REPEATED_BYTES: usize = 64;
const RELIABLE: &str = "/reliable,";

/// An outbox's id has 20 characters at least.
fn outbox(number: usize) -> String {
    format!(r#"{{"_outbox":{{"v":1,"id":"outbox-of-the-abuse-{number}"}}}}"#)
}

pub(super) fn repeats(server: SocketAddr, clients: usize, seconds: u64) -> Result<Attacked> {
    let until = Instant::now() + Duration::from_secs(seconds);
    let threads = (0..clients).map(|number| thread::spawn(move || repeat(server, number, until)));
    let threads: Vec<_> = threads.collect();
    let mut sent = 0;
    let mut held = Vec::new();
    for thread in threads {
        let (client, count) = thread.join().map_err(|_| anyhow::anyhow!("a thread panicked"))??;
        sent += count;
        held.push(client);
    }
    Ok(staying(format!("{sent} repeats"), held))
}

/// Sends the event until `until`, or until the server ends the connection, which is right too.
fn repeat(server: SocketAddr, number: usize, until: Instant) -> Result<(SocketIo, usize)> {
    let mut client = SocketIo::open(server, ATTACKER, Reads::Yes)?;
    client.connect(RELIABLE, &outbox(number))?;
    client.socket.set_patience(Duration::from_secs(2))?;
    let text = "x".repeat(REPEATED_BYTES);
    let mut sent = 0;
    while Instant::now() < until {
        let frames: Vec<u8> = (sent..sent + 100)
            .flat_map(|id| {
                wire::text(&format!(r#"42{RELIABLE}{id}["hold","{text}",{{"_outbox":[1,1]}}]"#))
            })
            .collect();
        if client.socket.send(&frames).is_err() {
            break;
        }
        sent += 100;
    }
    Ok((client, sent))
}

pub(super) fn outboxes(server: SocketAddr, count: usize) -> Result<Attacked> {
    // Somebody has an answer, loses the connection, and comes back later to ask for it again.
    let kept = |who: Source, number| {
        let mut client = SocketIo::open(server, who, Reads::Yes)?;
        client.connect(RELIABLE, &outbox(number))?;
        client.ask(RELIABLE, r#"["keep","x",{"_outbox":[1,1]}]"#)
    };
    let victim = 1_000_000;
    let answer = kept(VICTIM, victim)?;

    let begun = Instant::now();
    let mut client = SocketIo::open(server, ATTACKER, Reads::Yes)?;
    for number in 0..count {
        let connect = format!("40{RELIABLE}{}", outbox(number));
        let event = format!(r#"42{RELIABLE}{number}["keep","x",{{"_outbox":[1,1]}}]"#);
        client.socket.send(&[wire::text(&connect), wire::text(&event)].concat())?;
        let answered = format!("43{RELIABLE}{number}[");
        while !client.next_packet()?.starts_with(&answered) {}
        client.packet(&format!("41{RELIABLE}"))?;
    }
    let reached = format!("{count} outboxes in {:.1} s", begun.elapsed().as_secs_f64());

    let again = kept(VICTIM, victim)?;
    ensure!(again == answer, "the event of somebody else was answered {answer}, then {again}");
    Ok(staying(reached, client))
}

pub(super) fn keys(server: SocketAddr, count: usize, bytes: usize) -> Result<Attacked> {
    const KEYS: &str = "/keys,";
    let mut client = SocketIo::open(server, ATTACKER, Reads::Yes)?;
    client.connect(KEYS, "")?;
    let mut refused = 0;
    for number in 0..count {
        let key = format!("{number}-{}", "x".repeat(bytes));
        let answer = client.ask(KEYS, &format!(r#"["store",{{"key":"{key}"}}]"#))?;
        refused += usize::from(answer[0].get("error").is_some());
    }
    // What is remembered has to go with its time, and not with the client; but it is not much.
    drop(client);
    Ok(staying(format!("{count} keys, {refused} of them refused"), ()))
}
