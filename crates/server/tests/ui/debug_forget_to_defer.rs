// A handler that takes an acker and does not return its deferral.
//~ a handler that takes an `Acker` returns `acker.defer()`
use sockeye::*;

#[debug_handler]
async fn length(_: Acker<u32>, _: String) {}

fn main() {
    let _ = length;
}
