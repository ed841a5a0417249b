//! Servers over Redis streams, whose clients go on at another of them.

#![allow(dead_code, reason = "each test uses a part of it")]

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sockeye::{Config, Event, Io, Namespace, RecoveryConfig, Server, Socket};
use sockeye_cluster::{BusCluster, ClusterConfig};
use sockeye_cluster_proto::{Limits, StoredSession};
use sockeye_redis::{StreamsBus, StreamsConfig};
use sockeye_testing::{TestClient, TestServer};

use super::support::{CuttingProxy, Redis};

pub(crate) const TICK: Event<u32> = Event::new("tick");
pub(crate) const JOIN: Event<String, ()> = Event::new("join");

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct User {
    pub(crate) name: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Seat(pub(crate) u32);

/// A server, and its way to Redis.
pub(crate) struct Member {
    pub(crate) cluster: BusCluster<StreamsBus>,
    pub(crate) server: TestServer,
    pub(crate) way: CuttingProxy,
}

pub(crate) fn namespace() -> Namespace {
    Namespace::new("/")
        .share_as::<User>("user")
        .share_as::<Seat>("seat")
        .on_connect(async |socket: Socket| {
            if let Ok(user) = socket.auth::<User>() {
                socket.set(user);
            }
        })
        .on(JOIN, async |socket: Socket, room: String| {
            socket.join(room);
            sockeye::Ack(())
        })
}

/// How a server is set up.
pub(crate) struct Setup {
    pub(crate) name: &'static str,
    pub(crate) max_len: usize,
    pub(crate) max_disconnection: Duration,
}

impl Setup {
    pub(crate) fn new(name: &'static str) -> Self {
        let max_disconnection = RecoveryConfig::default().max_disconnection;
        Self { name, max_len: 10_000, max_disconnection }
    }

    pub(crate) async fn start(&self, redis: &Redis) -> Member {
        let way = CuttingProxy::whole(redis.port).await;
        let mut config = StreamsConfig::default();
        config.max_len = self.max_len;
        let bus = StreamsBus::new(&way.url(), config).unwrap();
        let cluster = BusCluster::new(bus, ClusterConfig::new(self.name));
        let max_disconnection = self.max_disconnection;
        let recovery = RecoveryConfig { max_disconnection, ..RecoveryConfig::default() };
        let server = Server::builder()
            .config(Config { recovery: Some(recovery), ..Config::default() })
            .namespace(namespace())
            .cluster(cluster.clone());
        let server = TestServer::new(server.build().unwrap());
        cluster.ready().await;
        Member { cluster, server, way }
    }
}

pub(crate) async fn member(redis: &Redis, name: &'static str, max_len: usize) -> Member {
    Setup { max_len, ..Setup::new(name) }.start(redis).await
}

impl Member {
    pub(crate) fn io(&self) -> Io {
        self.server.server().io()
    }

    pub(crate) async fn connect(&self, name: &str) -> TestClient {
        self.server.client().auth(&User { name: name.into() }).connect().await.unwrap()
    }

    pub(crate) fn tick(&self, room: &str, number: u32) {
        self.io().to(room).emit(TICK, &number).unwrap();
    }

    /// It is gone from one moment to the next: nothing of it reaches Redis or its clients any more.
    pub(crate) fn kill(&self, clients: &[TestClient]) {
        self.way.sever();
        clients.iter().for_each(|client| client.wire().cut());
    }

    pub(crate) fn has(&self, room: &str) -> bool {
        !self.io().to(room).sockets().is_empty()
    }
}

pub(crate) async fn join(client: &mut TestClient, room: &str) {
    client.emit_with_ack(JOIN, room).await.unwrap();
}

/// The rooms of the session that Redis has for a client.
pub(crate) fn written_rooms(redis: &Redis, pid: &str) -> BTreeSet<String> {
    let kept = redis.run(&["GET", &format!("sio:session:{pid}")]);
    let received = StoredSession::receive(kept.trim(), &Limits::default());
    let rooms = received.ok().and_then(|received| {
        let stored = StoredSession::read(&received).ok()?;
        Some(stored.rooms.iter().map(|room| room.to_string()).collect())
    });
    rooms.unwrap_or_default()
}

pub(crate) fn sessions(redis: &Redis) -> Vec<String> {
    let keys = redis.run(&["KEYS", "sio:session:*"]);
    let pid = |key: &str| key.strip_prefix("sio:session:").map(str::to_owned);
    keys.lines().filter_map(pid).collect()
}
