//! What a crate needs whose session protocol lives beside Engine.IO, on the same engine: its sessions are
//! the engine's, with its limits, hooks and counts. `sockeye-sockjs` is one. No part of the stable API.
//!
//! | for | there is |
//! |---|---|
//! | the state of a session | [`SessionProtocol`] |
//! | its messages on a WebSocket | [`MessageForm`] |
//! | a request, before anything is done for it | [`check`], [`check_page`] |
//! | a new session | [`new_session`], then [`poll`] or [`websocket()`] |
//! | a poll, a stream of polls, a POST | [`poll`], [`stream`], [`read_body`] and [`post`] |

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::request::Parts;
use http::{Request, Response};
use http_body::Body as HttpBody;
use sockeye_engine_proto::{PayloadForm, Revision, TransportId, TransportKind};

use crate::application::Application;
use crate::engine::Engine;
use crate::http::handshake::Handshake;
use crate::http::refusal::Refusal;
use crate::http::response_body::{Body, End, Watch};
use crate::outbox::connection::{Connection, Goodbye};
use crate::outbox::framing::Framing;
use crate::session::Session;
use crate::session::close_detail::CloseDetail;
use crate::session::config::Config;
use crate::session::dialect::Dialect;
use crate::session::inbox::SessionRequest;
use crate::session::reply::reply;
use crate::transport::polling::{LongAnswer, Upload};
use crate::transport::websocket;

pub use crate::http::response_body::Pieces;
pub use crate::outbox::message_form::{MessageForm, WriteBinary};
pub use crate::session::inbox::Place;
pub use crate::session::reply::{AwaitedReply, ReplyContent};
pub use crate::task::{Farewell, NewSession, POLLING, SessionProtocol};

/// The settings of an engine.
pub fn config<A: Application>(engine: &Engine<A>) -> &Config {
    &engine.registry().config
}

/// Whether a request is clear about whom it is for, and for one of
/// [`allowed_hosts`](crate::Config::allowed_hosts).
///
/// # Errors
/// With the answer, when it is not.
#[expect(clippy::result_large_err, reason = "it is the answer")]
pub fn check<A: Application, B>(
    engine: &Engine<A>,
    request: &Request<B>,
) -> Result<(), Response<Body>> {
    if let Err(error) = sockeye_net::http::check_request(request) {
        return Err(Refusal::Target(error).upgrade_response());
    }
    engine.check_host(request)
}

/// Whether the page that a request comes from may connect.
///
/// # Errors
/// When it may not.
pub fn check_page<A: Application>(engine: &Engine<A>, head: &Parts) -> Result<(), Refusal> {
    engine.verify_page(head).inspect_err(|refusal| engine.tell(head, refusal))
}

/// A session that is about to begin, once the hook lets it in.
///
/// # Errors
/// When the hook does not, the server is shutting down (`None`), the address has as many sessions as it may
/// have, or there is no randomness.
pub async fn new_session<A: Application>(
    engine: &Engine<A>,
    head: &Parts,
) -> Result<NewSession<A>, Option<Refusal>> {
    let handshake = engine.admit(head).await.map_err(Some)?;
    begin(engine, handshake).inspect_err(|refusal| {
        if let Some(refusal) = refusal {
            engine.tell(head, refusal);
        }
    })
}

fn begin<A: Application>(
    engine: &Engine<A>,
    handshake: Handshake,
) -> Result<NewSession<A>, Option<Refusal>> {
    let registry = engine.registry();
    if registry.is_closing() {
        crate::metrics::refused("shutting_down");
        return Err(None);
    }
    let id = registry.new_id().ok_or(Some(Refusal::NoId))?;
    let slot = registry.address_slot(handshake.address()).map_err(Some)?;
    let dialect = Dialect::new(Revision::V4, false, None);
    Ok(NewSession { application: engine.shared_application(), id, dialect, handshake, slot })
}

/// Starts a session that is polled. Must be called within a tokio runtime.
pub fn start_polling<A: Application, P: SessionProtocol>(
    engine: &Engine<A>,
    session: NewSession<A>,
    accept: impl FnOnce(TransportId, Instant) -> P,
) -> Session {
    session.spawn_with(engine.registry(), TransportKind::Polling, None, accept)
}

/// Answers a WebSocket handshake and starts the session on it. `None`: it is no proper handshake.
pub fn websocket<A: Application, P: SessionProtocol>(
    engine: &Engine<A>,
    head: &mut Parts,
    session: NewSession<A>,
    form: &'static MessageForm,
    accept: impl FnOnce(TransportId, Instant) -> P + Send + 'static,
) -> Option<Response<Body>> {
    let opened = websocket::open(
        engine.registry(),
        head,
        Framing::Messages(form),
        move |registry, connection| {
            if registry.is_closing() {
                let Connection { pipe, incoming, .. } = connection;
                return registry.end_connection(pipe, incoming, Goodbye::SILENT);
            }
            session.spawn_with(registry, TransportKind::WebSocket, Some(connection), accept);
        },
    );
    opened.ok()
}

/// Hands a poll to a session. Its answer is [`ReplyContent::UnknownSession`] if that is over, and
/// [`ReplyContent::Overlap`] beside too many others. Giving it up ends the session.
pub fn poll(session: &Session, place: Place) -> AwaitedReply {
    let (reply, answer) = reply(session);
    session.submit_poll(reply, place);
    answer
}

/// The body of the answer to a poll. It counts as waiting until it is taken, if it is long.
pub fn answer_body(session: &Session, data: Bytes) -> Body {
    Body::from(data).watched_by(|bytes| LongAnswer::watch(session, bytes))
}

/// The body of the answer to a stream of polls, whose pieces `pieces` makes of their answers.
pub fn stream(watch: Arc<StreamWatch>, pieces: Box<dyn Pieces>) -> Body {
    Body::pieces(pieces, watch)
}

/// Says that a stream has come to its end, before its client can know: its next poll is no overlap.
pub fn end_stream(session: &Session) {
    let _ = session.submit(SessionRequest::StreamEnded);
}

/// Reads the body of a POST within the engine's limits.
///
/// # Errors
/// When it goes beyond them, or breaks off.
pub async fn read_body<A: Application, B: HttpBody>(
    engine: &Engine<A>,
    body: B,
) -> Result<Bytes, CloseDetail> {
    Upload::new(body, config(engine)).collect().await
}

/// Reads and forgets what of a request's body is still to come.
///
/// # Errors
/// When it goes beyond the engine's limits, or breaks off, and so the connection cannot go on.
pub async fn skip_body<A: Application, B: HttpBody>(
    engine: &Engine<A>,
    body: B,
) -> Result<(), CloseDetail> {
    Upload::new(body, config(engine)).read(drop).await
}

/// Hands the body of a POST to a session, of which only one is to be under way.
pub fn post(session: &Session, body: Bytes) -> AwaitedReply {
    let (reply, answer) = reply(session);
    let _ = session.submit(SessionRequest::Post(body, PayloadForm::V4, reply));
    answer
}

/// Ends a session whose request broke a rule.
pub fn fail(session: &Session, detail: CloseDetail) {
    let _ = session.submit(SessionRequest::Failed(detail));
}

/// What a session was [closed with](Session::close_with).
pub fn farewell(session: &Session) -> Option<(u16, String)> {
    let outbox = session.shared().outbox.lock();
    outbox.farewell().map(|(code, reason)| (code, reason.to_owned()))
}

/// Takes the messages that wait for a poll.
pub fn take_queued(session: &Session, mut take: impl FnMut(Option<&str>, &[Bytes])) {
    let mut outbox = session.shared().outbox.lock();
    outbox.take_queued(|content| take(content.text, content.attachments));
}

/// How the answer to a stream of polls is taken. A long piece of it counts as waiting until it is. A client
/// that takes nothing for [`write_timeout`](crate::Config::write_timeout), or leaves, ends the session, once
/// it [has](StreamWatch::receive) something of it. Before that its poll tells what becomes of it: a stream that
/// is refused beside another one harms nobody.
#[derive(Debug)]
pub struct StreamWatch {
    session: Session,
    receives: AtomicBool,
}

impl StreamWatch {
    /// Of a stream that has nothing yet.
    pub fn new(session: Session) -> Arc<Self> {
        Arc::new(StreamWatch { session, receives: AtomicBool::new(false) })
    }

    /// The session.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// The answer has something of the session that nobody else will have.
    pub fn receive(&self) {
        self.receives.store(true, Ordering::Relaxed);
    }
}

impl Watch for StreamWatch {
    fn write_timeout(&self) -> Duration {
        self.session.config().write_timeout
    }

    fn is_discarded(&self) -> bool {
        self.session.is_discarded()
    }

    fn begin(&self, bytes: usize) {
        self.session.shared().begin_unread(bytes);
    }

    fn end(&self, bytes: usize) {
        self.session.shared().end_unread(bytes);
    }

    fn ended(&self, end: End) {
        let request = match end {
            // Told before, by `end_stream`.
            End::Complete => return,
            _ if !self.receives.load(Ordering::Relaxed) => return,
            End::Dropped => SessionRequest::Failed(CloseDetail::PollAborted),
            End::TimedOut => SessionRequest::Failed(CloseDetail::WriteTimeout),
        };
        // A session that is over needs no word.
        let _ = self.session.submit(request);
    }
}
