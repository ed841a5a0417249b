//! Namespace `/everything`: one event for each thing a Socket.IO server can do, so that a client
//! can ask for it and look at what comes.

use serde::Deserialize;
use serde_json::Value;
use sockeye::{
    Ack, AckError, Args, DisconnectReason, EmitError, EventError, Io, Namespace, RawArgs, Refuse,
    Socket,
};

use crate::anything::Anything;

/// What `tell` and `tell-all` are asked to do.
#[derive(Debug, Deserialize)]
struct Tell {
    /// Rooms; none means everybody.
    #[serde(default)]
    to: Vec<String>,
    /// Rooms to leave out.
    #[serde(default)]
    except: Vec<String>,
    value: Value,
}

/// | event | what happens |
/// |---|---|
/// | CONNECT with `{ refuse: data }` | refused with "not today" and that data |
/// | `echo` | the same arguments are emitted back |
/// | `ask` | acknowledged with the same arguments |
/// | `be-asked` | `question` is emitted with the same arguments; its answer comes back as `answered` |
/// | `join`, `leave` | a room, acknowledged with all rooms |
/// | `tell`, `tell-all` | `told` goes to rooms, without or with the sender |
/// | `disconnect-me`, `close-me` | the namespace or the whole connection ends |
/// | whoever disconnects | everybody else gets `gone` with the id and the reason |
pub(crate) fn namespace<S: Send + Sync + 'static>() -> Namespace<S> {
    Namespace::new("/everything")
        .on_connect(admit)
        .on("echo", async |socket: Socket, args: RawArgs| socket.emit("echo", &args))
        .on("ask", async |args: RawArgs| Ack(args))
        .on("be-asked", be_asked)
        .on("join", async |socket: Socket, room: String| {
            socket.join(room);
            Ack(rooms(&socket))
        })
        .on("leave", async |socket: Socket, room: String| {
            socket.leave(room);
            Ack(rooms(&socket))
        })
        .on("tell", tell)
        .on("tell-all", tell_all)
        .on("disconnect-me", async |socket: Socket| socket.disconnect())
        .on("close-me", async |socket: Socket| socket.close_session())
        .on_disconnect(gone)
}

async fn admit(auth: Value) -> Result<(), Refuse> {
    match auth.get("refuse") {
        Some(data) => Err(Refuse::new("not today").with_data(data)),
        None => Ok(()),
    }
}

async fn be_asked(socket: Socket, args: RawArgs) -> Result<(), EventError> {
    let answer: Result<Args<Vec<Anything>>, AckError> =
        socket.emit_with_ack("question", &args).await;
    socket.emit("answered", &answer?)?;
    Ok(())
}

async fn tell(socket: Socket, tell: Tell) -> Result<(), EmitError> {
    socket.to(tell.to).except(tell.except).emit("told", &tell.value)
}

async fn tell_all(io: Io, tell: Tell) -> Result<(), EmitError> {
    io.to(tell.to).except(tell.except).emit("told", &tell.value)
}

async fn gone(socket: Socket, reason: DisconnectReason) {
    let told = socket.broadcast().emit("gone", &Args((socket.id().to_string(), reason.as_str())));
    if let Err(error) = told {
        tracing::warn!(%error, "nobody can be told");
    }
}

fn rooms(socket: &Socket) -> Vec<String> {
    socket.rooms().iter().map(|room| room.as_str().to_owned()).collect()
}
