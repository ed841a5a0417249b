//! WebSocket: from the handshake to the byte stream.

use std::sync::Arc;

use http::Response;
use http::header::{CONNECTION, HeaderValue};
use http::request::Parts;
use hyper::upgrade::OnUpgrade;
use sockeye_engine_proto::{BinaryForm, TransportKind};
use sockeye_net::http::into_stream;
use sockeye_ws::handshake::server::{RequestError, check_parts};

use crate::application::Application;
use crate::http::refusal::{CROSS_ORIGIN_RESOURCE_POLICY, Refusal, SAME_ORIGIN};
use crate::http::response_body::Body;
use crate::outbox::connection::{Connection, Goodbye};
use crate::outbox::framing::Framing;
use crate::session::Session;
use crate::session::inbox::SessionRequest;
use crate::session::registry::Registry;
use crate::task::NewSession;

/// Answers a WebSocket handshake that was judged. What is no proper handshake gets a refusal.
pub(crate) fn accept<A: Application>(
    registry: &Arc<Registry>,
    arrival: Arrival<A>,
    head: &mut Parts,
) -> Response<Body> {
    let framing = Framing::WebSocket(arrival.binary_form());
    let opened = move |registry: &Arc<Registry>, connection| arrival.proceed(registry, connection);
    open(registry, head, framing, opened).unwrap_or_else(|error| {
        let mut response = Refusal::BadUpgrade.upgrade_response();
        if let BadHandshake::Request(error) = error {
            error.extend_headers(response.headers_mut());
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    })
}

/// Answers a WebSocket handshake; `opened` gets the connection, from another task.
pub(crate) fn open(
    registry: &Arc<Registry>,
    head: &mut Parts,
    framing: Framing,
    opened: impl FnOnce(&Arc<Registry>, Connection) + Send + 'static,
) -> Result<Response<Body>, BadHandshake> {
    let mut accept = check_parts(&head.method, head.version, &head.headers).map_err(|error| {
        tracing::debug!(%error, "bad websocket handshake");
        BadHandshake::Request(error)
    })?;
    let upgrade = head.extensions.remove::<OnUpgrade>().ok_or_else(|| {
        tracing::warn!("the HTTP server in front offers no upgrades");
        BadHandshake::NoUpgrade
    })?;
    if let Some(protocol) = sockeye_ws::handshake::protocols(&head.headers).next() {
        accept = accept.with_protocol(protocol);
    }
    let (accept, deflate) = match registry.config.compression.accept(&head.headers) {
        Ok(Some((agreed, value))) => (accept.with_extensions(value), Some(agreed)),
        Ok(None) => (accept, None),
        Err(error) => {
            tracing::debug!(%error, "bad websocket handshake");
            return Err(BadHandshake::Extensions);
        }
    };
    let ticket = registry.ticket();
    tokio::spawn(async move {
        let registry = ticket.registry();
        let upgraded = tokio::time::timeout(registry.config.upgrade_timeout, upgrade).await;
        let Ok(Ok(upgraded)) = upgraded else { return };
        let (stream, early) = into_stream(upgraded);
        let compression = (deflate.as_ref(), &registry.config.compression);
        let config = registry.websocket();
        opened(registry, Connection::websocket(stream, early, framing, config, compression));
    });
    let mut response = accept.into_response::<Body>();
    response.headers_mut().insert(CROSS_ORIGIN_RESOURCE_POLICY, SAME_ORIGIN);
    Ok(response)
}

/// Why a handshake is not answered by a WebSocket.
#[derive(Debug)]
pub(crate) enum BadHandshake {
    /// It is no proper one.
    Request(RequestError),
    /// Nothing in front of us lends its connections.
    NoUpgrade,
    /// What it says of extensions makes no sense.
    Extensions,
}

/// What a WebSocket is for, once it is open.
pub(crate) enum Arrival<A> {
    New(NewSession<A>),
    /// With whether its client wants base64.
    Upgrade(Session, bool),
    /// For polling: the official server upgrades these as well, and hangs up.
    Orphan,
}

impl<A: Application> Arrival<A> {
    fn binary_form(&self) -> BinaryForm {
        match self {
            Arrival::New(session) => session.dialect.binary(session.dialect.base64),
            Arrival::Upgrade(session, base64) => session.dialect().binary(*base64),
            Arrival::Orphan => BinaryForm::Raw,
        }
    }

    fn proceed(self, registry: &Arc<Registry>, connection: Connection) {
        let connection = match self {
            Arrival::New(session) if !registry.is_closing() => {
                session.spawn(registry, TransportKind::WebSocket, Some(connection));
                return;
            }
            Arrival::Upgrade(session, _) => {
                match session.submit(SessionRequest::Connection(Box::new(connection))) {
                    Err(SessionRequest::Connection(connection)) => *connection,
                    _ => return,
                }
            }
            _ => connection,
        };
        let Connection { pipe, incoming, .. } = connection;
        registry.end_connection(pipe, incoming, Goodbye::SILENT);
    }
}
