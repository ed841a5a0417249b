//! A server in memory, on a clock that stands still while there is something to do.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use sockeye::Server;
use sockeye_net::http::HandOver;
use sockeye_net::stream::Stream;
use tokio::io::{AsyncReadExt as _, duplex};
use tokio::runtime::{Builder, Runtime};
use tokio::task::yield_now;
use tokio::time::timeout;
use tower_service::Service as _;

/// A server and the runtime that it runs on.
#[derive(Debug)]
pub struct Served<T> {
    runtime: Runtime,
    server: Server,
    /// What was made with it.
    pub with: T,
}

/// An answer; of one that goes on and on, what comes at once.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
    /// It goes on.
    pub is_endless: bool,
}

/// More than any answer here.
const BUFFER_BYTES: usize = 1 << 22;

impl<T> Served<T> {
    /// Makes a server within the runtime.
    pub fn new(make: impl FnOnce() -> (Server, T)) -> Self {
        let runtime = Builder::new_current_thread().enable_all().start_paused(true).build();
        let runtime = runtime.expect("a runtime");
        let (server, with) = runtime.block_on(async { make() });
        Self { runtime, server, with }
    }

    /// Does something within the runtime.
    pub fn enter<R>(&self, act: impl FnOnce(&Server, &T) -> R) -> R {
        self.runtime.block_on(async { act(&self.server, &self.with) })
    }

    /// Answers a request, however long that takes.
    pub fn ask(&self, request: Request<Bytes>) -> Answer {
        self.runtime.block_on(async {
            let mut service = self.server.clone().into_service();
            let answer = service.call(request.map(Full::new)).await;
            let (head, body) = answer.expect("it never fails").into_parts();
            let hand_over = head.extensions.get::<HandOver>();
            let body = match hand_over {
                None => body.collect().await.expect("it is whole").to_bytes(),
                Some(to) => {
                    let (mut near, far) = duplex(BUFFER_BYTES);
                    assert!(to.start(Stream::from_io(far)));
                    let mut read = Vec::new();
                    let moment = Duration::from_millis(1);
                    while let Ok(Ok(1..)) = timeout(moment, near.read_buf(&mut read)).await {}
                    read.into()
                }
            };
            // Whoever went is noticed.
            yield_now().await;
            let is_endless = hand_over.is_some();
            Answer { status: head.status, headers: head.headers, body, is_endless }
        })
    }
}

impl Answer {
    /// A header that is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}
