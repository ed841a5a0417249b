// A guard sees events as they came, not as a payload.
//~ `String` is neither an extractor nor `RawEvent`
use sockeye::*;

#[debug_handler(before)]
async fn guard(_: Socket, _: String) -> Result<(), EventError> {
    Ok(())
}

fn main() {
    let _ = guard;
}
