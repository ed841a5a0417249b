//! Draining a server: sessions end in order, with all that was queued for them, or at the deadline.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use sockeye::{
    Ack, AckError, DisconnectReason, Drained, Event, EventError, Namespace, Server, Socket,
};
use sockeye_testing::raw::Peer;
use sockeye_testing::{ConnectError, Ended, TestServer};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

const QUESTION: Event<(), u32> = Event::new("question");
const LAST: Event<u32> = Event::new("last");
const LONG: Duration = Duration::from_secs(60);
const MOMENT: Duration = Duration::from_millis(1);

#[derive(Clone)]
struct World {
    gate: Arc<Semaphore>,
    reasons: Arc<Mutex<Vec<&'static str>>>,
}

fn start() -> (TestServer, World) {
    let world = World { gate: Arc::new(Semaphore::new(0)), reasons: Arc::default() };
    let (waits, tells) = (world.clone(), world.clone());
    let namespace = Namespace::new("/")
        .on("wait", move || {
            let gate = Arc::clone(&waits.gate);
            async move {
                gate.acquire().await.unwrap().forget();
                Ack(1)
            }
        })
        .on("ask", async |socket: Socket| {
            Ok::<_, EventError>(Ack(socket.emit_with_ack(QUESTION, &()).await?))
        })
        .on("now", async || Ack(2))
        .on_disconnect(move |reason: DisconnectReason| {
            tells.reasons.lock().push(reason.as_str());
            std::future::ready(())
        });
    (TestServer::new(Server::builder().namespace(namespace).build().unwrap()), world)
}

fn drain(server: &TestServer, deadline: Duration) -> JoinHandle<Drained> {
    let server = server.server().clone();
    tokio::spawn(async move { server.drain(deadline).await })
}

#[tokio::test(start_paused = true)]
async fn handlers_finish_and_their_answers_arrive_before_the_end() {
    let (server, world) = start();
    let (mut busy, mut asked, mut idle) =
        (server.connect().await, server.connect().await, server.connect().await);
    let waiting = busy.emit_with_ack::<_, u32>("wait", &());
    let asking = asked.emit_with_ack::<_, u32>("ask", &());
    let ((), question) = asked.expect_request(QUESTION).await;
    server.server().io().emit(LAST, &1).unwrap();
    let drained = drain(&server, LONG);
    // A session without running handlers is closed at once, after what was queued.
    assert_eq!(idle.expect_event(LAST).await, 1);
    assert_eq!(idle.expect_end().await, Ended::Closed);
    // One with running handlers continues: new events are handled, acks are accepted.
    assert_eq!(busy.emit_with_ack::<_, u32>("now", &()).await.unwrap(), 2);
    question.answer(&5);
    assert_eq!(asking.await.unwrap(), 5);
    assert_eq!(asked.expect_event(LAST).await, 1);
    assert_eq!(asked.expect_end().await, Ended::Closed);
    assert_eq!(server.server().sessions(), 1);
    world.gate.add_permits(1);
    assert_eq!(waiting.await.unwrap(), 1);
    assert_eq!(busy.expect_event(LAST).await, 1);
    assert_eq!(busy.expect_end().await, Ended::Closed);
    let drained = drained.await.unwrap();
    assert_eq!((drained.closed, drained.cut), (3, 0));
    assert_eq!(*world.reasons.lock(), ["server shutting down"; 3]);
    assert_eq!(server.server().sessions(), 0);
}

#[tokio::test(start_paused = true)]
async fn nobody_comes_in_any_more() {
    let (server, world) = start();
    let mut busy = server.connect().await;
    let waiting = busy.emit_with_ack::<_, u32>("wait", &());
    let drained = drain(&server, LONG);
    sleep(MOMENT).await;
    let late = server.client().connect().await;
    assert!(matches!(late, Err(ConnectError::Http { status: 503, .. })), "{late:?}");
    world.gate.add_permits(1);
    assert_eq!(waiting.await.unwrap(), 1);
    assert_eq!(drained.await.unwrap().closed, 1);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_done_at_the_deadline_is_cut_off() {
    let (server, world) = start();
    let (mut busy, mut idle) = (server.connect().await, server.connect().await);
    let waiting = busy.emit_with_ack::<_, u32>("wait", &());
    let begun = Instant::now();
    let drained = drain(&server, Duration::from_secs(5));
    assert_eq!(idle.expect_end().await, Ended::Closed);
    let drained = drained.await.unwrap();
    assert_eq!((drained.closed, drained.cut), (1, 1));
    assert!((5_000..5_100).contains(&begun.elapsed().as_millis()), "{:?}", begun.elapsed());
    assert!(matches!(waiting.await, Err(AckError::Disconnected { .. })), "without an answer");
    assert_eq!(world.reasons.lock().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn who_does_not_poll_again_is_not_waited_for() {
    let (server, _) = start();
    let mut peer = Peer::new(server.open().0);
    peer.get("/socket.io/?EIO=4&transport=polling").await;
    assert_eq!(peer.response().await.unwrap().status, 200);
    assert_eq!(server.server().sessions(), 1);
    let begun = Instant::now();
    let drained = drain(&server, LONG).await.unwrap();
    assert_eq!((drained.closed, drained.cut), (1, 0));
    let elapsed = begun.elapsed();
    assert!((1_000..2_100).contains(&elapsed.as_millis()), "{elapsed:?}");
}

#[tokio::test(start_paused = true)]
async fn a_server_without_sessions_is_drained_at_once() {
    let (server, _) = start();
    let begun = Instant::now();
    assert_eq!(drain(&server, LONG).await.unwrap().closed, 0);
    assert!(begun.elapsed() < Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn many_sessions_close_in_waves() {
    let (server, world) = start();
    let mut clients = Vec::new();
    for _ in 0..101 {
        clients.push(server.connect().await);
    }
    let drained = drain(&server, Duration::from_secs(4));
    // Two waves, which begin in the first half of the time.
    sleep(MOMENT).await;
    assert_eq!(world.reasons.lock().len(), 100);
    sleep(Duration::from_millis(998)).await;
    assert_eq!(world.reasons.lock().len(), 100);
    sleep(MOMENT * 5).await;
    assert_eq!(world.reasons.lock().len(), 101);
    let drained = drained.await.unwrap();
    assert_eq!((drained.closed, drained.cut), (101, 0));
}

/// No deadline of a future reaches a thread that is blocked. The server is drained in time all the
/// same, and the runtime's end has a deadline of its own: see [`Server::drain`].
#[test]
fn a_handler_that_blocks_its_thread_is_bounded_by_the_end_of_the_runtime() {
    let (release, released) = std::sync::mpsc::channel::<()>();
    let (started, is_started) = std::sync::mpsc::channel();
    let (released, started) = (Arc::new(Mutex::new(released)), Arc::new(Mutex::new(started)));
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = builder.worker_threads(2).enable_all().build().unwrap();
    let drained = runtime.block_on(async {
        let namespace = Namespace::new("/").on("block", move || {
            started.lock().send(()).unwrap();
            // Until the test is over: its end drops the other half.
            let _ = released.lock().recv();
            std::future::ready(())
        });
        let server = TestServer::new(Server::builder().namespace(namespace).build().unwrap());
        let client = server.connect().await;
        client.emit("block", &());
        tokio::task::spawn_blocking(move || is_started.recv().unwrap()).await.unwrap();
        let server = server.server().clone();
        server.drain(Duration::from_millis(50)).await
    });
    assert_eq!((drained.closed, drained.cut), (0, 1));
    // Dropping the runtime here would wait for ever.
    runtime.shutdown_timeout(Duration::from_millis(50));
    drop(release);
}
