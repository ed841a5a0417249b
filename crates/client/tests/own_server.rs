//! Against `crates/server`, over TCP, through a forwarder that can cut connections.

#![allow(clippy::unwrap_used)]

mod common;

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::Value;
use sockeye::{
    Ack, Args, Config, DisconnectReason, Io, Namespace, RawArgs, Refuse, Server, Socket, State,
};
use sockeye_client::Limits;
use sockeye_net::http::HttpServer;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};

/// A forwarder of connections to the server; a change of the number cuts the present ones.
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
        .on("query", async |socket: Socket, name: String| {
            Ack(socket.handshake().query(&name).map(std::borrow::Cow::into_owned))
        })
        .on("silent", async |acker: sockeye::Acker<()>| {
            // Longer than the timeout of any test.
            tokio::time::sleep(Duration::from_secs(60)).await;
            acker.defer()
        })
        .on("ask", async |socket: Socket, question: String| {
            let answer =
                socket.emit_with_ack::<_, Args<(String, u32)>>("question", &question).await;
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

/// Serves until the test's runtime ends. Returns the URL of the forwarder.
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
        the_query_arrives_as_it_was_meant,
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
    config.engine.ping_interval = Duration::from_millis(300);
    config.engine.ping_timeout = Duration::from_secs(5);
    common::heartbeats_are_answered(&start(config).await).await;
}

/// `Duration::MAX` cannot be added to a point in time.
#[tokio::test]
async fn the_longest_connect_timeout_is_accepted() {
    let url = start(Config::default()).await;
    for transports in [common::POLLING, common::WEBSOCKET, common::UPGRADE] {
        let mut limits = Limits::default();
        limits.connect_timeout = Duration::MAX;
        let client = common::builder(&url, transports).limits(limits).connect().await.unwrap();
        client.emit_with_ack::<_, ()>("ack", &()).await.unwrap();
    }
}

/// The upgrade as a browser's network tab shows it: polling, then 101, then no more polling.
#[tokio::test]
async fn polling_stops_after_the_upgrade() {
    let (requests, mut seen) = mpsc::unbounded_channel();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let service = server(&Wire::default(), Config::default()).into_service();
    let recorded = Recorded { service, requests };
    tokio::spawn(HttpServer::new(vec![listener], recorded).into_future());

    let client = common::builder(&url, common::UPGRADE).connect().await.unwrap();
    while client.transport() != Some(sockeye_client::Transport::WebSocket) {
        client.emit_with_ack::<_, ()>("ack", &()).await.unwrap();
    }
    // The session moves when no polling request is open, so all of them are recorded by now.
    let mut requests = Vec::new();
    while let Ok(request) = seen.try_recv() {
        requests.push(request);
    }
    let count = |of| requests.iter().filter(|(kind, _)| kind == of).count();
    assert!(count("GET polling") >= 2 && count("POST polling") >= 1, "{requests:?}");
    assert_eq!(count("GET websocket"), 1, "{requests:?}");
    assert_eq!(requests[0], ("GET polling".to_owned(), 200), "the first one opens the session");
    for (kind, status) in &requests {
        assert_eq!(*status, if kind == "GET websocket" { 101 } else { 200 }, "{requests:?}");
    }
    for _ in 0..50 {
        client.emit_with_ack::<_, ()>("ack", &()).await.unwrap();
    }
    assert!(seen.try_recv().is_err(), "there was another polling request");
}

/// A service that records each request when it is answered.
#[derive(Clone)]
struct Recorded<S> {
    service: S,
    requests: mpsc::UnboundedSender<(String, u16)>,
}

impl<S, B> tower_service::Service<http::Request<B>> for Recorded<S>
where
    S: tower_service::Service<http::Request<B>, Response = http::Response<sockeye::Body>>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.service.poll_ready(cx)
    }

    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        let query = request.uri().query().unwrap_or_default();
        let transport = query.split('&').find_map(|pair| pair.strip_prefix("transport="));
        let kind = format!("{} {}", request.method(), transport.unwrap_or_default());
        let requests = self.requests.clone();
        let answering = self.service.call(request);
        Box::pin(async move {
            let response = answering.await?;
            // It fails when the test has ended.
            let _ = requests.send((kind, response.status().as_u16()));
            Ok(response)
        })
    }
}
