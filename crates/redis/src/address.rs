//! Where Redis is: one server, a cluster of several, or whichever a sentinel names.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use redis::aio::MultiplexedConnection;
use redis::cluster::ClusterClientBuilder;
use redis::cluster_async::ClusterConnection;
use redis::cluster_routing::{Route, SingleNodeRoutingInfo, SlotAddr};
use redis::io::tcp::TcpSettings;
use redis::sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType};
use redis::{
    Arg, AsyncConnectionConfig, Client, Cmd, ConnectionInfo, IntoConnectionInfo as _, Pipeline,
    ProtocolVersion, PushInfo, RedisResult, Value,
};
use tokio::sync::Mutex;

/// Why an address is none.
#[derive(Debug, thiserror::Error)]
#[error(
    "{url:?} is no address of Redis: {why}; write redis://host:6379, rediss://user:password@host:6379, \
     redis-cluster://host:7000,host:7001 or redis-sentinel://host:26379,host:26380/name"
)]
pub struct AddressError {
    /// What was given, without its password.
    url: String,
    why: String,
}

/// Where Redis is.
#[derive(Clone)]
pub struct Address {
    kind: Kind,
    /// What people may be told of it.
    shown: String,
}

#[derive(Clone)]
enum Kind {
    Single(Box<Client>),
    Cluster(Vec<ConnectionInfo>),
    Sentinel(Arc<Mutex<SentinelClient>>),
}

/// A connection to one server, or to all of a cluster: a handle, cheap to clone.
#[derive(Clone)]
pub enum Connection {
    /// To one server.
    Single(MultiplexedConnection),
    /// To the servers of a cluster.
    Cluster(ClusterConnection),
}

/// What is done with what a server says unasked. It is called by the connection's task, so it does not wait.
pub type OnPush = Arc<dyn Fn(PushInfo) + Send + Sync>;

/// How long a connection, or an answer, is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

impl Address {
    /// Reads an address: `redis://`, `rediss://` (TLS), `redis-cluster://` and `redis-sentinel://` with several hosts, and
    /// the latter two as `rediss-…://`. A user and a password stand before the first host and are those of all.
    ///
    /// # Errors
    /// It is none; the error says what one looks like.
    pub fn parse(url: &str) -> Result<Self, AddressError> {
        let shown = without_password(url);
        let kind = parse(url).map_err(|why| AddressError { url: shown.clone(), why })?;
        Ok(Self { kind, shown })
    }

    /// Connects. What the server says unasked is given to `on_push`.
    ///
    /// # Errors
    /// Nobody answers there, or answers otherwise than Redis does.
    pub async fn connect(&self, on_push: Option<OnPush>) -> RedisResult<Connection> {
        self.connect_with(on_push, PATIENCE).await
    }

    /// Connects, for commands with which the server waits up to this time.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    pub async fn connect_to_wait(&self, waits: Duration) -> RedisResult<Connection> {
        self.connect_with(None, PATIENCE.saturating_add(waits)).await
    }

    async fn connect_with(
        &self,
        on_push: Option<OnPush>,
        answers_within: Duration,
    ) -> RedisResult<Connection> {
        let on_push = on_push.map(|on_push| {
            move |push: PushInfo| {
                on_push(push);
                Ok::<(), ()>(())
            }
        });
        let config = |on_push| {
            let config = AsyncConnectionConfig::new()
                .set_connection_timeout(Some(PATIENCE))
                .set_response_timeout(Some(answers_within));
            match on_push {
                Some(on_push) => config.set_push_sender(on_push),
                None => config,
            }
        };
        Ok(match &self.kind {
            Kind::Single(client) => {
                let config = config(on_push);
                Connection::Single(
                    client.get_multiplexed_async_connection_with_config(&config).await?,
                )
            }
            Kind::Sentinel(client) => {
                let mut client = client.lock().await;
                let config = config(on_push);
                Connection::Single(client.get_async_connection_with_config(&config).await?)
            }
            Kind::Cluster(servers) => {
                let builder = ClusterClientBuilder::new(servers.clone())
                    .use_protocol(ProtocolVersion::RESP3)
                    .tcp_settings(tcp())
                    .connection_timeout(PATIENCE)
                    .response_timeout(answers_within);
                let builder = match on_push {
                    Some(on_push) => builder.push_sender(on_push),
                    None => builder,
                };
                Connection::Cluster(builder.build()?.get_async_connection().await?)
            }
        })
    }
}

fn parse(url: &str) -> Result<Kind, String> {
    let Some((scheme, rest)) = url.split_once("://") else {
        return Err("it does not begin with redis://".to_owned());
    };
    let is_encrypted = scheme.starts_with("rediss");
    if is_encrypted {
        prepare_tls()?;
    }
    match scheme {
        "redis-cluster" | "rediss-cluster" => {
            Ok(Kind::Cluster(servers(rest.trim_end_matches('/'), is_encrypted)?))
        }
        "redis-sentinel" | "rediss-sentinel" => {
            let named = rest.rsplit_once('/').filter(|(_, name)| !name.is_empty());
            let Some((hosts, name)) = named else {
                return Err("the name that the sentinels have for the server is missing".to_owned());
            };
            sentinel(&servers(hosts, is_encrypted)?, name, is_encrypted)
        }
        "redis" | "rediss" | "redis+unix" | "unix" => {
            let server = server(url)?;
            Client::open(server).map(|client| Kind::Single(Box::new(client))).map_err(text)
        }
        other => Err(format!("{other:?} is not among the kinds of addresses")),
    }
}

/// rustls has one provider of cryptography for the process, which the program may have chosen already.
#[cfg(feature = "tls")]
fn prepare_tls() -> Result<(), String> {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // An error: somebody else has chosen meanwhile.
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
    Ok(())
}

#[cfg(not(feature = "tls"))]
fn prepare_tls() -> Result<(), String> {
    Err("TLS needs the feature `tls` of sockeye-redis".to_owned())
}

/// One server, which is spoken to in the protocol's third revision: it has messages beside answers.
fn server(url: &str) -> Result<ConnectionInfo, String> {
    let info = url.into_connection_info().map_err(text)?;
    let settings = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
    Ok(info.set_redis_settings(settings).set_tcp_settings(tcp()))
}

/// Small commands that follow each other do not wait for each other's acknowledgement.
fn tcp() -> TcpSettings {
    TcpSettings::default().set_nodelay(true)
}

/// Several servers, of `user:password@host:1,host:2`.
fn servers(hosts: &str, is_encrypted: bool) -> Result<Vec<ConnectionInfo>, String> {
    let scheme = if is_encrypted { "rediss" } else { "redis" };
    let (login, hosts) = match hosts.rsplit_once('@') {
        Some((login, hosts)) => (format!("{login}@"), hosts),
        None => (String::new(), hosts),
    };
    hosts.split(',').map(|host| server(&format!("{scheme}://{login}{host}"))).collect()
}

/// The user and the password are those of the server and of the sentinels.
fn sentinel(sentinels: &[ConnectionInfo], name: &str, is_encrypted: bool) -> Result<Kind, String> {
    let addresses: Vec<_> = sentinels.iter().map(|info| info.addr().clone()).collect();
    let mut builder =
        SentinelClientBuilder::new(addresses, name, SentinelServerType::Master).map_err(text)?;
    builder = builder
        .set_client_to_redis_protocol(ProtocolVersion::RESP3)
        .set_client_to_redis_tcp_settings(tcp())
        .set_client_to_sentinel_protocol(ProtocolVersion::RESP3);
    #[cfg(feature = "tls")]
    if is_encrypted {
        builder = builder
            .set_client_to_redis_tls_mode(redis::TlsMode::Secure)
            .set_client_to_sentinel_tls_mode(redis::TlsMode::Secure);
    }
    #[cfg(not(feature = "tls"))]
    debug_assert!(!is_encrypted, "refused before");
    let settings = sentinels.first().map(ConnectionInfo::redis_settings);
    if let Some(user) = settings.and_then(|settings| settings.username()) {
        builder = builder.set_client_to_redis_username(user).set_client_to_sentinel_username(user);
    }
    if let Some(password) = settings.and_then(|settings| settings.password()) {
        builder = builder
            .set_client_to_redis_password(password)
            .set_client_to_sentinel_password(password);
    }
    let client = builder.build().map_err(text)?;
    Ok(Kind::Sentinel(Arc::new(Mutex::new(client))))
}

#[expect(clippy::needless_pass_by_value, reason = "it is given to `map_err`")]
fn text(error: redis::RedisError) -> String {
    error.to_string()
}

impl Connection {
    /// One command, and its answer.
    ///
    /// # Errors
    /// Those of Redis and of the connection.
    pub async fn ask(&mut self, command: &Cmd) -> RedisResult<Value> {
        match self {
            Connection::Single(connection) => command.query_async(connection).await,
            Connection::Cluster(connection) => command.query_async(connection).await,
        }
    }

    /// Several commands in one write, and the answer to each. In a cluster those of one key are carried out in their order,
    /// and all that publish to channels of no shard.
    ///
    /// # Errors
    /// That of the connection: then nothing is known of any of them.
    pub async fn ask_all(&mut self, commands: Vec<Cmd>) -> RedisResult<Vec<RedisResult<Value>>> {
        match self {
            Connection::Single(connection) => pipeline(commands).query_async(connection).await,
            Connection::Cluster(connection) => Ok(ask_by_key(connection, commands).await),
        }
    }

    /// Several commands at the same time, in no order, and the answer to each. Subscriptions go like this: they are
    /// confirmed by messages and cannot be among several commands of one write.
    pub async fn ask_each(&mut self, commands: Vec<Cmd>) -> Vec<RedisResult<Value>> {
        let each = commands.into_iter().map(|command| {
            let mut connection = self.clone();
            async move { connection.ask(&command).await }
        });
        join_all(each).await
    }

    /// Whether it is to several servers.
    pub fn is_cluster(&self) -> bool {
        matches!(self, Connection::Cluster(_))
    }
}

fn pipeline(commands: Vec<Cmd>) -> Pipeline {
    let mut pipeline = Pipeline::with_capacity(commands.len());
    pipeline.ignore_errors();
    for command in commands {
        pipeline.add_command(command);
    }
    pipeline
}

/// The commands of each key in one write to the server that has it.
async fn ask_by_key(connection: &ClusterConnection, commands: Vec<Cmd>) -> Vec<RedisResult<Value>> {
    let mut places: HashMap<Vec<u8>, usize> = HashMap::new();
    let mut groups: Vec<(Vec<usize>, Vec<Cmd>)> = Vec::new();
    let count = commands.len();
    for (at, command) in commands.into_iter().enumerate() {
        let place = *places.entry(key(&command)).or_insert(groups.len());
        if place == groups.len() {
            groups.push(Default::default());
        }
        groups[place].0.push(at);
        groups[place].1.push(command);
    }
    let asked = groups.into_iter().map(|(places, commands)| {
        let mut connection = connection.clone();
        async move {
            let has_key = commands.first().is_some_and(|command| !key(command).is_empty());
            let (count, pipeline) = (commands.len(), pipeline(commands));
            let answers = if has_key {
                pipeline.query_async(&mut connection).await
            } else {
                let route = SingleNodeRoutingInfo::SpecificNode(Route::new(0, SlotAddr::Master));
                let answers = connection.route_pipeline(pipeline, 0, count, route).await;
                let answers = answers.map(Value::Array);
                answers.and_then(|answers| Ok(redis::from_redis_value(answers)?))
            };
            (places, answers)
        }
    });
    let mut answers: Vec<_> = (0..count).map(|_| Ok(Value::Nil)).collect();
    for (places, group) in join_all(asked).await {
        match group {
            Ok(group) => {
                let group: Vec<RedisResult<Value>> = group;
                places.into_iter().zip(group).for_each(|(at, answer)| answers[at] = answer);
            }
            Err(error) => places.into_iter().for_each(|at| answers[at] = Err(error.clone())),
        }
    }
    answers
}

/// What a command is about, which decides on the server of a cluster; empty: any server will do, and it is always the same,
/// so that the order stays.
fn key(command: &Cmd) -> Vec<u8> {
    let mut arguments = command.args_iter().filter_map(|argument| match argument {
        Arg::Simple(bytes) => Some(bytes),
        _ => None,
    });
    match arguments.next() {
        None | Some(b"PUBLISH") => Vec::new(),
        // The script and the number of its keys come first.
        Some(b"EVAL") => arguments.nth(2).unwrap_or_default().to_vec(),
        Some(_) => arguments.next().unwrap_or_default().to_vec(),
    }
}

/// An address as it may be told.
fn without_password(url: &str) -> String {
    let parts = url.split_once("://").and_then(|(scheme, rest)| {
        let (_, hosts) = rest.rsplit_once('@')?;
        Some((scheme, hosts))
    });
    match parts {
        Some((scheme, hosts)) => format!("{scheme}://…@{hosts}"),
        None => url.to_owned(),
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Address").field(&self.shown).finish()
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("is_cluster", &self.is_cluster()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_address_is_read() {
        for url in [
            "redis://127.0.0.1:6379",
            "redis://127.0.0.1:6379/2",
            #[cfg(feature = "tls")]
            "rediss://ann:secret@redis.example:6380",
            "redis-cluster://127.0.0.1:7000,127.0.0.1:7001",
            #[cfg(feature = "tls")]
            "rediss-cluster://ann:secret@one.example:7000,two.example:7000/",
            "redis-sentinel://127.0.0.1:26379,127.0.0.1:26380/main",
            "redis-sentinel://ann:secret@127.0.0.1:26379/main",
        ] {
            let address = Address::parse(url).unwrap_or_else(|error| panic!("{url}: {error}"));
            let count = |kind: &Kind| match kind {
                Kind::Cluster(servers) => servers.len(),
                _ => 1,
            };
            assert_eq!(count(&address.kind), if url.contains("-cluster") { 2 } else { 1 }, "{url}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused_without_its_password() {
        for url in [
            "127.0.0.1:6379",
            "http://ann:secret@127.0.0.1",
            "redis-sentinel://ann:secret@127.0.0.1:26379",
            "redis-cluster://ann:secret@[::",
        ] {
            let error = Address::parse(url).unwrap_err().to_string();
            assert!(error.contains("write redis://host:6379"), "{error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
