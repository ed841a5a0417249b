//! One Engine.IO session: the protocol's [`Session`] and the transports that it uses.
//!
//! Everything happens in [`EngineSession::poll`]: it reads messages and gives them to the namespaces,
//! then takes their packets and writes them at once. It takes packets only when a transport has room,
//! so those that are left when the session ends can be sent on the next one.

// Sending: packets of the namespaces and of the session itself.
mod send;

// Address, path, query and headers of every request.
mod target;

// Polling and WebSocket.
mod transport;

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

use self::send::SendState;
pub(crate) use self::target::{Target, normalize_namespace};
use self::transport::{Exchange, PollingRequests, WebSocket, read_frames};
use crate::error::TransportError;
use crate::manager::Namespaces;

/// A session and its transports.
pub(crate) struct EngineSession {
    session: Session,
    /// The session's transport at the last [`transmit`](Self::transmit).
    main: TransportId,
    target: Arc<Target>,
    polling: Option<PollingTransport>,
    websocket: Option<WebSocket>,
    upgrade: Upgrade,
    send_state: SendState,
    /// The `maxPayload` of the server's OPEN packet.
    post_bytes_max: usize,
    sleep: Pin<Box<Sleep>>,
    /// The cause of the session's end, where there is one.
    pub(crate) failure: Option<TransportError>,
}

/// Polling as the session's transport: at most one GET and one POST at a time.
struct PollingTransport {
    id: TransportId,
    requests: PollingRequests,
    get: Option<Exchange>,
    post: Option<Exchange>,
    /// The response to a GET, while its packets are handled.
    body: Option<(Bytes, PayloadReader)>,
}

/// The upgrade to a WebSocket, which is tried once in a session.
#[derive(Default)]
struct Upgrade {
    is_tried: bool,
    connecting: Option<BoxFuture<'static, Result<WebSocket, TransportError>>>,
}

impl EngineSession {
    /// Starts a session. A WebSocket is connected first; with polling the first request is sent later,
    /// by [`poll`](Self::poll).
    pub(crate) async fn connect(target: Arc<Target>) -> Result<Self, TransportError> {
        let (mut polling, mut websocket) = (None, None);
        let id = if target.transports.first() == Some(&TransportKind::WebSocket) {
            websocket.insert(WebSocket::connect(&target, None).await?).id
        } else {
            let id = TransportId::new(TransportKind::Polling, 0);
            let requests = PollingRequests::new(Arc::clone(&target));
            polling = Some(PollingTransport { id, requests, get: None, post: None, body: None });
            id
        };
        let config = Config {
            open_timeout: target.open_timeout.min(OPEN_TIMEOUT_MAX),
            upgrade: target.transports.contains(&TransportKind::WebSocket),
            ..Config::default()
        };
        Ok(EngineSession {
            session: Session::initiate(Arc::new(config), id, now()),
            main: id,
            target,
            polling,
            websocket,
            upgrade: Upgrade::default(),
            send_state: SendState::default(),
            post_bytes_max: POST_BYTES_MAX,
            sleep: Box::pin(tokio::time::sleep(Duration::ZERO)),
            failure: None,
        })
    }

    /// The transport of the session's messages.
    pub(crate) fn transport(&self) -> TransportKind {
        self.session.transport().kind()
    }

    /// Closes the session after the packets that are queued in the namespaces.
    pub(crate) fn close(&mut self) {
        self.session.close(now());
    }

    /// Reads, writes and times out until there is an event for the manager.
    pub(crate) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        namespaces: &mut Namespaces,
    ) -> Poll<Event> {
        loop {
            let progress = [
                self.poll_timer(cx),
                self.poll_upgrade(cx),
                self.poll_websocket(cx, namespaces),
                self.poll_get(cx, namespaces),
                self.poll_post(cx),
                self.transmit(namespaces),
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
        match take_ready(&mut self.upgrade.connecting, cx)? {
            Ok(websocket) => {
                let id = websocket.id;
                self.websocket = Some(websocket);
                self.session.handle_transport(id, TransportChange::Opened, now());
            }
            Err(error) => {
                tracing::debug!(%error, "the upgrade failed, polling continues")
            }
        }
        Some(())
    }

    fn poll_websocket(&mut self, cx: &mut Context<'_>, namespaces: &mut Namespaces) -> Option<()> {
        let websocket = self.websocket.as_mut().filter(|_| namespaces.is_ready())?;
        let (id, session, failure) = (websocket.id, &mut self.session, &mut self.failure);
        let mut frames = Ok(true);
        let read = websocket.reader.poll_input(cx, |ws, input| {
            frames = read_frames(ws, input, |packet| {
                handle_packet(session, failure, id, packet, namespaces);
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

    fn poll_get(&mut self, cx: &mut Context<'_>, namespaces: &mut Namespaces) -> Option<()> {
        let state = self.polling.as_mut()?;
        if state.body.is_some() {
            return self.handle_body(namespaces);
        }
        if state.get.is_none() && namespaces.is_ready() && self.session.poll_wanted() {
            let id = self.session.id().as_str();
            state.get = Some(state.requests.get((!id.is_empty()).then_some(id)));
            self.session.handle_transport(state.id, TransportChange::Polling, now());
        }
        match take_ready(&mut state.get, cx)? {
            Ok(body) => {
                state.body = Some((body, PayloadReader::new()));
                self.handle_body(namespaces);
            }
            Err(error) => self.fail_polling(error),
        }
        Some(())
    }

    /// Handles packets of the present response as long as the namespaces are ready for more.
    fn handle_body(&mut self, namespaces: &mut Namespaces) -> Option<()> {
        let PollingTransport { id, body, .. } = self.polling.as_mut()?;
        let mut progress = None;
        while namespaces.is_ready()
            && let Some((bytes, reader)) = body
        {
            progress = Some(());
            if let Some(packet) = reader.next_packet(bytes) {
                handle_packet(&mut self.session, &mut self.failure, *id, packet, namespaces);
            } else {
                self.session.handle_transport(*id, TransportChange::Answered, now());
                *body = None;
            }
        }
        progress
    }

    fn poll_post(&mut self, cx: &mut Context<'_>) -> Option<()> {
        let state = self.polling.as_mut()?;
        match take_ready(&mut state.post, cx)? {
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
            // There is room for more packets now.
            Poll::Ready(Ok(())) => std::mem::take(&mut self.send_state.is_full).then_some(()),
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

    /// Removes the WebSocket from the session. With a `code` its closing handshake is finished: the
    /// server closed it, or broke the protocol.
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

/// Gives a packet to the session, and the message in it, if any, to the namespaces.
fn handle_packet(
    session: &mut Session,
    failure: &mut Option<TransportError>,
    via: TransportId,
    packet: Result<Packet<'_>, DecodeError>,
    namespaces: &mut Namespaces,
) {
    let error = match packet.map(|packet| session.handle_packet(via, packet, now())) {
        Ok(Ok(None) | Err(SessionError::Closed)) => return,
        Ok(Ok(Some(message))) => {
            let Err(error) = namespaces.handle_message(message) else { return };
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

/// Polls a future, if there is one, and returns its output when it is ready.
fn take_ready<T>(slot: &mut Option<BoxFuture<'static, T>>, cx: &mut Context<'_>) -> Option<T> {
    let Poll::Ready(done) = slot.as_mut()?.poll_unpin(cx) else { return None };
    *slot = None;
    Some(done)
}

/// The bytes of a POST where the server announces no limit: the default of those that do.
const POST_BYTES_MAX: usize = 1_000_000;

/// The longest time for the server to open the session. A longer one, such as `Duration::MAX`, could
/// not be added to a point in time.
const OPEN_TIMEOUT_MAX: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// The runtime's clock, which tests may stop.
fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}
