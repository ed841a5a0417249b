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
use sockeye_engine_proto::{
    CloseReason, Config, Event, Loss, Message, Packet, PayloadReader, Session, TransportChange,
    TransportId, TransportKind,
};
use sockeye_socket_proto::DecodeError;
use sockeye_ws::{CloseCode, Event as Frame};
use tokio::time::Sleep;

use self::outgoing::Outgoing;
use crate::error::TransportError;
use crate::target::Target;
use crate::transport::{Exchange, Polling, WebSocket};

/// The layer above, Socket.IO.
pub(crate) trait Upper {
    /// Takes a message. An error ends the session.
    fn message(&mut self, message: Message<'_>) -> Result<(), DecodeError>;
    /// Whether further messages may come now.
    fn is_ready(&self) -> bool;
    /// Hands out the next packet, if there is one: the text with the engine's `4` before it, and
    /// its attachments.
    fn next_packet(&mut self, send: &mut dyn FnMut(&str, &[Bytes])) -> bool;
}

/// What the layer above should know.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    Opened,
    Upgraded,
    Closed(CloseReason),
}

/// How to connect.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) first: TransportKind,
    pub(crate) upgrade: bool,
    pub(crate) open_timeout: Duration,
    pub(crate) message_bytes_max: usize,
}

/// A session and its transports.
pub(crate) struct Engine {
    session: Session,
    /// The session's transport when it was last looked at.
    main: TransportId,
    target: Arc<Target>,
    options: Options,
    polling: Option<PollingState>,
    websocket: Option<WebSocket>,
    /// The WebSocket of an upgrade, on its way. One try for each session.
    upgrade: Upgrade,
    outgoing: Outgoing,
    /// What the server said in OPEN.
    post_bytes_max: usize,
    sleep: Pin<Box<Sleep>>,
    deadline: Option<Instant>,
    failure: Option<TransportError>,
}

struct PollingState {
    id: TransportId,
    polling: Polling,
    get: Option<Exchange>,
    post: Option<Exchange>,
    /// An answer whose packets are being handled.
    body: Option<(Bytes, PayloadReader)>,
}

enum Upgrade {
    Untried,
    Connecting(Pin<Box<dyn Future<Output = Result<WebSocket, TransportError>> + Send>>),
    Done,
}

impl Engine {
    /// Starts a session. Over polling this asks nobody yet; a WebSocket is established first.
    pub(crate) async fn connect(
        target: Arc<Target>,
        options: Options,
    ) -> Result<Self, TransportError> {
        let (mut polling, mut websocket) = (None, None);
        let id = match options.first {
            TransportKind::WebSocket => {
                let connecting = WebSocket::connect(&target, None, options.message_bytes_max);
                let connected = tokio::time::timeout(options.open_timeout, connecting).await;
                websocket.insert(connected.map_err(|_| TransportError::Timeout)??).id
            }
            _ => {
                let id = TransportId::new(TransportKind::Polling, 0);
                let requests = Polling::new(Arc::clone(&target), options.message_bytes_max);
                polling =
                    Some(PollingState { id, polling: requests, get: None, post: None, body: None });
                id
            }
        };
        let config = Config {
            open_timeout: options.open_timeout,
            upgrade: options.upgrade,
            ..Config::default()
        };
        Ok(Engine {
            session: Session::initiate(Arc::new(config), id, now()),
            main: id,
            target,
            options,
            polling,
            websocket,
            upgrade: Upgrade::Untried,
            outgoing: Outgoing::default(),
            post_bytes_max: POST_BYTES_MAX,
            sleep: Box::pin(tokio::time::sleep(Duration::ZERO)),
            deadline: None,
            failure: None,
        })
    }

    /// The transport that messages go out on.
    pub(crate) fn transport(&self) -> TransportKind {
        self.session.transport().kind()
    }

    /// What broke, once the session is closed; not every end has a cause to name.
    pub(crate) fn take_failure(&mut self) -> Option<TransportError> {
        self.failure.take()
    }

    /// Ends the session after what is queued above.
    pub(crate) fn close(&mut self) {
        self.session.close(now());
    }

    /// One turn, until something is to be known above or nothing more can be done now.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, upper: &mut impl Upper) -> Poll<Signal> {
        loop {
            let mut progress = self.poll_timer(cx);
            progress |= self.poll_upgrade(cx);
            progress |= self.poll_websocket(cx, upper);
            progress |= self.poll_get(cx, upper);
            progress |= self.poll_post(cx);
            progress |= self.transmit(upper);
            progress |= self.flush(cx);
            if let Some(event) = self.session.poll_event() {
                match event {
                    Event::Opened => {
                        let max = self.session.open_data().and_then(|data| data.max_payload);
                        self.post_bytes_max = max.map_or(POST_BYTES_MAX, |max| {
                            usize::try_from(max).unwrap_or(usize::MAX)
                        });
                        return Poll::Ready(Signal::Opened);
                    }
                    Event::Closed(reason) => return Poll::Ready(Signal::Closed(reason)),
                    Event::Upgraded { .. } => {
                        self.polling = None;
                        return Poll::Ready(Signal::Upgraded);
                    }
                    _ => progress = true,
                }
            }
            if !progress {
                return Poll::Pending;
            }
        }
    }

    fn poll_timer(&mut self, cx: &mut Context<'_>) -> bool {
        let deadline = self.session.poll_timeout();
        let Some(at) = deadline else { return false };
        if self.deadline != deadline {
            self.deadline = deadline;
            self.sleep.as_mut().reset(at.into());
        }
        if self.sleep.as_mut().poll(cx).is_pending() {
            return false;
        }
        self.deadline = None;
        self.session.handle_timeout(now());
        true
    }

    fn poll_upgrade(&mut self, cx: &mut Context<'_>) -> bool {
        if let Upgrade::Untried = self.upgrade
            && self.options.upgrade
            && self.session.upgrade_wanted()
        {
            let (target, sid) = (Arc::clone(&self.target), self.session.id().clone());
            let (limit, timeout) = (self.options.message_bytes_max, self.options.open_timeout);
            self.upgrade = Upgrade::Connecting(Box::pin(async move {
                let connecting = WebSocket::connect(&target, Some(sid.as_str()), limit);
                let connected = tokio::time::timeout(timeout, connecting).await;
                connected.map_err(|_| TransportError::Timeout)?
            }));
        }
        let Upgrade::Connecting(connecting) = &mut self.upgrade else {
            return false;
        };
        let Poll::Ready(result) = connecting.as_mut().poll(cx) else {
            return false;
        };
        self.upgrade = Upgrade::Done;
        match result {
            Ok(websocket) => {
                let id = websocket.id;
                self.websocket = Some(websocket);
                self.session.handle_transport(id, TransportChange::Opened, now());
            }
            Err(error) => tracing::debug!(%error, "no upgrade: polling goes on"),
        }
        true
    }

    fn poll_websocket(&mut self, cx: &mut Context<'_>, upper: &mut impl Upper) -> bool {
        let Some(websocket) = self.websocket.as_mut().filter(|_| upper.is_ready()) else {
            return false;
        };
        let id = websocket.id;
        let (session, failure) = (&mut self.session, &mut self.failure);
        let mut end = None;
        let read = websocket.reader.poll_input(cx, |ws, input| {
            let mut used = 0;
            while used < input.len() && end.is_none() {
                let mut scratch = Vec::new();
                let packet = match ws.handle_read(&mut input[used..]) {
                    Err(error) => {
                        end = Some(Err(error));
                        break;
                    }
                    Ok((count, event)) => {
                        used += count;
                        match event {
                            Some(Frame::Text(text)) => Packet::decode(text, &mut scratch),
                            Some(Frame::Binary(data)) => Ok(Packet::Message(Message::Binary(data))),
                            Some(Frame::Close(_)) => {
                                end = Some(Ok(()));
                                break;
                            }
                            Some(Frame::Ping(_) | Frame::Pong(_)) | None => continue,
                        }
                    }
                };
                *failure = handle_packet(session, id, packet, upper).or(failure.take());
            }
            input.len()
        });
        match (read, end) {
            (Poll::Pending, _) => return false,
            (_, Some(Ok(()))) => self.end_websocket(Loss::Closed, None, CloseCode::NORMAL),
            (_, Some(Err(error))) => {
                let code = error.close_code();
                self.end_websocket(Loss::Failed, Some(TransportError::WebSocket(error)), code);
            }
            (Poll::Ready(Ok(0)), None) => drop(self.lose_websocket(Loss::Closed, None)),
            (Poll::Ready(Err(error)), None) => {
                drop(self.lose_websocket(Loss::Closed, Some(error.into())));
            }
            (Poll::Ready(Ok(_)), None) => {}
        }
        true
    }

    fn poll_get(&mut self, cx: &mut Context<'_>, upper: &mut impl Upper) -> bool {
        let Some(state) = &mut self.polling else {
            return false;
        };
        if state.body.is_some() {
            return self.handle_body(upper);
        }
        if state.get.is_none() && upper.is_ready() && self.session.poll_wanted() {
            let id = self.session.id().as_str();
            state.get = Some(state.polling.get((!id.is_empty()).then_some(id)));
            self.session.handle_transport(state.id, TransportChange::Polling, now());
        }
        let Some(get) = &mut state.get else {
            return false;
        };
        let Poll::Ready(result) = get.as_mut().poll(cx) else {
            return false;
        };
        state.get = None;
        match result {
            Ok(body) => {
                state.body = Some((body, PayloadReader::new()));
                self.handle_body(upper);
            }
            Err(error) => self.fail_polling(error),
        }
        true
    }

    /// Handles packets of the answer at hand while the layer above takes them.
    fn handle_body(&mut self, upper: &mut impl Upper) -> bool {
        let Some(PollingState { id, body: Some((bytes, reader)), .. }) = &mut self.polling else {
            return false;
        };
        let mut progress = false;
        while upper.is_ready() {
            progress = true;
            match reader.next_packet(bytes) {
                Some(packet) => {
                    let failure = handle_packet(&mut self.session, *id, packet, upper);
                    self.failure = failure.or(self.failure.take());
                }
                None => {
                    self.session.handle_transport(*id, TransportChange::Answered, now());
                    if let Some(state) = &mut self.polling {
                        state.body = None;
                    }
                    break;
                }
            }
        }
        progress
    }

    fn poll_post(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(state) = &mut self.polling else {
            return false;
        };
        let Some(post) = &mut state.post else {
            return false;
        };
        let Poll::Ready(result) = post.as_mut().poll(cx) else {
            return false;
        };
        state.post = None;
        match result {
            Ok(_) => self.session.handle_transport(state.id, TransportChange::Writable, now()),
            Err(error) => self.fail_polling(error),
        }
        true
    }

    fn flush(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(websocket) = &mut self.websocket else {
            return false;
        };
        match websocket.poll_flush(cx) {
            Poll::Ready(Err(error)) => {
                drop(self.lose_websocket(Loss::Closed, Some(error.into())));
                true
            }
            // What was written has made room for more.
            Poll::Ready(Ok(())) => std::mem::take(&mut self.outgoing.held_back),
            Poll::Pending => false,
        }
    }

    fn fail_polling(&mut self, error: TransportError) {
        if let Some(state) = &self.polling {
            self.failure.get_or_insert(error);
            let lost = TransportChange::Lost(Loss::Failed);
            self.session.handle_transport(state.id, lost, now());
        }
    }

    /// The WebSocket closed, or broke the protocol: it ends in good order, and the session goes on
    /// without it.
    fn end_websocket(&mut self, loss: Loss, error: Option<TransportError>, code: CloseCode) {
        let failed = error.is_some();
        if let Some(websocket) = self.lose_websocket(loss, error) {
            websocket.finish(code, failed);
        }
    }

    fn lose_websocket(&mut self, loss: Loss, error: Option<TransportError>) -> Option<WebSocket> {
        let websocket = self.websocket.take()?;
        if websocket.id == self.session.transport() {
            self.failure = self.failure.take().or(error);
        }
        self.session.handle_transport(websocket.id, TransportChange::Lost(loss), now());
        Some(websocket)
    }
}

/// Lets the session look at a packet and hands a message on.
fn handle_packet(
    session: &mut Session,
    via: TransportId,
    packet: Result<Packet<'_>, sockeye_engine_proto::DecodeError>,
    upper: &mut impl Upper,
) -> Option<TransportError> {
    let packet = match packet {
        Ok(packet) => packet,
        Err(error) => {
            session.handle_malformed(via, now());
            return Some(TransportError::Packet(error));
        }
    };
    match session.handle_packet(via, packet, now()) {
        Ok(None) | Err(sockeye_engine_proto::SessionError::Closed) => None,
        Ok(Some(message)) => {
            let error = upper.message(message).err()?;
            session.abort(CloseReason::ParseError);
            Some(TransportError::Decode(error))
        }
        Err(error) => Some(TransportError::Session(error)),
    }
}

/// The size of a POST where the server does not announce a limit: the default of those that do.
const POST_BYTES_MAX: usize = 1_000_000;

/// The runtime's clock, which tests may stop.
fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}
