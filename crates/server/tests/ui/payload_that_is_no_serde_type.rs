// A payload is a serde type.
//~ this function cannot handle an event
//~ extractors first, payload last
use sockeye::*;

struct Message;

async fn message(_: Message) {}

fn main() {
    let _: Namespace = Namespace::new("/").on("message", message);
}
