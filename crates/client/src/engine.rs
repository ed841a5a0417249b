//! One Engine.IO session: `sockeye_engine_proto::Session` and the transports it lives on.
//!
//! Everything happens in [`Engine::poll`], one turn at a time: what came in is handed up, then what
//! waits above is fetched and written in one go. The layer above is only asked for packets when
//! a transport can take them; whatever it still holds when the session ends can go out on the next.

mod outgoing;

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use sockeye_engine_proto::{
    CloseReason, Config, DecodeError, Event, Loss, Packet, PayloadReader, Session, SessionError,
    TransportChange, TransportId, TransportKind,
};
use sockeye_ws::CloseCode;
use tokio::time::Sleep;

use self::outgoing::Outgoing;
use crate::error::TransportError;
use crate::namespaces::Namespaces;
use crate::target::Target;
use crate::transport::{Exchange, Polling, WebSocket, read_frames};

/// A session and its transports.
pub(crate) struct Engine {
    session: Session,
    /// The session's transport when it was last looked at.
    main: TransportId,
    target: Arc<Target>,
    polling: Option<PollingState>,
    websocket: Option<WebSocket>,
    /// The WebSocket of an upgrade, on its way. One try for each session.
    upgrade: Upgrade,
    outgoing: Outgoing,
    /// What the server said in OPEN.
    post_bytes_max: usize,
    sleep: Pin<Box<Sleep>>,
    /// What broke, once the session is closed; not every end has a cause to name.
    pub(crate) failure: Option<TransportError>,
}

struct PollingState {
    id: TransportId,
    requests: Polling,
    get: Option<Exchange>,
    post: Option<Exchange>,
    /// An answer whose packets are being handled.
    body: Option<(Bytes, PayloadReader)>,
}

#[derive(Default)]
struct Upgrade {
    is_tried: bool,
    connecting: Option<BoxFuture<'static, Result<WebSocket, TransportError>>>,
}

impl Engine {
    /// Starts a session. Over polling this asks nobody yet; a WebSocket is established first.
    pub(crate) async fn connect(target: Arc<Target>) -> Result<Self, TransportError> {
        let (mut polling, mut websocket) = (None, None);
        let id = if target.transports.first() == Some(&TransportKind::WebSocket) {
            websocket.insert(WebSocket::connect(&target, None).await?).id
        } else {
            let id = TransportId::new(TransportKind::Polling, 0);
            let requests = Polling::new(Arc::clone(&target));
            polling = Some(PollingState { id, requests, get: None, post: None, body: None });
            id
        };
        let config = Config {
            open_timeout: target.open_timeout.min(OPEN_TIMEOUT_MAX),
            upgrade: target.transports.contains(&TransportKind::WebSocket),
            ..Config::default()
        };
        Ok(Engine {
            session: Session::initiate(Arc::new(config), id, now()),
            main: id,
            target,
            polling,
            websocket,
            upgrade: Upgrade::default(),
            outgoing: Outgoing::default(),
            post_bytes_max: POST_BYTES_MAX,
            sleep: Box::pin(tokio::time::sleep(Duration::ZERO)),
            failure: None,
        })
    }

    /// The transport that messages go out on.
    pub(crate) fn transport(&self) -> TransportKind {
        self.session.transport().kind()
    }

    /// Ends the session after what is queued above.
    pub(crate) fn close(&mut self) {
        self.session.close(now());
    }

    /// One turn, until something is to be known above or nothing more can be done now.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, upper: &mut Namespaces) -> Poll<Event> {
        loop {
            let progress = [
                self.poll_timer(cx),
                self.poll_upgrade(cx),
                self.poll_websocket(cx, upper),
                self.poll_get(cx, upper),
                self.poll_post(cx),
                self.transmit(upper),
                self.flush(cx),
            ];
            if let Some(event) = self.session.poll_event() {
                match event {
                    Event::Opened => {
                        let max = self.session.open_data().and_then(|data| data.max_payload);
                        self.post_bytes_max = max.map_or(POST_BYTES_MAX, |max| {
                            usize::try_from(max).unwrap_or(usize::MAX)
                        });
                    }
                    Event::Upgraded { .. } => self.polling = None,
                    _ => {}
                }
                return Poll::Ready(event);
            }
            if progress.iter().all(Option::is_none) {
                return Poll::Pending;
            }
        }
    }

    fn poll_timer(&mut self, cx: &mut Context<'_>) -> Option<()> {
        let at = self.session.poll_timeout()?.into();
        if self.sleep.deadline() != at {
            self.sleep.as_mut().reset(at);
        }
        if self.sleep.as_mut().poll(cx).is_pending() {
            return None;
        }
        self.session.handle_timeout(now());
        Some(())
    }

    fn poll_upgrade(&mut self, cx: &mut Context<'_>) -> Option<()> {
        if !self.upgrade.is_tried && self.session.upgrade_wanted() {
            self.upgrade.is_tried = true;
            let (target, sid) = (Arc::clone(&self.target), self.session.id().clone());
            let connecting = async move { WebSocket::connect(&target, Some(sid.as_str())).await };
            self.upgrade.connecting = Some(connecting.boxed());
        }
        match take_done(&mut self.upgrade.connecting, cx)? {
            Ok(websocket) => {
                let id = websocket.id;
                self.websocket = Some(websocket);
                self.session.handle_transport(id, TransportChange::Opened, now());
            }
            Err(error) => tracing::debug!(%error, "no upgrade: polling goes on"),
        }
        Some(())
    }

    fn poll_websocket(&mut self, cx: &mut Context<'_>, upper: &mut Namespaces) -> Option<()> {
        let websocket = self.websocket.as_mut().filter(|_| upper.is_ready())?;
        let (id, session, failure) = (websocket.id, &mut self.session, &mut self.failure);
        let mut frames = Ok(true);
        let read = websocket.reader.poll_input(cx, |ws, input| {
            frames = read_frames(ws, input, |packet| {
                handle_packet(session, failure, id, packet, upper);
            });
            input.len()
        });
        match (read, frames) {
            (Poll::Pending, _) => return None,
            (_, Ok(false)) => self.end_websocket(Loss::Closed, None, Some(CloseCode::NORMAL)),
            (_, Err(error)) => {
                let code = Some(error.close_code());
                self.end_websocket(Loss::Failed, Some(TransportError::WebSocket(error)), code);
            }
            (Poll::Ready(Ok(0)), _) => self.end_websocket(Loss::Closed, None, None),
            (Poll::Ready(Err(error)), _) => {
                self.end_websocket(Loss::Closed, Some(error.into()), None);
            }
            (Poll::Ready(Ok(_)), _) => {}
        }
        Some(())
    }

    fn poll_get(&mut self, cx: &mut Context<'_>, upper: &mut Namespaces) -> Option<()> {
        let state = self.polling.as_mut()?;
        if state.body.is_some() {
            return self.handle_body(upper);
        }
        if state.get.is_none() && upper.is_ready() && self.session.poll_wanted() {
            let id = self.session.id().as_str();
            state.get = Some(state.requests.get((!id.is_empty()).then_some(id)));
            self.session.handle_transport(state.id, TransportChange::Polling, now());
        }
        match take_done(&mut state.get, cx)? {
            Ok(body) => {
                state.body = Some((body, PayloadReader::new()));
                self.handle_body(upper);
            }
            Err(error) => self.fail_polling(error),
        }
        Some(())
    }

    /// Handles packets of the answer at hand while the layer above takes them.
    fn handle_body(&mut self, upper: &mut Namespaces) -> Option<()> {
        let PollingState { id, body, .. } = self.polling.as_mut()?;
        let mut progress = None;
        while upper.is_ready()
            && let Some((bytes, reader)) = body
        {
            progress = Some(());
            if let Some(packet) = reader.next_packet(bytes) {
                handle_packet(&mut self.session, &mut self.failure, *id, packet, upper);
            } else {
                self.session.handle_transport(*id, TransportChange::Answered, now());
                *body = None;
            }
        }
        progress
    }

    fn poll_post(&mut self, cx: &mut Context<'_>) -> Option<()> {
        let state = self.polling.as_mut()?;
        match take_done(&mut state.post, cx)? {
            Ok(_) => self.session.handle_transport(state.id, TransportChange::Writable, now()),
            Err(error) => self.fail_polling(error),
        }
        Some(())
    }

    fn flush(&mut self, cx: &mut Context<'_>) -> Option<()> {
        match self.websocket.as_mut()?.poll_flush(cx) {
            Poll::Ready(Err(error)) => {
                self.end_websocket(Loss::Closed, Some(error.into()), None);
                Some(())
            }
            // What was written has made room for more.
            Poll::Ready(Ok(())) => std::mem::take(&mut self.outgoing.held_back).then_some(()),
            Poll::Pending => None,
        }
    }

    fn fail_polling(&mut self, error: TransportError) {
        if let Some(state) = &self.polling {
            self.failure.get_or_insert(error);
            let lost = TransportChange::Lost(Loss::Failed);
            self.session.handle_transport(state.id, lost, now());
        }
    }

    /// The session goes on without its WebSocket. With `code` that ends in good order: it closed, or
    /// broke the protocol.
    fn end_websocket(
        &mut self,
        loss: Loss,
        error: Option<TransportError>,
        code: Option<CloseCode>,
    ) {
        let Some(websocket) = self.websocket.take() else { return };
        let failed = error.is_some();
        if websocket.id == self.session.transport() {
            self.failure = self.failure.take().or(error);
        }
        self.session.handle_transport(websocket.id, TransportChange::Lost(loss), now());
        if let Some(code) = code {
            websocket.finish(code, failed);
        }
    }
}

/// Lets the session look at a packet and hands a message on.
fn handle_packet(
    session: &mut Session,
    failure: &mut Option<TransportError>,
    via: TransportId,
    packet: Result<Packet<'_>, DecodeError>,
    upper: &mut Namespaces,
) {
    let error = match packet.map(|packet| session.handle_packet(via, packet, now())) {
        Ok(Ok(None) | Err(SessionError::Closed)) => return,
        Ok(Ok(Some(message))) => {
            let Err(error) = upper.message(message) else { return };
            session.abort(CloseReason::ParseError);
            TransportError::Decode(error)
        }
        Ok(Err(error)) => TransportError::Session(error),
        Err(error) => {
            session.handle_malformed(via, now());
            TransportError::Packet(error)
        }
    };
    *failure = Some(error);
}

/// What came of a future that is under way, if it is done.
fn take_done<T>(slot: &mut Option<BoxFuture<'static, T>>, cx: &mut Context<'_>) -> Option<T> {
    let Poll::Ready(done) = slot.as_mut()?.poll_unpin(cx) else { return None };
    *slot = None;
    Some(done)
}

/// The size of a POST where the server does not announce a limit: the default of those that do.
const POST_BYTES_MAX: usize = 1_000_000;

/// The longest time for the server to open the session: what is set beyond it means the same, and can be
/// added to any moment.
const OPEN_TIMEOUT_MAX: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// The runtime's clock, which tests may stop.
fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}
