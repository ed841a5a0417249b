//! Namespaces that exist because somebody asked for them.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::{Attacked, staying};
use crate::wire::{self, Reads, SocketIo, Source};

/// So many are entered at once: a session may be in a hundred.
const AT_ONCE: usize = 50;
/// Then the attack has shown what it can.
const TIME: Duration = Duration::from_secs(10);

pub(super) fn made_on_demand(
    server: SocketAddr,
    count: usize,
    name_bytes: usize,
) -> Result<Attacked> {
    let begun = Instant::now();
    let mut client = SocketIo::open(server, Source(66), Reads::Yes)?;
    let width = name_bytes - "/made-".len();
    let (mut entered, mut refused) = (0, 0);
    for first in (0..count).step_by(AT_ONCE) {
        if begun.elapsed() > TIME {
            break;
        }
        let names = (first..first + AT_ONCE).map(|number| format!("/made-{number:0>width$},"));
        let names: Vec<_> = names.collect();
        let packets = |kind: &str| -> Vec<u8> {
            names.iter().flat_map(|name| wire::text(&format!("{kind}{name}"))).collect()
        };
        client.socket.send(&packets("40"))?;
        let mut open = AT_ONCE;
        while open > 0 {
            let packet = client.next_packet()?;
            entered += usize::from(packet.starts_with("40"));
            refused += usize::from(packet.starts_with("44"));
            open -= usize::from(packet.starts_with("40") || packet.starts_with("44"));
        }
        client.socket.send(&packets("41"))?;
    }
    let seconds = begun.elapsed().as_secs_f64();
    let reached = format!("{entered} entered, {refused} refused in {seconds:.1} s");
    Ok(staying(reached, client))
}
