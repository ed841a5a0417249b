// Several arguments of an event are one payload.
//~ `String` stands before the last argument, but is no extractor
//~ two payloads are one, `Args((a, b)): Args<(A, B)>`
use sockeye::*;

#[debug_handler]
async fn rename(_: Socket, _: String, _: u32) {}

fn main() {
    let _ = rename;
}
