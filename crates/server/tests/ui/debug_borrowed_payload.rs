// The same, asked about.
//~ a handler owns its payload: take a `String`
use sockeye::*;

#[debug_handler]
async fn message(_: Socket, _: &str) {}

fn main() {}
