// A disconnect handler is told a reason.
//~ `String` is neither an extractor nor `DisconnectReason`
use sockeye::*;

#[debug_handler(on_disconnect)]
async fn gone(_: Socket, _: String) {}

fn main() {
    let _ = gone;
}
