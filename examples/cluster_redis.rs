//! Two servers as one over Redis: who says something to one of them is heard at the other.
//! The address of Redis is the first argument, or `redis://127.0.0.1:6379`.
#![allow(clippy::print_stdout, reason = "it shows what arrives")]

use std::env;

use sockeye::{Event, Namespace, Server, Socket};
use sockeye_client::Client;
use sockeye_cluster::{BusCluster, ClusterConfig};
use sockeye_redis::{ClassicBus, ClassicConfig};

const SAY: Event<String> = Event::new("say");
const HEARD: Event<String> = Event::new("heard");

/// For everybody but the sender, on whichever server they are.
async fn say(socket: Socket, text: String) -> Result<(), sockeye::EmitError> {
    socket.broadcast().emit(HEARD, &text)
}

/// Starts a server of the cluster on a free port, and returns where it is.
async fn start(redis: &str, name: &str) -> anyhow::Result<(String, BusCluster<ClassicBus>)> {
    let bus = ClassicBus::new(redis, ClassicConfig::default())?;
    let cluster = BusCluster::new(bus, ClusterConfig::new(name));
    let namespace = Namespace::new("/").on(SAY, say);
    let server = Server::builder().namespace(namespace).cluster(cluster.clone()).build()?;
    let listeners = sockeye::bind(("127.0.0.1", 0)).await?;
    let address = listeners.first().expect("bound to one address").local_addr()?;
    tokio::spawn(async move { server.serve(listeners).await });
    // Before this nothing of the others arrives.
    cluster.ready().await;
    Ok((format!("http://{address}"), cluster))
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let redis = env::args().nth(1).unwrap_or_else(|| "redis://127.0.0.1:6379".to_owned());
    let (red, cluster) = start(&redis, "red").await?;
    let (blue, _) = start(&redis, "blue").await?;
    println!("{} servers", cluster.server_count("/").await.unwrap_or_default());

    let ann = Client::builder(&red)?.connect().await?;
    let bob = Client::builder(&blue)?.connect().await?;
    let mut heard = bob.subscribe(HEARD);
    ann.emit(SAY, "hello from the red server")?;
    if let Some(text) = heard.next().await {
        println!("bob at the blue server heard: {text}");
    }
    Ok(())
}
