//! Connections and disconnections that overlap: which sockets were ever connected.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use common::{Client, serve, with_sync};
use sockeye::{Namespace, Server, Socket};
use sockeye_testing::TestServer;
use tokio::sync::Semaphore;
use tokio::time::sleep;

const MOMENT: Duration = Duration::from_millis(1);

/// Counts what happened.
#[derive(Clone, Default)]
struct Count(Arc<AtomicUsize>);

impl Count {
    fn add(&self) -> std::future::Ready<()> {
        self.0.fetch_add(1, Ordering::Relaxed);
        std::future::ready(())
    }

    fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_leaves_while_it_is_decided_was_never_there() {
    let (gate, asked) = (Arc::new(Semaphore::new(0)), Count::default());
    let (connected, gone) = (Count::default(), Count::default());
    let (waits, asks) = (Arc::clone(&gate), asked.clone());
    let (hears, ends) = (connected.clone(), gone.clone());
    let namespace = Namespace::new("/")
        .on_connect(move |socket: Socket| {
            let (gate, asked) = (Arc::clone(&waits), asks.clone());
            async move {
                socket.join("lobby");
                asked.add().await;
                gate.acquire().await.unwrap().forget();
            }
        })
        .on_connected(move || hears.add())
        .on_disconnect(move || ends.add());
    let server = TestServer::new(Server::builder().namespace(namespace).build().unwrap());
    let connecting = tokio::spawn(server.client().connect());
    sleep(MOMENT).await;
    let io = server.server().io();
    assert_eq!((asked.get(), io.to("lobby").sockets().len()), (1, 1));
    connecting.abort();
    sleep(MOMENT).await;
    assert!(io.to("lobby").sockets().is_empty(), "what it joined is undone");
    gate.add_permits(2);
    sleep(MOMENT).await;
    assert_eq!((connected.get(), gone.get()), (0, 0));
    assert_eq!(server.server().sessions(), 0);
    let _other = server.connect().await;
    assert_eq!((connected.get(), gone.get()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn clients_that_ask_for_a_new_name_at_once_share_its_namespace() {
    let made = Count::default();
    let makes = made.clone();
    let matching = Namespace::matching(async |name: String| {
        sleep(MOMENT).await;
        name == "/new"
    });
    let server = Server::builder()
        .namespace(matching)
        .on_new_namespace(move |_| drop(makes.add()))
        .build()
        .unwrap();
    let server = TestServer::new(server);
    let connect = || tokio::spawn(server.client().namespace("/new").connect());
    let connecting: Vec<_> = (0..10).map(|_| connect()).collect();
    let mut clients = Vec::new();
    for client in connecting {
        clients.push(client.await.unwrap().unwrap());
    }
    assert_eq!(made.get(), 1);
    assert_eq!(server.server().of("/new").unwrap().sockets().len(), 10);
}

#[tokio::test]
async fn what_comes_after_the_servers_disconnect_is_ignored() {
    let counted = Count::default();
    let counts = counted.clone();
    let namespace = with_sync(Namespace::new("chat"))
        .on("kick me", async |socket: Socket| socket.disconnect())
        .on("count", move || counts.add());
    let (server, address) = serve([with_sync(Namespace::new("/")), namespace]).await;
    let mut client = Client::connect(address).await;
    // The slash of a declared name may be left out.
    client.join("40/chat,").await;
    let events = [r#"42/chat,["count"]"#, r#"42/chat,["kick me"]"#, r#"42/chat,["count"]"#];
    client.send_together(&events).await;
    client.expect("41/chat,").await;
    client.expect_nothing().await;
    assert_eq!(counted.get(), 1);
    assert!(server.of("/chat").unwrap().sockets().is_empty());
}
