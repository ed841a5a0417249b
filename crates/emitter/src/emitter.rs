//! The emitter: what is published, for whom.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use redis::{RedisResult, Value};
use serde::Serialize;
use sockeye_cluster_proto::{Body, EMITTER, Emitted, Flags, Message, Targets};
use sockeye_redis::AddressError;
use sockeye_redis::address::{Address, Connection};
use sockeye_socket_proto::{EmitError, EventName, RawArgs, event_name};
use tokio::sync::Mutex;

use crate::config::EmitterConfig;
use crate::error::PublishError;

/// A connection to a cluster's Redis, with a selection of sockets: `to`, `except` and their like give another selection over
/// the same connection. Cheap to clone.
///
/// Without rooms everybody in the namespace is reached. What is published by one task, one after the other, arrives in that
/// order.
///
/// ```no_run
/// use sockeye_emitter::{Emitter, EmitterConfig, Event};
///
/// const SCORE: Event<u32> = Event::new("score");
///
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let emitter = Emitter::connect("redis://127.0.0.1:6379", EmitterConfig::classic()).await?;
/// let heard = emitter.of("/game").to_all(["red", "blue"]).except("muted").emit(SCORE, &3).await?;
/// if heard.servers() == Some(0) {
///     eprintln!("no server is there");
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Emitter {
    link: Arc<Link>,
    namespace: Arc<str>,
    rooms: Vec<Arc<str>>,
    except: Vec<Arc<str>>,
    is_volatile: bool,
    may_compress: bool,
}

struct Link {
    address: Address,
    config: EmitterConfig,
    /// `None`: it was lost, and the next call makes another.
    connection: Mutex<Option<Connection>>,
}

/// Who heard what was published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heard {
    servers: Option<u64>,
}

impl Heard {
    /// How many subscribers Redis gave it to: servers of the namespace, or where a room has a channel of its own those with
    /// members in it. `None`: Redis does not say it, as with streams, or with the classic form over a cluster of Redis servers.
    pub fn servers(&self) -> Option<u64> {
        self.servers
    }
}

impl Emitter {
    /// Connects to the Redis at an address: `redis://host:6379`, `rediss://user:password@host:6380`,
    /// `redis-cluster://host:7000,host:7001` or `redis-sentinel://host:26379/name`. Connecting, and each answer, is
    /// waited for 5 s.
    ///
    /// # Errors
    /// It is no address, or [`PublishError`]: nobody answers there, or the login is refused.
    pub async fn connect(url: &str, config: EmitterConfig) -> Result<Self, ConnectError> {
        let address = Address::parse(url)?;
        let connection = address.connect(None).await;
        let connection =
            connection.map_err(|error| PublishError::of(error, address.to_string()))?;
        let link = Link { address, config, connection: Mutex::new(Some(connection)) };
        Ok(Self {
            link: Arc::new(link),
            namespace: "/".into(),
            rooms: Vec::new(),
            except: Vec::new(),
            is_volatile: false,
            may_compress: true,
        })
    }

    /// Everybody in a namespace. Its slash may be left out. Default `/`.
    #[must_use]
    pub fn of(&self, namespace: &str) -> Self {
        let slash = if namespace.starts_with('/') { "" } else { "/" };
        let namespace = format!("{slash}{namespace}").into();
        Self { namespace, rooms: Vec::new(), except: Vec::new(), ..self.clone() }
    }

    /// Adds a room. The id of a socket is one.
    #[must_use]
    pub fn to(&self, room: impl Into<Arc<str>>) -> Self {
        self.to_all([room])
    }

    /// Adds rooms. A socket in several of them is reached once. No rooms change nothing: without any, everybody is
    /// reached.
    #[must_use]
    pub fn to_all(&self, rooms: impl IntoIterator<Item = impl Into<Arc<str>>>) -> Self {
        let mut selected = self.clone();
        selected.rooms.extend(rooms.into_iter().map(Into::into));
        selected
    }

    /// Leaves out the sockets in a room, even if they are in others that are reached.
    #[must_use]
    pub fn except(&self, room: impl Into<Arc<str>>) -> Self {
        self.except_all([room])
    }

    /// Leaves out the sockets in these rooms.
    #[must_use]
    pub fn except_all(&self, rooms: impl IntoIterator<Item = impl Into<Arc<str>>>) -> Self {
        let mut selected = self.clone();
        selected.except.extend(rooms.into_iter().map(Into::into));
        selected
    }

    /// Only to sockets with nothing queued and a writable transport at that moment.
    #[must_use]
    pub fn volatile(&self) -> Self {
        Self { is_volatile: true, ..self.clone() }
    }

    /// Whether what is sent may be compressed, where the server and the client compress at all. Default true.
    #[must_use]
    pub fn compress(&self, compress: bool) -> Self {
        Self { may_compress: compress, ..self.clone() }
    }

    /// Publishes an event for the clients. Names and payloads are those of the server's `emit`.
    ///
    /// # Errors
    /// [`PublishError`], which says whether it may have been published.
    ///
    /// # Cancel safety
    /// When it is dropped before its end, the event may have been published.
    pub async fn emit<P: Serialize + ?Sized>(
        &self,
        event: impl EventName<P>,
        payload: &P,
    ) -> Result<Heard, PublishError> {
        let (name, args) = encoded(&event, payload)?;
        let flags = Flags {
            is_volatile: self.is_volatile,
            compress: (!self.may_compress).then_some(false),
            ..Flags::default()
        };
        let event = emitted(&name, &args);
        self.publish(Body::Emit { targets: self.targets(), flags, event, request: None }).await
    }

    /// Publishes an event for the handlers of the servers themselves. Rooms have no effect.
    ///
    /// # Errors
    /// As [`emit`](Self::emit).
    pub async fn server_side_emit<P: Serialize + ?Sized>(
        &self,
        event: impl EventName<P>,
        payload: &P,
    ) -> Result<Heard, PublishError> {
        let (name, args) = encoded(&event, payload)?;
        self.publish(Body::ServerSideEmit { event: emitted(&name, &args), request: None }).await
    }

    /// Makes the selected sockets join rooms.
    ///
    /// # Errors
    /// As [`emit`](Self::emit).
    pub async fn join(
        &self,
        rooms: impl IntoIterator<Item = impl Into<Arc<str>>>,
    ) -> Result<Heard, PublishError> {
        let joined: Vec<Arc<str>> = rooms.into_iter().map(Into::into).collect();
        self.publish(Body::Join { targets: self.targets(), rooms: texts(&joined) }).await
    }

    /// Makes the selected sockets leave rooms.
    ///
    /// # Errors
    /// As [`emit`](Self::emit).
    pub async fn leave(
        &self,
        rooms: impl IntoIterator<Item = impl Into<Arc<str>>>,
    ) -> Result<Heard, PublishError> {
        let left: Vec<Arc<str>> = rooms.into_iter().map(Into::into).collect();
        self.publish(Body::Leave { targets: self.targets(), rooms: texts(&left) }).await
    }

    /// Disconnects the selected sockets from the namespace.
    ///
    /// # Errors
    /// As [`emit`](Self::emit).
    pub async fn disconnect(&self) -> Result<Heard, PublishError> {
        self.publish(Body::Disconnect { targets: self.targets(), closes: false }).await
    }

    /// Disconnects the clients of the selected sockets from all their namespaces and closes their connections:
    /// `disconnectSockets(true)` of Node's emitter.
    ///
    /// # Errors
    /// As [`emit`](Self::emit).
    pub async fn close_sessions(&self) -> Result<Heard, PublishError> {
        self.publish(Body::Disconnect { targets: self.targets(), closes: true }).await
    }

    fn targets(&self) -> Targets<'_> {
        Targets { rooms: texts(&self.rooms), except: texts(&self.except) }
    }

    async fn publish(&self, body: Body<'_>) -> Result<Heard, PublishError> {
        let Link { address, config, connection } = &*self.link;
        let namespace = Cow::Borrowed(&*self.namespace);
        let message = Message { sender: Some(EMITTER.into()), namespace, body };
        let Some((command, actual)) = config.command(&message) else {
            return Ok(Heard { servers: None });
        };
        let limit = config.message_bytes_max;
        if actual > limit {
            return Err(PublishError::TooLarge { actual, limit });
        }
        let answer: RedisResult<(Value, bool)> = async {
            let mut connected = {
                let mut connection = connection.lock().await;
                match &*connection {
                    Some(connected) => connected.clone(),
                    None => connection.insert(address.connect(None).await?).clone(),
                }
            };
            Ok((connected.ask(&command).await?, connected.is_cluster()))
        }
        .await;
        match answer {
            Ok((Value::Int(count), is_cluster)) if config.is_counted(is_cluster) => {
                Ok(Heard { servers: u64::try_from(count).ok() })
            }
            Ok(_) => Ok(Heard { servers: None }),
            Err(error) => {
                let error = PublishError::of(error, address.to_string());
                if error.is_of_connection() {
                    connection.lock().await.take();
                }
                Err(error)
            }
        }
    }
}

/// Why there is no emitter.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// It is no address of Redis.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// Nobody answers there, or the login is refused.
    #[error(transparent)]
    Redis(#[from] PublishError),
}

fn encoded<P: Serialize + ?Sized>(
    event: &impl EventName<P>,
    payload: &P,
) -> Result<(String, RawArgs), EmitError> {
    let name = event_name(event)?;
    let args = RawArgs::encode(payload).map_err(|error| EmitError::encode(name, error))?;
    Ok((name.to_owned(), args))
}

fn emitted<'a>(name: &'a str, args: &'a RawArgs) -> Emitted<'a> {
    Emitted { name: name.into(), args: args.json(), attachments: args.attachments() }
}

fn texts(rooms: &[Arc<str>]) -> Vec<Cow<'_, str>> {
    rooms.iter().map(|room| Cow::Borrowed(&**room)).collect()
}

impl fmt::Debug for Emitter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Emitter")
            .field("address", &self.link.address)
            .field("namespace", &self.namespace)
            .field("rooms", &self.rooms)
            .field("except", &self.except)
            .finish_non_exhaustive()
    }
}
