//! Feeds as answers to requests: `<path>/<namespace>[/<room>]`.

use std::net::IpAddr;

use http::header::{AUTHORIZATION, HeaderValue, WWW_AUTHENTICATE};
use http::request::Parts;
use http::{Method, Request, Response, StatusCode};
use percent_encoding::percent_decode_str;
use sockeye::engine::{ResponseFuture, query_pairs};
use sockeye::{Body, Mount, RequestBody, Server};

use super::Feeds;
use crate::gap::{Gap, GapReason};
use crate::http::answer::{CorsHeaders, error, json, no_place, options, wrong_method};
use crate::http::query::{Query, Wanted};
use crate::http::read::{Answering, lost, only_gap};
use crate::metrics;
use crate::road::Road;

/// The feeds under a path.
pub(super) struct Mounted {
    pub(super) feeds: Feeds,
    pub(super) path: String,
}

const METHODS: &str = "GET, HEAD, POST, OPTIONS";
/// The longest name of a room that a stranger can have a feed begun for: names are kept beside what is counted.
const ROOM_BYTES_MAX: usize = 1_024;

/// What an address names.
#[derive(Debug, PartialEq, Eq)]
struct Address {
    /// With its slash.
    namespace: String,
    room: Option<String>,
}

impl Address {
    /// The namespace without its slash, and the room, each one segment; `~` is the namespace `/`.
    fn parse(path: &str) -> Option<Self> {
        let decode =
            |segment| percent_decode_str(segment).decode_utf8().ok().map(|text| text.into_owned());
        let mut segments = path.strip_prefix('/')?.split('/');
        let namespace = match segments.next()? {
            "" => return None,
            "~" => "/".to_owned(),
            name => format!("/{}", decode(name)?),
        };
        let room = match segments.next() {
            None => None,
            Some("") => return None,
            Some(room) => Some(decode(room).filter(|room| room.len() <= ROOM_BYTES_MAX)?),
        };
        segments.next().is_none().then_some(Self { namespace, room })
    }
}

impl Mount for Mounted {
    fn answer(&self, server: &Server, request: Request<RequestBody>) -> ResponseFuture {
        let (head, _) = request.into_parts();
        if head.method == Method::OPTIONS {
            return options(server, &head, METHODS).into();
        }
        if !matches!(head.method, Method::GET | Method::HEAD | Method::POST) {
            return wrong_method(METHODS).into();
        }
        let address = Address::parse(head.uri.path().strip_prefix(&*self.path).unwrap_or_default());
        let asked = Asked { server: server.clone(), feeds: self.feeds.clone(), head, address };
        // In a box of its own: what waits behind it is held long.
        let answering = Box::pin(asked.begin());
        ResponseFuture::waiting(async move { answering.await.finish().await })
    }

    fn shutdown(&self) {
        self.feeds.inner.end();
    }
}

/// One request.
struct Asked {
    server: Server,
    feeds: Feeds,
    head: Parts,
    address: Option<Address>,
}

impl Asked {
    async fn begin(self) -> Answering {
        let Self { server, feeds, head, address } = self;
        let inner = &feeds.inner;
        let (cors, head) = CorsHeaders::new(&server, head);
        let done = |cors: CorsHeaders, response| Answering::Done(cors.on(response));
        let Some(Address { namespace, room }) = address else {
            metrics::refused("unknown");
            return done(cors, unknown());
        };
        let room = room.as_deref();
        if !inner.offers.has(&namespace, room) || server.of(&namespace).is_none() {
            metrics::refused("unknown");
            return done(cors, gone(&head));
        }
        let auth = match auth(&feeds, &head, &namespace) {
            Ok(auth) => auth,
            Err(message) => {
                metrics::refused("credentials");
                let mut refused = error(StatusCode::UNAUTHORIZED, "bad_credentials", message);
                // RFC 9110, 11.6.1.
                let bearer = HeaderValue::from_static("Bearer");
                refused.headers_mut().insert(WWW_AUTHENTICATE, bearer);
                return done(cors, refused);
            }
        };
        let admitted = async {
            let visitor = server.admit(&namespace, &head, &auth).await?;
            match room {
                Some(room) => visitor.may_read(room).await?,
                None => visitor.may_read_namespace().await?,
            }
            Ok(visitor)
        };
        let visitor = match admitted.await {
            Ok(visitor) => visitor,
            Err(refuse) => {
                let refuse: sockeye::Refuse = refuse;
                metrics::refused("refused");
                return done(cors, error(StatusCode::FORBIDDEN, "refused", refuse.message()));
            }
        };
        let reader = visitor.handshake().address().map(|address| address.ip());
        if head.method == Method::POST {
            return done(cors, give_ticket(&feeds, &namespace, &auth, reader));
        }
        match inner.feed(visitor.io(), room, reader) {
            Some(stream) => inner.readers.read(&stream, &head, reader, cors),
            None => done(cors, full(&head)),
        }
    }
}

/// What `on_connect` is shown, as a client's `auth`: what a ticket stands for, or the token of
/// `Authorization: Bearer`.
fn auth(feeds: &Feeds, head: &Parts, namespace: &str) -> Result<Box<str>, &'static str> {
    let query = head.uri.query().unwrap_or_default();
    if let Some((_, ticket)) = query_pairs(query).find(|(name, _)| name == "ticket") {
        // Or whoever once saw one in a log would have another for ever.
        if head.method == Method::POST {
            return Err(
                "a ticket is good for reading: get another with the credentials themselves",
            );
        }
        let auth = feeds.inner.tickets.take(&ticket, namespace);
        return auth.ok_or("this ticket was used, is too old, or is for another namespace");
    }
    let Some(value) = head.headers.get(AUTHORIZATION) else { return Ok("{}".into()) };
    let token = value.to_str().ok().and_then(|text| {
        let (scheme, token) = text.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    });
    match token {
        Some(token) => Ok(serde_json::json!({ "token": token }).to_string().into()),
        None => Err("`Authorization` is `Bearer` and a token"),
    }
}

fn give_ticket(
    feeds: &Feeds,
    namespace: &str,
    auth: &str,
    address: Option<IpAddr>,
) -> Response<Body> {
    let time = feeds.inner.config.ticket_max;
    match feeds.inner.tickets.give(namespace, auth, address, time) {
        Some(ticket) => {
            let body = serde_json::json!({ "ticket": ticket, "expires_in": time.as_secs() });
            json(StatusCode::OK, body.to_string())
        }
        None => {
            let message = "too many tickets were given out and not used: use those first";
            error(StatusCode::TOO_MANY_REQUESTS, "too_many_tickets", message)
        }
    }
}

fn unknown() -> Response<Body> {
    let message = "there is no such feed, or it is not offered: an address is `<namespace>` or `<namespace>/<room>`, each \
                   percent-encoded, `~` for the main namespace";
    error(StatusCode::NOT_FOUND, "unknown_feed", message)
}

/// What a reader is told of a namespace that is not there: one that has read it before may come back.
fn gone(head: &Parts) -> Response<Body> {
    let gap = Gap { reason: GapReason::Gone, oldest: None, newest: None };
    match Query::parse(head) {
        Ok(query) if query.resumes() => match query.wanted {
            Wanted::Listen(road @ (Road::EventSource | Road::Ndjson)) => only_gap(road, &gap),
            _ => lost(&gap),
        },
        _ => unknown(),
    }
}

/// What a reader is told when there is no place for its feed.
fn full(head: &Parts) -> Response<Body> {
    let gap = Gap { reason: GapReason::Overload, oldest: None, newest: None };
    match Query::parse(head).map(|query| query.wanted) {
        Ok(Wanted::Listen(road @ (Road::EventSource | Road::Ndjson))) => only_gap(road, &gap),
        _ => no_place(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let parse =
            |path| Address::parse(path).map(|Address { namespace, room }| (namespace, room));
        let some = |namespace: &str, room: Option<&str>| {
            Some((namespace.to_owned(), room.map(str::to_owned)))
        };
        assert_eq!(parse("/~"), some("/", None));
        assert_eq!(parse("/news/sport"), some("/news", Some("sport")));
        assert_eq!(parse("/a%2Fb/r%2F1"), some("/a/b", Some("r/1")));
        assert_eq!(parse("/%7E"), some("/~", None));
        for path in ["", "/", "/a/", "/a/b/c", "/a/b/", "/%ff", "/a/%ff", "//a"] {
            assert_eq!(parse(path), None, "{path}");
        }
    }
}
