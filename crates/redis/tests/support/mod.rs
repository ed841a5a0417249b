//! Redis, as the package manager installed it: processes of this test's own on free ports of the loopback interface.

#![allow(dead_code, reason = "each test uses a part of it")]

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// A running server, ended with this value.
pub(crate) struct Redis {
    process: Child,
    arguments: Vec<String>,
    pub(crate) port: u16,
    folder: TempDir,
}

impl Redis {
    /// One server that keeps nothing on disk.
    pub(crate) fn start() -> Self {
        Self::with(&[])
    }

    /// One server with more arguments.
    pub(crate) fn with(more: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = free_port();
        let arguments = arguments(port, folder.path(), more);
        let process = spawn(&arguments);
        let redis = Self { process, arguments, port, folder };
        redis.wait();
        redis
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Where it writes files.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Runs one command, and returns what it says.
    pub(crate) fn run(&self, command: &[&str]) -> String {
        run(self.port, command)
    }

    /// Ends the process at once, as a crash does.
    pub(crate) fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Starts it again on the same port.
    pub(crate) fn start_again(&mut self) {
        self.process = spawn(&self.arguments);
        self.wait();
    }

    fn wait(&self) {
        until_it_is_there("Redis to answer", || self.run(&["PING"]).trim() == "PONG");
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A cluster of three servers and their three replicas.
pub(crate) struct RedisCluster {
    servers: Vec<Redis>,
}

impl RedisCluster {
    pub(crate) fn start() -> Self {
        let servers: Vec<_> = (0..6)
            .map(|_| {
                let bus_port = free_port().to_string();
                let options = ["--cluster-enabled", "yes", "--cluster-port", &bus_port];
                Redis::with(&options)
            })
            .collect();
        let hosts = servers.iter().map(|server| format!("127.0.0.1:{}", server.port));
        let created = Command::new("redis-cli")
            .args(["--cluster", "create"])
            .args(hosts)
            .args(["--cluster-replicas", "1", "--cluster-yes"])
            .output()
            .unwrap();
        assert!(created.status.success(), "{}", String::from_utf8_lossy(&created.stdout));
        for server in &servers {
            until_it_is_there("the cluster", || {
                server.run(&["CLUSTER", "INFO"]).contains("cluster_state:ok")
            });
        }
        Self { servers }
    }

    pub(crate) fn url(&self) -> String {
        let hosts: Vec<_> =
            self.servers.iter().map(|server| format!("127.0.0.1:{}", server.port)).collect();
        format!("redis-cluster://{}", hosts.join(","))
    }
}

fn arguments(port: u16, folder: &Path, more: &[&str]) -> Vec<String> {
    let port = port.to_string();
    let folder = folder.to_str().unwrap();
    let fixed = [
        "--port",
        &port,
        "--bind",
        "127.0.0.1",
        "--dir",
        folder,
        "--save",
        "",
        "--appendonly",
        "no",
    ];
    fixed.iter().chain(more).map(ToString::to_string).collect()
}

fn spawn(arguments: &[String]) -> Child {
    let mut command = Command::new("redis-server");
    command.args(arguments).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().expect("redis-server is there: `sudo apt-get install redis-server`")
}

fn run(port: u16, command: &[&str]) -> String {
    let port = port.to_string();
    let output = Command::new("redis-cli").args(["-p", &port]).args(command).output();
    String::from_utf8(output.expect("redis-cli is there").stdout).unwrap()
}

pub(crate) fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Waits for another process.
fn until_it_is_there(what: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(30), "waited for {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Waits until something is so.
pub(crate) async fn until(what: &str, is_so: impl AsyncFn() -> bool) {
    let waiting = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let in_time = tokio::time::timeout(Duration::from_secs(30), waiting).await;
    in_time.unwrap_or_else(|_| panic!("waited for {what}"));
}

/// How often something is done: as often as the variable says, else `few` times.
pub(crate) fn share(variable: &str, few: u64) -> u64 {
    std::env::var(variable).map_or(few, |count| count.parse().unwrap())
}

/// A way to Redis that is cut after a random number of bytes, again and again.
pub(crate) struct CuttingProxy {
    port: u16,
    state: Arc<Cutting>,
}

struct Cutting {
    redis: u16,
    random: AtomicU64,
    is_cutting: AtomicBool,
    cuts: AtomicU64,
    is_severed: watch::Sender<bool>,
}

impl CuttingProxy {
    pub(crate) async fn start(redis: u16, seed: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(Cutting {
            redis,
            random: AtomicU64::new(seed),
            is_cutting: AtomicBool::new(true),
            cuts: AtomicU64::new(0),
            is_severed: watch::Sender::new(false),
        });
        let accepting = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(Arc::clone(&accepting).relay(client));
            }
        });
        Self { port, state }
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// How many connections were cut.
    pub(crate) fn cuts(&self) -> u64 {
        self.state.cuts.load(Ordering::Relaxed)
    }

    /// A way that is not cut until it is severed.
    pub(crate) async fn whole(redis: u16) -> Self {
        let proxy = Self::start(redis, 0).await;
        proxy.stop_cutting();
        proxy
    }

    /// Cuts all connections now and lets none through any more: what is behind it is as good as dead.
    pub(crate) fn sever(&self) {
        self.state.is_severed.send_replace(true);
    }

    /// From now on connections stay. Those that are there are cut for the last time.
    pub(crate) fn stop_cutting(&self) {
        self.state.is_cutting.store(false, Ordering::Relaxed);
    }
}

impl Cutting {
    async fn relay(self: Arc<Self>, client: TcpStream) {
        let Ok(server) = TcpStream::connect(("127.0.0.1", self.redis)).await else { return };
        let _ = (client.set_nodelay(true), server.set_nodelay(true));
        let ((mut from_client, mut to_client), (mut from_server, mut to_server)) =
            (client.into_split(), server.into_split());
        let (up, down) = (self.bytes(), self.bytes());
        let mut is_severed = self.is_severed.subscribe();
        tokio::select! {
            biased;
            _ = is_severed.wait_for(|is_severed| *is_severed) => {}
            () = pass(&mut from_client, &mut to_server, up) => {}
            () = pass(&mut from_server, &mut to_client, down) => {}
        }
        self.cuts.fetch_add(1, Ordering::Relaxed);
    }

    /// After how many bytes a connection is cut.
    fn bytes(&self) -> u64 {
        if !self.is_cutting.load(Ordering::Relaxed) {
            return u64::MAX;
        }
        // SplitMix64.
        let mut bits = self.random.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        50 + (bits ^ (bits >> 31)) % 4000
    }
}

/// Passes so many bytes on.
async fn pass(from: &mut (impl AsyncRead + Unpin), to: &mut (impl AsyncWrite + Unpin), bytes: u64) {
    let _ = tokio::io::copy(&mut from.take(bytes), to).await;
}

/// A sentinel that watches one server.
pub(crate) struct Sentinel {
    redis: Redis,
}

impl Sentinel {
    pub(crate) fn start(watched: u16, name: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = free_port();
        let file = folder.path().join("sentinel.conf");
        let text = format!(
            "port {port}\nbind 127.0.0.1\ndir {}\nsentinel monitor {name} 127.0.0.1 {watched} 1\n",
            folder.path().display()
        );
        std::fs::write(&file, text).unwrap();
        let arguments = vec![file.to_str().unwrap().to_owned(), "--sentinel".to_owned()];
        let process = spawn(&arguments);
        let redis = Redis { process, arguments, port, folder };
        redis.wait();
        Self { redis }
    }

    pub(crate) fn port(&self) -> u16 {
        self.redis.port
    }
}
