//! Against `crates/server`, over TCP, with a wire in between that can be cut.

#![allow(clippy::unwrap_used)]

mod common;

use std::{sync::Arc, time::Duration};

use parking_lot::Mutex;
use serde_json::Value;
use sockeye::{
    Ack, Args, Config, DisconnectReason, Io, Namespace, RawArgs, Refuse, Server, Socket, State,
};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
};

/// Forwards connections to the server; a change of the number cuts those that exist.
type Wire = Arc<watch::Sender<u32>>;

#[derive(Clone)]
struct Seen {
    notes: Arc<Mutex<Vec<String>>>,
    wire: Wire,
}

struct Auth(Value);

/// The events of `node/server.mjs`.
fn server(wire: &Wire, config: Config) -> Server {
    let seen = Seen { notes: Arc::default(), wire: Arc::clone(wire) };
    let main = Namespace::new("/")
        .on_connect(async |socket: Socket, auth: Value| socket.set(Auth(auth)))
        .on("echo", async |socket: Socket, args: RawArgs| socket.emit("echo", &args))
        .on("ack", async |args: RawArgs| Ack(args))
        .on("silent", async |acker: sockeye::Acker<()>| {
            // Kept for longer than anybody waits.
            tokio::time::sleep(Duration::from_secs(60)).await;
            acker.defer()
        })
        .on("ask", async |socket: Socket, question: String| {
            let answer = socket.emit_with_ack::<_, Args<(String, u32)>>("question", &question).await;
            match answer {
                Ok(Args(answer)) => socket.emit("answered", &answer),
                Err(error) => socket.emit("answered", &error.to_string()),
            }
        })
        .on("burst", async |socket: Socket, count: u32| {
            (0..count).try_for_each(|number| socket.emit("number", &number))
        })
        .on("note", async |State(seen): State<Seen>, note: String| seen.notes.lock().push(note))
        .on("seen", async |State(seen): State<Seen>| Ack(seen.notes.lock().clone()))
        .on("auth", async |socket: Socket| Ack(socket.get::<Auth>().unwrap().0.clone()))
        .on("expel", async |socket: Socket| socket.disconnect())
        .on("cut", async |State(seen): State<Seen>| seen.wire.send_modify(|cuts| *cuts += 1))
        .on_disconnect(async |State(seen): State<Seen>, reason: DisconnectReason| {
            seen.notes.lock().push(format!("left: {reason}"));
        });
    let chat = Namespace::new("/chat")
        .on("join", async |socket: Socket, room: String| {
            socket.join(&room);
            Ack(socket.id().as_str().to_owned())
        })
        .on("say", async |io: Io, Args((room, text)): Args<(String, String)>| {
            io.to(&room).emit("said", &text)
        });
    let guarded = Namespace::new("/guarded").on_connect(async |auth: Value| {
        if auth["token"] == "secret" {
            return Ok(());
        }
        Err(Refuse::new("unauthorized").with_data(&serde_json::json!({ "code": 7 })))
    });
    Server::builder()
        .state(seen)
        .config(config)
        .namespace(main)
        .namespace(chat)
        .namespace(guarded)
        .build()
        .unwrap()
}

/// Serves for as long as the test's runtime lives; the URL is the wire's.
async fn start(config: Config) -> String {
    let wire = Wire::default();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(server(&wire, config).serve(listener).into_future());

    let entrance = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", entrance.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let (mut near, _) = entrance.accept().await.unwrap();
            near.set_nodelay(true).unwrap();
            let mut cuts = wire.subscribe();
            tokio::spawn(async move {
                let mut far = TcpStream::connect(address).await.unwrap();
                far.set_nodelay(true).unwrap();
                tokio::select! {
                    _ = copy_bidirectional(&mut near, &mut far) => {}
                    _ = cuts.changed() => {}
                }
            });
        }
    });
    url
}

#[tokio::test]
async fn everything_works() {
    let url = &start(Config::default()).await;
    over_every_transport!(
        url,
        connects_and_closes,
        is_refused_with_data,
        events_go_both_ways_in_order,
        acks_go_both_ways,
        binary_goes_both_ways,
        namespaces_share_a_session,
        the_server_may_disconnect,
        lost_connections_are_made_again,
        without_reconnection_a_loss_is_the_end,
    );
}

#[tokio::test]
async fn heartbeats_are_answered() {
    let mut config = Config::default();
    config.engine.ping_interval = Duration::from_millis(150);
    config.engine.ping_timeout = Duration::from_millis(150);
    let url = &start(config).await;
    for transports in [common::POLLING, common::WEBSOCKET, common::UPGRADE] {
        common::heartbeats_are_answered(url, transports, 3).await;
    }
}
