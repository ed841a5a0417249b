//! The bus of servers with `createShardedAdapter` of `@socket.io/redis-adapter`.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use parking_lot::RwLock;
use sockeye::Room;
use sockeye_cluster::{Bus, Counting, Inbox};
use sockeye_cluster_proto::channels::Channels;
use sockeye_cluster_proto::{Limits, Message, ReadError, Received, messages};

use crate::address::{Address, AddressError};
use crate::config::{OwnChannels, ShardedConfig};
use crate::count;
use crate::publisher::Publisher;
use crate::subscriber::{Arrived, Kind, Subscriber};

/// A bus over Redis 7 in the form of `@socket.io/redis-adapter`: servers of Node with its `createShardedAdapter` take part.
///
/// Which channels a message takes depends on [`ShardedConfig::mode`], which has to be the same on all servers. In a Redis
/// cluster two channels may lie on two servers, and what is sent to a room and to all may change places.
pub struct ShardedBus {
    address: Address,
    config: ShardedConfig,
    channels: Channels,
    running: RwLock<Option<Running>>,
}

/// What there is from the start to the stop.
struct Running {
    publisher: Publisher,
    subscriber: Subscriber,
    uid: Arc<str>,
}

impl ShardedBus {
    /// A bus over the Redis at an [address](crate#addresses), version 7 or newer.
    ///
    /// # Errors
    /// It is no address. Whether somebody answers there shows later.
    pub fn new(url: &str, config: ShardedConfig) -> Result<Self, AddressError> {
        Ok(Self {
            address: Address::parse(url)?,
            channels: Channels::new(&*config.prefix),
            config,
            running: RwLock::default(),
        })
    }

    fn publish(&self, channel: &str, payload: &[u8]) {
        if let Some(running) = &*self.running.read() {
            running.publisher.publish("SPUBLISH", channel, payload);
        }
    }
}

impl Bus for ShardedBus {
    fn name(&self) -> &'static str {
        "Redis"
    }

    fn counting(&self) -> Counting {
        Counting::Subscribers
    }

    fn start(&self, uid: &Arc<str>, inbox: Inbox) {
        let publisher = Publisher::start(self.address.clone(), inbox.clone());
        let own = OwnChannels::new(&self.config.prefix);
        let (is_own, to, limits) = (own.clone(), inbox.clone(), Limits::default());
        let sender = Arc::clone(uid);
        let on_message = Arc::new(move |arrived: Arrived<'_>| {
            if is_own.is_own(arrived.channel) {
                to.own(arrived.payload);
            } else if messages::is_own(arrived.payload, &sender) {
                // Redis sends it to all who listen on the channel.
            } else if let Err(error) = arrive(&arrived, &limits, &to) {
                to.refused(&error);
            }
        });
        let subscriber = Subscriber::start(self.address.clone(), inbox, on_message);
        subscriber.subscribe(Kind::Shard, own.all());
        subscriber.subscribe(Kind::Shard, own.server(uid));
        *self.running.write() = Some(Running { publisher, subscriber, uid: Arc::clone(uid) });
    }

    fn ready(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        let subscriber = self.running.read().as_ref().map(|running| running.subscriber.clone());
        Box::pin(async move {
            if let Some(subscriber) = subscriber {
                subscriber.confirmed().await;
            }
        })
    }

    fn stop(&self) {
        self.running.write().take();
    }

    fn open(&self, namespace: &str) {
        if let Some(running) = &*self.running.read() {
            running.subscriber.subscribe(Kind::Shard, self.channels.all(namespace));
            let own = self.channels.server(namespace, &running.uid);
            running.subscriber.subscribe(Kind::Shard, own);
        }
    }

    fn close(&self, namespace: &str) {
        if let Some(running) = &*self.running.read() {
            running.subscriber.unsubscribe(Kind::Shard, self.channels.all(namespace));
            let own = self.channels.server(namespace, &running.uid);
            running.subscriber.unsubscribe(Kind::Shard, own);
        }
    }

    fn send(&self, message: &Message<'_>) {
        let channel = match self.config.mode.room_of(&message.body) {
            Some(room) => self.channels.room(&message.namespace, room),
            None => self.channels.all(&message.namespace),
        };
        self.publish(&channel, &messages::encode(message));
    }

    fn answer(&self, to: Option<&str>, message: &Message<'_>) {
        let Some(to) = to else { return };
        let channel = self.channels.server(&message.namespace, to);
        self.publish(&channel, &messages::encode(message));
    }

    fn send_own(&self, to: Option<&str>, bytes: &[u8]) {
        self.publish(&OwnChannels::new(&self.config.prefix).to(to), bytes);
    }

    fn count_others<'a>(
        &'a self,
        namespace: &'a str,
    ) -> Pin<Box<dyn Future<Output = Option<usize>> + Send + 'a>> {
        let publisher = self.running.read().as_ref().map(|running| running.publisher.clone());
        Box::pin(async move {
            count::others(&publisher?, "SHARDNUMSUB", &self.channels.all(namespace)).await
        })
    }

    fn watches_rooms(&self) -> bool {
        self.config.mode.subscribes_to(false)
    }

    fn room_created(&self, namespace: &str, room: &Room, is_private: bool) {
        if self.config.mode.subscribes_to(is_private)
            && let Some(running) = &*self.running.read()
        {
            let channel = self.channels.room(namespace, room.as_str());
            running.subscriber.subscribe(Kind::Shard, channel);
        }
    }

    fn room_deleted(&self, namespace: &str, room: &Room) {
        // A room that was not subscribed to is not unsubscribed from either. The channel of a room that is called like this
        // server's id is that of its answers.
        if let Some(running) = &*self.running.read()
            && *room.as_str() != *running.uid
        {
            let channel = self.channels.room(namespace, room.as_str());
            running.subscriber.unsubscribe(Kind::Shard, channel);
        }
    }
}

fn arrive(arrived: &Arrived<'_>, limits: &Limits, inbox: &Inbox) -> Result<(), ReadError> {
    let received = Received::read(arrived.payload, limits)?;
    inbox.message(&messages::read(&received, "")?);
    Ok(())
}

impl fmt::Debug for ShardedBus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ShardedBus")
            .field("address", &self.address)
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}
