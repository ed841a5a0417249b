// A guard sees events as they came, not as a payload.
//~ this function cannot guard events
//~ with a `RawEvent` as its last argument or not at all
use sockeye::*;

async fn guard(_: Socket, _: String) -> Result<(), EventError> {
    Ok(())
}

fn main() {
    let _: Namespace = Namespace::new("/").before(guard);
}
