//! HTTP long-polling: a GET that waits for packets, a POST that brings some.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use sockeye_engine_proto::TransportKind;
use sockeye_net::WRITE_TIMEOUT;
use sockeye_net::http::{ConnectError, Dialed};
use tower_service::Service;

use super::{excerpt, http_error};
use crate::error::TransportError;
use crate::target::Target;

/// Node's servers close a connection that was idle for 5 s; a POST that meets the close would end
/// the session.
const IDLE_TIMEOUT: Duration = Duration::from_secs(4);

/// A request under way: the body of the answer.
pub(crate) type Exchange =
    Pin<Box<dyn Future<Output = Result<Bytes, TransportError>> + Send + 'static>>;

/// Sends the requests of one session. Connections are kept and used again.
#[derive(Debug)]
pub(crate) struct Polling {
    client: Client<Dial, Full<Bytes>>,
    target: Arc<Target>,
    body_bytes_max: usize,
}

impl Polling {
    pub(crate) fn new(target: Arc<Target>, body_bytes_max: usize) -> Self {
        let client = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(IDLE_TIMEOUT)
            .pool_timer(TokioTimer::new())
            .build(Dial(Arc::clone(&target)));
        Polling { client, target, body_bytes_max }
    }

    /// Asks for packets. Without `sid` it asks for a session.
    pub(crate) fn get(&self, sid: Option<&str>) -> Exchange {
        self.send(Method::GET, sid, Bytes::new())
    }

    /// Brings packets.
    pub(crate) fn post(&self, sid: &str, body: Vec<u8>) -> Exchange {
        self.send(Method::POST, Some(sid), body.into())
    }

    fn send(&self, method: Method, sid: Option<&str>, body: Bytes) -> Exchange {
        let request = self.request(method, sid, body);
        let client = self.client.clone();
        let limit = self.body_bytes_max;
        Box::pin(async move {
            let response = client.request(request?).await.map_err(http_error)?;
            let status = response.status();
            let body = match Limited::new(response.into_body(), limit).collect().await {
                Ok(body) => body.to_bytes(),
                Err(error) if error.is::<LengthLimitError>() => {
                    return Err(TransportError::BodyTooLarge { limit });
                }
                Err(error) => return Err(std::io::Error::other(error).into()),
            };
            match status {
                StatusCode::OK => Ok(body),
                _ => Err(TransportError::Status { status: status.as_u16(), body: excerpt(&body) }),
            }
        })
    }

    fn request(
        &self,
        method: Method,
        sid: Option<&str>,
        body: Bytes,
    ) -> Result<Request<Full<Bytes>>, TransportError> {
        let uri = self.target.uri(TransportKind::Polling, sid).map_err(http_error)?;
        let mut request = Request::builder()
            .method(&method)
            .uri(uri)
            .body(Full::new(body))
            .map_err(http_error)?;
        request.headers_mut().extend(self.target.headers.clone());
        if method == Method::POST {
            let text = HeaderValue::from_static("text/plain;charset=UTF-8");
            request.headers_mut().insert(CONTENT_TYPE, text);
        }
        Ok(request)
    }
}

/// Opens connections to the one place that a session's requests go to.
#[derive(Clone, Debug)]
struct Dial(Arc<Target>);

impl Service<Uri> for Dial {
    type Response = TokioIo<Dialed>;
    type Error = ConnectError;
    type Future = Pin<Box<dyn Future<Output = Result<TokioIo<Dialed>, ConnectError>> + Send>>;

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
