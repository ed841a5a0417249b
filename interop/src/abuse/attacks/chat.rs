//! The chat, whose rooms and messages end on the disk.

use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};

use super::{Attacked, Stage, staying};
use crate::honest;
use crate::server::bytes_below;
use crate::wire::{self, Reads, SocketIo, Source};

const ATTACKER: Source = Source(66);
/// Characters of a message.
const MESSAGE: usize = 4_000;
/// Messages to each room.
const MESSAGES: usize = 20;
/// Megabytes that one client may bring onto the disk meanwhile, and rooms that it may make.
const DISK_MB_MAX: u64 = 16;
const ROOMS_MAX: usize = 500;
/// Guests that one host may be meanwhile, each of whom is kept with a session.
const GUESTS_MAX: usize = 250;

pub(super) fn flood(stage: &Stage, seconds: u64) -> Result<Attacked> {
    let until = Instant::now() + Duration::from_secs(seconds);
    let before = bytes_below(&stage.data)?;
    let text = "x".repeat(MESSAGE);
    let mut client = SocketIo::open(stage.server, ATTACKER, Reads::Yes)?;
    client.connect("", "")?;
    let (mut rooms, mut made, mut stored, mut refused) = (0, 0, 0, 0);
    while Instant::now() < until {
        let join = format!(r#"42{rooms}["join",{{"room":"flood-{rooms}","name":"mallory"}}]"#);
        let chat = format!(r#"42{rooms}["chat",{{"name":"mallory","msg":"{text}"}}]"#);
        let packets = [wire::text(&join), wire::text(&chat).repeat(MESSAGES)].concat();
        client.socket.send(&packets)?;
        let stored_before = stored;
        let mut answers = 0;
        while answers < 1 + MESSAGES {
            let packet = client.next_packet()?;
            let is_answer = packet.starts_with("43");
            let is_error = packet.contains(r#"{"error":"#);
            // The answer to `join` is a list, that to `chat` a message.
            let is_message = packet.contains(r#"[{"id":"#) && !packet.contains("[[");
            answers += usize::from(is_answer);
            refused += usize::from(is_answer && is_error);
            stored += usize::from(is_answer && is_message);
        }
        made += usize::from(stored > stored_before);
        rooms += 1;
    }
    let megabytes = (bytes_below(&stage.data)? - before) / 1_000_000;
    let reached =
        format!("{made} rooms, {stored} stored, {refused} refused, {megabytes} MB of disk");
    ensure!(megabytes <= DISK_MB_MAX, "{reached}; {DISK_MB_MAX} MB are allowed");
    ensure!(made <= ROOMS_MAX, "{reached}; {ROOMS_MAX} rooms are allowed");

    let mut newcomer = SocketIo::open(stage.server, Source(88), Reads::Yes)?;
    newcomer.connect("", "")?;
    let join = format!(r#"["join",{{"room":"{}","name":"newcomer"}}]"#, honest::ROOM);
    let history = newcomer.ask("", &join)?;
    let is_there = history[0].as_array().is_some_and(|said| !said.is_empty());
    ensure!(is_there, "{reached}; the honest room is not there for newcomers: {history}");
    Ok(staying(reached, client))
}

pub(super) fn guests(stage: &Stage, seconds: u64) -> Result<Attacked> {
    let until = Instant::now() + Duration::from_secs(seconds);
    let before = bytes_below(&stage.data)?;
    let mut stream = wire::open(stage.server, ATTACKER, Reads::Yes)?;
    let (mut made, mut refused) = (0, 0);
    while Instant::now() < until {
        let name = format!(r#"{{"name":"mallory {}"}}"#, made + refused);
        let answer = wire::post_json(&mut stream, "/api/guests", &name)?;
        match answer.status {
            200 => made += 1,
            429 => refused += 1,
            status => bail!("{status} {}", answer.body),
        }
    }
    let kilobytes = (bytes_below(&stage.data)? - before) / 1_000;
    let reached = format!("{made} guests, {refused} refused, {kilobytes} kB of disk");
    ensure!(made <= GUESTS_MAX, "{reached}; {GUESTS_MAX} are allowed");
    ensure!(refused > made, "{reached}; it was no flood");

    let mut newcomer = wire::open(stage.server, Source(88), Reads::Yes)?;
    let answer = wire::post_json(&mut newcomer, "/api/guests", r#"{"name":"newcomer"}"#)?;
    ensure!(answer.status == 200, "{reached}; nobody else comes in: {}", answer.body);
    Ok(staying(reached, stream))
}
