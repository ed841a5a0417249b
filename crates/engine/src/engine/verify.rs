//! Judging a request before anything is done for it, in the official server's order.
//!
//! | check | else |
//! |---|---|
//! | the transport is served | code 0 |
//! | polling: no `j`, unless JSONP is served | code 3 |
//! | with `sid`: the session exists | code 1 |
//! | with `sid`: `EIO` is the session's | code 3 |
//! | with `sid`, no upgrade: the transport is the session's | code 3 |
//! | without `sid`: the method is GET | code 2 |
//! | without `sid`: WebSocket comes as an upgrade | code 3 |
//! | the page's origin may connect | code 4 |
//!
//! For a new session there follow, in `engine.rs`:
//!
//! | check | else |
//! |---|---|
//! | the hook `allow_request` lets it in | code 4 |
//! | `EIO` is spoken here | code 5 |
//! | the hook `generate_id` gives an id that can be used | code 3 |

use http::Method;
use http::header::{CONNECTION, HeaderMap, ORIGIN};
use http::request::Parts;
use sockeye_engine_proto::{Revision, TransportKind};
use sockeye_net::http::Origins;

use crate::http::headers_present::HeadersPresent;
use crate::http::query::Query;
use crate::http::refusal::Refusal;
use crate::session::Session;
use crate::session::dialect::Dialect;
use crate::session::registry::Registry;

/// What a request is about.
pub(crate) enum Target {
    New(TransportKind, Dialect),
    /// With whether binary messages are to be base64.
    Existing(Session, TransportKind, bool),
}

/// Judges a request; `upgrade` says whether it asks for one, `host` which host it asks for.
pub(crate) fn verify<'a>(
    registry: &Registry,
    head: &'a Parts,
    present: HeadersPresent,
    host: impl Fn() -> Option<&'a str>,
    upgrade: bool,
) -> Result<Target, Refusal> {
    let query = Query::parse(head.uri.query());
    let transport = query
        .transport
        .as_deref()
        .and_then(TransportKind::from_name)
        .filter(|kind| registry.config.serves(*kind))
        .ok_or_else(|| {
            let transport = query.transport.as_deref().map(str::to_owned);
            Refusal::UnknownTransport { transport }
        })?;
    let revision = Revision::from_query(query.revision.as_deref());
    let websocket = transport == TransportKind::WebSocket;
    let jsonp = query.jsonp.filter(|_| !websocket);
    if jsonp.is_some() && !registry.config.jsonp {
        return Err(Refusal::Jsonp);
    }
    if let Some(sid) = &query.sid {
        let session = registry
            .find(sid)
            .ok_or_else(|| Refusal::UnknownSession { sid: sid.as_ref().to_owned() })?;
        if revision != session.revision() {
            return Err(Refusal::RevisionMismatch);
        }
        if !upgrade && (websocket || session.transport() != transport) {
            return Err(Refusal::TransportMismatch);
        }
        check_origin(registry, &head.headers, present, &host)?;
        return Ok(Target::Existing(session, transport, query.base64));
    }
    if head.method != Method::GET {
        return Err(Refusal::HandshakeMethod { method: head.method.clone() });
    }
    if websocket && !upgrade {
        return Err(Refusal::TransportMismatch);
    }
    check_origin(registry, &head.headers, present, &host)?;
    Ok(Target::New(transport, Dialect::new(revision, query.base64, jsonp.as_deref())))
}

/// Judges a request that is to be answered beside the engine, as far as one that opens a session is
/// judged whatever its transport and method.
pub(crate) fn verify_beside<'a>(
    registry: &Registry,
    head: &'a Parts,
    host: impl Fn() -> Option<&'a str>,
) -> Result<(), Refusal> {
    check_origin(registry, &head.headers, HeadersPresent::of(&head.headers), host)
}

/// Whether a request asks for another protocol on its connection.
pub(crate) fn is_upgrade(headers: &HeaderMap, present: HeadersPresent) -> bool {
    present.upgrade
        && headers.get_all(CONNECTION).iter().any(|value| {
            value
                .as_bytes()
                .split(|&byte| byte == b',')
                .any(|token| token.trim_ascii().eq_ignore_ascii_case(b"upgrade"))
        })
}

fn check_origin<'a>(
    registry: &Registry,
    headers: &HeaderMap,
    present: HeadersPresent,
    host: impl Fn() -> Option<&'a str>,
) -> Result<(), Refusal> {
    let origins = &registry.config.origins;
    if !present.origin {
        let elsewhere = present.sec_fetch_site
            && *origins != Origins::Any
            && Origins::is_from_elsewhere(headers);
        return if elsewhere { Err(Refusal::CrossSite) } else { Ok(()) };
    }
    let host = host();
    if origins.allow(headers, host) {
        return Ok(());
    }
    log_denied(registry, headers, host);
    Err(Refusal::OriginDenied)
}

/// Logs an origin that is not let in with what to write, the first time.
pub(crate) fn log_denied(registry: &Registry, headers: &HeaderMap, host: Option<&str>) {
    if let Some(origin) = headers.get(ORIGIN)
        && registry.is_news(origin.as_bytes())
    {
        let origin = String::from_utf8_lossy(origin.as_bytes());
        tracing::warn!(
            %origin,
            host = host.unwrap_or_default(),
            "origin refused; to let it in: Server::builder().allow_origin({origin:?}), or in the engine's \
             configuration: origins = Origins::SameOriginOr(vec![{origin:?}.parse()?])"
        );
    }
}
