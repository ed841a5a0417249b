//! The engine: from a request to its response.

use std::fmt;
use std::sync::Arc;

use http::request::Parts;
use http::{Method, Request, Response, StatusCode};
use http_body::Body as HttpBody;
use sockeye_engine_proto::{CloseReason, TransportKind};

use crate::application::Application;
use crate::body::Body;
use crate::config::{Config, ConfigError};
use crate::handshake::Handshake;
use crate::polling::{Poll, Post};
use crate::refusal::{Refusal, empty};
use crate::registry::Registry;
use crate::service::EngineService;
use crate::session::Session;
use crate::verify::{Target, is_upgrade, verify};
use crate::{task, upgrade};

/// An Engine.IO server without a listener of its own. A cheap handle; clones share everything.
pub struct Engine<A> {
    registry: Arc<Registry>,
    application: Arc<A>,
}

impl<A: Application> Engine<A> {
    /// A server of `application`.
    ///
    /// # Errors
    /// When the configuration makes no sense.
    pub fn new(config: Config, application: A) -> Result<Self, ConfigError> {
        let registry = Arc::new(Registry::new(config)?);
        Ok(Engine { registry, application: Arc::new(application) })
    }

    /// Whether requests to this path are the engine's: below its own path, slash included.
    pub fn handles(&self, path: &str) -> bool {
        path.strip_prefix(self.registry.config.path.as_str())
            .is_some_and(|rest| rest.starts_with('/'))
    }

    /// Answers a request, whatever its path. Polls are answered when there is something to say; a
    /// WebSocket handshake takes hyper's upgrade out of the request's extensions.
    ///
    /// Must be called within a tokio runtime, which then runs the session's task.
    ///
    /// # Cancel safety
    /// Dropping the future means that the client has given its request up, which ends the session
    /// the request belongs to.
    pub async fn handle<B>(&self, request: Request<B>) -> Response<Body>
    where
        B: HttpBody,
    {
        match self.begin(request) {
            Step::Done(response) => response,
            Step::Poll(poll) => poll.answer().await,
            Step::Post(post) => post.answer().await,
        }
    }

    /// The engine as a tower service: 404 outside its path.
    pub fn into_service(self) -> EngineService<A> {
        EngineService::new(self)
    }

    /// Sessions that are open or closing.
    pub fn sessions(&self) -> usize {
        self.registry.sessions()
    }

    /// What is served.
    pub fn application(&self) -> &A {
        &self.application
    }

    /// Closes every session and waits until their handlers are done and their connections closed.
    /// New sessions are refused with 503 from now on. Clients that do not take part in closing are
    /// given `websocket_close_timeout`.
    ///
    /// # Cancel safety
    /// Safe: the sessions go on closing.
    pub async fn shutdown(&self, reason: CloseReason) {
        self.registry.refuse_sessions();
        let patience = self.registry.config.websocket_close_timeout;
        for session in self.registry.all() {
            session.close(reason);
        }
        if tokio::time::timeout(patience, self.registry.tasks_done()).await.is_err() {
            for session in self.registry.all() {
                session.discard(reason);
            }
            self.registry.tasks_done().await;
        }
    }

    /// Judges a request and does what needs no waiting. The head of the request ends here.
    pub(crate) fn begin<B: HttpBody>(&self, request: Request<B>) -> Step<B> {
        let (mut head, body) = request.into_parts();
        let upgrade = is_upgrade(&head.headers);
        let target = match verify(&self.registry, &head, upgrade) {
            Ok(target) => target,
            Err(refusal) if upgrade => return Step::Done(refusal.upgrade_response()),
            Err(refusal) => return Step::Done(refusal.response()),
        };
        if matches!(target, Target::New(_)) && self.registry.is_closing() {
            return Step::Done(empty(StatusCode::SERVICE_UNAVAILABLE));
        }
        if upgrade {
            let (registry, application) = (&self.registry, &self.application);
            return Step::Done(upgrade::accept(registry, application, target, &mut head));
        }
        match target {
            Target::New(TransportKind::Polling) => match self.open_polling(&head) {
                Some(session) => Step::Poll(Poll::new(session, &head.headers)),
                None => Step::Done(Refusal::BadRequest.response()),
            },
            Target::Existing(session, _) if head.method == Method::GET => {
                Step::Poll(Poll::new(session, &head.headers))
            }
            Target::Existing(session, _) if head.method == Method::POST => {
                Step::Post(Post::new(session, &head.headers, body, &self.registry.config))
            }
            Target::Existing(..) => Step::Done(empty(StatusCode::INTERNAL_SERVER_ERROR)),
            Target::New(_) => Step::Done(Refusal::BadRequest.response()),
        }
    }

    /// Starts a session, whose first poll is the request. `None`: no id could be made.
    fn open_polling(&self, head: &Parts) -> Option<Session> {
        let id = self.registry.new_id()?;
        let application = Arc::clone(&self.application);
        Some(task::spawn_polling(&self.registry, application, id, Handshake::new(head)))
    }
}

/// What is left to do for a request once it was judged.
pub(crate) enum Step<B> {
    Done(Response<Body>),
    Poll(Poll),
    Post(Post<B>),
}

impl<A> Clone for Engine<A> {
    fn clone(&self) -> Self {
        Engine { registry: Arc::clone(&self.registry), application: Arc::clone(&self.application) }
    }
}

impl<A> fmt::Debug for Engine<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine")
            .field("path", &self.registry.config.path)
            .field("sessions", &self.registry.sessions())
            .finish_non_exhaustive()
    }
}
