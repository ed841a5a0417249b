// A guard of rooms refuses with a reason, and does not say `false`.
//~ this function cannot decide who may read a room
//~ it must be `async fn(extractors.., Option<Room>) -> () | Result<(), Refuse>`
use sockeye::*;

async fn door(room: Option<Room>) -> bool {
    room.is_some()
}

fn main() {
    let _: Namespace = Namespace::new("/").on_read(door);
}
