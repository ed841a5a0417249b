// A guard of rooms is told the room, or none for the namespace as a whole; not a text.
//~ this function cannot decide who may read a room
//~ it must be `async fn(extractors.., Option<Room>) -> () | Result<(), Refuse>`
use sockeye::*;

async fn door(_: Visitor, _: String) -> Result<(), Refuse> {
    Ok(())
}

fn main() {
    let _: Namespace = Namespace::new("/").on_read(door);
}
