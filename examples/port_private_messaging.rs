//! A port of socket.io's private messages, the server with its stores in memory: people with a
//! session each, who write to each other from as many tabs as they like.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sockeye::{BuildError, EventError, Io, Local, Namespace, Refuse, Server, Socket, State};

/// What a client says: the session it has, or under which name it begins one.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Auth {
    #[serde(rename = "sessionID")]
    session_id: Option<String>,
    username: Option<String>,
}

#[derive(Clone, Serialize)]
struct Session {
    #[serde(skip)]
    id: String,
    #[serde(rename = "userID")]
    user_id: String,
    username: String,
    connected: bool,
}

#[derive(Clone, Serialize, Deserialize)]
struct Message {
    content: String,
    #[serde(default)]
    from: String,
    to: String,
}

/// The two stores, which keep everything, as the original's do.
#[derive(Clone, Default)]
struct Stores {
    sessions: Arc<Mutex<BTreeMap<String, Session>>>,
    messages: Arc<Mutex<Vec<Message>>>,
}

impl Stores {
    fn save(&self, session: &Session, connected: bool) {
        let session = Session { connected, ..session.clone() };
        self.sessions.lock().insert(session.id.clone(), session);
    }

    /// Everybody, each with what they and this user wrote to each other.
    fn users(&self, of: &str) -> Vec<serde_json::Value> {
        let messages = self.messages.lock();
        let between = |other: &str| -> Vec<_> {
            let is_theirs =
                |m: &&Message| [(&*m.from, &*m.to), (&*m.to, &*m.from)].contains(&(of, other));
            messages.iter().filter(is_theirs).collect()
        };
        let user = |session: &Session| {
            let mut user = json!(session);
            user["messages"] = json!(between(&session.user_id));
            user
        };
        self.sessions.lock().values().map(user).collect()
    }
}

type Done = Result<(), EventError>;

/// `io.use`
async fn admit(socket: Socket, stores: State<Stores>, auth: Auth) -> Result<(), Refuse> {
    let known = auth.session_id.and_then(|id| stores.sessions.lock().get(&id).cloned());
    let session = match (known, auth.username.filter(|name| !name.is_empty())) {
        (Some(session), _) => session,
        (None, None) => return Err(Refuse::new("invalid username")),
        (None, Some(username)) => {
            let random = || getrandom::u64().map(|number| format!("{number:016x}"));
            Session { id: random()?, user_id: random()?, username, connected: true }
        }
    };
    socket.set(session);
    Ok(())
}

/// `io.on("connection")`
async fn connected(socket: Socket, session: Local<Session>, stores: State<Stores>) -> Done {
    let (id, user_id) = (&session.id, &session.user_id);
    stores.save(&session, true);
    socket.emit("session", &json!({ "sessionID": id, "userID": user_id }))?;
    socket.join(user_id);
    socket.emit("users", &stores.users(user_id))?;
    let user = json!({
        "userID": user_id, "username": session.username, "connected": true, "messages": [],
    });
    Ok(socket.broadcast().emit("user connected", &user)?)
}

/// To all tabs of both.
async fn private_message(
    socket: Socket,
    session: Local<Session>,
    stores: State<Stores>,
    mut message: Message,
) -> Done {
    message.from.clone_from(&session.user_id);
    socket.to([&message.to, &message.from]).emit("private message", &message)?;
    stores.messages.lock().push(message);
    Ok(())
}

/// Somebody is gone when the last of their tabs is.
async fn gone(socket: Socket, io: Io, session: Local<Session>, stores: State<Stores>) -> Done {
    if io.to(&session.user_id).ids().await?.is_empty() {
        socket.broadcast().emit("user disconnected", &session.user_id)?;
        stores.save(&session, false);
    }
    Ok(())
}

pub(crate) fn server() -> Result<Server, BuildError> {
    let namespace = Namespace::new("/")
        .on_connect(admit)
        .on_connected(connected)
        .on("private message", private_message)
        .on_disconnect(gone);
    let builder = Server::builder().allow_origin("http://localhost:8080");
    builder.state(Stores::default()).namespace(namespace).build()
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let listeners = sockeye_examples::listen().await?;
    server()?.serve(listeners).with_graceful_shutdown(sockeye_examples::stopped()).await?;
    Ok(())
}
