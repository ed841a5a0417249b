//! Texts as browsers send them, through the program and our own client.

mod common;

use common::{Person, Program, next};
use sockeye_chat::notes::contract::{CHAT, StoredMessage};
use sockeye_client::{Event, RawArgs};
use tempfile::TempDir;

/// A text of JavaScript that is cut in the middle of an emoji, as a text field with a limit cuts it.
#[tokio::test]
async fn half_an_emoji_is_said_and_heard() {
    let data = TempDir::new().unwrap();
    let program = Program::serve(data.path()).await;
    let mut a = Person::enter(&program, "a", "방").await;
    let raw = RawArgs::new(r#"{"name":"a","msg":"half \ud83c"}"#, &[]);
    let said = Event::<RawArgs, StoredMessage>::new(CHAT.name());
    let stored = a.client.emit_with_ack(said, &raw).await.unwrap();
    assert_eq!(stored.msg, "half \u{fffd}");
    assert_eq!(next(&mut a.posted).await, stored);
    program.stop().await;
}
