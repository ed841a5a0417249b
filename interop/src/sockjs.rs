//! The server of the SockJS suites: one service for each way in which a session can go, every transport on
//! and every origin let in, and the files that the client's own tests fetch.

use std::path::PathBuf;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use anyhow::Result;
use clap::Args as Options;
use http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, CONTENT_TYPE};
use http::{HeaderValue, Request, Response, StatusCode};
use hyper::body::Incoming;
use parking_lot::Mutex;
use sockeye::Body;
use sockeye::engine::{self, Origins};
use sockeye_sockjs::{
    Application, CloseReason, Config, HandlerError, Handshake, Iframe, Message, Session,
    SessionHandler, SockJs,
};
use tokio::time::{self, Interval, MissedTickBehavior};

use crate::serving::Listen;

/// Where the iframe finds the client.
const SCRIPT: &str = "/sockjs.js";

/// Options of this server.
#[derive(Debug, Options)]
pub(crate) struct Arguments {
    #[command(flatten)]
    listen: Listen<8081>,
    /// Lets only pages of its own origin in, and those of `--allow-origin`. Without either every page is let
    /// in, with its cookies: the suites ask as pages of another.
    #[arg(long)]
    same_origin: bool,
    /// File of `sockjs-client`, served at `/sockjs.js` for iframes.
    #[arg(long, value_name = "FILE")]
    client: Option<PathBuf>,
    /// Milliseconds from one heartbeat to the next.
    #[arg(long, value_name = "MS")]
    heartbeat: Option<u64>,
    /// Milliseconds a session lives while no request of its client waits.
    #[arg(long, value_name = "MS")]
    disconnect: Option<u64>,
}

/// | address | what it does |
/// |---|---|
/// | `/echo` | sends every message back; streams end after 4,096 bytes |
/// | `/disabled_websocket_echo`, `/cookie_needed_echo` | the same without WebSocket, with cookies |
/// | `/close` | closes at once with `3000 Go away!` |
/// | `/amplify` | answers `n` by 2^n bytes, for 0 < n < 19 |
/// | `/ticker` | says `tick!` every second |
/// | `/broadcast` | sends every message to everybody |
/// | `/simple.txt`, `/streaming.txt`, `/slow-script.js`, `/sockjs.js` | files |
pub(crate) async fn serve(arguments: &Arguments) -> Result<()> {
    let config = arguments.service("/echo");
    let close = arguments.service("/close");
    let services: Arc<[Service]> = [
        arguments.start(Config { response_bytes_max: 4_096, ..config.clone() }, Behaviour::Echo)?,
        arguments.start(
            Config {
                path: "/disabled_websocket_echo".to_owned(),
                websocket: false,
                ..config.clone()
            },
            Behaviour::Echo,
        )?,
        arguments.start(
            Config { path: "/cookie_needed_echo".to_owned(), cookie_needed: true, ..config },
            Behaviour::Echo,
        )?,
        arguments.start(close, Behaviour::Close)?,
        arguments.start(arguments.service("/amplify"), Behaviour::Amplify)?,
        arguments.start(arguments.service("/ticker"), Behaviour::Tick)?,
        arguments.start(arguments.service("/broadcast"), Behaviour::Broadcast(Arc::default()))?,
    ]
    .into();
    let client = arguments.client.as_ref().map(std::fs::read).transpose()?.map(Arc::<[u8]>::from);
    let draining = Arc::clone(&services);
    let answer = move |request: Request<Incoming>| {
        let services = Arc::clone(&services);
        let client = client.clone();
        async move {
            let path = request.uri().path();
            match services.iter().find(|service| service.handles(path)) {
                Some(service) => {
                    let Ok(response) = service.respond(request).await;
                    response
                }
                None => file(path, client.as_deref()).await,
            }
        }
    };
    let drain = async move {
        for service in draining.iter() {
            service.engine().shutdown(CloseReason::ServerShutdown).await;
        }
    };
    arguments.listen.serve_fn(answer, drain).await
}

type Service = SockJs<Behaviour>;

impl Arguments {
    fn start(&self, config: Config, behaviour: Behaviour) -> Result<Service> {
        let mut engine = engine::Config::default();
        if !self.same_origin && !self.listen.names_origins() {
            engine.origins = Origins::Any;
        }
        self.listen.configure(&mut engine, 25_000, 20_000);
        Ok(SockJs::new(config, engine, behaviour)?)
    }

    fn service(&self, path: &str) -> Config {
        let usual = Config::default();
        let or = |ms: Option<u64>, usual| ms.map_or(usual, Duration::from_millis);
        Config {
            path: path.to_owned(),
            iframe: Some(Iframe { script: SCRIPT.to_owned(), ancestors: vec!["*".to_owned()] }),
            htmlfile: true,
            jsonp: true,
            cookies_of_any_origin: !self.same_origin && !self.listen.names_origins(),
            heartbeat_delay: or(self.heartbeat, usual.heartbeat_delay),
            disconnect_delay: or(self.disconnect, usual.disconnect_delay),
            ..usual
        }
    }
}

/// What the client's own tests fetch without SockJS; everything else is a 404 that pages may read.
async fn file(path: &str, client: Option<&[u8]>) -> Response<Body> {
    let half = format!("{}\n", "a".repeat(2_048));
    if path == "/streaming.txt" {
        return in_two_halves(half);
    }
    let (status, content_type, content) = match (path, client) {
        ("/simple.txt", _) => (StatusCode::OK, "text/plain", format!("{half}b\n").into_bytes()),
        ("/slow-script.js", _) => {
            time::sleep(Duration::from_millis(500)).await;
            (StatusCode::OK, "application/javascript", b"var a = 1;\n".to_vec())
        }
        (SCRIPT, Some(client)) => (StatusCode::OK, "application/javascript", client.to_vec()),
        _ => (StatusCode::NOT_FOUND, "text/plain", Vec::new()),
    };
    answer(status, content_type, Body::from(content))
}

/// The second comes a quarter of a second after the first.
fn in_two_halves(half: String) -> Response<Body> {
    let (body, hand_over) = Body::stream(move |stream| {
        let (_, write) = stream.split();
        tokio::spawn(async move {
            let _ = write.try_write(half.as_bytes());
            time::sleep(Duration::from_millis(250)).await;
            let _ = write.try_write(b"b\n");
        });
    });
    let mut response = answer(StatusCode::OK, "text/plain", body);
    response.extensions_mut().insert(hand_over);
    response
}

fn answer(status: StatusCode, content_type: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    response
}

/// What a service does with its sessions.
enum Behaviour {
    Echo,
    Close,
    Amplify,
    Tick,
    Broadcast(Arc<Mutex<Vec<Session>>>),
}

/// One session of a service.
struct Client {
    session: Session,
    does: Does,
}

enum Does {
    Echo,
    Nothing,
    Amplify,
    Tick(Interval),
    Broadcast(Arc<Mutex<Vec<Session>>>),
}

impl Application for Behaviour {
    type Handler = Client;

    fn open(&self, session: Session, _: Arc<Handshake>) -> Client {
        let does = match self {
            Behaviour::Echo => Does::Echo,
            Behaviour::Close => {
                session.close_with(3_000, "Go away!");
                Does::Nothing
            }
            Behaviour::Amplify => Does::Amplify,
            Behaviour::Tick => {
                let second = Duration::from_secs(1);
                let mut interval = time::interval_at(time::Instant::now() + second, second);
                interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
                session.wake();
                Does::Tick(interval)
            }
            Behaviour::Broadcast(everybody) => {
                everybody.lock().push(session.clone());
                Does::Broadcast(Arc::clone(everybody))
            }
        };
        Client { session, does }
    }
}

impl SessionHandler for Client {
    fn message(&mut self, message: Message<'_>) -> Result<(), HandlerError> {
        let Message::Text(text) = message else {
            // On a raw WebSocket alone.
            if let (Message::Binary(data), Does::Echo) = (message, &self.does) {
                self.session.send_binary(&data.to_vec().into());
            }
            return Ok(());
        };
        match &self.does {
            Does::Echo => {
                self.session.send(text, &[]);
            }
            Does::Amplify => {
                let power =
                    text.trim().parse().ok().filter(|power| (1..19).contains(power)).unwrap_or(1);
                self.session.send(&"x".repeat(1 << power), &[]);
            }
            Does::Broadcast(everybody) => {
                for session in everybody.lock().iter() {
                    session.send(text, &[]);
                }
            }
            Does::Nothing | Does::Tick(_) => {}
        }
        Ok(())
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Does::Tick(interval) = &mut self.does else { return Poll::Ready(()) };
        while interval.poll_tick(cx).is_ready() {
            self.session.send("tick!", &[]);
        }
        Poll::Pending
    }

    fn close(&mut self, _: CloseReason) {
        if let Does::Broadcast(everybody) = &self.does {
            everybody.lock().retain(|session| session.id() != self.session.id());
        }
        // Afterwards it is polled until it has nothing under way.
        self.does = Does::Nothing;
    }
}
