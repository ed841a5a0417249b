//! A relay between the browser and the server of a visit, which counts what passes, slows it down and
//! cuts it off.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf as _, Bytes, BytesMut};
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use super::board::Board;
use super::contract::{Direction, Road, Slowness};
use super::decode::Decoder;

/// The most connections of a road.
pub(crate) const CONNECTIONS_MAX: u32 = 16;
/// The most bytes that are held for each connection and way.
pub(crate) const HELD_BYTES_MAX: usize = 64 * 1024;
/// The most bytes that are read at once.
const READ_BYTES: usize = 16 * 1024;
/// The most pieces that are held, however small they are.
const HELD_PIECES_MAX: usize = 1024;
/// What a slow line passes at once: what it passes in this time.
const SLICE: Duration = Duration::from_millis(50);
/// How long nothing is accepted after it has failed, as it does without file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How slow a line is, each way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Line {
    /// How much later everything arrives.
    pub(crate) delay: Duration,
    /// How much passes in a second; 0 is no limit.
    pub(crate) bytes_per_second: u32,
}

impl From<Line> for Slowness {
    fn from(line: Line) -> Self {
        let delay_ms = u32::try_from(line.delay.as_millis()).unwrap_or(u32::MAX);
        Self { delay_ms, bytes_per_second: line.bytes_per_second }
    }
}

/// When a road was cut.
#[derive(Clone, Copy, Debug, Default)]
struct Cut {
    /// Connections until when are reset.
    until: Option<Instant>,
}

/// The relay of one road. It ends, and its connections with it, when it is dropped.
#[derive(Debug)]
pub(crate) struct Tap {
    line: watch::Sender<Line>,
    cut: watch::Sender<Cut>,
    _tasks: JoinSet<()>,
}

/// What all connections of a road share.
#[derive(Debug)]
struct Relay {
    road: Road,
    server: SocketAddr,
    board: Arc<Mutex<Board>>,
    line: watch::Receiver<Line>,
    cut: watch::Receiver<Cut>,
}

impl Tap {
    /// Listens for a road's connections, and relays them to `server`.
    pub(crate) fn new(
        road: Road,
        listeners: Vec<TcpListener>,
        server: SocketAddr,
        board: &Arc<Mutex<Board>>,
    ) -> Self {
        let (line, line_receiver) = watch::channel(Line::default());
        let (cut, cut_receiver) = watch::channel(Cut::default());
        let board = Arc::clone(board);
        let relay = Relay { road, server, board, line: line_receiver, cut: cut_receiver };
        let relay = Arc::new(relay);
        let mut tasks = JoinSet::new();
        for listener in listeners {
            tasks.spawn(Arc::clone(&relay).listen(listener));
        }
        tasks.spawn(relay.tell_end_of_cut());
        Self { line, cut, _tasks: tasks }
    }

    pub(crate) fn line(&self) -> Line {
        *self.line.borrow()
    }

    /// What is on its way already keeps the delay it has.
    pub(crate) fn set_line(&self, line: Line) {
        self.line.send_replace(line);
    }

    /// Resets all connections, and new ones for so long.
    pub(crate) fn cut(&self, time: Duration) {
        let until = (!time.is_zero()).then(|| Instant::now() + time);
        self.cut.send_replace(Cut { until });
    }
}

impl Relay {
    async fn listen(self: Arc<Self>, listener: TcpListener) {
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((browser, _)) => {
                        if let Some(open) = self.open() {
                            connections.spawn(open.run(browser));
                        } else {
                            reset(&browser);
                        }
                    }
                    Err(error) => {
                        tracing::debug!(%error, road = self.road.as_str(), "cannot accept");
                        sleep(ACCEPT_PAUSE).await;
                    }
                },
                Some(_) = connections.join_next() => {}
            }
        }
    }

    /// A place for one more connection, which is counted before its task runs, so that the bound holds.
    fn open(self: &Arc<Self>) -> Option<Open> {
        let mut cut = self.cut.clone();
        let until = cut.borrow_and_update().until;
        if until.is_some_and(|until| Instant::now() < until) {
            return None;
        }
        let mut board = self.board.lock();
        if board.connections_open(self.road) >= CONNECTIONS_MAX {
            return None;
        }
        Some(Open { number: board.open(self.road), relay: Arc::clone(self), cut })
    }

    async fn tell_end_of_cut(self: Arc<Self>) {
        let mut cut = self.cut.clone();
        loop {
            let until = cut.borrow_and_update().until;
            self.board.lock().set_cut(self.road, until.is_some());
            tokio::select! {
                changed = cut.changed() => if changed.is_err() { return },
                () = sleep_until(until.unwrap_or_else(Instant::now)), if until.is_some() => {
                    self.board.lock().set_cut(self.road, false);
                    if cut.changed().await.is_err() {
                        return;
                    }
                }
            }
        }
    }
}

/// A connection that is counted as open until it is dropped.
#[derive(Debug)]
struct Open {
    relay: Arc<Relay>,
    number: u32,
    cut: watch::Receiver<Cut>,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.relay.board.lock().close(self.relay.road, self.number);
    }
}

impl Open {
    async fn run(self, mut browser: TcpStream) {
        let mut cut = self.cut.clone();
        let Ok(mut server) = TcpStream::connect(self.relay.server).await else {
            return reset(&browser);
        };
        let _ = browser.set_nodelay(true);
        let _ = server.set_nodelay(true);
        let is_whole = {
            let (from_browser, to_browser) = browser.split();
            let (from_server, to_server) = server.split();
            let decoder = Mutex::new(Decoder::default());
            let mut up = Way::new(&self, &decoder, Direction::Up);
            let mut down = Way::new(&self, &decoder, Direction::Down);
            let both = async {
                tokio::try_join!(
                    up.pump(from_browser, to_server),
                    down.pump(from_server, to_browser)
                )
            };
            tokio::select! {
                ended = both => ended.is_ok(),
                _ = cut.changed() => false,
            }
        };
        // What broke off on one side breaks off on the other.
        if !is_whole {
            reset(&browser);
            reset(&server);
        }
    }
}

/// The peer is told by a reset when the stream is dropped, and nothing that is under way arrives.
fn reset(stream: &TcpStream) {
    let _ = stream.set_zero_linger();
}

/// One way of a connection, and what is on it.
struct Way<'a> {
    open: &'a Open,
    decoder: &'a Mutex<Decoder>,
    direction: Direction,
    line: watch::Receiver<Line>,
    /// What was read and is not written, and when it is to be; that never decreases.
    held: VecDeque<(Instant, Bytes)>,
    held_bytes: usize,
    /// When a slow line takes more.
    free_at: Instant,
}

impl<'a> Way<'a> {
    fn new(open: &'a Open, decoder: &'a Mutex<Decoder>, direction: Direction) -> Self {
        let (line, held) = (open.relay.line.clone(), VecDeque::new());
        Self { open, decoder, direction, line, held, held_bytes: 0, free_at: Instant::now() }
    }

    async fn pump(&mut self, mut from: ReadHalf<'_>, mut to: WriteHalf<'_>) -> io::Result<()> {
        let (mut has_ended, mut input) = (false, BytesMut::with_capacity(READ_BYTES));
        loop {
            let line = *self.line.borrow_and_update();
            let has_room =
                self.held_bytes + READ_BYTES <= HELD_BYTES_MAX && self.held.len() < HELD_PIECES_MAX;
            let front = self.held.front();
            if has_ended && front.is_none() {
                return to.shutdown().await;
            }
            let (due, piece) = match front {
                Some((due, bytes)) => {
                    ((*due).max(self.free_at), bytes.slice(..bytes.len().min(slice_bytes(line))))
                }
                None => (self.free_at, Bytes::new()),
            };
            let now = Instant::now();
            let is_due = !piece.is_empty() && due <= now;
            let mut some = (&mut from).take(READ_BYTES as u64);
            // All of these may be given up and begun anew: none has done anything before it is ready.
            tokio::select! {
                read = some.read_buf(&mut input), if !has_ended && has_room => {
                    has_ended = read? == 0;
                    // Copied, since a piece of a few bytes would hold all the room that was read into.
                    self.hold(Bytes::copy_from_slice(&input), line);
                    input.clear();
                }
                written = to.write(&piece), if is_due => self.wrote(&piece[..written?], line),
                () = sleep_until(due), if !piece.is_empty() && !is_due => {}
                changed = self.line.changed() => if changed.is_err() { return Ok(()) },
            }
        }
    }

    fn hold(&mut self, bytes: Bytes, line: Line) {
        if bytes.is_empty() {
            return;
        }
        let due = Instant::now() + line.delay;
        let due = self.held.back().map_or(due, |(last, _)| due.max(*last));
        self.held_bytes += bytes.len();
        self.held.push_back((due, bytes));
    }

    fn wrote(&mut self, bytes: &[u8], line: Line) {
        self.held_bytes -= bytes.len();
        if let Some((_, front)) = self.held.front_mut() {
            front.advance(bytes.len());
            if front.is_empty() {
                self.held.pop_front();
            }
        }
        if line.bytes_per_second > 0 {
            let time = bytes.len() as f64 / f64::from(line.bytes_per_second);
            self.free_at = self.free_at.max(Instant::now()) + Duration::from_secs_f64(time);
        }
        let mut passed = Vec::new();
        let mut decoder = self.decoder.lock();
        let before = decoder.counts();
        decoder.read(self.direction, bytes, &mut passed);
        let counts = decoder.counts().since(before);
        let place = (self.open.relay.road, self.open.number);
        self.open.relay.board.lock().passed(place, counts, &mut passed);
    }
}

/// How much is written at once.
fn slice_bytes(line: Line) -> usize {
    match line.bytes_per_second {
        0 => READ_BYTES,
        bytes => ((f64::from(bytes) * SLICE.as_secs_f64()) as usize).clamp(1, READ_BYTES),
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;

    async fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        (near, listener.accept().await.unwrap().0)
    }

    fn open(line: watch::Receiver<Line>) -> Open {
        let (_, cut) = watch::channel(Cut::default());
        let board = Arc::new(Mutex::new(Board::default()));
        let number = board.lock().open(Road::Sse);
        let server = SocketAddr::from(([127, 0, 0, 1], 1));
        let relay = Relay { road: Road::Sse, server, board, line, cut: cut.clone() };
        Open { relay: Arc::new(relay), number, cut }
    }

    #[tokio::test]
    async fn a_way_holds_so_much_and_reads_no_further() {
        let delay = Duration::from_secs(3600);
        let (line, receiver) = watch::channel(Line { delay, bytes_per_second: 0 });
        let open = open(receiver);
        let decoder = Mutex::new(Decoder::default());
        let mut way = Way::new(&open, &decoder, Direction::Down);
        let ((mut writer, mut from), (mut to, _reader)) = (pair().await, pair().await);
        let write = tokio::spawn(async move {
            let _ = writer.write_all(&vec![b'x'; 16 * 1024 * 1024]).await;
        });
        let mut full = 0;
        while full < 10 {
            let (read, write) = (from.split().0, to.split().1);
            let ended = timeout(Duration::from_millis(5), way.pump(read, write)).await;
            assert!(ended.is_err(), "it goes on");
            let is_full = way.held_bytes + READ_BYTES > HELD_BYTES_MAX;
            full = if is_full { full + 1 } else { 0 };
        }
        assert!(way.held_bytes <= HELD_BYTES_MAX, "{}", way.held_bytes);
        assert!(way.held.iter().is_sorted_by_key(|(due, _)| *due));

        // A line that gets fast lets what is on its way keep its time.
        line.send_replace(Line::default());
        let held = way.held_bytes;
        let (read, write_half) = (from.split().0, to.split().1);
        let ended = timeout(Duration::from_millis(5), way.pump(read, write_half)).await;
        assert!(ended.is_err() && way.held_bytes == held);
        write.abort();
    }

    #[tokio::test]
    async fn pieces_of_a_byte_hold_no_more_than_that() {
        let delay = Duration::from_secs(3600);
        let (_line, receiver) = watch::channel(Line { delay, bytes_per_second: 0 });
        let open = open(receiver);
        let decoder = Mutex::new(Decoder::default());
        let mut way = Way::new(&open, &decoder, Direction::Up);
        let ((mut writer, mut from), (mut to, _reader)) = (pair().await, pair().await);
        for pieces in 1..=50 {
            writer.write_all(b"x").await.unwrap();
            while way.held.len() < pieces {
                let (read, write) = (from.split().0, to.split().1);
                let ended = timeout(Duration::from_millis(1), way.pump(read, write)).await;
                assert!(ended.is_err(), "it goes on");
            }
        }
        let sizes = way
            .held
            .drain(..)
            .map(|(_, piece)| piece.try_into_mut().map_or(usize::MAX, |piece| piece.capacity()));
        assert_eq!(sizes.max(), Some(1));
    }

    #[test]
    fn a_slow_line_passes_little_at_once() {
        let slice = |bytes_per_second| slice_bytes(Line { bytes_per_second, ..Line::default() });
        assert_eq!([0, 1, 100, 20_000, u32::MAX].map(slice), [READ_BYTES, 1, 5, 1_000, READ_BYTES]);
    }
}
