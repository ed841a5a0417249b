//! Connections in memory, of both kinds: an HTTP server that reads the body of an answer, and one that hands
//! its connection over.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::net::Ipv4Addr;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use sockeye::{Body, PeerAddr, Server};
use sockeye_net::http::HandOver;
use sockeye_net::stream::Stream;
use sockeye_sim::Random;
use tokio::io::{AsyncWriteExt as _, DuplexStream, duplex};
use tower_service::Service as _;

use crate::answer::Road;

/// A server, as its clients reach it.
#[derive(Clone)]
pub(crate) struct Host {
    pub(crate) server: Server,
}

/// A request.
pub(crate) struct Asked {
    pub(crate) road: Road,
    /// Where it begins.
    pub(crate) from: Option<String>,
    pub(crate) path: &'static str,
    pub(crate) address: u8,
}

impl Asked {
    /// The target, and the fields of the head.
    fn parts(&self, random: &mut Random) -> (String, Vec<(&'static str, String)>) {
        let accept = match self.road {
            Road::EventSource => "text/event-stream",
            Road::Ndjson => "application/x-ndjson",
            _ => "*/*",
        };
        let mut headers = vec![("host", "localhost".to_owned()), ("accept", accept.to_owned())];
        let mut query = Vec::new();
        let live = match self.road {
            Road::DurableSse => Some("live=sse".to_owned()),
            Road::LongPoll => Some("live=long-poll".to_owned()),
            Road::Wait => Some(format!("wait={}", 1 + random.below(30))),
            _ => None,
        };
        query.extend(live);
        let needs_one = matches!(self.road, Road::DurableSse | Road::LongPoll);
        let default = if needs_one { Some("now") } else { None };
        if let Some(from) = self.from.as_deref().or(default) {
            let is_plain = matches!(self.road, Road::EventSource | Road::Ndjson);
            if is_plain && !from.contains('%') && random.chance(50) {
                headers.push(("last-event-id", from.to_owned()));
                // What the header says is newer.
                if random.chance(50) {
                    query.push("offset=now".to_owned());
                }
            } else {
                query.push(format!("offset={from}"));
            }
        }
        (format!("{}?{}", self.path, query.join("&")), headers)
    }
}

impl Host {
    /// Sends a request on a connection of its own that holds at most so many bytes; all of it, or only so
    /// many bytes.
    pub(crate) async fn send(
        &self,
        asked: &Asked,
        buffer: usize,
        part: Option<usize>,
        random: &mut Random,
    ) -> DuplexStream {
        let (target, headers) = asked.parts(random);
        let (mut near, far) = duplex(buffer);
        if asked.road.is_listening() && part.is_none() && random.chance(50) {
            let mut request = Request::get(target);
            for (name, value) in headers {
                request = request.header(name, value);
            }
            request = request.extension(peer(asked.address));
            let request = request.body(Full::new(Bytes::new())).expect("a request");
            tokio::spawn(self.clone().hand_over(request, far));
            return near;
        }
        self.serve(far, asked.address);
        let mut head = format!("GET {target} HTTP/1.1\r\n");
        for (name, value) in headers {
            // Writing to a string does not fail.
            let _ = write!(head, "{name}: {value}\r\n");
        }
        head.push_str("\r\n");
        let length = part.unwrap_or(head.len()).min(head.len());
        // The server may have gone: that is read.
        let _ = near.write_all(&head.as_bytes()[..length]).await;
        near
    }

    /// As an application's HTTP server.
    fn serve(&self, far: DuplexStream, address: u8) {
        let service = self.server.clone().into_service();
        let service = service_fn(move |mut request: Request<hyper::body::Incoming>| {
            request.extensions_mut().insert(peer(address));
            service.clone().call(request)
        });
        let connection = http1::Builder::new().serve_connection(TokioIo::new(far), service);
        tokio::spawn(async move { drop(connection.with_upgrades().await) });
    }

    /// As the library's own listener.
    async fn hand_over(self, request: Request<Full<Bytes>>, mut far: DuplexStream) {
        let answer: Result<Response<Body>, Infallible> =
            self.server.into_service().call(request).await;
        let Ok(response) = answer;
        let (head, body) = response.into_parts();
        let mut text = format!("HTTP/1.1 {} \r\n", head.status.as_u16());
        for (name, value) in &head.headers {
            let value = value.to_str().expect("headers are ASCII");
            let _ = write!(text, "{name}: {value}\r\n");
        }
        text.push_str("\r\n");
        if far.write_all(text.as_bytes()).await.is_err() {
            return;
        }
        if let Some(to) = head.extensions.get::<HandOver>() {
            drop(body);
            assert!(to.start(Stream::from_io(far)));
            return;
        }
        let body = body.collect().await.expect("it is whole").to_bytes();
        let _ = far.write_all(&body).await;
    }
}

fn peer(address: u8) -> PeerAddr {
    PeerAddr((Ipv4Addr::new(10, 0, 0, address), 1000).into())
}
