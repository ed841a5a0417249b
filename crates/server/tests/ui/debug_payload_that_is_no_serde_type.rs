// A payload is a serde type.
//~ `Message` is neither a payload nor an extractor
//~ put `#[derive(serde::Deserialize)]` on `Message`
use sockeye::*;

struct Message;

#[debug_handler]
async fn message(_: Socket, _: Message) {}

fn main() {
    let _ = message;
}
