//! `sockeye tail`: the events of a feed or a durable stream, a line each.
//!
//! [`follow`] says which request comes next and what an answer means, without IO; [`answer`] reads the body on
//! each road, [`road`] has what is asked. Here is what sends, waits and writes.

pub use args::TailArgs;

pub mod answer;
mod args;
pub mod backoff;
pub mod event_stream;
pub mod follow;
pub mod head;
pub mod line;
pub mod lines;
pub mod ndjson;
pub mod refusal;
pub mod road;
mod screen;

use std::hash::{BuildHasher as _, RandomState};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::header::{AUTHORIZATION, HeaderName};
use http::{HeaderValue, Request, Response};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::time::{Instant, sleep, timeout};
use url::Url;

use self::follow::{Ending, Failure, Follow, Settings, Step};
use self::head::Head;
use self::refusal::error_line;
use self::road::Ask;
use self::screen::{Screen, Words, output_closed};
use crate::cli::credentials::ExitStatus;
use crate::cli::http::{HttpClient, HttpError, is_readable_on_the_way};

/// Follows what the arguments name until it is over, or `stop` is done, and says why it ends.
pub async fn run(args: &TailArgs, stop: impl Future<Output = ()>) -> ExitStatus {
    let words = match (args.silent, args.verbose) {
        (true, _) => Words::Failure,
        (_, true) => Words::Heads,
        _ => Words::News,
    };
    let screen = Screen { words };
    let key = match (args.contradiction(), args.key.secret()) {
        (Some(contradiction), _) => {
            let message = Some(contradiction.to_owned());
            screen.ending(&Ending { status: ExitStatus::Usage, message });
            return ExitStatus::Usage;
        }
        (None, Ok(key)) => key,
        (None, Err(error)) => {
            let message = Some(error_line(&error));
            screen.ending(&Ending { status: ExitStatus::Usage, message });
            return ExitStatus::Usage;
        }
    };
    if key.is_some() && is_readable_on_the_way(&args.url) {
        screen.news(
            "the key goes to another machine without TLS, where others can read it: use https://",
        );
    }
    let mut follow = Follow::new(Settings {
        road: args.road,
        since: args.place(),
        is_once: args.once,
        events_max: args.max_events,
        ends_at_gap: args.fail_on_gap,
        interval: args.interval,
        has_key: key.is_some(),
        seed: RandomState::new().hash_one(0),
    });
    let key = key.map(|key| key.bearer());
    let client = HttpClient::default();
    let reader = Reader { url: &args.url, headers: &args.headers, key, client, screen };
    let ending = tokio::select! {
        ending = reader.drive(&mut follow) => Some(ending),
        () = stop => Some(Ending { status: ExitStatus::Done, message: None }),
        () = output_closed() => Some(Ending { status: ExitStatus::Done, message: None }),
        () = sleep(args.timeout.unwrap_or(Duration::MAX)) => None,
    };
    let ending = ending.unwrap_or_else(|| follow.time_is_over());
    screen.ending(&ending);
    ending.status
}

/// What sends the requests of a [`Follow`] and tells it what comes.
struct Reader<'a> {
    url: &'a Url,
    headers: &'a [(HeaderName, HeaderValue)],
    key: Option<HeaderValue>,
    client: HttpClient,
    screen: Screen,
}

impl Reader<'_> {
    async fn drive(&self, follow: &mut Follow) -> Ending {
        let mut outputs = Vec::new();
        loop {
            let ask = match follow.step() {
                Step::Ask(ask) => ask,
                Step::End(ending) => return ending,
            };
            sleep(ask.after).await;
            let asked_at = Instant::now();
            let body = match self.send(&ask).await {
                Ok(response) => {
                    let head = Head::read(response.status(), response.headers(), SystemTime::now());
                    follow.head(head, &mut outputs);
                    Some(response.into_body())
                }
                Err(failure) => {
                    follow.failed(failure, &mut outputs);
                    None
                }
            };
            if let Err(ending) = self.screen.tell(&mut outputs).await {
                return ending;
            }
            if let Some(body) = body
                && let Err(ending) = self.read(body, follow, asked_at).await
            {
                return ending;
            }
        }
    }

    async fn send(&self, ask: &Ask) -> Result<Response<Incoming>, Failure> {
        let mut url = self.url.clone();
        if !ask.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&ask.query);
        }
        let mut request = Request::new(Bytes::new());
        for (name, value) in self.headers {
            request.headers_mut().append(name, value.clone());
        }
        for (name, value) in &ask.headers {
            let value = HeaderValue::from_bytes(value.as_bytes()).map_err(|_| {
                let message = Some(format!("the value for the header `{name}` cannot be sent"));
                Failure::Final(Ending { status: ExitStatus::Failed, message })
            })?;
            request.headers_mut().insert(name, value);
        }
        if let Some(key) = &self.key {
            request.headers_mut().insert(AUTHORIZATION, key.clone());
        }
        self.screen.request(&url, &request);
        let mut client = self.client.clone();
        client.answer_timeout = ask.patience;
        let response = client.send(&url, request).await.map_err(|error| failure(&error))?;
        self.screen.response(&response);
        Ok(response)
    }

    /// Reads the body for as long as it is needed.
    async fn read(
        &self,
        mut body: Incoming,
        follow: &mut Follow,
        asked_at: Instant,
    ) -> Result<(), Ending> {
        let mut outputs = Vec::new();
        while let Some(patience) = follow.patience() {
            match timeout(patience, body.frame()).await {
                Err(_) => follow.silent(asked_at.elapsed(), &mut outputs),
                Ok(None) => follow.end(asked_at.elapsed(), &mut outputs),
                Ok(Some(Err(error))) => {
                    let why = format!("the connection broke ({})", error_line(&error));
                    follow.broken(&why, asked_at.elapsed(), &mut outputs);
                }
                Ok(Some(Ok(frame))) => {
                    if let Ok(bytes) = frame.into_data() {
                        follow.bytes(&bytes, &mut outputs);
                    }
                }
            }
            self.screen.tell(&mut outputs).await?;
        }
        Ok(())
    }
}

fn failure(error: &HttpError) -> Failure {
    match error {
        HttpError::Timeout("no answer", _) => Failure::Silent,
        error if error.exit_status() == ExitStatus::Unreachable => {
            Failure::Unreachable(error.line())
        }
        error => {
            Failure::Final(Ending { status: error.exit_status(), message: Some(error.line()) })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    /// The difference that sends [`Road::Auto`](road::Road::Auto) on to long polling.
    #[tokio::test]
    async fn silence_is_not_taken_for_a_lost_connection() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/x", listener.local_addr().unwrap()).parse().unwrap();
        let mut client = HttpClient::default();
        client.answer_timeout = Duration::from_millis(1);
        let error = client.send(&url, Request::new(Bytes::new())).await.unwrap_err();
        assert_eq!(failure(&error), Failure::Silent);
        drop(listener);
        let error = client.send(&url, Request::new(Bytes::new())).await.unwrap_err();
        assert!(matches!(failure(&error), Failure::Unreachable(_)), "{error}");
        let url = "ws://localhost/x".parse().unwrap();
        let error = client.send(&url, Request::new(Bytes::new())).await.unwrap_err();
        assert!(matches!(failure(&error), Failure::Final(_)), "{error}");
    }
}
