//! A stock ticker over SSE: prices as events of a namespace, which a page reads with `EventSource` and no
//! script of ours, and a shell with `curl -N -H 'Accept: text/event-stream' localhost:3000/socket.io/feeds/stocks/TEA`.

use std::time::Duration;

use axum::Router;
use axum::response::Html;
use axum::routing::get;
use serde::Serialize;
use sockeye::{EmitError, Event, HttpServer, Io, Namespace, Server};
use sockeye_feeds::Feeds;

const PRICE: Event<Price> = Event::new("price");

/// What one share costs, in cents, and by how much that has moved.
#[derive(Clone, Debug, Serialize)]
struct Price {
    symbol: &'static str,
    cents: i32,
    change: i32,
}

/// Moves one price, and tells: all of the namespace, and the room of its symbol.
fn trade(stocks: &Io, prices: &mut [Price]) -> Result<(), EmitError> {
    let [which, by] = random();
    let price = &mut prices[usize::from(which) % 5];
    price.change = i32::from(by % 41) - 20;
    price.cents = (price.cents + price.change).max(100);
    stocks.emit(PRICE, price)?;
    stocks.to(price.symbol).emit(PRICE, price)
}

fn random() -> [u8; 2] {
    let mut random = [0; 2];
    getrandom::fill(&mut random).expect("the system has random numbers");
    random
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    // Everybody may read. Who may not is told by `on_connect` and here.
    let stocks = Namespace::new("/stocks").on_read(async || {});
    let server = Server::builder().namespace(stocks).build()?;
    let symbols = ["TEA", "COFFEE", "MILK", "SUGAR", "CAKE"];
    let feeds = Feeds::builder().offer("/stocks");
    let feeds = symbols.iter().fold(feeds, |feeds, symbol| feeds.offer_room("/stocks", symbol));
    feeds.mount(&server)?;

    let io = server.of("/stocks").expect("it is declared");
    let trading = tokio::spawn(async move {
        let mut prices = symbols.map(|symbol| Price { symbol, cents: 10_000, change: 0 });
        let mut ticks = tokio::time::interval(Duration::from_millis(300));
        loop {
            ticks.tick().await;
            trade(&io, &mut prices)?;
        }
    });

    let app = Router::new()
        .route("/", get(Html(include_str!("pages/ticker.html"))))
        .merge(server.clone().into_router());
    let stop = async move {
        sockeye_examples::stopped().await;
        trading.abort();
        server.shutdown().await;
        let _: Result<Result<(), EmitError>, _> = trading.await;
    };
    let listeners = sockeye_examples::listen().await?;
    HttpServer::new(listeners, app).with_graceful_shutdown(stop).await?;
    Ok(())
}
