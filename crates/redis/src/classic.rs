//! The bus of servers with `createAdapter` of `@socket.io/redis-adapter`.

mod old;

use std::collections::HashMap;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use parking_lot::RwLock;
use sockeye_cluster::{Bus, Counting, Inbox};
use sockeye_cluster_proto::channels::ClassicChannels;
use sockeye_cluster_proto::classic::{self, Request};
use sockeye_cluster_proto::{Body, Limits, Message, ReadError, Received};

use crate::address::{Address, AddressError};
use crate::config::{ClassicConfig, OwnChannels};
use crate::count;
use crate::publisher::Publisher;
use crate::subscriber::{Arrived, Kind, Subscriber};

/// A bus over Redis in the form of `@socket.io/redis-adapter`: servers of Node with its `createAdapter` take part.
///
/// ```
/// use sockeye::Server;
/// use sockeye_cluster::{BusCluster, ClusterConfig};
/// use sockeye_redis::{ClassicBus, ClassicConfig};
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// let bus = ClassicBus::new("redis://127.0.0.1:6379", ClassicConfig::default())?;
/// let cluster = BusCluster::new(bus, ClusterConfig::new("red"));
/// let server = Server::builder().cluster(cluster.clone()).build()?;
/// server.io().emit("news", "to the clients of all servers")?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct ClassicBus {
    address: Address,
    config: ClassicConfig,
    channels: ClassicChannels,
    running: RwLock<Option<Running>>,
}

/// What there is from the start to the stop.
struct Running {
    publisher: Publisher,
    subscriber: Subscriber,
    uid: Arc<str>,
    arrivals: Arc<Arrivals>,
}

/// What carries out what comes.
struct Arrivals {
    inbox: Inbox,
    publisher: Publisher,
    channels: ClassicChannels,
    own: OwnChannels,
    uid: Arc<str>,
    specific_response_channel: bool,
    limits: Limits,
    /// What is subscribed to, and what comes by it.
    routes: RwLock<HashMap<String, (Arc<str>, Route)>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Route {
    Broadcasts,
    Requests,
    Answers,
}

impl ClassicBus {
    /// A bus over the Redis at an [address](crate#addresses).
    ///
    /// # Errors
    /// It is no address. Whether somebody answers there shows later.
    pub fn new(url: &str, config: ClassicConfig) -> Result<Self, AddressError> {
        Ok(Self {
            address: Address::parse(url)?,
            channels: ClassicChannels::new(&*config.key),
            config,
            running: RwLock::default(),
        })
    }

    fn publish(&self, channel: &str, payload: &[u8]) {
        if let Some(running) = &*self.running.read() {
            running.publisher.publish("PUBLISH", channel, payload);
        }
    }

    /// What a server listens to in a namespace.
    fn routes(&self, namespace: &str, uid: &str) -> [(Kind, String, Route); 4] {
        let channels = &self.channels;
        [
            (Kind::Pattern, channels.pattern(namespace), Route::Broadcasts),
            (Kind::Channel, channels.requests(namespace), Route::Requests),
            (Kind::Channel, channels.answers(namespace), Route::Answers),
            (Kind::Channel, channels.answers_to(namespace, uid), Route::Answers),
        ]
    }
}

impl Bus for ClassicBus {
    fn name(&self) -> &'static str {
        "Redis"
    }

    fn uid_length(&self) -> usize {
        6
    }

    fn counting(&self) -> Counting {
        Counting::Subscribers
    }

    fn start(&self, uid: &Arc<str>, inbox: Inbox) {
        let publisher = Publisher::start(self.address.clone(), inbox.clone());
        let own = OwnChannels::new(&self.config.key);
        let arrivals = Arc::new(Arrivals {
            inbox: inbox.clone(),
            publisher: publisher.clone(),
            channels: self.channels.clone(),
            own: own.clone(),
            uid: Arc::clone(uid),
            specific_response_channel: self.config.specific_response_channel,
            limits: Limits::default(),
            routes: RwLock::default(),
        });
        let on_message = Arc::clone(&arrivals);
        let on_message = Arc::new(move |arrived: Arrived<'_>| on_message.arrive(&arrived));
        let subscriber = Subscriber::start(self.address.clone(), inbox, on_message);
        subscriber.subscribe(Kind::Channel, own.all());
        subscriber.subscribe(Kind::Channel, own.server(uid));
        let uid = Arc::clone(uid);
        *self.running.write() = Some(Running { publisher, subscriber, uid, arrivals });
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
        let Some(running) = &*self.running.read() else { return };
        let name: Arc<str> = namespace.into();
        for (kind, subscribed, route) in self.routes(namespace, &running.uid) {
            let route = (Arc::clone(&name), route);
            running.arrivals.routes.write().insert(subscribed.clone(), route);
            running.subscriber.subscribe(kind, subscribed);
        }
    }

    fn close(&self, namespace: &str) {
        let Some(running) = &*self.running.read() else { return };
        for (kind, subscribed, _) in self.routes(namespace, &running.uid) {
            running.arrivals.routes.write().remove(&subscribed);
            running.subscriber.unsubscribe(kind, subscribed);
        }
    }

    fn send(&self, message: &Message<'_>) {
        let Some(bytes) = classic::encode(message) else { return };
        let namespace = &message.namespace;
        let channel = match &message.body {
            Body::Emit { targets, request: None, .. } => match &*targets.rooms {
                [room] => self.channels.room(namespace, room),
                _ => self.channels.broadcasts(namespace),
            },
            _ => self.channels.requests(namespace),
        };
        self.publish(&channel, &bytes);
    }

    fn answer(&self, to: Option<&str>, message: &Message<'_>) {
        let Some(bytes) = classic::encode(message) else { return };
        // Answers to events between servers go to all, whatever the option says.
        let is_handled = matches!(message.body, Body::Handled { .. } | Body::Unhandled { .. });
        let to = to.filter(|_| self.config.specific_response_channel && !is_handled);
        let channel = match to {
            Some(to) => self.channels.answers_to(&message.namespace, to),
            None => self.channels.answers(&message.namespace),
        };
        self.publish(&channel, &bytes);
    }

    fn answers_reach_all(&self) -> bool {
        // Those to events between servers always do, and servers of Node may not have the option.
        true
    }

    fn send_own(&self, to: Option<&str>, bytes: &[u8]) {
        self.publish(&OwnChannels::new(&self.config.key).to(to), bytes);
    }

    fn count_others<'a>(
        &'a self,
        namespace: &'a str,
    ) -> Pin<Box<dyn Future<Output = Option<usize>> + Send + 'a>> {
        let publisher = self.running.read().as_ref().map(|running| running.publisher.clone());
        Box::pin(async move {
            count::others(&publisher?, "NUMSUB", &self.channels.requests(namespace)).await
        })
    }
}

impl Arrivals {
    fn arrive(&self, arrived: &Arrived<'_>) {
        if self.own.is_own(arrived.channel) {
            return self.inbox.own(arrived.payload);
        }
        if let Err(error) = self.read(arrived) {
            self.inbox.refused(&error);
        }
    }

    fn read(&self, arrived: &Arrived<'_>) -> Result<(), ReadError> {
        let subscribed = arrived.pattern.unwrap_or(arrived.channel);
        let Some((namespace, route)) = self.routes.read().get(subscribed).cloned() else {
            // Unsubscribed, and on its way before.
            return Ok(());
        };
        if route == Route::Broadcasts && !self.is_for_here(&namespace, arrived.channel) {
            return Ok(());
        }
        if route == Route::Broadcasts && classic::is_own_broadcast(arrived.payload, &self.uid) {
            return Ok(());
        }
        let received = Received::read(arrived.payload, &self.limits)?;
        match route {
            Route::Broadcasts => {
                let message = classic::read_broadcast(&received)?;
                // The pattern of one namespace matches channels of others whose name begins like it.
                if *message.namespace == *namespace {
                    self.inbox.message(&message);
                }
            }
            Route::Requests => match classic::read_request(&received, &namespace)? {
                Request::Message(message) => self.inbox.message(&message),
                old => self.answer_old(&old, &namespace),
            },
            Route::Answers => self.inbox.message(&classic::read_answer(&received, &namespace)?),
        }
        Ok(())
    }

    /// Whether a broadcast by this channel may be for somebody here: most are not, where there are many rooms, and need not
    /// be read.
    fn is_for_here(&self, namespace: &str, channel: &str) -> bool {
        match self.channels.room_of(namespace, channel) {
            Some("") => true,
            Some(room) => self.inbox.local().is_some_and(|local| local.has_room(namespace, room)),
            None => false,
        }
    }
}

impl fmt::Debug for ClassicBus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClassicBus")
            .field("address", &self.address)
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}
