//! The request side of WebSocket: from the handshake to the byte stream.

use std::sync::Arc;

use http::Response;
use http::header::{CONNECTION, HeaderValue};
use http::request::Parts;
use hyper::upgrade::OnUpgrade;
use sockeye_engine_proto::{BinaryForm, SessionId};
use sockeye_net::http::into_stream;
use sockeye_ws::handshake::server::check_parts;

use crate::application::Application;
use crate::body::Body;
use crate::inbox::{Guest, Opened};
use crate::refusal::{CROSS_ORIGIN_RESOURCE_POLICY, Refusal, SAME_ORIGIN};
use crate::registry::Registry;
use crate::session::Session;
use crate::task::{First, Link, POLLING, spawn_websocket};

/// Answers a WebSocket handshake that was judged. What is no proper handshake gets a refusal.
pub(crate) fn accept<A: Application>(
    registry: &Arc<Registry>,
    arrival: Arrival<A>,
    head: &mut Parts,
) -> Response<Body> {
    let accept = match check_parts(&head.method, head.version, &head.headers) {
        Ok(accept) => accept,
        Err(error) => {
            tracing::debug!(%error, "bad websocket handshake");
            let mut response = Refusal::BadUpgrade.upgrade_response();
            error.extend_headers(response.headers_mut());
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            return response;
        }
    };
    let Some(upgrade) = head.extensions.remove::<OnUpgrade>() else {
        tracing::warn!("the HTTP server in front offers no upgrades");
        return Refusal::BadUpgrade.upgrade_response();
    };
    let protocol = sockeye_ws::handshake::protocols(&head.headers).next();
    let accept = match protocol {
        Some(protocol) => accept.with_protocol(protocol),
        None => accept,
    };
    let (accept, deflate) = match registry.config.compression.accept(&head.headers) {
        Ok(Some((agreed, value))) => (accept.with_extensions(value), Some(agreed)),
        Ok(None) => (accept, None),
        Err(error) => {
            tracing::debug!(%error, "bad websocket handshake");
            return Refusal::BadUpgrade.upgrade_response();
        }
    };
    let ticket = registry.ticket();
    tokio::spawn(async move {
        let registry = ticket.registry();
        let opened = tokio::time::timeout(registry.config.upgrade_timeout, upgrade).await;
        let Ok(Ok(upgraded)) = opened else { return };
        let (stream, early) = into_stream(upgraded);
        arrival.proceed(registry, Box::new(Opened { stream, early, deflate }));
    });
    let mut response = accept.into_response::<Body>();
    response.headers_mut().insert(CROSS_ORIGIN_RESOURCE_POLICY, SAME_ORIGIN);
    response
}

/// What a WebSocket is for, once it is open.
pub(crate) enum Arrival<A> {
    New {
        application: Arc<A>,
        id: SessionId,
        first: First,
    },
    /// With whether its client wants base64.
    Upgrade(Session, bool),
    /// For polling: the official server upgrades these as well, and hangs up.
    Stray,
}

impl<A: Application> Arrival<A> {
    fn proceed(self, registry: &Arc<Registry>, opened: Box<Opened>) {
        let opened = match self {
            Arrival::New { application, id, first } if !registry.is_closing() => {
                return spawn_websocket(registry, application, id, first, *opened);
            }
            Arrival::Upgrade(session, base64) => {
                match session.visit(Guest::WebSocket(opened, base64)) {
                    Err(Guest::WebSocket(opened, _)) => opened,
                    _ => return,
                }
            }
            _ => opened,
        };
        let (link, pipe, _) = Link::new(POLLING, *opened, BinaryForm::Raw, registry);
        link.close(pipe, registry);
    }
}
