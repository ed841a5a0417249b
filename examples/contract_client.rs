//! A client of the contract in `examples/contract`: puts a card on the board and takes it off again.
//!
//! Start `contract_server` first, then
//! `cargo run -p sockeye-examples --example contract_client -- http://localhost:3000 "buy salmon"`.

use sockeye_client::{Ack, Client};
use sockeye_example_contract::{ADD, BOARD, CONFIRM, Card, NewCard, REMOVE};

#[tokio::main(flavor = "current_thread")]
#[allow(clippy::print_stdout, reason = "this is what the program is for")]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let url = arguments.next().unwrap_or_else(|| "http://localhost:3000".to_owned());
    let text = arguments.next().unwrap_or_else(|| "buy salmon".to_owned());
    let client = Client::builder(&format!("{url}{BOARD}"))?
        .on(CONFIRM, async |card: Card| {
            println!("asked about {:?}", card.text);
            Ack(true)
        })
        .connect()
        .await?;

    let card = client.emit_with_ack(ADD, &NewCard { text }).await?;
    println!("card {} says {:?}", card.id, card.text);
    let is_removed = client.emit_with_ack(REMOVE, &card.id).await?;
    println!("removed: {is_removed}");
    client.close().await;
    Ok(())
}
