//! The server that `clients/js/test/behaviour.test.mjs` describes, and `/everything` beside it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use parking_lot::Mutex;
use serde::Serialize;
use serde_json::{Value, json};
use sockeye::engine::CloseReason;
use sockeye::{
    Ack, AckError, Acker, Args, Binary, Config, Deferred, DisconnectReason, EmitError, EventError,
    Io, Local, MsgpackParser, Namespace, RawArgs, Refuse, Reliable, Server, Socket, State, sockjs,
};

use crate::anything::Anything;
use crate::everything;
use crate::serving::Listen;

pub(crate) async fn serve(listen: &Listen<3000>) -> Result<()> {
    let mut config = Config::default();
    config.engine.payload_bytes_max = 100_000;
    // Clients of every kind at once.
    config.engine.allow_eio3 = true;
    config.engine.jsonp = true;
    config.parser = Some(Arc::new(MsgpackParser));
    listen.configure(&mut config.engine, 500, 20_000);
    config.engine.polling_close_timeout = Duration::from_secs(1);
    let server = Server::builder()
        .config(config)
        .state(Reasons::default())
        .namespace(namespace("/").on_connect(keep_auth))
        .namespace(namespace("/other").on_connect(keep_auth))
        .namespace(namespace("/token").on_connect(with_token))
        .namespace(Namespace::new("/refuse").on_connect(refuse))
        .namespace(everything::namespace())
        .namespace(outbox())
        .build()?;
    server.mount_sockjs(sockjs::Config::default())?;
    listen.serve(&server).await
}

/// Keeps texts for outboxes, and loses connections before its answer is there.
fn outbox() -> Namespace<Reasons> {
    let kept = Arc::new(Mutex::new(Vec::<String>::new()));
    let (keeps, loses, tells) = (Arc::clone(&kept), Arc::clone(&kept), kept);
    let keep = |kept: &Mutex<Vec<String>>, text: String| {
        let mut kept = kept.lock();
        kept.push(text);
        Ack(kept.len())
    };
    Namespace::new("/outbox")
        .on("keep", move |text: String| std::future::ready(keep(&keeps, text)))
        .on("keep and lose", move |socket: Socket, text: String| {
            let answer = keep(&loses, text);
            socket.session().discard(CloseReason::TransportClose);
            std::future::ready(answer)
        })
        .on("kept", move || std::future::ready(Ack(tells.lock().clone())))
        .reliable(Reliable::default())
}

fn namespace(path: &'static str) -> Namespace<Reasons> {
    Namespace::new(path)
        .on("echo", echo)
        .on("auth", async |auth: Local<Auth>| Ack(auth.0.0.clone()))
        .on("query", async |socket: Socket, name: String| {
            Ack(socket.handshake().query(&name).map(String::from))
        })
        .on("source", async |socket: Socket| Ack(source(&socket)))
        .on("transport", async |socket: Socket| Ack(socket.session().transport().as_str()))
        .on("ask", ask)
        .on("bytes", bytes)
        .on("burst", burst)
        .on("join", async |socket: Socket, room: String| socket.join(room))
        .on("leave", async |socket: Socket, room: String| socket.leave(room))
        .on("to-room", to_room)
        .on("in-room", in_room)
        .on("others", async |socket: Socket, args: RawArgs| {
            socket.broadcast().emit("others", &args)
        })
        .on("all", async |io: Io, args: RawArgs| io.emit("all", &args))
        .on(
            "disconnect-me",
            async |socket: Socket, close: bool| {
                if close { socket.close_session() } else { socket.disconnect() }
            },
        )
        .on("drop", async |socket: Socket| socket.session().close(CloseReason::ForcedClose))
        .on("reason-of", async |State(reasons): State<Reasons>, id: String| Ack(reasons.of(&id)))
        .on_disconnect(
            async |socket: Socket, State(reasons): State<Reasons>, reason: DisconnectReason| {
                reasons.0.lock().insert(socket.id().to_string(), reason.as_str());
            },
        )
}

/// Why sockets were disconnected, by their ids.
#[derive(Clone, Debug, Default)]
struct Reasons(Arc<Mutex<HashMap<String, &'static str>>>);

impl Reasons {
    fn of(&self, id: &str) -> Option<&'static str> {
        self.0.lock().get(id).copied()
    }
}

/// Where the server thinks that a client is.
fn source(socket: &Socket) -> Value {
    let handshake = socket.handshake();
    let address = handshake.address().map(|address| address.ip().to_string());
    json!({ "address": address, "secure": handshake.is_secure() })
}

/// What the client sent with CONNECT.
struct Auth(Value);

async fn keep_auth(socket: Socket, auth: Value) {
    socket.set(Auth(auth));
}

async fn with_token(socket: Socket, auth: Value) -> Result<(), Refuse> {
    let token = auth.get("token").cloned();
    if token.as_ref().and_then(Value::as_str) != Some("secret") {
        return Err(Refuse::new("bad token").with_data(&json!({ "token": token })));
    }
    socket.set(Auth(auth));
    Ok(())
}

async fn refuse() -> Result<(), Refuse> {
    Err(Refuse::new("refused").with_data(&json!({ "code": 7, "list": ["a", null] })))
}

async fn echo(
    socket: Socket,
    acker: Acker<RawArgs>,
    args: RawArgs,
) -> Result<Deferred<RawArgs>, EventError> {
    let answered = acker.defer();
    if acker.is_wanted() {
        acker.answer(&args)?;
    } else {
        socket.emit("echo", &args)?;
    }
    Ok(answered)
}

async fn ask(socket: Socket, args: RawArgs) -> Result<(), EventError> {
    let answer: Result<Args<Vec<Anything>>, AckError> =
        socket.emit_with_ack("question", &args).await;
    socket.emit("answer", &answer?)?;
    Ok(())
}

#[derive(Clone, Debug, Serialize)]
struct Nested {
    nested: [Binary; 1],
}

type Bytes = Args<(Binary, Nested)>;

async fn bytes(
    socket: Socket,
    acker: Acker<Bytes>,
    count: usize,
) -> Result<Deferred<Bytes>, EventError> {
    let answered = acker.defer();
    let bytes: Vec<u8> = (0..=u8::MAX).cycle().take(count).collect();
    let bytes = Binary::from(bytes);
    let args = Args((bytes.clone(), Nested { nested: [bytes] }));
    if acker.is_wanted() {
        acker.answer(&args)?;
    } else {
        socket.emit("bytes", &args)?;
    }
    Ok(answered)
}

async fn burst(socket: Socket, count: u32) -> Result<(), EmitError> {
    (0..count).try_for_each(|number| socket.emit("burst", &number))
}

async fn to_room(socket: Socket, args: RawArgs) -> Result<(), EventError> {
    let (room, args) = first(&args)?;
    Ok(socket.to(room).emit("room", &args)?)
}

async fn in_room(io: Io, args: RawArgs) -> Result<(), EventError> {
    let (room, args) = first(&args)?;
    Ok(io.to(room).emit("room", &args)?)
}

/// The first argument, a text, and the others as they came.
fn first(args: &RawArgs) -> Result<(String, RawArgs), EventError> {
    let room: String = args.decode()?;
    let mut values =
        serde_json::Deserializer::from_str(args.json()).into_iter::<&serde_json::value::RawValue>();
    values.next().transpose()?;
    let others = args.json()[values.byte_offset()..].trim_start();
    let others = others.strip_prefix(',').unwrap_or(others);
    Ok((room, RawArgs::new(others, args.attachments())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_argument_is_taken_off() {
        for (json, others) in [(r#""a""#, ""), (r#""a,b" , 1,{"c":2}"#, r#" 1,{"c":2}"#)] {
            let (_, found) = first(&RawArgs::new(json, &[])).unwrap();
            assert_eq!(found.json(), others);
        }
        assert!(first(&RawArgs::new("1", &[])).is_err());
    }
}
