//! `Stream` and `Sink`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use futures_util::{SinkExt, StreamExt as _, TryStreamExt as _};
use sockeye_websocket::ws::CloseCode;
use sockeye_websocket::{Message, SendError, connect};

fn text(text: &str) -> Message {
    Message::Text(text.to_owned())
}

#[tokio::test]
async fn forward_is_an_echo() {
    let address = common::serve(|socket| async move {
        let (reader, writer) = socket.split();
        let messages = reader.map_err(|_| SendError::Closed);
        // Ends with the connection.
        let _ = messages.forward(writer).await;
    })
    .await;
    let (mut reader, mut writer) = connect(&format!("ws://{address}")).await.unwrap().split();
    let mut messages: Vec<_> = (0..500).map(|index| text(&index.to_string())).collect();
    messages.push(Message::Binary("x".repeat(300_000).into()));
    let mut sending = futures_util::stream::iter(messages.clone()).map(Ok);
    let received = async {
        let mut received = Vec::new();
        while received.len() < messages.len() {
            received.push(reader.next().await.unwrap().unwrap());
        }
        received
    };
    let (sent, received) = tokio::join!(writer.send_all(&mut sending), received);
    sent.unwrap();
    assert_eq!(received, messages);
}

#[tokio::test]
async fn the_end_and_after() {
    let address = common::serve(common::echo).await;
    let mut socket = connect(&format!("ws://{address}")).await.unwrap();
    let long = Message::Ping(vec![0; 126].into());
    let refused = SinkExt::send(&mut socket, long).await;
    assert_eq!(refused, Err(SendError::ControlTooLong { length: 126 }));
    SinkExt::send(&mut socket, text("last")).await.unwrap();
    SinkExt::close(&mut socket).await.unwrap();
    assert_eq!(SinkExt::send(&mut socket, text("late")).await, Err(SendError::Closed));
    assert_eq!(socket.next().await.unwrap().unwrap(), text("last"));
    assert!(socket.next().await.is_none());
    assert_eq!(socket.closed().unwrap().code, CloseCode::NORMAL);
}
