// The same, asked about.
//~ `bool` is not what this handler returns
//~ a `bool` has no reason in it
use sockeye::*;

#[debug_handler(on_connect)]
async fn admit(_: Socket) -> bool {
    true
}

fn main() {
    let _ = admit;
}
