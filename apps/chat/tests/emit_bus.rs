//! `sockeye emit --bus` beside a server of a cluster and a real Redis.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;
#[path = "../../../crates/redis/tests/support/mod.rs"]
mod support;

use std::process::{Output, Stdio};

use common::{PATIENCE, command};
use sockeye::{Args, Binary, Event, Namespace, Server};
use sockeye_cluster::{BusCluster, ClusterConfig};
use sockeye_redis::{ShardedBus, ShardedConfig};
use sockeye_testing::TestServer;
use support::Redis;
use tokio::io::AsyncWriteExt as _;
use tokio::time::timeout;

const GOAL: Event<Args<(String, Binary)>> = Event::new("goal");
const PRICE: Event<u32> = Event::new("price");

/// Runs the program: its status, what it said, and what it complained about.
async fn emit(args: &[&str], input: &str) -> (i32, String, String) {
    let mut command = command(&[&["emit"], args].concat());
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut pipe = child.stdin.take().unwrap();
    // One that refuses its arguments does not read.
    let _ = pipe.write_all(input.as_bytes()).await;
    drop(pipe);
    let output = timeout(PATIENCE, child.wait_with_output()).await.expect("it ends").unwrap();
    let Output { status, stdout, stderr } = output;
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}

#[tokio::test]
async fn an_event_reaches_the_clients_of_a_server_over_redis() {
    let redis = Redis::start();
    let url = redis.url();
    let mut config = ShardedConfig::default();
    config.prefix = "shop".to_owned();
    let cluster =
        BusCluster::new(ShardedBus::new(&url, config).unwrap(), ClusterConfig::new("red"));
    let namespace = Namespace::new("/");
    let server = Server::builder().namespace(namespace).cluster(cluster.clone()).build();
    let server = TestServer::new(server.unwrap());
    cluster.ready().await;
    let mut ann = server.connect().await;
    let bus = ["--bus", &url, "--kind", "sharded", "--prefix", "shop"];

    let (status, out, err) =
        emit(&[&bus[..], &["goal", "1:0", r#"{"base64":"AQI="}"#]].concat(), "").await;
    assert_eq!((status, &*out, &*err), (0, "1 server heard it\n", ""));
    let Args((score, bytes)) = ann.expect_event(GOAL).await;
    assert_eq!((&*score, &bytes.0[..]), ("1:0", &[1, 2][..]));

    let socket = ["--socket", ann.id()];
    let lines = "17\r\n18\n[19\n20\n";
    let (status, out, err) = emit(&[&bus[..], &socket, &["price", "-"]].concat(), lines).await;
    assert_eq!((status, &*out), (2, "1 server heard it\n1 server heard it\n"));
    assert!(err.contains("line 3") && err.contains("JSON"), "{err}");
    assert_eq!((ann.expect_event(PRICE).await, ann.expect_event(PRICE).await), (17, 18));

    let (status, out, err) = emit(&["--bus", &url, "price", "1", "--except", "x"], "").await;
    assert_eq!((status, &*out), (0, "0 servers heard it\n"));
    assert!(err.contains("--kind") && err.contains("--prefix"), "{err}");
    let (status, out, _) = emit(&["--bus", &url, "--kind", "streams", "price", "1"], "").await;
    assert_eq!((status, &*out), (0, "published\n"));
}

#[tokio::test]
async fn what_is_wrong_is_said_with_a_status_over_redis() {
    let redis = Redis::with(&["--user", "ann", "on", ">s3cret", "resetchannels", "+@all"]);
    let login = format!("redis://ann:s3cret@127.0.0.1:{}", redis.port);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bus.txt");
    std::fs::write(&file, format!("{login}\n")).unwrap();
    let file = file.to_str().unwrap();
    let url = redis.url();
    let long = format!("{}\n", "1".repeat(65_536));
    let fits = format!("{}\n", "1".repeat(65_535));
    for (args, input, status, said) in [
        (&["--bus-file", file, "e"][..], "", 3, "ACL SETUSER"),
        (&["--bus", "redis://127.0.0.1:1", "e"], "", 4, "127.0.0.1:1"),
        (&["--bus", "http://h", "e"], "", 2, "write redis://"),
        (&["--bus", &url, "disconnect"], "", 2, "reserved"),
        (&["--bus", &url, "e", "-", "-"], "", 2, "only one"),
        (&["--bus", &url, "e", "-"], &long, 2, "64 KiB"),
        (&["--bus", &url, "e", "-"], &fits, 0, ""),
        (&["--bus", &url, "e", r#"{"base64":"?"}"#], "", 2, "base64"),
        (&["--bus-file", "/nowhere", "e"], "", 2, "/nowhere"),
        (&["--bus", &url, "e", "--key-file", file], "", 2, "--key-file"),
        (&["http://localhost"], "", 2, "EVENT"),
    ] {
        let (found, _, err) = emit(args, input).await;
        assert_eq!(found, status, "{args:?}: {err}");
        assert!(err.contains(said), "{args:?}: {err}");
        assert!(!err.contains("s3cret"), "{err}");
    }
}
