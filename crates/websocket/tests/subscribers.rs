//! Abuse list 9: of ten thousand subscribers one stops reading. It is disconnected at its limit, and
//! nobody else waits for it. The others are in a process of their own, since each connection is a file
//! at either end.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use common::{FnService, Peer, accept_with};
use sockeye_websocket::{Acceptor, Closed, Config, Group, HttpServer, RecvError};
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::sync::{Notify, Semaphore};
use tokio::time::timeout;

/// Subscribers where the limit on open files allows them.
const SUBSCRIBERS_MAX: usize = 10_000;
/// One after the other, each would wait for both processes to have their turn.
const HANDSHAKES_AT_ONCE: usize = 200;
/// Files for everything else.
const SPARE_FILES: usize = 200;
const MESSAGE_BYTES: usize = 4000;
/// What may wait for a subscriber: two messages. Those that read are never behind by more than one.
const QUEUED_BYTES_MAX: usize = 2 * (MESSAGE_BYTES + 4);
/// Broadcasts before one stops reading, and after: more than the kernel and the queue hold for it.
const ROUNDS: usize = 18;
/// Only a failing test waits this long.
const PATIENCE: Duration = Duration::from_secs(600);
/// How a connection ended.
type Ending = Result<Closed, RecvError>;
/// Makes this program the other process; `address count`.
const READERS: &str = "SOCKEYE_TEST_READERS";

/// The other process: connects, then prints a line each time all have got another message.
#[test]
fn readers_of_the_other_process() {
    let Ok(arguments) = std::env::var(READERS) else { return };
    let (address, count) = arguments.split_once(' ').unwrap();
    let (address, count) = (address.parse::<SocketAddr>().unwrap(), count.parse().unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let heard: Arc<Vec<AtomicUsize>> =
            Arc::new((0..2 * ROUNDS).map(|_| AtomicUsize::new(0)).collect());
        let handshakes = Arc::new(Semaphore::new(HANDSHAKES_AT_ONCE));
        let connected = Arc::new(AtomicUsize::new(0));
        for _ in 0..count {
            let permit = Arc::clone(&handshakes).acquire_owned().await.unwrap();
            let (heard, connected) = (Arc::clone(&heard), Arc::clone(&connected));
            tokio::spawn(async move {
                let mut stream = subscribe(address, None).await;
                drop(permit);
                if connected.fetch_add(1, Ordering::Relaxed) + 1 == count {
                    report("connected");
                }
                let mut frame = [0; MESSAGE_BYTES + 4];
                for round in heard.iter() {
                    stream.read_exact(&mut frame).await.unwrap();
                    assert_eq!(frame[..4], [0x82, 126, 0x0f, 0xa0]);
                    if round.fetch_add(1, Ordering::Relaxed) + 1 == count {
                        report("all have it");
                    }
                }
                // Its end is the server's.
                let _ = stream.read(&mut frame).await;
            });
        }
        std::future::pending::<()>().await;
    });
}

/// For whoever started this process, past what the test harness captures.
fn report(line: &str) {
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{line}").unwrap();
    stdout.flush().unwrap();
}

/// Kills it at the end of the test, however that is reached.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The other process, and the lines it reports.
fn start_readers(address: SocketAddr, count: usize) -> (Killed, UnboundedReceiver<String>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "readers_of_the_other_process", "--nocapture"])
        .env(READERS, format!("{address} {count}"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    let (lines, received) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in output.lines().map_while(Result::ok) {
            if lines.send(line).is_err() {
                return;
            }
        }
    });
    (Killed(child), received)
}

async fn subscribe(address: SocketAddr, receive_buffer: Option<u32>) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    if let Some(bytes) = receive_buffer {
        socket.set_recv_buffer_size(bytes).unwrap();
    }
    let peer = Peer::new(socket.connect(address).await.unwrap());
    peer.upgrade("/", &[]).await.unwrap().peer.into_stream()
}

/// Subscribers, and a few files, in each of the two processes.
fn subscribers() -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    let files = line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(1024);
    SUBSCRIBERS_MAX.min(usize::saturating_sub(files, SPARE_FILES))
}

fn resident_bytes() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok());
    pages.unwrap_or(0) * 4096
}

#[tokio::test]
async fn one_of_ten_thousand_stops_reading() {
    if std::env::var_os(READERS).is_some() {
        return;
    }
    let count = subscribers();
    let group = Group::new();
    let (ended, mut endings) = mpsc::unbounded_channel();
    let joined = Arc::new(Notify::new());
    let address = serve(&group, &joined, ended).await;
    let (_readers, mut lines) = start_readers(address, count);
    wait_for(&mut lines, "connected").await;
    members(&group, &joined, count).await;

    let before = broadcasts(&group, &mut lines).await;
    // It takes next to nothing, so that it is at its limit soon.
    let slow = subscribe(address, Some(4096)).await;
    members(&group, &joined, count + 1).await;
    let resident = resident_bytes();
    let after = broadcasts(&group, &mut lines).await;

    // Only the slow one is gone, and what waited for it.
    let ending = timeout(PATIENCE, endings.recv()).await.expect("it is disconnected").unwrap();
    assert!(matches!(ending, Err(RecvError::Overflow)), "{ending:?}");
    while group.len() > count {
        tokio::task::yield_now().await;
    }
    assert_eq!(group.len(), count);
    assert!(endings.try_recv().is_err());
    // Waiting for it would take its thirty seconds.
    assert!(after < 5 * before + Duration::from_secs(10), "{before:?} before, {after:?} after");
    let grown = resident_bytes().saturating_sub(resident);
    assert!(grown < 16 << 20, "{grown} bytes for one that does not read");
    drop(slow);
}

/// A server whose every connection joins the group.
async fn serve(group: &Group, joined: &Arc<Notify>, ended: UnboundedSender<Ending>) -> SocketAddr {
    let socket = TcpSocket::new_v4().unwrap();
    // Inherited by what is accepted, so that the kernel holds little for each.
    socket.set_send_buffer_size(16 * 1024).unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener: TcpListener = socket.listen(1024).unwrap();
    let address = listener.local_addr().unwrap();
    let config = Config { queued_bytes_max: QUEUED_BYTES_MAX, ..Config::default() };
    let acceptor = Acceptor::new().config(config);
    let (group, joined) = (group.clone(), Arc::clone(joined));
    let service = FnService(move |request| {
        let (group, joined, ended) = (group.clone(), Arc::clone(&joined), ended.clone());
        accept_with(acceptor.clone(), request, move |socket| async move {
            let membership = group.join(&socket);
            joined.notify_waiters();
            let ending = socket.for_each(|_, _| {}).await;
            drop(membership);
            // The test may be over.
            let _ = ended.send(ending);
        })
    });
    tokio::spawn(HttpServer::new(vec![listener], service).into_future());
    address
}

/// Waits until the group has so many.
async fn members(group: &Group, joined: &Notify, count: usize) {
    loop {
        let another = joined.notified();
        if group.len() >= count {
            return;
        }
        another.await;
    }
}

/// Sends messages one by one; the median of the times until everybody has one.
async fn broadcasts(group: &Group, lines: &mut UnboundedReceiver<String>) -> Duration {
    let payload = vec![7; MESSAGE_BYTES];
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let sent = Instant::now();
        group.send(&payload);
        wait_for(lines, "all have it").await;
        times.push(sent.elapsed());
    }
    times.sort();
    times[ROUNDS / 2]
}

/// Lines of the test harness are passed over; on a machine with one core it begins ours too.
async fn wait_for(lines: &mut UnboundedReceiver<String>, wanted: &str) {
    let found = async {
        while !lines.recv().await.expect("the other process goes on").trim().ends_with(wanted) {}
    };
    timeout(PATIENCE, found).await.unwrap_or_else(|_| panic!("{wanted:?} never came"));
}
