//! HTTP long-polling: a GET that waits for packets of the server, a POST that sends packets to it.

use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use sockeye_engine_proto::TransportKind;
use sockeye_net::WRITE_TIMEOUT;
use sockeye_net::http::{ConnectError, Dialed};
use tower_service::Service;

use super::{http_error, status_error};
use crate::engine::target::Target;
use crate::error::TransportError;

/// How long an unused connection is kept. Node's servers close it after 5 s, and a POST on a
/// connection that is being closed would fail and end the session.
const IDLE_TIMEOUT: Duration = Duration::from_secs(4);

/// A request that was sent; its output is the body of the response.
pub(crate) type Exchange = BoxFuture<'static, Result<Bytes, TransportError>>;

/// The HTTP client of one session. Connections are kept and used again.
#[derive(Debug)]
pub(crate) struct PollingRequests {
    client: Client<Dial, Full<Bytes>>,
    target: Arc<Target>,
}

impl PollingRequests {
    pub(crate) fn new(target: Arc<Target>) -> Self {
        let client = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(IDLE_TIMEOUT)
            .pool_timer(TokioTimer::new())
            .build(Dial(Arc::clone(&target)));
        PollingRequests { client, target }
    }

    /// A GET for packets; without `sid`, for a new session.
    pub(crate) fn get(&self, sid: Option<&str>) -> Exchange {
        self.send(Method::GET, sid, Bytes::new())
    }

    /// A POST of packets.
    pub(crate) fn post(&self, sid: &str, body: Vec<u8>) -> Exchange {
        self.send(Method::POST, Some(sid), body.into())
    }

    fn send(&self, method: Method, sid: Option<&str>, body: Bytes) -> Exchange {
        let request = self.request(method, sid, body);
        let client = self.client.clone();
        let limit = self.target.message_bytes_max;
        Box::pin(async move {
            let response = client.request(request?).await.map_err(http_error)?;
            let status = response.status();
            let body = match Limited::new(response.into_body(), limit).collect().await {
                Ok(body) => body.to_bytes(),
                Err(error) if error.is::<LengthLimitError>() => {
                    return Err(TransportError::BodyTooLarge { limit });
                }
                Err(error) => return Err(io::Error::other(error).into()),
            };
            if status == StatusCode::OK { Ok(body) } else { Err(status_error(status, &body)) }
        })
    }

    fn request(
        &self,
        method: Method,
        sid: Option<&str>,
        body: Bytes,
    ) -> Result<Request<Full<Bytes>>, TransportError> {
        let uri = self.target.uri(TransportKind::Polling, sid).map_err(http_error)?;
        let mut request = self.target.request(uri, Full::new(body)).map_err(http_error)?;
        if method == Method::POST {
            let text = HeaderValue::from_static("text/plain;charset=UTF-8");
            request.headers_mut().insert(CONTENT_TYPE, text);
        }
        *request.method_mut() = method;
        Ok(request)
    }
}

/// The connector of a session, whose requests all have the same destination.
#[derive(Clone, Debug)]
struct Dial(Arc<Target>);

impl Service<Uri> for Dial {
    type Response = TokioIo<Dialed>;
    type Error = ConnectError;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let Dial(target) = self.clone();
        Box::pin(async move {
            target.dialer.dial(&target.destination, WRITE_TIMEOUT).await.map(TokioIo::new)
        })
    }
}
