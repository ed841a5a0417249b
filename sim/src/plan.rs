//! What is going to happen in a world, as far as it is decided beforehand.

use crate::random::Random;

/// One world's course.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Messages the server sends.
    pub from_server: u32,
    /// Messages the client sends.
    pub from_client: u32,
    /// Time in which they are sent, in milliseconds.
    pub sending_ms: u64,
    /// Longest delay of the network in milliseconds.
    pub delay_ms_max: u64,
    /// How late timers fire at most, in milliseconds.
    pub timer_late_ms_max: u64,
    /// Whether the session starts on a WebSocket.
    pub websocket_only: bool,
    /// When the client starts to upgrade, in milliseconds after OPEN.
    pub upgrade_after_ms: Option<u64>,
    /// Largest body of a POST, announced by the server.
    pub payload_bytes_max: usize,
    /// What goes wrong, and when, in milliseconds.
    pub fault: Option<(Fault, u64)>,
    /// The server ends the session; otherwise the client does.
    pub server_closes: bool,
    /// Closing starts at once after the last message was sent, so that some may be lost.
    pub close_early: bool,
}

/// Something that goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The connection of a poll is lost.
    CutPoll,
    /// The connection of a POST is lost.
    CutPost,
    /// The newest WebSocket is lost, with what it carries.
    CutWebSocket,
    /// The probe's WebSocket opens but carries nothing: a proxy that answers 101 and no more.
    DeafProbe,
    /// The client's machine stops without a word.
    SilentClient,
    /// The network carries nothing any more, and nobody is told.
    Blackout,
    /// A second WebSocket is opened for the session.
    SecondProbe,
}

impl Fault {
    /// Whether the session goes on as if nothing had happened.
    pub(crate) fn is_harmless(self) -> bool {
        matches!(self, Fault::DeafProbe | Fault::SecondProbe)
    }
}

impl Plan {
    /// The plan of a seed.
    pub(crate) fn draw(random: &mut Random) -> Self {
        let websocket_only = random.chance(15);
        let upgrade = !websocket_only && random.chance(80);
        let sending_ms = [1, 500, 3000, 60_000][random.below(4) as usize];
        let upgrade_after_ms = upgrade.then(|| random.below(sending_ms.min(2000) + 200));
        let fault = random.chance(50).then(|| {
            let kinds = [
                Fault::CutPoll,
                Fault::CutPost,
                Fault::CutWebSocket,
                Fault::CutWebSocket,
                Fault::DeafProbe,
                Fault::SilentClient,
                Fault::Blackout,
                Fault::SecondProbe,
            ];
            let kind = kinds[random.below(kinds.len() as u64) as usize];
            // Around the upgrade most of the time: that is where it hurts.
            let from = upgrade_after_ms.unwrap_or(0) * u64::from(random.chance(80));
            (kind, from + random.below(1500))
        });
        Plan {
            from_server: random.below(60) as u32,
            from_client: random.below(60) as u32,
            sending_ms,
            delay_ms_max: [1, 20, 200, 600][random.below(4) as usize],
            timer_late_ms_max: [0, 10, 700][random.below(3) as usize],
            websocket_only,
            upgrade_after_ms,
            payload_bytes_max: [40, 200, 1_000_000][random.below(3) as usize],
            fault,
            server_closes: random.chance(50),
            close_early: random.chance(25),
        }
    }
}
