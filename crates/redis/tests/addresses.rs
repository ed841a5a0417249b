//! Every way to name a Redis: users, TLS, sentinels. (Clusters are in `conformance.rs`.)

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::fs;
use std::process::Command;
use std::time::Duration;

use sockeye::{Event, Namespace, Server};
use sockeye_cluster::{BusCluster, ClusterConfig};
use sockeye_redis::{ClassicBus, ClassicConfig};
use sockeye_testing::TestServer;

use self::support::{Redis, Sentinel, until};

const NEWS: Event<u32> = Event::new("news");

fn cluster(url: &str, name: &str) -> BusCluster<ClassicBus> {
    let bus = ClassicBus::new(url, ClassicConfig::default()).unwrap();
    BusCluster::new(bus, ClusterConfig::new(name))
}

fn server(cluster: &BusCluster<ClassicBus>) -> TestServer {
    let namespace = Namespace::new("/");
    let server = Server::builder().namespace(namespace).cluster(cluster.clone()).build();
    TestServer::new(server.unwrap())
}

/// Two servers over this address hear each other.
async fn works(url: &str) {
    let (red, blue) = (cluster(url, "red"), cluster(url, "blue"));
    let (one, other) = (server(&red), server(&blue));
    let mut client = other.connect().await;
    tokio::time::timeout(Duration::from_secs(20), async {
        red.ready().await;
        blue.ready().await;
        until("both to be counted", async || red.server_count("/").await == Some(2)).await;
        one.server().io().emit(NEWS, &7).unwrap();
        assert_eq!(client.expect_event(NEWS).await, 7);
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_user_and_a_password() {
    let redis = Redis::with(&["--user", "ann", "on", ">s3cret", "&*", "+@all"]);
    redis.run(&["ACL", "SETUSER", "default", "off"]);
    works(&format!("redis://ann:s3cret@127.0.0.1:{}", redis.port)).await;
}

#[tokio::test]
async fn without_the_right_to_listen_a_server_serves_its_own_and_says_what_is_lost() {
    let redis = Redis::with(&["--user", "ann", "on", ">s3cret", "resetchannels", "+@all"]);
    let cluster = cluster(&format!("redis://ann:s3cret@127.0.0.1:{}", redis.port), "red");
    let server = server(&cluster);
    let mut client = server.connect().await;
    while cluster.counts().lost == 0 {
        server.server().io().emit(NEWS, &1).unwrap();
        assert_eq!(client.expect_event(NEWS).await, 1);
    }
}

#[tokio::test]
async fn the_server_that_sentinels_name() {
    let redis = Redis::start();
    let sentinel = Sentinel::start(redis.port, "main");
    works(&format!("redis-sentinel://127.0.0.1:{}/main", sentinel.port())).await;
}

/// The system's certificates are those of a file that a variable names, so it is a process of its own.
#[test]
fn tls() {
    const INNER: &str = "SOCKEYE_TEST_REDIS_TLS";
    if let Ok(url) = std::env::var(INNER) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        return runtime.unwrap().block_on(works(&url));
    }
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    fs::write(path("cert.pem"), made.cert.pem()).unwrap();
    fs::write(path("key.pem"), made.signing_key.serialize_pem()).unwrap();
    let tls_port = support::free_port();
    let _redis = Redis::with(&[
        "--tls-port",
        &tls_port.to_string(),
        "--tls-cert-file",
        &path("cert.pem"),
        "--tls-key-file",
        &path("key.pem"),
        "--tls-ca-cert-file",
        &path("cert.pem"),
        "--tls-auth-clients",
        "no",
    ]);
    let inner = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "tls", "--nocapture"])
        .env(INNER, format!("rediss://localhost:{tls_port}"))
        .env("SSL_CERT_FILE", path("cert.pem"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&inner.stderr);
    assert!(inner.status.success(), "{said}");
}
