use std::any::type_name;
use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;
use sockeye::{AckError, EventName, FromArgs, Listen, RawArgs, RawEvent, Request, Subscribe};
use sockeye_socket_proto::{
    encode_ack, encode_disconnect, encode_event, event_name, to_event_name,
};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use crate::connect::{Connect, ConnectError};
use crate::server::TestServer;
use crate::session::{Arrived, Command};
use crate::wire::Wire;

macro_rules! name_of {
    ($event:expr) => {
        name_of!($event, event_name)
    };
    ($event:expr, $name:ident) => {
        match $name($event) {
            Ok(name) => name,
            Err(error) => panic!("{error}"),
        }
    };
}

/// A client in one namespace. Dropped, it hangs up.
///
/// What arrives waits, in order and without bound, until it is expected.
pub struct TestClient {
    connect: Connect,
    id: String,
    recovered: bool,
    recovery: Option<String>,
    returning: Option<Returning>,
    wire: Wire,
    commands: mpsc::UnboundedSender<Command>,
    events: mpsc::UnboundedReceiver<Arrived>,
    next_ack: u64,
    patience: Duration,
}

/// What a client says to continue an earlier connection.
#[derive(Clone, Debug)]
pub(crate) struct Returning {
    pub(crate) pid: String,
    pub(crate) offset: Option<String>,
}

/// How a client's time in its namespace has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ended {
    /// The server has disconnected it: `io server disconnect`.
    ByServer,
    /// The connection is over.
    Closed,
}

impl TestClient {
    pub(crate) async fn connect(connect: Connect) -> Result<Self, ConnectError> {
        let (sender, events) = mpsc::unbounded_channel();
        let (joined, commands, wire) = connect.open(None, sender).await?;
        Ok(Self {
            connect,
            id: joined.sid,
            recovered: false,
            recovery: joined.recovery,
            returning: joined.pid.map(|pid| Returning { pid, offset: None }),
            wire,
            commands,
            events,
            next_ack: 0,
            patience: PATIENCE,
        })
    }

    /// The socket's id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Its connection, to do something to it.
    pub fn wire(&self) -> &Wire {
        &self.wire
    }

    /// Whether the last [`reconnect`](TestClient::reconnect) has recovered the connection before.
    pub fn recovered(&self) -> bool {
        self.recovered
    }

    /// Why it has not, in the server's word; `None` when it did not say.
    pub fn recovery_failure(&self) -> Option<&str> {
        self.recovery.as_deref()
    }

    /// The offset it will say when it [comes back](TestClient::reconnect): of the last event it
    /// has taken, be it on a session before. `None` before the first.
    pub fn last_offset(&self) -> Option<&str> {
        self.returning.as_ref()?.offset.as_deref()
    }

    /// Has it say another one, for a client that lies. Without recovery it says none.
    pub fn set_last_offset(&mut self, offset: Option<&str>) {
        if let Some(returning) = &mut self.returning {
            returning.offset = offset.map(str::to_owned);
        }
    }

    /// The connection of the next [`reconnect`](TestClient::reconnect) is
    /// [cut](Wire::cut_after) when this many bytes have arrived at the client; the next only.
    pub fn cut_next_connection_after(&mut self, bytes: usize) {
        self.connect.cut_after = Some(bytes);
    }

    /// How long the `expect_*` methods and answers are waited for. Default 60 seconds, which on a
    /// paused clock cost nothing.
    pub fn set_patience(&mut self, patience: Duration) {
        self.patience = patience;
    }

    /// Connects anew, whether the connection before is over or not (the server may not know yet),
    /// and asks to continue if the server recovers. What did not arrive before is lost.
    ///
    /// # Errors
    /// Why the server did not let it in.
    pub async fn reconnect(&mut self) -> Result<(), ConnectError> {
        while let Ok(arrived) = self.events.try_recv() {
            self.remember_offset(&arrived);
        }
        let (sender, events) = mpsc::unbounded_channel();
        let opened = self.connect.open(self.returning.as_ref(), sender).await;
        self.connect.cut_after = None;
        let (joined, commands, wire) = opened?;
        self.recovered = joined.sid == self.id;
        self.recovery = joined.recovery;
        if !self.recovered {
            // The last offset stays, as with the official client.
            let offset = self.returning.take().and_then(|returning| returning.offset);
            self.returning = joined.pid.map(|pid| Returning { pid, offset });
        }
        self.id = joined.sid;
        (self.commands, self.events, self.wire) = (commands, events, wire);
        Ok(())
    }

    /// As [`reconnect`](TestClient::reconnect), to another server of a cluster, as behind a proxy.
    ///
    /// # Errors
    /// As [`reconnect`](TestClient::reconnect).
    pub async fn reconnect_to(&mut self, server: &TestServer) -> Result<(), ConnectError> {
        self.connect.server = server.clone();
        self.reconnect().await
    }

    /// Another client that says the same when it [connects](TestClient::reconnect_to): one that has the first's secrets, or
    /// the same one on a second connection. Until then nothing comes to it.
    pub fn twin(&self) -> Self {
        let ((commands, _), (_, events)) = (mpsc::unbounded_channel(), mpsc::unbounded_channel());
        Self {
            connect: self.connect.clone(),
            id: self.id.clone(),
            recovered: self.recovered,
            recovery: self.recovery.clone(),
            returning: self.returning.clone(),
            wire: self.wire.clone(),
            commands,
            events,
            next_ack: self.next_ack,
            patience: self.patience,
        }
    }

    /// Sends an event. On a connection that is over it is lost.
    ///
    /// # Panics
    /// When it cannot be encoded, or its name is reserved.
    pub fn emit<P: Serialize + ?Sized>(&self, event: impl EventName<P>, payload: &P) {
        let (packet, attachments) = self.encode(name_of!(&event), payload, None);
        self.command(Command::Send(packet, attachments));
    }

    /// Sends an event at once; await the result for its answer.
    ///
    /// # Panics
    /// When the event cannot be encoded, or its name is reserved.
    pub fn emit_with_ack<P: Serialize + ?Sized, A>(
        &mut self,
        event: impl Request<P, A>,
        payload: &P,
    ) -> Asked<A> {
        let id = self.next_ack;
        self.next_ack += 1;
        let event = name_of!(&event, to_event_name);
        let (packet, attachments) = self.encode(&event, payload, Some(id));
        let (answer, answered) = oneshot::channel();
        self.command(Command::Ask { id, packet, attachments, answer });
        Asked { event, answered, patience: self.patience, answer: PhantomData }
    }

    /// Leaves the namespace.
    pub fn disconnect(&self) {
        let mut packet = String::new();
        encode_disconnect(&mut packet, &self.connect.namespace);
        self.command(Command::Send(packet, Vec::new()));
    }

    /// The next thing that comes is this event; its payload.
    ///
    /// # Panics
    /// When it is another event, its payload is no `P`, the connection ends, or nothing comes.
    pub async fn expect_event<P: FromArgs>(&mut self, event: impl Subscribe<P>) -> P {
        self.expect(name_of!(&event)).await.0
    }

    /// The next thing that comes is this event, and the server waits for an answer.
    ///
    /// # Panics
    /// As [`expect_event`](TestClient::expect_event), or when it asks for no answer.
    pub async fn expect_request<P: FromArgs, A>(
        &mut self,
        event: impl Listen<P, A>,
    ) -> (P, Answerer<A>) {
        let name = name_of!(&event);
        let (payload, id) = self.expect(name).await;
        let id = id.unwrap_or_else(|| panic!("the event {name:?} asks for no answer"));
        let (commands, namespace) = (self.commands.clone(), self.connect.namespace.clone());
        (payload, Answerer { commands, namespace, id, answer: PhantomData })
    }

    /// Nothing has come, and nothing is on its way. (On a paused clock that is certain; otherwise
    /// a tenth of a second is waited.)
    ///
    /// # Panics
    /// When something comes.
    pub async fn expect_no_event(&mut self) {
        self.expect_no_event_for(Duration::from_millis(100)).await;
    }

    /// Nothing comes for this time.
    ///
    /// # Panics
    /// When something comes.
    pub async fn expect_no_event_for(&mut self, time: Duration) {
        if let Ok(arrived) = timeout(time, self.next()).await {
            panic!("nothing was expected, but {arrived}");
        }
    }

    /// The next thing that comes is the end; which.
    ///
    /// # Panics
    /// When an event comes, or nothing.
    pub async fn expect_end(&mut self) -> Ended {
        match timeout(self.patience, self.next()).await {
            Ok(Arrived::Disconnected) => Ended::ByServer,
            Ok(Arrived::Closed) => Ended::Closed,
            Ok(arrived) => panic!("the end was expected, but {arrived}"),
            Err(_) => panic!("the end was expected, but nothing came"),
        }
    }

    /// The next event, whatever it is, as it came; `None` at the end.
    ///
    /// # Panics
    /// When nothing comes.
    pub async fn next_event(&mut self) -> Option<RawEvent> {
        match timeout(self.patience, self.next()).await {
            Ok(Arrived::Event { name, args, .. }) => Some(RawEvent { name, args }),
            Ok(_) => None,
            Err(_) => panic!("an event was expected, but nothing came"),
        }
    }

    async fn expect<P: FromArgs>(&mut self, wanted: &str) -> (P, Option<u64>) {
        let arrived = match timeout(self.patience, self.next()).await {
            Ok(arrived) => arrived,
            Err(_) => panic!("the event {wanted:?} was expected, but nothing came"),
        };
        match arrived {
            Arrived::Event { name, args, id } if name == wanted => {
                match P::from_args(args.json(), args.attachments()) {
                    Ok(payload) => (payload, id),
                    Err(error) => {
                        let (json, kind) = (args.json(), type_name::<P>());
                        panic!("{wanted:?} came with {json}, which is no {kind}: {error}");
                    }
                }
            }
            other => panic!("the event {wanted:?} was expected, but {other}"),
        }
    }

    async fn next(&mut self) -> Arrived {
        let arrived = self.events.recv().await.unwrap_or(Arrived::Closed);
        self.remember_offset(&arrived);
        arrived
    }

    /// The last argument of an event without ack, if it is a string, is its offset.
    fn remember_offset(&mut self, arrived: &Arrived) {
        if let (Some(returning), Arrived::Event { args, id: None, .. }) =
            (&mut self.returning, arrived)
            && let Ok(all) =
                serde_json::from_str::<Vec<serde_json::Value>>(&format!("[{}]", args.json()))
            && let Some(serde_json::Value::String(offset)) = all.into_iter().last()
        {
            returning.offset = Some(offset);
        }
    }

    fn encode<P: Serialize + ?Sized>(
        &self,
        name: &str,
        payload: &P,
        id: Option<u64>,
    ) -> (String, Vec<Bytes>) {
        let (args, attachments) = encode(payload);
        let mut packet = String::new();
        let count = u32::try_from(attachments.len()).unwrap_or(u32::MAX);
        encode_event(&mut packet, &self.connect.namespace, id, count, name, &args);
        (packet, attachments)
    }

    fn command(&self, command: Command) {
        // A session that is over takes nothing: `Arrived::Closed` says so.
        let _ = self.commands.send(command);
    }
}

impl fmt::Debug for TestClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestClient")
            .field("id", &self.id)
            .field("namespace", &self.connect.namespace)
            .field("wire", &self.wire)
            .finish_non_exhaustive()
    }
}

/// An answer on its way to a [`TestClient`]: await it.
///
/// It ends with [`AckError::Timeout`] when the answer does not come, [`AckError::Disconnected`] when
/// it cannot come any more, [`AckError::Remote`] when it is the error of a handler,
/// [`AckError::Decode`] when it is something else than an `A`.
#[derive(Debug)]
#[must_use = "the answer arrives only where it is awaited"]
pub struct Asked<A> {
    event: Cow<'static, str>,
    answered: oneshot::Receiver<RawArgs>,
    patience: Duration,
    answer: PhantomData<fn() -> A>,
}

impl<A: FromArgs + 'static> IntoFuture for Asked<A> {
    type Output = Result<A, AckError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            match timeout(self.patience, self.answered).await {
                Ok(Ok(args)) => args.decode_ack(&self.event),
                Ok(Err(_)) => Err(AckError::Disconnected { event: self.event }),
                Err(_) => Err(AckError::Timeout { event: self.event }),
            }
        })
    }
}

/// Answers one event of the server. Dropped, it leaves the server waiting.
#[derive(Debug)]
#[must_use = "the server waits until `answer` is called"]
pub struct Answerer<A> {
    commands: mpsc::UnboundedSender<Command>,
    namespace: String,
    id: u64,
    answer: PhantomData<fn(A)>,
}

impl<A: Serialize> Answerer<A> {
    /// Answers.
    ///
    /// # Panics
    /// When the value cannot be encoded.
    pub fn answer(self, value: &A) {
        let (args, attachments) = encode(value);
        let mut packet = String::new();
        let count = u32::try_from(attachments.len()).unwrap_or(u32::MAX);
        encode_ack(&mut packet, &self.namespace, self.id, count, &args);
        let _ = self.commands.send(Command::Send(packet, attachments));
    }
}

impl fmt::Display for Arrived {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Arrived::Event { name, args, .. } => {
                write!(f, "the event {name:?} came with [{}]", args.json())
            }
            Arrived::Disconnected => f.write_str("the server disconnected the client"),
            Arrived::Closed => f.write_str("the connection ended"),
        }
    }
}

fn encode<P: Serialize + ?Sized>(payload: &P) -> (String, Vec<Bytes>) {
    match RawArgs::encode(payload) {
        Ok(args) => args.into_parts(),
        Err(error) => panic!("the payload cannot be encoded: {error}"),
    }
}

/// Longer than the official heartbeat takes to notice that somebody is gone.
const PATIENCE: Duration = Duration::from_secs(60);
