//! Requests on standard input: what the server is to do.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use sockeye::{AckError, Broadcast, Fetched, Io, RawArgs, RemoteSocket, Server, Socket, SocketId};
use sockeye_cluster::{Bus, BusCluster, handshake_json};

use super::lines::say;
use super::{Calls, rooms, value};

/// One request.
#[derive(Debug, Deserialize)]
struct Request {
    #[serde(default)]
    id: Value,
    #[serde(default = "main_namespace")]
    nsp: String,
    #[serde(default)]
    rooms: Vec<String>,
    #[serde(default)]
    except: Vec<String>,
    #[serde(default)]
    local: bool,
    #[serde(default)]
    volatile: bool,
    #[serde(default)]
    compress: Option<bool>,
    /// Milliseconds.
    #[serde(default)]
    timeout: Option<u64>,
    #[serde(flatten)]
    verb: Verb,
}

fn main_namespace() -> String {
    "/".to_owned()
}

/// What is to be done.
#[derive(Debug, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
enum Verb {
    Emit(Event),
    Fetch,
    Join {
        targets: Vec<String>,
    },
    Leave {
        targets: Vec<String>,
    },
    Disconnect {
        #[serde(default)]
        close: bool,
    },
    ServerSideEmit(Event),
    Answer {
        call: u64,
        #[serde(default)]
        args: Vec<Value>,
    },
    SocketEmit {
        socket: String,
        #[serde(flatten)]
        event: Event,
    },
    SocketJoin {
        socket: String,
    },
    SocketLeave {
        socket: String,
    },
    SetData {
        socket: String,
        data: Value,
    },
    Count,
    Close,
}

#[derive(Debug, Deserialize)]
struct Event {
    event: String,
    #[serde(default)]
    args: Vec<Value>,
    /// Whether answers are wanted.
    #[serde(default)]
    ack: bool,
}

/// Answered at once, or later.
enum Outcome {
    Now(Value),
    Later,
    Close,
}

/// Why a request cannot be carried out.
type Refused = Box<dyn std::error::Error>;

/// Who carries requests out.
pub(super) struct Control<B: Bus> {
    pub(super) server: Server,
    pub(super) cluster: BusCluster<B>,
    pub(super) calls: Calls,
    /// Whether errors are those of the classic adapter.
    pub(super) is_classic: bool,
}

impl<B: Bus> Control<B> {
    /// Carries out a line. True: the node is to end.
    pub(super) fn take(&self, line: &str) -> bool {
        if line.trim().is_empty() {
            return false;
        }
        let request: Request = match serde_json::from_str(line) {
            Ok(request) => request,
            Err(error) => {
                let id = serde_json::from_str::<Value>(line).map(|said| said["id"].clone());
                let why = format!("this is no request: {error}");
                say(&json!({ "id": id.unwrap_or_default(), "error": why }));
                return false;
            }
        };
        match self.carry_out(&request) {
            Ok(Outcome::Now(ok)) => say(&json!({ "id": request.id, "ok": ok })),
            Ok(Outcome::Later) => {}
            Ok(Outcome::Close) => {
                say(&json!({ "id": request.id, "ok": null }));
                return true;
            }
            Err(error) => say(&json!({ "id": request.id, "error": error.to_string() })),
        }
        false
    }

    fn carry_out(&self, request: &Request) -> Result<Outcome, Refused> {
        let io = self.server.open(&request.nsp).ok_or("Invalid namespace")?;
        let targets = request.targets(&io);
        match &request.verb {
            Verb::Emit(event) if event.ack => ask(request, &targets, event),
            Verb::Emit(event) => {
                targets.emit(event.event.as_str(), &value::args(&event.args)?)?;
                Ok(Outcome::Now(Value::Null))
            }
            Verb::Fetch => Ok(self.fetch(request, &targets)),
            Verb::Join { targets: to } => {
                targets.join(&to[..]);
                Ok(Outcome::Now(Value::Null))
            }
            Verb::Leave { targets: from } => {
                targets.leave(&from[..]);
                Ok(Outcome::Now(Value::Null))
            }
            Verb::Disconnect { close } => {
                if *close {
                    targets.close_sessions()
                } else {
                    targets.disconnect()
                }
                Ok(Outcome::Now(Value::Null))
            }
            Verb::ServerSideEmit(event) if event.ack => self.ask_servers(request, &targets, event),
            Verb::ServerSideEmit(event) => {
                targets.server_side_emit(event.event.as_str(), &value::args(&event.args)?)?;
                Ok(Outcome::Now(Value::Null))
            }
            Verb::Answer { call, args } => {
                let answer = self.calls.waiting.lock().remove(call);
                let answer = answer.ok_or("nobody waits for this answer")?;
                // Between nodes an answer is one value.
                let _ = answer.send(value::args(args.get(..1).unwrap_or_default())?);
                Ok(Outcome::Now(Value::Null))
            }
            Verb::SocketEmit { socket, event } => {
                let to = request.timed(io.to(socket.as_str()));
                let args = value::args(&event.args)?;
                if event.ack {
                    return ask_one(request, &to, event);
                }
                to.emit(event.event.as_str(), &args)?;
                Ok(Outcome::Now(Value::Null))
            }
            Verb::SocketJoin { socket } => {
                io.to(socket.as_str()).join(&request.rooms[..]);
                Ok(Outcome::Now(Value::Null))
            }
            Verb::SocketLeave { socket } => {
                io.to(socket.as_str()).leave(&request.rooms[..]);
                Ok(Outcome::Now(Value::Null))
            }
            Verb::SetData { socket, data } => {
                here(&io, socket)?.set(data.clone());
                Ok(Outcome::Now(Value::Null))
            }
            Verb::Count => Ok(self.count(request)),
            Verb::Close => Ok(Outcome::Close),
        }
    }

    fn fetch(&self, request: &Request, targets: &Broadcast) -> Outcome {
        let (id, is_classic) = (request.id.clone(), self.is_classic);
        let (cluster, nsp) = (self.cluster.clone(), request.nsp.clone());
        let fetched = targets.fetch_partial();
        tokio::spawn(async move {
            let Fetched { sockets, missing, .. } = fetched.await;
            let sockets: Vec<_> = sockets.iter().map(details).collect();
            if missing.is_empty() {
                return say(&json!({ "id": id, "ok": sockets }));
            }
            let error = if is_classic {
                "timeout reached while waiting for fetchSockets response".to_owned()
            } else {
                few_answered(&cluster, &nsp, missing.len()).await
            };
            say(&json!({ "id": id, "error": error, "partial": sockets, "missing": missing }));
        });
        Outcome::Later
    }

    fn ask_servers(
        &self,
        request: &Request,
        targets: &Broadcast,
        event: &Event,
    ) -> Result<Outcome, Refused> {
        let (id, nsp) = (request.id.clone(), request.nsp.clone());
        let (cluster, args) = (self.cluster.clone(), value::args(&event.args)?);
        let asked = targets.server_side_emit_with_ack::<_, RawArgs>(event.event.as_str(), &args)?;
        tokio::spawn(async move {
            let (mut responses, mut missing) = (Vec::new(), 0);
            for answer in asked.await {
                match answer {
                    Ok(args) => responses.push(value::first(&args)),
                    Err(AckError::Timeout { .. }) => missing += 1,
                    Err(error) => responses.push(error.to_string().into()),
                }
            }
            let error = match missing {
                0 => Value::Null,
                missing => few_answered(&cluster, &nsp, missing).await.into(),
            };
            say(&json!({ "id": id, "ok": { "responses": responses, "error": error } }));
        });
        Ok(Outcome::Later)
    }

    fn count(&self, request: &Request) -> Outcome {
        let (id, nsp) = (request.id.clone(), request.nsp.clone());
        let cluster = self.cluster.clone();
        tokio::spawn(async move {
            match cluster.server_count(&nsp).await {
                Some(count) => say(&json!({ "id": id, "ok": count })),
                None => say(&json!({ "id": id, "error": "Redis cannot be asked" })),
            }
        });
        Outcome::Later
    }
}

impl Request {
    /// Those for whom it is.
    fn targets(&self, io: &Io) -> Broadcast {
        let mut targets = io.everybody();
        if !self.rooms.is_empty()
            && !matches!(self.verb, Verb::SocketJoin { .. } | Verb::SocketLeave { .. })
        {
            targets = targets.to(&self.rooms[..]);
        }
        if !self.except.is_empty() {
            targets = targets.except(&self.except[..]);
        }
        if self.local {
            targets = targets.local();
        }
        if self.volatile {
            targets = targets.volatile();
        }
        if let Some(compress) = self.compress {
            targets = targets.compress(compress);
        }
        self.timed(targets)
    }

    fn timed(&self, targets: Broadcast) -> Broadcast {
        match self.timeout {
            Some(timeout) => targets.timeout(Duration::from_millis(timeout)),
            None => targets,
        }
    }
}

/// Asks clients for an answer each.
fn ask(request: &Request, targets: &Broadcast, event: &Event) -> Result<Outcome, Refused> {
    let (id, args) = (request.id.clone(), value::args(&event.args)?);
    let asked = targets.emit_with_ack::<_, RawArgs>(event.event.as_str(), &args)?;
    tokio::spawn(async move {
        let answers = asked.collect().await;
        let responses: Vec<_> = answers.values.iter().map(|(_, args)| value::first(args)).collect();
        let error = if answers.is_complete() { Value::Null } else { TIMED_OUT.into() };
        say(&json!({ "id": id, "ok": { "responses": responses, "error": error } }));
    });
    Ok(Outcome::Later)
}

/// Asks one client, on whichever node it is.
fn ask_one(request: &Request, to: &Broadcast, event: &Event) -> Result<Outcome, Refused> {
    let (id, args) = (request.id.clone(), value::args(&event.args)?);
    let asked = to.emit_with_ack::<_, RawArgs>(event.event.as_str(), &args)?;
    tokio::spawn(async move {
        match asked.collect().await.values.first() {
            Some((_, args)) => {
                say(&json!({ "id": id, "ok": { "response": value::first(args) } }));
            }
            None => say(&json!({ "id": id, "error": TIMED_OUT, "partial": [] })),
        }
    });
    Ok(Outcome::Later)
}

/// The official text where clients do not answer in time.
const TIMED_OUT: &str = "operation has timed out";

/// The official text where nodes do not.
async fn few_answered<B: Bus>(cluster: &BusCluster<B>, nsp: &str, missing: usize) -> String {
    let others = cluster.server_count(nsp).await.map_or(0, |count| count - 1).max(missing);
    let answered = others - missing;
    format!("timeout reached: only {answered} responses received out of {others}")
}

/// A socket of this node.
fn here(io: &Io, id: &str) -> Result<Socket, Refused> {
    Ok(io.socket(id).ok_or_else(|| format!("no socket {id} on this node"))?)
}

/// A socket of this node as it would be fetched.
pub(super) async fn local(io: &Io, id: &str) -> Option<Value> {
    let fetched = io.to(id).local().fetch_partial().await;
    fetched.sockets.first().map(details)
}

fn details(socket: &RemoteSocket) -> Value {
    let data = socket.shared_data().json().and_then(|data| serde_json::from_str(data).ok());
    let handshake: Value =
        serde_json::from_str(&handshake_json(socket.handshake())).unwrap_or_default();
    let id: SocketId = socket.id();
    json!({
        "id": id.as_str(),
        "rooms": rooms(socket.rooms()),
        "data": data.unwrap_or_else(|| json!({})),
        "handshake": handshake,
    })
}
