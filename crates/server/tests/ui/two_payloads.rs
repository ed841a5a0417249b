// Several arguments of an event are one payload.
//~ this function cannot handle an event with payload
//~ extractors first, payload last
use sockeye::*;

async fn rename(_: Socket, _: String, _: u32) {}

fn main() {
    let _: Namespace = Namespace::new("/").on("rename", rename);
}
