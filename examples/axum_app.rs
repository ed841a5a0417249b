//! A whole application in one axum router. `POST /login/ada` sets a cookie (a real one is random and
//! long), by which her sockets in `/chat` and `/doc-7` are hers; `POST /kick/ada` ends them all.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State as Shared};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use sockeye::{
    Ack, Binary, Event, EventError, HttpServer, Local, Namespace, Refuse, Server, Socket, State,
};

const SAY: Event<String, usize> = Event::new("say"); // answered with how many lines there are
const LINE: Event<Line> = Event::new("line");
const CLEAR: Event<(), bool> = Event::new("clear");
const CONFIRM: Event<String, bool> = Event::new("confirm"); // asked of the client
const UPLOAD: Event<File, usize> = Event::new("upload");
const CURSOR: Event<(f64, f64)> = Event::new("cursor");
const TICK: Event<u64> = Event::new("tick");

#[derive(Clone, Serialize, Deserialize)]
struct Line {
    from: String,
    text: String,
}

#[derive(Serialize, Deserialize)]
struct File {
    name: String,
    data: Binary,
}

type Answer<T> = Result<Ack<T>, EventError>;
struct User {
    name: String,
}

#[derive(Clone, Default)]
struct App {
    lines: Arc<Mutex<VecDeque<Line>>>,
    names: Arc<Mutex<HashMap<String, String>>>, // by cookie
}

async fn admit(socket: Socket, app: State<App>) -> Result<(), Refuse> {
    let sid = socket.handshake().cookie("sid").unwrap_or_default();
    let name = app.names.lock().get(sid).cloned().ok_or_else(|| Refuse::new("log in first"))?;
    socket.join(&name);
    socket.set(User { name });
    Ok(())
}

async fn say(socket: Socket, user: Local<User>, app: State<App>, text: String) -> Answer<usize> {
    let line = Line { from: user.name.clone(), text };
    socket.broadcast().emit(LINE, &line)?;
    let mut lines = app.lines.lock();
    lines.push_front(line);
    lines.truncate(100);
    Ok(Ack(lines.len()))
}

async fn clear(socket: Socket, app: State<App>) -> Answer<bool> {
    let is_sure = socket.emit_with_ack(CONFIRM, "all lines?").await?;
    app.lines.lock().retain(|_| !is_sure);
    Ok(Ack(is_sure))
}

async fn upload(socket: Socket, file: File) -> Answer<usize> {
    socket.broadcast().emit(UPLOAD, &file)?;
    Ok(Ack(file.data.len()))
}

async fn login(Shared(app): Shared<App>, Path(name): Path<String>) -> [(&'static str, String); 1] {
    app.names.lock().insert(format!("of-{name}"), name.clone());
    [("set-cookie", format!("sid=of-{name}; Path=/; HttpOnly"))]
}

async fn kick(Shared(app): Shared<App>, server: Extension<Server>, Path(name): Path<String>) {
    app.names.lock().retain(|_, user| *user != name);
    server.everywhere().to(name).close_sessions();
}

pub(crate) fn application() -> anyhow::Result<(Server, Router)> {
    let (app, chat) = (App::default(), Namespace::new("/chat").on_connect(admit));
    let chat = chat.on(SAY, say).on(CLEAR, clear).on(UPLOAD, upload);
    let document = Namespace::new("/doc-{id}")
        .on_connect(admit)
        .on(CURSOR, async |socket: Socket, at| socket.broadcast().volatile().emit(CURSOR, &at));
    let server =
        Server::builder().state(app.clone()).namespace(chat).namespace(document).build()?;
    let router = Router::new()
        .route("/login/{name}", post(login))
        .route("/lines", get(async |Shared(app): Shared<App>| Json(app.lines.lock().clone())))
        .route("/kick/{name}", post(kick))
        .layer(Extension(server.clone()))
        .with_state(app);
    Ok((server.clone(), router.merge(server.into_router())))
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let (server, router) = application()?;
    let everybody = server.everywhere();
    tokio::spawn(async move {
        for seconds in 0.. {
            everybody.volatile().emit(TICK, &seconds).expect("a number can be encoded");
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    });
    let stop = async move {
        sockeye_examples::stopped().await;
        server.drain(Duration::from_secs(10)).await;
    };
    HttpServer::new(sockeye_examples::listen().await?, router).with_graceful_shutdown(stop).await?;
    Ok(())
}
