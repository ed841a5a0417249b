//! The server that the tests of engine.io-client are written for: it greets, echoes, answers a few
//! words with something special, sets cookies and refuses whoever asks for it.

use std::collections::HashMap;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use anyhow::Result;
use http::header::{CONTENT_TYPE, HeaderValue, SET_COOKIE};
use http::{HeaderMap, Request, Response, StatusCode};
use hyper::body::Incoming;
use parking_lot::Mutex;
use sockeye_engine::{
    Application, Body, CloseReason, Config, Engine, HandlerError, Handshake, Message, Session,
    SessionHandler,
};

use crate::serving::Listen;

/// Two that a client has to send back, one that has no life, one that ended long ago.
const COOKIES: [&str; 4] = [
    "1=1; Max-Age=86400",
    "2=2; Path=/; HttpOnly; Secure; SameSite=Strict",
    "3=3; Max-Age=0",
    "4=4; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
];

pub(crate) async fn serve(listen: &Listen<3000>) -> Result<()> {
    let mut config = Config { payload_bytes_max: 100, ..Config::default() };
    listen.configure(&mut config, 500, 20_000);
    // Sessions of clients that are gone need not hold up the end for half a minute.
    config.polling_close_timeout = Duration::from_secs(1);
    let posts = Posts::default();
    let engine = Engine::new(config, Greeter { posts: posts.clone() })?;
    let answering = engine.clone();
    let answer = move |request| answer(answering.clone(), posts.clone(), request);
    listen.serve_fn(answer, async move { engine.shutdown(CloseReason::ServerShutdown).await }).await
}

/// The headers of the latest POST of each session, as JSON.
#[derive(Clone, Debug, Default)]
struct Posts(Arc<Mutex<HashMap<String, String>>>);

/// Puts around the engine what its own tests get from hooks.
async fn answer(
    engine: Engine<Greeter>,
    posts: Posts,
    request: Request<Incoming>,
) -> Response<Body> {
    let parameter = |name: &str| {
        let query = request.uri().query().unwrap_or_default();
        query.split('&').filter_map(|pair| pair.split_once('=')).find(|(found, _)| *found == name)
    };
    let sid = parameter("sid").map(|(_, sid)| sid.to_owned());
    if sid.is_none() && parameter("deny").is_some() {
        return forbidden();
    }
    if let Some(sid) = &sid
        && request.method() == http::Method::POST
    {
        posts.0.lock().insert(sid.clone(), as_json(request.headers()));
    }
    let mut response = engine.handle(request).await;
    if sid.is_none() && response.status() == StatusCode::OK {
        for cookie in COOKIES {
            response.headers_mut().append(SET_COOKIE, HeaderValue::from_static(cookie));
        }
    }
    response
}

fn forbidden() -> Response<Body> {
    let mut response = Response::new(Body::from(r#"{"code":4,"message":"Forbidden"}"#));
    *response.status_mut() = StatusCode::FORBIDDEN;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn as_json(headers: &HeaderMap) -> String {
    let object: serde_json::Map<String, serde_json::Value> = headers
        .iter()
        .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into()))
        .collect();
    serde_json::Value::Object(object).to_string()
}

struct Greeter {
    posts: Posts,
}

struct GreeterHandler {
    session: Session,
    handshake: Arc<Handshake>,
    posts: Posts,
}

impl Application for Greeter {
    type Handler = GreeterHandler;

    fn open(&self, session: Session, handshake: Arc<Handshake>) -> GreeterHandler {
        session.send("hi", &[]);
        GreeterHandler { session, handshake, posts: self.posts.clone() }
    }
}

impl SessionHandler for GreeterHandler {
    fn message(&mut self, message: Message<'_>) -> Result<(), HandlerError> {
        match message {
            Message::Text("give binary") => self.session.send_binary(&vec![0, 1, 2, 3, 4].into()),
            Message::Text("give utf8") => self.session.send("пойду спать всем спокойной ночи", &[]),
            Message::Text("sendHeaders") => {
                let posts = self.posts.0.lock();
                let headers = posts.get(self.session.id().as_str());
                self.session.send(headers.map_or("null", String::as_str), &[])
            }
            // Not of those tests: what the server makes of a proxy's word.
            Message::Text("sendSource") => {
                let address = self.handshake.address().map(|address| address.ip().to_string());
                let secure = self.handshake.is_secure();
                let source = serde_json::json!({ "address": address, "secure": secure });
                self.session.send(&source.to_string(), &[])
            }
            Message::Text(text) => self.session.send(text, &[]),
            Message::Binary(data) => self.session.send_binary(&data.to_vec().into()),
        };
        Ok(())
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }

    fn close(&mut self, _: CloseReason) {
        self.posts.0.lock().remove(self.session.id().as_str());
    }
}
