//! The bus of servers with `@socket.io/redis-streams-adapter`.

mod entry;
mod pending;
mod reader;
mod restore;
mod sessions;

use std::collections::HashMap;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use parking_lot::{Mutex, RwLock};
use redis::Cmd;
use sockeye::{Operation, RecoveryFailure, Restoring};
use sockeye_cluster::{Bus, Counting, Inbox};
use sockeye_cluster_proto::channels::{Channels, Streams};
use sockeye_cluster_proto::messages::{self, Entry};
use sockeye_cluster_proto::{Limits, Message, ReadError, Received};
use tokio::sync::watch;

use self::pending::Pending;
use self::reader::{Place, Reader};
use self::restore::Asked;
use self::sessions::Sessions;
use crate::address::{Address, AddressError};
use crate::config::{OwnChannels, StreamsConfig};
use crate::count;
use crate::publisher::Publisher;
use crate::subscriber::{Arrived, Kind, Subscriber};

/// A bus over streams of Redis, in the form of `@socket.io/redis-streams-adapter`: servers of Node with its adapter take
/// part. What is sent while a server has no connection to Redis waits in the stream and reaches it afterwards, as long as
/// it is not trimmed.
///
/// Requests, their answers and events between servers are published and not kept, as by the official adapter.
///
/// ```
/// use sockeye::Server;
/// use sockeye_cluster::{BusCluster, ClusterConfig};
/// use sockeye_redis::{StreamsBus, StreamsConfig};
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// let mut config = StreamsConfig::default();
/// config.max_len = 50_000;
/// let bus = StreamsBus::new("redis://127.0.0.1:6379", config)?;
/// let cluster = BusCluster::new(bus, ClusterConfig::new("red"));
/// let server = Server::builder().cluster(cluster.clone()).build()?;
/// server.io().emit("news", "to the clients of all servers")?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct StreamsBus {
    address: Address,
    config: StreamsConfig,
    streams: Streams,
    channels: Channels,
    running: RwLock<Option<Running>>,
}

/// What there is from the start to the stop.
struct Running {
    publisher: Publisher,
    subscriber: Subscriber,
    uid: Arc<str>,
    inbox: Inbox,
    lanes: Arc<Mutex<HashMap<String, Lane>>>,
    sessions: Sessions,
    /// Dropped, it ends the readers.
    stop: watch::Sender<()>,
}

/// A stream that is read.
struct Lane {
    pending: Arc<Pending>,
    place: Arc<Place>,
    is_ready: watch::Receiver<bool>,
}

impl StreamsBus {
    /// A bus over the Redis at an [address](crate#addresses), version 6.2 or newer.
    ///
    /// # Errors
    /// It is no address. Whether somebody answers there shows later.
    pub fn new(url: &str, config: StreamsConfig) -> Result<Self, AddressError> {
        Ok(Self {
            address: Address::parse(url)?,
            streams: Streams {
                name: config.stream_name.clone(),
                count: config.stream_count,
                session_prefix: config.session_key_prefix.clone(),
            },
            channels: Channels::new(&*config.channel_prefix),
            config,
            running: RwLock::default(),
        })
    }

    fn publish(&self, channel: &str, payload: &[u8]) {
        if let Some(running) = &*self.running.read() {
            let verb = if self.config.use_sharded_pub_sub { "SPUBLISH" } else { "PUBLISH" };
            running.publisher.publish(verb, channel, payload);
        }
    }

    fn kind(&self) -> Kind {
        if self.config.use_sharded_pub_sub { Kind::Shard } else { Kind::Channel }
    }

    /// The command that adds a message to its stream, and its bytes.
    fn add(&self, entry: &Entry<'_>) -> (Cmd, usize) {
        let mut command = redis::cmd("XADD");
        let stream = self.streams.stream_of(&entry.nsp);
        command.arg(&stream).arg("MAXLEN").arg("~").arg(self.config.max_len).arg("*");
        command.arg("uid").arg(&*entry.uid).arg("nsp").arg(&*entry.nsp);
        command.arg("type").arg(&*entry.kind);
        let data = entry.data.as_deref().unwrap_or_default();
        if entry.data.is_some() {
            command.arg("data").arg(data);
        }
        (command, stream.len() + entry.nsp.len() + data.len())
    }

    /// Reads a stream, if it is not read already.
    fn read(&self, running: &Running, stream: String) {
        let mut lanes = running.lanes.lock();
        if lanes.contains_key(&stream) {
            return;
        }
        let (is_ready, ready) = watch::channel(false);
        let (pending, place) = (Arc::<Pending>::default(), Arc::<Place>::default());
        let reader = Reader {
            address: self.address.clone(),
            stream: stream.clone(),
            uid: Arc::clone(&running.uid),
            inbox: running.inbox.clone(),
            pending: Arc::clone(&pending),
            count: self.config.read_count.max(1),
            block: self.config.block_time,
            sessions: running.sessions.clone(),
            place: Arc::clone(&place),
            position: None,
            is_ready,
            stopped: running.stop.subscribe(),
        };
        tokio::spawn(reader.run());
        lanes.insert(stream, Lane { pending, place, is_ready: ready });
    }
}

impl Bus for StreamsBus {
    fn name(&self) -> &'static str {
        "Redis"
    }

    fn counting(&self) -> Counting {
        Counting::Subscribers
    }

    fn start(&self, uid: &Arc<str>, inbox: Inbox) {
        let publisher = Publisher::start(self.address.clone(), inbox.clone());
        let own = OwnChannels::new(&self.config.channel_prefix);
        let (is_own, to, limits) = (own.clone(), inbox.clone(), Limits::default());
        let on_message = Arc::new(move |arrived: Arrived<'_>| {
            if is_own.is_own(arrived.channel) {
                to.own(arrived.payload);
            } else if let Err(error) = arrive(&arrived, &limits, &to) {
                to.refused(&error);
            }
        });
        let subscriber = Subscriber::start(self.address.clone(), inbox.clone(), on_message);
        subscriber.subscribe(self.kind(), own.all());
        subscriber.subscribe(self.kind(), own.server(uid));
        let (lanes, stop) =
            (Arc::<Mutex<HashMap<String, Lane>>>::default(), watch::Sender::new(()));
        let uid = Arc::clone(uid);
        let (all, streams) = (Arc::clone(&lanes), self.streams.clone());
        let starts = move |namespace: &str| {
            let lanes = all.lock();
            let lane = lanes.get(&streams.stream_of(namespace));
            lane.map(|lane| lane.place.start()).unwrap_or_default().to_string()
        };
        let sessions = Sessions::start(
            publisher.clone(),
            inbox.clone(),
            self.streams.clone(),
            Arc::clone(&uid),
            Arc::new(starts),
            stop.subscribe(),
        );
        let running = Running { publisher, subscriber, uid, inbox, lanes, sessions, stop };
        self.streams.names().into_iter().for_each(|stream| self.read(&running, stream));
        *self.running.write() = Some(running);
    }

    fn ready(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        let waiting = self.running.read().as_ref().map(|running| {
            let lanes = running.lanes.lock();
            let readers: Vec<_> = lanes.values().map(|lane| lane.is_ready.clone()).collect();
            (running.subscriber.clone(), readers)
        });
        Box::pin(async move {
            let Some((subscriber, readers)) = waiting else { return };
            subscriber.confirmed().await;
            for mut is_ready in readers {
                // An error: the reader has ended, and with it the server.
                let _ = is_ready.wait_for(|is_ready| *is_ready).await;
            }
        })
    }

    fn stop(&self) {
        self.running.write().take();
    }

    fn open(&self, namespace: &str) {
        if let Some(running) = &*self.running.read() {
            self.read(running, self.streams.stream_of(namespace));
            running.subscriber.subscribe(self.kind(), self.channels.all(namespace));
            let own = self.channels.server(namespace, &running.uid);
            running.subscriber.subscribe(self.kind(), own);
        }
    }

    fn close(&self, namespace: &str) {
        if let Some(running) = &*self.running.read() {
            running.subscriber.unsubscribe(self.kind(), self.channels.all(namespace));
            let own = self.channels.server(namespace, &running.uid);
            running.subscriber.unsubscribe(self.kind(), own);
        }
    }

    fn send(&self, message: &Message<'_>) {
        if !Streams::keeps(&message.body) {
            let channel = self.channels.all(&message.namespace);
            return self.publish(&channel, &messages::encode_msgpacked(message));
        }
        if let Some(running) = &*self.running.read() {
            let (command, bytes) = self.add(&Entry::of(message));
            running.publisher.send(command, bytes, None);
        }
    }

    fn assigns_offsets(&self) -> bool {
        true
    }

    fn record(&self, message: &Message<'_>, operation: &Operation<'_>) {
        let Some(running) = &*self.running.read() else { return };
        let entry = Entry::of(message);
        let stream = self.streams.stream_of(&message.namespace);
        let pending = running.lanes.lock().get(&stream).map(|lane| Arc::clone(&lane.pending));
        let Some(pending) = pending else { return };
        let (command, bytes) = self.add(&entry);
        let operation = operation.to_owned_operation();
        let send = |told| running.publisher.send(command, bytes, Some(told));
        if let Some(operation) = pending.send(operation, &entry, send) {
            running.inbox.lost(1, &"more is sent than comes back from Redis");
            running.inbox.recorded(&operation, None);
        }
    }

    fn keeps_sessions(&self) -> bool {
        true
    }

    fn sessions_changed(&self) {
        if let Some(running) = &*self.running.read() {
            running.sessions.changed();
        }
    }

    fn restore_session(&self, namespace: &str, pid: &str, offset: Option<&str>) -> Restoring {
        let running = self.running.read();
        let asked = running.as_ref().and_then(|running| {
            let stream = self.streams.stream_of(namespace);
            let position = running.lanes.lock().get(&stream)?.place.position();
            let lasts = running.inbox.local()?.max_disconnection(namespace)?;
            Some(Asked {
                publisher: running.publisher.clone(),
                streams: self.streams.clone(),
                uid: Arc::clone(&running.uid),
                namespace: namespace.into(),
                pid: pid.to_owned(),
                offset: offset.map(str::to_owned),
                position,
                max_len: self.config.max_len,
                lasts,
            })
        });
        match asked {
            Some(asked) => Box::pin(asked.restore()),
            None => Box::pin(std::future::ready(Err(RecoveryFailure::Unavailable))),
        }
    }

    fn answer(&self, to: Option<&str>, message: &Message<'_>) {
        let Some(to) = to else { return };
        let channel = self.channels.server(&message.namespace, to);
        self.publish(&channel, &messages::encode_msgpacked(message));
    }

    fn send_own(&self, to: Option<&str>, bytes: &[u8]) {
        self.publish(&OwnChannels::new(&self.config.channel_prefix).to(to), bytes);
    }

    fn count_others<'a>(
        &'a self,
        namespace: &'a str,
    ) -> Pin<Box<dyn Future<Output = Option<usize>> + Send + 'a>> {
        let publisher = self.running.read().as_ref().map(|running| running.publisher.clone());
        let verb = if self.config.use_sharded_pub_sub { "SHARDNUMSUB" } else { "NUMSUB" };
        Box::pin(
            async move { count::others(&publisher?, verb, &self.channels.all(namespace)).await },
        )
    }
}

fn arrive(arrived: &Arrived<'_>, limits: &Limits, inbox: &Inbox) -> Result<(), ReadError> {
    let received = Received::read(arrived.payload, limits)?;
    inbox.message(&messages::read(&received, "")?);
    Ok(())
}

impl fmt::Debug for StreamsBus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamsBus")
            .field("address", &self.address)
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}
