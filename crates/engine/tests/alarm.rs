//! When handlers ask to be called: [`SessionHandler::poll_timeout`].

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use sockeye_engine::{
    Application, Body, CloseReason, Config, Engine, HandlerError, Handshake, Message, Session,
    SessionHandler,
};
use tokio::time::{Instant, advance, sleep};

/// What a handler asks for, and how often it was called.
#[derive(Clone)]
struct Asks {
    at: fn(Instant) -> Instant,
    opened: Option<Instant>,
    calls: Arc<AtomicUsize>,
}

impl Asks {
    fn new(at: fn(Instant) -> Instant) -> Self {
        Self { at, opened: None, calls: Arc::default() }
    }

    fn calls(&self) -> usize {
        self.calls.load(Ordering::Relaxed)
    }
}

impl Application for Asks {
    type Handler = Asks;

    fn open(&self, _: Session, _: Arc<Handshake>) -> Asks {
        Asks { opened: Some(Instant::now()), ..self.clone() }
    }
}

impl SessionHandler for Asks {
    fn message(&mut self, _: Message<'_>) -> Result<(), HandlerError> {
        Ok(())
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<()> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        Poll::Ready(())
    }

    fn poll_timeout(&self) -> Option<std::time::Instant> {
        self.opened.map(|opened| (self.at)(opened).into_std())
    }

    fn close(&mut self, _: CloseReason) {}
}

/// Opens a session by polling.
async fn open(asks: &Asks) -> Engine<Asks> {
    let engine = Engine::new(Config::default(), asks.clone()).expect("a valid configuration");
    let request = http::Request::get("/engine.io/?EIO=4&transport=polling").header("host", "a");
    let request = request.body(Body::default()).expect("a valid request");
    assert_eq!(engine.handle(request).await.status(), 200);
    happen().await;
    engine
}

/// Lets everything happen that is due, and does not wait for who is never done.
async fn happen() {
    for _ in 0..1000 {
        tokio::task::yield_now().await;
    }
}

/// A moment that has passed was a wish once. The session's task went on and on for it, and on a paused
/// clock time stood still.
#[tokio::test(start_paused = true)]
async fn a_moment_that_has_passed_does_not_keep_the_task_busy() {
    let moments: [fn(Instant) -> Instant; 3] =
        [|opened| opened, |opened| opened - Duration::from_secs(1), |_| Instant::now()];
    for at in moments {
        let asks = Asks::new(at);
        let engine = open(&asks).await;
        let calls = asks.calls();
        assert!(calls < 20, "{calls} calls although no time passed");
        sleep(Duration::from_millis(100)).await;
        assert!(asks.calls() <= calls + 110, "{} calls within 100 ms", asks.calls() - calls);
        assert_eq!(engine.sessions(), 1);
    }
}

/// It is called when it wished to be, and once.
#[tokio::test(start_paused = true)]
async fn a_moment_to_come_is_kept_once() {
    let asks = Asks::new(|opened| opened + Duration::from_millis(300));
    let _engine = open(&asks).await;
    let calls = asks.calls();
    sleep(Duration::from_millis(298)).await;
    assert_eq!(asks.calls(), calls);
    advance(Duration::from_millis(10)).await;
    happen().await;
    let called = asks.calls() - calls;
    assert!((1..20).contains(&called), "{called} calls at 300 ms");
    sleep(Duration::from_secs(10)).await;
    assert_eq!(asks.calls() - calls, called, "it had what it wished");
}
