//! Questions and answers, both ways: the return value answers the client, and the server asks back.

use serde::{Deserialize, Serialize};
use sockeye::{Ack, Event, EventError, Namespace, Server, Socket};

#[derive(Serialize, Deserialize)]
struct Order {
    item: String,
    pieces: u32,
}

const ORDER: Event<Order, u32> = Event::new("order");
const CONFIRM: Event<String, bool> = Event::new("confirm");

/// Asks the client whether it means it, then answers with the price.
async fn order(socket: Socket, order: Order) -> Result<Ack<u32>, EventError> {
    if order.pieces == 0 {
        return Err(EventError::new("empty", "order at least one piece"));
    }
    let question = format!("{} x {}?", order.pieces, order.item);
    if !socket.emit_with_ack(CONFIRM, &question).await? {
        return Err(EventError::new("cancelled", "the order was not confirmed"));
    }
    Ok(Ack(order.pieces * 3))
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let server = Server::builder().namespace(Namespace::new("/").on(ORDER, order)).build()?;
    let listeners = sockeye_examples::listen().await?;
    server.serve(listeners).with_graceful_shutdown(sockeye_examples::stopped()).await?;
    Ok(())
}
