//! An event that comes twice is handled once and answered twice.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use common::{Client, serve};
use serde::Deserialize;
use sockeye::{Ack, EventError, Namespace, idempotent};
use tokio::sync::Semaphore;

#[derive(Deserialize)]
struct Order {
    key: Option<String>,
    #[serde(default)]
    fails: bool,
}

struct Shop {
    handled: Arc<AtomicU32>,
    gate: Arc<Semaphore>,
}

impl Shop {
    fn open() -> Self {
        Self { handled: Arc::default(), gate: Arc::new(Semaphore::new(1_000)) }
    }

    fn namespace(&self, remember: usize) -> Namespace {
        let (handled, gate) = (self.handled.clone(), self.gate.clone());
        let order = move |order: Order| {
            let (handled, gate) = (handled.clone(), gate.clone());
            async move {
                gate.acquire().await.map_err(std::io::Error::other)?.forget();
                let number = handled.fetch_add(1, Ordering::Relaxed) + 1;
                if order.fails {
                    return Err(EventError::new("sold out", "not today"));
                }
                Ok(Ack(number))
            }
        };
        let once = idempotent(|order: &Order| order.key.clone(), order)
            .by_user(|socket| {
                let user = socket.handshake().query("user").map(|user| user.to_string());
                user.unwrap_or_default()
            })
            .remember(remember, Duration::from_secs(60));
        Namespace::new("/").on("order", once)
    }

    fn handled(&self) -> u32 {
        self.handled.load(Ordering::Relaxed)
    }
}

#[tokio::test]
async fn the_second_gets_the_first_answer_also_on_another_connection() {
    let shop = Shop::open();
    let (_server, address) = serve([shop.namespace(10)]).await;
    let mut client = Client::connect(address).await;
    client.send(r#"421["order",{"key":"a"}]"#).await;
    client.expect("431[1]").await;
    client.send(r#"422["order",{"key":"a"}]"#).await;
    client.expect("432[1]").await;
    let mut again = Client::connect(address).await;
    again.send(r#"420["order",{"key":"a"}]"#).await;
    again.expect("430[1]").await;
    again.send(r#"421["order",{"key":"b"}]"#).await;
    again.expect("431[2]").await;
    for id in 2..4 {
        again.send(&format!(r#"42{id}["order",{{}}]"#)).await;
        again.expect(&format!("43{id}[{}]", id + 1)).await;
    }
    assert_eq!(shop.handled(), 4);
}

#[tokio::test]
async fn users_do_not_share_keys() {
    let shop = Shop::open();
    let (_server, address) = serve([shop.namespace(10)]).await;
    for (user, number) in [("ada", 1), ("eve", 2), ("ada", 1)] {
        let mut client = Client::open_with(address, &format!("&user={user}")).await;
        client.join("40").await;
        client.send(r#"420["order",{"key":"a"}]"#).await;
        client.expect(&format!("430[{number}]")).await;
    }
}

#[tokio::test]
async fn the_second_waits_for_the_first_and_failures_may_be_tried_again() {
    let shop = Shop::open();
    shop.gate.forget_permits(1_000);
    let (_server, address) = serve([shop.namespace(10)]).await;
    let mut client = Client::connect(address).await;
    for id in 0..3 {
        client.send(&format!(r#"42{id}["order",{{"key":"a"}}]"#)).await;
    }
    shop.gate.add_permits(1);
    for id in 0..3 {
        client.expect(&format!("43{id}[1]")).await;
    }
    shop.gate.add_permits(2);
    client.send(r#"424["order",{"key":"b","fails":true}]"#).await;
    client.expect(r#"434[{"error":{"code":"sold out","message":"not today"}}]"#).await;
    client.send(r#"425["order",{"key":"b"}]"#).await;
    client.expect("435[3]").await;
}

#[tokio::test]
async fn what_is_remembered_is_bounded() {
    let shop = Shop::open();
    let (_server, address) = serve([shop.namespace(2)]).await;
    let mut client = Client::connect(address).await;
    for (key, number) in [("a", 1), ("b", 2), ("a", 1), ("c", 3), ("b", 2), ("a", 4)] {
        client.send(&format!(r#"420["order",{{"key":"{key}"}}]"#)).await;
        client.expect(&format!("430[{number}]")).await;
    }
}
