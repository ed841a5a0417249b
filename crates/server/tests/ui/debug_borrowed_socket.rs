// A socket is a handle.
//~ a handler owns its arguments: take `Socket` without `&`
use sockeye::*;

#[debug_handler]
async fn message(_: &Socket, _: String) {}

fn main() {}
