//! The GIF chat of the notes, its Socket.IO part: one namespace for the live list of rooms, another
//! for what is said in them. Its pages use `io.connect(url, { path, transports })`, as a 2.x client has it.

use axum::Router;
use axum::response::Html;
use axum::routing::get;
use serde::{Deserialize, Serialize};
use sockeye::{Config, EmitError, HttpServer, Io, Namespace, Refuse, Server, Socket};

#[derive(Clone, Serialize, Deserialize)]
struct Chat {
    user: String,
    chat: String,
}

/// The query behind the namespace, `io.connect(url + "/chat?room=..")` of 2.x, or `auth` since 3.0.
#[derive(Deserialize)]
struct Entry {
    room: String,
}

fn system(text: &str) -> Chat {
    Chat { user: "system".to_owned(), chat: text.to_owned() }
}

async fn enter(socket: Socket, entry: Entry) -> Result<(), Refuse> {
    if entry.room.is_empty() {
        return Err(Refuse::new("which room?"));
    }
    // socket.join(roomId)
    socket.join(entry.room.as_str());
    socket.set(entry);
    Ok(())
}

/// Says something to everybody in the room of a socket.
fn say(socket: &Socket, io: &Io, event: &str, chat: &Chat) -> Result<(), EmitError> {
    let Some(entry) = socket.get::<Entry>() else { return Ok(()) };
    io.to(&entry.room).emit(event, chat)
}

fn room() -> Namespace {
    // room.on('connection', ...), and the route that creates one: io.of('/room').emit('newRoom', ..)
    Namespace::new("/room").on("create", async |io: Io, title: String| -> Result<(), EmitError> {
        io.emit("newRoom", &title)
    })
}

fn chat() -> Namespace {
    Namespace::new("/chat")
        .on_connect(enter)
        // socket.to(roomId).emit('join', { user: 'system', chat: .. })
        .on_connected(async |socket: Socket, io: Io| {
            say(&socket, &io, "join", &system("님이 입장하셨습니다."))
        })
        .on("chat", async |socket: Socket, io: Io, chat: Chat| say(&socket, &io, "chat", &chat))
        .on_disconnect(async |socket: Socket, io: Io| {
            say(&socket, &io, "exit", &system("님이 퇴장하셨습니다."))
        })
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    // const io = SocketIO(server, { path: '/socket.io' })
    let mut config = Config::default();
    config.engine.path = Some("/socket.io".to_owned());
    config.engine.allow_eio3 = true;
    config.engine.jsonp = true;
    let io = Server::builder().config(config).namespace(room()).namespace(chat()).build()?;
    let app = Router::new()
        .route("/", get(Html(include_str!("notes/gif_list.html"))))
        .route("/room/{id}", get(Html(include_str!("notes/gif_room.html"))))
        .merge(io.clone().into_router());
    let listeners = sockeye_examples::listen().await?;
    let stop = async move {
        sockeye_examples::stopped().await;
        io.shutdown().await;
    };
    HttpServer::new(listeners, app).with_graceful_shutdown(stop).await?;
    Ok(())
}
