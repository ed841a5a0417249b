//! One session for HTTP and sockets: whoever logs in on a page is known to the socket by the same
//! cookie, and is logged out everywhere at once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::{Path, State as Shared};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::routing::post;
use sockeye::{Ack, Handshake, HttpServer, Io, Local, Namespace, Refuse, Server, Socket, State};

/// Who is behind which cookie. (A real one is random and long, and kept in a database.)
#[derive(Clone, Default)]
struct Sessions(Arc<Mutex<HashMap<String, String>>>);

impl Sessions {
    fn with<R>(&self, f: impl FnOnce(&mut HashMap<String, String>) -> R) -> R {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn user(&self, session: &str) -> Option<String> {
        self.with(|users| users.get(session).cloned())
    }
}

/// `POST /login/ada`: the cookie is for pages and sockets alike.
async fn login(
    Shared((sessions, _)): Shared<(Sessions, Io)>,
    Path(name): Path<String>,
) -> HeaderMap {
    let session = sessions.with(|users| {
        let session = format!("{}-{name}", users.len());
        users.insert(session.clone(), name);
        session
    });
    let cookie = format!("session={session}; Path=/; HttpOnly; SameSite=Strict");
    let mut headers = HeaderMap::new();
    headers.extend(HeaderValue::try_from(cookie).map(|cookie| (header::SET_COOKIE, cookie)));
    headers
}

/// `POST /logout`: the sockets of this session end too.
async fn logout(
    Shared((sessions, io)): Shared<(Sessions, Io)>,
    headers: HeaderMap,
) -> &'static str {
    let cookies = headers.get(header::COOKIE).and_then(|cookies| cookies.to_str().ok());
    let session = cookies
        .and_then(|cookies| cookies.split("; ").find_map(|cookie| cookie.strip_prefix("session=")));
    let Some(session) = session else { return "nobody was logged in\n" };
    sessions.with(|users| users.remove(session));
    io.to(format!("session {session}")).close_sessions();
    "logged out\n"
}

struct User(String);

async fn admit(
    socket: Socket,
    State(sessions): State<Sessions>,
    handshake: Arc<Handshake>,
) -> Result<(), Refuse> {
    let session = handshake.cookie("session").unwrap_or_default();
    let name = sessions.user(session).ok_or_else(|| Refuse::new("log in first"))?;
    socket.join(format!("session {session}"));
    socket.set(User(name));
    Ok(())
}

async fn who_am_i(user: Local<User>) -> Ack<String> {
    Ack(user.0.0.clone())
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let sessions = Sessions::default();
    let namespace = Namespace::new("/").on_connect(admit).on("who am i", who_am_i);
    let server = Server::builder().state(sessions.clone()).namespace(namespace).build()?;
    let app = Router::new()
        .route("/login/{name}", post(login))
        .route("/logout", post(logout))
        .with_state((sessions, server.io()))
        .merge(server.clone().into_router());
    let stop = async move {
        sockeye_examples::stopped().await;
        server.shutdown().await;
    };
    let listeners = sockeye_examples::listen().await?;
    HttpServer::new(listeners, app).with_graceful_shutdown(stop).await?;
    Ok(())
}
