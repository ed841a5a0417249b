//! What an emitter writes is what Node's emitters write.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../../redis/tests/support/mod.rs"]
mod support;

use std::sync::Arc;

use redis::{PushInfo, Value};
use serde::Deserialize;
use sockeye_cluster_proto::messages::{self, Entry};
use sockeye_cluster_proto::{Body, Limits, Received};
use sockeye_emitter::{Args, Binary, Emitter, EmitterConfig};
use sockeye_redis::address::{Address, Connection};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use self::support::Redis;

/// What came on which channel.
type Published = (String, Vec<u8>);

/// Hears everything that is published.
async fn listen(
    redis: &Redis,
    verb: &str,
    names: &[&str],
) -> (Connection, UnboundedReceiver<Published>) {
    let (sender, published) = unbounded_channel();
    let on_push = Arc::new(move |push: PushInfo| {
        let mut texts = push.data.into_iter().filter_map(|value| match value {
            Value::BulkString(bytes) => Some(bytes),
            _ => None,
        });
        let (payload, channel) = (texts.next_back(), texts.next_back());
        if let (Some(payload), Some(channel)) = (payload, channel) {
            let _ = sender.send((String::from_utf8(channel).unwrap(), payload));
        }
    });
    let address = Address::parse(&redis.url()).unwrap();
    let mut connection = address.connect(Some(on_push)).await.unwrap();
    let mut command = redis::cmd(verb);
    for name in names {
        command.arg(name);
    }
    connection.ask(&command).await.unwrap();
    (connection, published)
}

fn received(bytes: &[u8]) -> Received<'_> {
    Received::read(bytes, &Limits::default()).unwrap()
}

#[tokio::test]
async fn the_classic_form_is_that_of_redis_emitter() {
    #[derive(Deserialize)]
    struct Line {
        form: String,
        call: String,
        channel: String,
        #[serde(default)]
        hex: String,
    }
    let redis = Redis::start();
    let (_connection, mut published) = listen(&redis, "PSUBSCRIBE", &["*"]).await;
    let io = Emitter::connect(&redis.url(), EmitterConfig::classic()).await.unwrap();
    let lines = include_str!("../../cluster-proto/tests/official.jsonl").lines();
    let lines = lines.map(|line| serde_json::from_str::<Line>(line).unwrap());
    let mut count = 0;
    for line in lines.filter(|line| line.form == "emitter") {
        let said = match &*line.call {
            "emit" => io.to("lobby").emit("news", &1).await,
            "emit bytes" => {
                let bytes = Binary(vec![1].into());
                io.of("/chat").volatile().emit("picture", &bytes).await
            }
            "join" => io.to("a").join(["b"]).await,
            "leave" => io.leave(["b", "c"]).await,
            "disconnect" => io.except("a").close_sessions().await,
            "server-side emit" => io.server_side_emit("hello", &1).await,
            other => panic!("{other}"),
        };
        assert_eq!(said.unwrap().servers(), Some(1));
        let (channel, ours) = published.recv().await.unwrap();
        assert_eq!(channel, line.channel, "{}", line.call);
        let byte = |at: usize| u8::from_str_radix(&line.hex[at..at + 2], 16).unwrap();
        let official: Vec<u8> = (0..line.hex.len()).step_by(2).map(byte).collect();
        if line.call.starts_with("emit") {
            // The same members; Node's emitter writes those of the options in another order than its adapter.
            let tree = |bytes: &[u8]| -> serde_json::Value {
                serde_json::from_str(received(bytes).json()).unwrap()
            };
            assert_eq!(
                (tree(&ours), ours.len()),
                (tree(&official), official.len()),
                "{}",
                line.call
            );
        } else {
            assert_eq!(ours, official, "{}", line.call);
        }
        count += 1;
    }
    assert_eq!(count, 6);
}

#[tokio::test]
async fn the_sharded_form_has_channels_of_rooms() {
    let redis = Redis::start();
    let names = ["socket.io#/#", "socket.io#/#lobby#"];
    let (_connection, mut published) = listen(&redis, "SSUBSCRIBE", &names).await;
    let io = Emitter::connect(&redis.url(), EmitterConfig::sharded()).await.unwrap();
    io.to("lobby").emit("news", &1).await.unwrap();
    io.to("lobby").leave(["lobby"]).await.unwrap();
    io.to("twenty-letters-long!").emit("news", &Args((1, "b"))).await.unwrap();
    let room = r#"{"type":3,"data":{"packet":{"type":2,"data":["news",1]},"opts":{"rooms":["lobby"],"except":[],"flags":{}}},"uid":"emitter","nsp":"/"}"#;
    assert_eq!(published.recv().await.unwrap(), (names[1].to_owned(), room.as_bytes().to_vec()));
    for is_leave in [true, false] {
        let (channel, bytes) = published.recv().await.unwrap();
        assert_eq!(channel, names[0]);
        let received = received(&bytes);
        let message = messages::read(&received, "/").unwrap();
        assert_eq!(message.server(), None, "an emitter is no server");
        assert_eq!(matches!(message.body, Body::Leave { .. }), is_leave, "{message:?}");
    }
}

#[tokio::test]
async fn streams_have_an_entry_for_each_message() {
    let redis = Redis::start();
    let config = EmitterConfig::streams().prefix("s").stream_count(5).max_len(100);
    let io = Emitter::connect(&redis.url(), config).await.unwrap();
    let said = io.of("/chat").to("lobby").emit("news", &1).await.unwrap();
    assert_eq!(said.servers(), None, "a stream does not say who reads it");
    io.of("/chat").server_side_emit("hello", &Binary(vec![1].into())).await.unwrap();
    let kept = redis.run(&["XRANGE", "s-3", "-", "+"]);
    let lines: Vec<_> = kept.lines().collect();
    let (first, second) = lines.split_at(lines.len() / 2);
    let entry = |fields: &'_ [&str]| -> Entry<'static> {
        let fields: Vec<String> = fields.iter().map(ToString::to_string).collect();
        let [_, uid, uid_is, nsp, nsp_is, kind, kind_is, data, data_is] = &*fields else {
            panic!("{fields:?}")
        };
        assert_eq!([&**uid, nsp, kind, data], ["uid", "nsp", "type", "data"]);
        Entry {
            uid: uid_is.clone().into(),
            nsp: nsp_is.clone().into(),
            kind: kind_is.clone().into(),
            data: Some(data_is.clone().into()),
        }
    };
    let (first, second) = (entry(first), entry(second));
    let received = first.read(&Limits::default()).unwrap();
    let message = first.message(&received).unwrap();
    assert_eq!((&*message.namespace, message.server()), ("/chat", None));
    assert!(matches!(&message.body, Body::Emit { targets, .. } if targets.rooms == ["lobby"]));
    let received = second.read(&Limits::default()).unwrap();
    let message = second.message(&received).unwrap();
    let Body::ServerSideEmit { event, .. } = message.body else { panic!("{message:?}") };
    assert_eq!((&*event.name, &*event.attachments[0]), ("hello", &[1][..]));

    // About as many as were asked for: Redis drops whole blocks of them.
    for number in 0..1_000 {
        io.of("/chat").emit("news", &number).await.unwrap();
    }
    let length: u64 = redis.run(&["XLEN", "s-3"]).trim().parse().unwrap();
    assert!((100..=300).contains(&length), "{length}");
}
